using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>A program outside the repository that uses the package as its users do: run, trimmed, and compiled ahead of time.</summary>
[Collection(PackagesOnce.Name)]
public class ConsumerTests(PackedPackages packages)
{
    private const string TrimmedSingleFile = "trimmed-single-file";

    [Fact]
    public void Program_restores_the_package_and_runs()
    {
        string folder = Consumer("consumer");
        CheckOutput(Dotnet(folder, ["run", "--configuration", "Release", .. Versions, "--", "model.onnx"]).Succeeded());
    }

    [Fact]
    public void Program_finds_the_tensorrt_shim_in_its_package()
    {
        Assert.SkipWhen(PackedPackages.ShimFolder is null, "The TensorRT shims are not built (eng/tensorrt-shims.sh).");
        string folder = Consumer("consumer");
        File.WriteAllText(Path.Combine(folder, "libnvinfer.so.11"), "no library");
        string[] run = ["run", "--configuration", "Release", .. Versions, "-p:WithTensorRt=true", "--", "model.onnx", "libnvinfer.so.11"];
        Assert.Equal(["refused: TensorRT"], Dotnet(folder, run).Succeeded().Lines);
    }

    [Fact]
    public void Program_reads_pictures_and_videos()
    {
        string folder = Consumer("media-consumer");
        string? ffmpeg = DotnetProgram.FindFfmpeg();
        string[] video = ffmpeg is null ? [] : [PackedPackages.Repository("samples", "media", "conveyor.mp4")];

        ProgramResult result =
            Dotnet(folder, ["run", "--configuration", "Release", .. Versions, "--", Model, Picture, "out.png", .. video]).Succeeded();

        Assert.Equal([.. MediaOutput, .. ffmpeg is null ? (string[])[] : ["frame: True of 1280x720, ffmpeg"]], result.Lines);
        Assert.True(File.Exists(Path.Combine(folder, "out.png")));
        Assert.SkipWhen(ffmpeg is null, "Pictures are well; there is no ffmpeg for a video.");
    }

    [Fact]
    public void Program_draws_text_on_a_machine_without_fonts_and_without_libfontconfig()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The bare machine is made with namespaces of Linux.");
        string published = Publish(TrimmedSingleFile, "-p:PublishSingleFile=true", "-p:PublishTrimmed=true");
        BareRoot root = new(Path.Combine(packages.Folder, "root"), Path.GetDirectoryName(published)!);
        Assert.DoesNotContain(
            root.Files, static file => file.Contains("fontconfig", StringComparison.Ordinal) || file.Contains("/fonts/", StringComparison.Ordinal));
        File.Copy(Model, Path.Combine(root.Folder, "model.onnx"));
        File.Copy(Picture, Path.Combine(root.Folder, "picture.jpg"));

        ProgramResult result = root.Run("Consumer", "model.onnx", "picture.jpg", "out.png");

        bool isRefused = result.Error.Contains("not permitted", StringComparison.Ordinal)
            || result.Error.Contains("permission denied", StringComparison.OrdinalIgnoreCase);
        Assert.SkipWhen(result.ExitCode != 0 && isRefused, $"This user may make no namespace: {result.Error.Trim()}");
        Assert.Equal(MediaOutput, result.Succeeded().Lines);
    }

    [Theory]
    [InlineData(TrimmedSingleFile, true, "-p:PublishSingleFile=true", "-p:PublishTrimmed=true")]
    [InlineData("trimmed-single-file-unpacking", false, "-p:PublishSingleFile=true", "-p:PublishTrimmed=true",
        "-p:IncludeNativeLibrariesForSelfExtract=true")]
    [InlineData("aot", true, "-p:PublishAot=true", "-p:NativeDebugSymbols=false")]
    public void Program_runs_published(string name, bool hasLibrary, params string[] how)
    {
        string published = Publish(name, how);

        // Skia lies beside the program, unless the program unpacks it.
        Assert.Equal(hasLibrary,
            Directory.GetFiles(Path.GetDirectoryName(published)!, "libSkiaSharp.*").Any(
            file => Path.GetExtension(file) is ".so" or ".dll" or ".dylib"));
        Assert.False(File.Exists(Path.ChangeExtension(published, ".dll")), "The program is more than one file.");
        string[] arguments = [Model, Picture, Path.Combine(packages.Folder, $"{name}.png")];
        Assert.Equal(MediaOutput, DotnetProgram.Run(published, packages.Folder, packages.Packages, arguments).Succeeded().Lines);
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

    /// <summary>The folder of a program: one for every way it is built in, so that what does not differ is built once.</summary>
    private string Consumer(string program)
    {
        string folder = Path.Combine(packages.Folder, program);
        if (Directory.Exists(folder))
        {
            return folder;
        }

        packages.NewFolder(program);
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

    // What the program with all packages prints.
    private static readonly string[] MediaOutput =
    [
        "objects: 16, followed: 16", "text: drawn", "shaped: True", "read again: True, Bgr24 320x200",
        "PictureInfo { Kind = Jpeg, Width = 320, Height = 200 }",
        "libfontconfig: False",
    ];

    /// <summary>Publishes the program with all packages for this machine, once in each way, and gives its path; skips the test when a part of the SDK
    /// that is a package cannot be had.</summary>
    private string Publish(string name, params string[] how)
    {
        string folder = Consumer("media-consumer");
        string target = Path.Combine(packages.Folder, "published", name);
        string program = Path.Combine(target, RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? "Consumer.exe" : "Consumer");
        if (File.Exists(program))
        {
            return program;
        }

        string runtime = RuntimeInformation.RuntimeIdentifier;
        ProgramResult result = Dotnet(
            folder, ["publish", "--configuration", "Release", "--runtime", runtime, "--self-contained", "--output", target, .. how, .. Versions,
                "-nodeReuse:false"]);
        DotnetProgram.SkipWhereThisMachineLacksAPart(result);
        result.Succeeded();
        return program;
    }
}
