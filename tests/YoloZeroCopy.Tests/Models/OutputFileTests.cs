using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Files that are written: whole or not at all, and never one that is read.</summary>
public sealed class OutputFileTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_has_its_name_only_when_it_is_complete()
    {
        string path = Write("result", "old");
        using (OutputFile abandoned = OutputFile.Create(path))
        {
            abandoned.Stream.Write("half"u8);
        }

        Assert.Equal("old", File.ReadAllText(path));
        using (OutputFile complete = OutputFile.Create(path))
        {
            complete.Stream.Write("new"u8);
            complete.Complete();
        }

        Assert.Equal("new", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void What_cannot_be_written_is_refused_without_a_trace()
    {
        string file = Write("file", "x");
        Assert.Throws<IOException>(() => OutputFile.ThrowIfNotWritable(folder.Path));
        Assert.ThrowsAny<IOException>(() => OutputFile.ThrowIfNotWritable(folder.File("no/such/file")));
        Assert.ThrowsAny<IOException>(() => OutputFile.ThrowIfNotWritable(Path.Combine(file, "below")));
        OutputFile.ThrowIfNotWritable(file);
        Assert.Equal("x", File.ReadAllText(file));
        Assert.Equal([file], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_device_is_written_as_it_is()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no /dev/null.");
        using OutputFile file = OutputFile.Create("/dev/null");
        file.Stream.Write("x"u8);
        file.Complete();
        Assert.DoesNotContain(Directory.GetFiles("/dev"), static name => name.Contains("null.", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_is_known_by_all_its_names()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Links are made as on Linux.");
        string file = Write("file", "x");
        string hard = folder.File("hard");
        Assert.Equal(0, Link(file, hard));
        string soft = File.CreateSymbolicLink(folder.File("soft"), "file").FullName;
        string linked = Directory.CreateSymbolicLink(folder.File("linked"), folder.Path).FullName;
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, file);
        Assert.All([hard, soft, Path.Combine(linked, "soft"), relative, folder.File("x/../file")], name =>
            Assert.Equal(FileIdentity.Of(file), FileIdentity.Of(name)));
        Assert.NotEqual(FileIdentity.Of(file), FileIdentity.Of(Write("other", "x")));

        // The same of one that is yet to come, as the target of a link, too.
        string missing = folder.File("a/b");
        File.CreateSymbolicLink(folder.File("dangling"), missing);
        Assert.All([Path.Combine(linked, "a", "b"), folder.File("dangling")], name => Assert.Equal(FileIdentity.Of(missing), FileIdentity.Of(name)));
        Assert.NotEqual(FileIdentity.Of(missing), FileIdentity.Of(folder.File("a/c")));
        File.CreateSymbolicLink(folder.File("one"), folder.File("two"));
        File.CreateSymbolicLink(folder.File("two"), folder.File("one"));
        Assert.NotEqual(FileIdentity.Of(folder.File("one")), FileIdentity.Of(file));
    }

    [Fact]
    public void Roles_that_one_file_cannot_have_both_are_named_both()
    {
        FileRoles files = new();
        string model = Write("m.onnx", "x");
        files.Read("the model", model);
        files.Read("an input", model);
        files.Write("the output", folder.File("out"));
        ArgumentException error = Assert.Throws<ArgumentException>(() => files.Write("the cache", folder.File("./m.onnx")));
        Assert.StartsWith("the cache '", error.Message, StringComparison.Ordinal);
        Assert.Contains($"the model '{model}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(
            "the output", Assert.Throws<ArgumentException>(() => files.Write("the cache", folder.File("out"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_engine_is_not_built_over_its_model(bool overItsData)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Links are made as on Linux.");
        string model = folder.File("m.onnx");
        File.WriteAllBytes(model, OnnxModelBuilder.Detector(new FakeDetector()).ExternalConstant("w", "weights.bin", 1).Build());
        string target = overItsData ? Write("weights.bin", "w") : model;
        string link = folder.File("link");
        Assert.Equal(0, Link(target, link));
        byte[] before = File.ReadAllBytes(target);
        ArgumentException error = Assert.Throws<ArgumentException>(() => TensorRtBuilder.Build(model, link));
        Assert.Contains(overItsData ? "data of the model" : "the model", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(target));
    }

    private string Write(string name, string text)
    {
        File.WriteAllText(folder.File(name), text);
        return folder.File(name);
    }

    [DllImport("libc", EntryPoint = "link", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Link(string existing, string created);
}
