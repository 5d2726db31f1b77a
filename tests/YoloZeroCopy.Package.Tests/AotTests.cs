using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>The tool and the first sample, compiled ahead of time without a warning and run. With <c>YZC_START_ROUNDS=7</c>, how fast they start is
/// printed beside the same programs compiled as they run, as the median of so many starts.</summary>
[Collection(PackagesOnce.Name)]
public class AotTests(PackedPackages packages, ITestOutputHelper output)
{
    private static readonly int Rounds =
        int.TryParse(Environment.GetEnvironmentVariable("YZC_START_ROUNDS"), CultureInfo.InvariantCulture, out int rounds) ? rounds : 0;

    private static string Model => PackedPackages.Repository("samples", "model", "conveyor.onnx");

    private static string Picture => PackedPackages.Repository("samples", "media", "pictures", "0.jpg");

    [Fact]
    public void The_tool_runs_compiled_ahead_of_time()
    {
        Published tool = Publish(Path.Combine("src", "YoloZeroCopy.Cli"), "yzc");
        string folder = packages.NewFolder("aot-tool-run");

        string[] detect = ["detect", "--model", Model, "--input", Picture, "--json", "found.jsonl", "--output", "annotated"];
        Run(tool.Program, folder, detect);

        Assert.Contains("bearing", File.ReadAllText(Path.Combine(folder, "found.jsonl")), StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(folder, "annotated"), "*", SearchOption.AllDirectories));
        RunAndCompare(tool, folder, "yzc --help", "--help");
        RunAndCompare(tool, folder, "yzc info", "info", "--model", Model, "--device", "cpu");
    }

    [Fact]
    public void The_first_sample_runs_compiled_ahead_of_time()
    {
        Published sample = Publish(Path.Combine("samples", "HelloDetector"), "HelloDetector");
        string repository = PackedPackages.Repository();

        ProgramResult result = RunAndCompare(sample, repository, "HelloDetector");

        Assert.Contains(result.Lines, static line => line.StartsWith("bearing", StringComparison.Ordinal));
    }

    /// <summary>Runs the program. Where rounds are wanted, starts both builds so many times and prints the medians from start to end, and
    /// sizes.</summary>
    private ProgramResult RunAndCompare(Published published, string folder, string what, params string[] arguments)
    {
        ProgramResult result = Run(published.Program, folder, arguments);
        if (Rounds < 1)
        {
            return result;
        }

        string built = Path.Combine(
            packages.Artifacts, "bin", published.Name, "release", $"{Path.GetFileNameWithoutExtension(published.Program)}.dll");
        if (!File.Exists(built))
        {
            packages.Dotnet("build", published.Project).Succeeded();
        }

        double ahead = Median(() => Run(published.Program, folder, arguments));
        double compiled = Median(() => DotnetProgram.Dotnet(folder, packagesFolder: null, [built, .. arguments]).Succeeded());
        double assemblies = Megabytes(Directory.GetFiles(Path.GetDirectoryName(built)!, "*.dll"));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: {ahead:F0} ms and {Megabytes(published.Program):F1} MB compiled ahead of time, "
                + $"{compiled:F0} ms and {assemblies:F1} MB of assemblies as built"));
        return result;
    }

    private static double Median(Action start)
    {
        double[] times = new double[Rounds];
        for (int number = 0; number < Rounds; number++)
        {
            Stopwatch clock = Stopwatch.StartNew();
            start();
            times[number] = clock.Elapsed.TotalMilliseconds;
        }

        Array.Sort(times);
        return times[Rounds / 2];
    }

    private static double Megabytes(params string[] files) => files.Sum(static file => new FileInfo(file).Length) / 1e6;

    private static ProgramResult Run(string program, string folder, params string[] arguments) =>
        DotnetProgram.Run(program, folder, packagesFolder: null, arguments).Succeeded();

    /// <summary>Publishes a project of the repository, beside the build that the packages were made from. Without native symbols, which take long to
    /// write and to strip.</summary>
    private Published Publish(string project, string program)
    {
        string name = Path.GetFileName(project);
        string target = Path.Combine(packages.Folder, "aot", name);
        string runtime = RuntimeInformation.RuntimeIdentifier;
        ProgramResult result = packages.Dotnet(
            "publish", project, "--runtime", runtime, "--output", target, "-p:PublishAot=true", "-p:TrimmerSingleWarn=false",
            "-p:NativeDebugSymbols=false");
        DotnetProgram.SkipWhereThisMachineLacksAPart(result);
        result.Succeeded();
        Assert.DoesNotContain(result.Lines, static line => line.Contains("warning", StringComparison.OrdinalIgnoreCase));
        string ending = RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? ".exe" : "";
        Assert.False(File.Exists(Path.Combine(target, $"{program}.dll")), "The program was not compiled ahead of time.");
        return new Published(project, name, Path.Combine(target, program + ending));
    }

    /// <summary>A program that was compiled ahead of time, and the project of the repository that it is of.</summary>
    private sealed record Published(string Project, string Name, string Program);
}
