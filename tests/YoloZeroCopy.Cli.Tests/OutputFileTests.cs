using System.IO.Enumeration;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>No command writes over what it reads, by whatever name the file is given, and what it replaces is replaced whole or not at all.</summary>
public sealed class OutputFileTests : IDisposable
{
    private readonly TestInputs inputs = new();

    /// <summary>Ways to name a file a second time.</summary>
    public enum SecondName
    {
        SamePath,
        OtherSpelling,
        SymbolicLink,
        HardLink,
        LinkedFolder,
    }

    public void Dispose() => inputs.Dispose();

    [Theory]
    [InlineData(SecondName.SamePath)]
    [InlineData(SecondName.OtherSpelling)]
    [InlineData(SecondName.SymbolicLink)]
    [InlineData(SecondName.HardLink)]
    [InlineData(SecondName.LinkedFolder)]
    public void Json_lines_never_replace_the_model(SecondName name) =>
        AssertKept(
            inputs.Model, "--model", "--json", "detect", "--model", inputs.Model, "--input", inputs.Picture("a.jpg"), "--json",
                Other(inputs.Model, name));

    [Theory]
    [InlineData(SecondName.SamePath)]
    [InlineData(SecondName.SymbolicLink)]
    [InlineData(SecondName.HardLink)]
    public void Json_lines_never_replace_an_input(SecondName name)
    {
        string picture = inputs.Picture("a.jpg");
        string good = inputs.Picture("b.jpg");
        AssertKept(picture, "--input", "--json", "detect", "--model", inputs.Model, "--input", good, picture, "--json", Other(picture, name));
    }

    [Fact]
    public void Json_lines_never_replace_a_file_of_a_folder_that_is_read()
    {
        string folder = inputs.Folder("pictures");
        string picture = inputs.Picture("pictures/a.jpg");
        AssertKept(picture, "--input", "--json", "detect", "--model", inputs.Model, "--input", folder, "--json", picture);
    }

    // It is no picture, but it is what the user gave to be read.
    [Fact]
    public void Json_lines_never_replace_an_input_that_cannot_be_used()
    {
        string notes = inputs.Text("notes.txt", "notes of a year");
        AssertKept(notes, "--input", "--json", "detect", "--model", inputs.Model, "--input", notes, "--json", notes);
    }

    [Theory]
    [InlineData(SecondName.SymbolicLink)]
    [InlineData(SecondName.HardLink)]
    [InlineData(SecondName.LinkedFolder)]
    public void Annotated_pictures_never_replace_an_input(SecondName name)
    {
        string picture = inputs.Picture("a.jpg");
        string folder = Path.GetDirectoryName(Other(picture, name))!;
        AssertKept(picture, "--input", "--output", "detect", "--model", inputs.Model, "--input", picture, "--output", folder);
    }

    [Fact]
    public void Two_outputs_of_a_command_are_two_files()
    {
        string folder = inputs.Folder("out");
        string json = Path.Combine(folder, "a.jpg");
        string[] detect = ["detect", "--model", inputs.Model, "--input", inputs.Picture("a.jpg"), "--output", folder, "--json", json];
        YzcProcess.Run(detect).Failed(ExitCode.WrongArguments, "--output", "--json", "a.jpg");
        Assert.Empty(Directory.GetFileSystemEntries(folder));
        string file = inputs.File("both");
        string[] bench = ["bench", "--model", inputs.Model, "--quick", "--json-file", file, "--timeline", file];
        YzcProcess.Run(bench).Failed(ExitCode.WrongArguments, "--json-file", "--timeline", file);
    }

    [Theory]
    [InlineData("--json-file", SecondName.SamePath)]
    [InlineData("--json-file", SecondName.SymbolicLink)]
    [InlineData("--json-file", SecondName.HardLink)]
    [InlineData("--timeline", SecondName.SamePath)]
    public void Files_of_a_benchmark_never_replace_the_model(string option, SecondName name)
    {
        string[] bench = ["bench", "--model", inputs.Model, "--quick", "--device", "cpu", "--frame", "64x64", option, Other(inputs.Model, name)];
        AssertKept(inputs.Model, "--model", option, bench);
    }

    // Said before TensorRT is looked for, so that it is tested where there is none.
    [Theory]
    [InlineData(SecondName.SamePath)]
    [InlineData(SecondName.OtherSpelling)]
    [InlineData(SecondName.SymbolicLink)]
    [InlineData(SecondName.HardLink)]
    [InlineData(SecondName.LinkedFolder)]
    public void An_engine_never_replaces_the_model(SecondName name) =>
        AssertKept(inputs.Model, "--model", "--output", "build", "--model", inputs.Model, "--output", Other(inputs.Model, name));

    [Fact]
    public void A_timing_cache_is_neither_the_model_nor_the_engine()
    {
        string engine = inputs.File("m.engine");
        string link = Other(inputs.Model, SecondName.HardLink);
        AssertKept(inputs.Model, "--model", "--timing-cache", "build", "--model", inputs.Model, "--output", engine, "--timing-cache", link);
        string[] build = ["build", "--model", inputs.Model, "--output", engine, "--timing-cache", engine];
        YzcProcess.Run(build).Failed(ExitCode.WrongArguments, "--output", "--timing-cache");
        Assert.False(File.Exists(engine));
    }

    [Fact]
    public void An_engine_never_replaces_the_data_of_the_model()
    {
        string model = inputs.File("big.onnx");
        File.WriteAllBytes(model, new OnnxModelBuilder().Input("x", OnnxType.Float, 1).ExternalConstant("w", "weights.bin", 1).Build());
        string data = inputs.Text("weights.bin", "weights");
        AssertKept(data, "the data of --model", "--output", "build", "--model", model, "--output", data);
        AssertKept(data, "the data of --model", "--json", "detect", "--model", model, "--input", inputs.Picture("a.jpg"), "--json", data);
    }

    [Fact]
    public void A_command_that_fails_leaves_the_old_file_and_nothing_else()
    {
        string broken = inputs.Text("broken.onnx", "no model");
        string lines = inputs.Text("lines.jsonl", "old");
        string picture = inputs.Picture("a.jpg");
        YzcProcess.Run("detect", "--model", broken, "--input", picture, "--json", lines).Failed(ExitCode.ModelUnusable, "broken.onnx");
        YzcProcess.Run("bench", "--model", broken, "--json-file", lines).Failed(ExitCode.ModelUnusable, "broken.onnx");
        Assert.Equal("old", File.ReadAllText(lines));
        Assert.Empty(inputs.Partial("*"));
    }

    [Fact]
    public void A_full_disk_leaves_the_old_lines()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs a shell that limits the size of files.");
        string pictures = inputs.Folder("pictures");
        for (int number = 0; number < 20; number++)
        {
            inputs.Picture(FormattableString.Invariant($"pictures/{number}.jpg"));
        }

        // A file above 1 KiB is refused as on a full disk; the runtime's own mappings are not to be files then.
        string lines = inputs.Text("lines.jsonl", "old");
        string detect = $"yzc detect --model '{inputs.Model}' --input '{pictures}' --json '{lines}'";
        YzcProcess.RunShell($"export DOTNET_EnableWriteXorExecute=0; trap '' XFSZ; ulimit -f 1; {detect}").Failed(
            ExitCode.OutputFailed, "lines.jsonl");
        Assert.Equal("old", File.ReadAllText(lines));
        Assert.Empty(inputs.Partial("*"));
    }

    [Fact]
    public void A_benchmark_that_cannot_write_its_file_says_so_before_it_measures()
    {
        string file = inputs.File("no/folder.json");
        YzcProcess.Run("bench", "--model", inputs.Model, "--seconds", "3600", "--json-file", file).Failed(ExitCode.OutputFailed, file);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void A_link_stays_one_and_what_it_leads_to_is_replaced_with_its_rights()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right there.");
        string lines = inputs.Text("lines.jsonl", "old");
        File.SetUnixFileMode(lines, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        string link = Other(lines, SecondName.SymbolicLink);
        YzcProcess.Run("detect", "--model", inputs.Model, "--input", inputs.Picture("a.jpg"), "--json", link).Succeeded();
        Assert.Equal(lines, new FileInfo(link).LinkTarget);
        Assert.Contains("a.jpg", File.ReadAllText(lines), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(lines));
    }

    private void AssertKept(string file, string read, string written, params string[] arguments)
    {
        byte[] before = File.ReadAllBytes(file);
        string[] names = Names();
        YzcResult result = YzcProcess.Run(arguments);
        byte[] after = File.ReadAllBytes(file);
        Assert.True(before.AsSpan().SequenceEqual(after), $"'{file}' was overwritten: {before.Length} bytes before, {after.Length} now; {result}");
        result.Failed(ExitCode.WrongArguments, read, written, Path.GetFileName(file), "would be overwritten");
        Assert.Equal(names, Names());

        string[] Names()
        {
            // One of the links leads back to this folder: nothing is looked for behind them.
            FileSystemEnumerable<string> entries = new(
                Path.GetDirectoryName(file)!,
                static (ref FileSystemEntry entry) => entry.ToFullPath(),
                new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = false })
            {
                ShouldRecursePredicate = static (ref FileSystemEntry entry) => (entry.Attributes & FileAttributes.ReparsePoint) == 0,
            };
            return [.. entries.Order(StringComparer.Ordinal)];
        }
    }

    private string Other(string file, SecondName name)
    {
        string folder = Path.GetDirectoryName(file)!;
        string other = Path.Combine(inputs.Folder("elsewhere"), Path.GetFileName(file));
        switch (name)
        {
            case SecondName.SamePath:
                return file;
            case SecondName.OtherSpelling:
                return Path.Combine(folder, ".", "elsewhere", "..", Path.GetFileName(file));
            case SecondName.SymbolicLink:
                return File.CreateSymbolicLink(other, file).FullName;
            case SecondName.HardLink:
                Assert.Equal(0, Link(file, other));
                return other;
            default:
                return Path.Combine(Directory.CreateSymbolicLink(inputs.File("linked"), folder).FullName, Path.GetFileName(file));
        }
    }

    [DllImport("libc", EntryPoint = "link", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Link(string existing, string created);
}
