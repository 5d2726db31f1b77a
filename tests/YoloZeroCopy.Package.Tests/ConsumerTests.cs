using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>A program outside the repository that uses the package as its users do: run, trimmed, and compiled ahead of time.</summary>
[Collection(PackagesOnce.Name)]
public class ConsumerTests(PackedPackages packages)
{
    [Fact]
    public void Program_restores_the_package_and_runs()
    {
        string folder = NewConsumer("consumer");
        CheckOutput(Dotnet(folder, ["run", "--configuration", "Release", .. Versions, "--", "model.onnx"]).Succeeded());
    }

    [Fact]
    public void Program_finds_the_tensorrt_shim_in_its_package()
    {
        Assert.SkipWhen(PackedPackages.ShimFolder is null, "The TensorRT shims are not built (eng/tensorrt-shims.sh).");
        string folder = NewConsumer("consumer-tensorrt");
        File.WriteAllText(Path.Combine(folder, "libnvinfer.so.11"), "no library");
        string[] run = ["run", "--configuration", "Release", .. Versions, "-p:WithTensorRt=true", "--", "model.onnx", "libnvinfer.so.11"];
        Assert.Equal(["refused: TensorRT"], Dotnet(folder, run).Succeeded().Lines);
    }

    [Theory]
    [InlineData("trimmed", "-p:PublishTrimmed=true")]
    [InlineData("single-file", "-p:PublishSingleFile=true")]
    [InlineData("single-file-unpacking", "-p:PublishSingleFile=true", "-p:IncludeNativeLibrariesForSelfExtract=true")]
    public void Program_runs_published(string name, params string[] how)
    {
        string folder = NewConsumer($"consumer-{name}");
        string published = Publish(folder, how);
        CheckOutput(DotnetProgram.Run(published, folder, packages.Packages, "model.onnx").Succeeded());
    }

    [Fact]
    public void Program_runs_compiled_ahead_of_time()
    {
        string folder = NewConsumer("consumer-aot");
        string published = Publish(folder, "-p:PublishAot=true");
        Assert.False(File.Exists(Path.ChangeExtension(published, ".dll")), "The program was not compiled ahead of time.");
        CheckOutput(DotnetProgram.Run(published, folder, packages.Packages, "model.onnx").Succeeded());
    }

    [Fact]
    public void Program_reads_pictures_and_videos()
    {
        string folder = NewConsumer("media", "media-consumer");
        string? ffmpeg = DotnetProgram.FindFfmpeg();
        string[] video = ffmpeg is null ? [] : [PackedPackages.Repository("samples", "media", "conveyor.mp4")];

        ProgramResult result =
            Dotnet(folder, ["run", "--configuration", "Release", .. Versions, "--", Model, Picture, "out.png", .. video]).Succeeded();

        string[] wanted = ["objects: 16", "text: drawn", .. ffmpeg is null ? (string[])[] : ["frame: True of 1280x720, ffmpeg"]];
        Assert.Equal(wanted, result.Lines);
        Assert.True(File.Exists(Path.Combine(folder, "out.png")));
        Assert.SkipWhen(ffmpeg is null, "Pictures are well; there is no ffmpeg for a video.");
    }

    [Fact]
    public void Program_draws_text_on_a_machine_without_fonts_and_without_libfontconfig()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The bare machine is made with namespaces of Linux.");
        string folder = NewConsumer("media-bare", "media-consumer");
        string published = Publish(folder);
        BareRoot root = new(Path.Combine(folder, "root"), Path.GetDirectoryName(published)!);
        Assert.DoesNotContain(
            root.Files, static file => file.Contains("fontconfig", StringComparison.Ordinal) || file.Contains("/fonts/", StringComparison.Ordinal));
        File.Copy(Model, Path.Combine(root.Folder, "model.onnx"));
        File.Copy(Picture, Path.Combine(root.Folder, "picture.jpg"));

        ProgramResult result = root.Run("Consumer", "model.onnx", "picture.jpg", "out.png");

        bool isRefused = result.Error.Contains("not permitted", StringComparison.Ordinal)
            || result.Error.Contains("permission denied", StringComparison.OrdinalIgnoreCase);
        Assert.SkipWhen(result.ExitCode != 0 && isRefused, $"This user may make no namespace: {result.Error.Trim()}");
        Assert.Equal(["objects: 16", "text: drawn"], result.Succeeded().Lines);
    }

    [Theory]
    [InlineData("trimmed-single-file", true, "-p:PublishSingleFile=true", "-p:PublishTrimmed=true")]
    [InlineData("trimmed-single-file-unpacking", false, "-p:PublishSingleFile=true", "-p:PublishTrimmed=true",
        "-p:IncludeNativeLibrariesForSelfExtract=true")]
    [InlineData("aot", true, "-p:PublishAot=true")]
    public void Pictures_are_read_and_drawn_published(string name, bool hasLibrary, params string[] how)
    {
        string folder = NewConsumer($"imaging-{name}", "imaging-consumer");
        string published = Publish(folder, how);

        // Skia lies beside the program, unless the program unpacks it.
        Assert.Equal(hasLibrary,
            Directory.GetFiles(Path.GetDirectoryName(published)!, "libSkiaSharp.*").Any(
            file => Path.GetExtension(file) is ".so" or ".dll" or ".dylib"));
        CheckImagingOutput(DotnetProgram.Run(published, folder, packages.Packages).Succeeded());
    }

    [Fact]
    public void Tool_runs_a_model_after_its_installation_alone()
    {
        string folder = packages.NewFolder("tool");
        string tools = Path.Combine(folder, "tools");
        Dotnet(folder, "tool", "install", "YoloZeroCopy.Cli", "--version", packages.Version, "--tool-path", tools).Succeeded();
        string command = Path.Combine(tools, RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? "yzc.exe" : "yzc");
        DotnetProgram.Run(command, folder, packages.Packages, "--help").Succeeded();

        string[] detect = ["detect", "--model", Model, "--input", Picture, "--json", "found.jsonl", "--output", "annotated"];
        DotnetProgram.Run(command, folder, packages.Packages, detect).Succeeded();

        Assert.Contains("bearing", File.ReadAllText(Path.Combine(folder, "found.jsonl")), StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(folder, "annotated")));
    }

    private static string Model => PackedPackages.Repository("samples", "model", "conveyor.onnx");

    private static string Picture => PackedPackages.Repository("samples", "media", "pictures", "0.jpg");

    private string[] Versions =>
        [$"-p:PackedVersion={packages.Version}", $"-p:OnnxRuntimeVersion={PackedPackages.VersionOf("Microsoft.ML.OnnxRuntime")}"];

    private ProgramResult Dotnet(string folder, params string[] arguments) => DotnetProgram.Dotnet(folder, packages.Packages, arguments);

    private string NewConsumer(string name, string program = "consumer")
    {
        string folder = packages.NewFolder(name);
        OnnxModelBuilder.Detector(new FakeDetector { Width = 64, Height = 64 }).Save(folder);
        foreach (string file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, program)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        return folder;
    }

    private void CheckOutput(ProgramResult result)
    {
        string[] lines = result.Lines;
        Assert.True(lines.Length == 4, result.ToString());
        // Behind the version, a build may name its commit.
        Assert.Equal(packages.Version, lines[0].Split('+')[0]);
        // The fake's two objects, in a black frame of twice the input's size: scores as they are, boxes doubled.
        Assert.Equal(["part1 0.75 at 24 36 56 60", "part2 0.5 at 78 60 98 100", "refused: no such file.onnx"], lines[1..]);
    }

    private static void CheckImagingOutput(ProgramResult result) => Assert.Equal(
        [
            "drawn: True, smooth: True", "shaped: True", "read again: True, Bgr24 320x200", "PictureInfo { Kind = Jpeg, Width = 320, Height = 200 }",
                "libfontconfig: False",
        ],
        result.Lines);

    /// <summary>Publishes for this machine and gives the program's path; skips the test when a part of the SDK that is a package cannot be
    /// had.</summary>
    private string Publish(string folder, params string[] how)
    {
        string target = Path.Combine(folder, "published");
        string runtime = RuntimeInformation.RuntimeIdentifier;
        ProgramResult result = Dotnet(
            folder, ["publish", "--configuration", "Release", "--runtime", runtime, "--self-contained", "--output", target, .. how, .. Versions,
                "-nodeReuse:false"]);
        if (result.ExitCode != 0)
        {
            // NU1101, NU1102: no source has the package, or not this version of it. Of ours that would be a failure.
            string? missing = result.Lines.FirstOrDefault(
                line => (line.Contains("NU1101", StringComparison.Ordinal) || line.Contains("NU1102", StringComparison.Ordinal))
                && !line.Contains("package YoloZeroCopy", StringComparison.Ordinal));
            Assert.SkipWhen(missing is not null, $"The package sources of this machine lack a part of the SDK: {missing}");
            string? linker =
                result.Lines.FirstOrDefault(line => line.Contains("Platform linker ('clang' or 'gcc') not found", StringComparison.Ordinal));
            Assert.SkipWhen(linker is not null, $"This machine has no platform linker: {linker}");
        }

        result.Succeeded();
        return Path.Combine(target, RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? "Consumer.exe" : "Consumer");
    }
}
