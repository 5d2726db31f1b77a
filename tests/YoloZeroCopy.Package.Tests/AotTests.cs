using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>The tool and the first sample, compiled ahead of time without a warning and run. How fast they start is printed beside the same programs
/// compiled as they run.</summary>
[Collection(PackagesOnce.Name)]
public class AotTests(PackedPackages packages, ITestOutputHelper output)
{
    private const int Starts = 5;

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
        Compare(tool, folder, "yzc --help", "--help");
        Compare(tool, folder, "yzc info", "info", "--model", Model, "--device", "cpu");
    }

    [Fact]
    public void The_first_sample_runs_compiled_ahead_of_time()
    {
        Published sample = Publish(Path.Combine("samples", "HelloDetector"), "HelloDetector");
        string repository = PackedPackages.Repository();

        Assert.Contains(Run(sample.Program, repository).Lines, static line => line.StartsWith("bearing", StringComparison.Ordinal));

        Compare(sample, repository, "HelloDetector");
    }

    /// <summary>Starts both builds some times and prints the median of the time from start to end, and their sizes.</summary>
    private void Compare(Published published, string folder, string what, params string[] arguments)
    {
        double ahead = Median(() => Run(published.Program, folder, arguments));
        double built = Median(() => DotnetProgram.Dotnet(folder, packagesFolder: null, [published.Built, .. arguments]).Succeeded());
        double assemblies = Megabytes(Directory.GetFiles(Path.GetDirectoryName(published.Built)!, "*.dll"));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: {ahead:F0} ms and {Megabytes(published.Program):F1} MB compiled ahead of time, "
                + $"{built:F0} ms and {assemblies:F1} MB of assemblies as built"));
    }

    private static double Median(Action start)
    {
        double[] times = new double[Starts];
        for (int number = 0; number < Starts; number++)
        {
            Stopwatch clock = Stopwatch.StartNew();
            start();
            times[number] = clock.Elapsed.TotalMilliseconds;
        }

        Array.Sort(times);
        return times[Starts / 2];
    }

    private static double Megabytes(params string[] files) => files.Sum(static file => new FileInfo(file).Length) / 1e6;

    private static ProgramResult Run(string program, string folder, params string[] arguments) =>
        DotnetProgram.Run(program, folder, packagesFolder: null, arguments).Succeeded();

    /// <summary>Publishes a project of the repository, beside the build that the packages were made from.</summary>
    private Published Publish(string project, string program)
    {
        string name = Path.GetFileName(project);
        string target = Path.Combine(packages.Folder, "aot", name);
        string runtime = RuntimeInformation.RuntimeIdentifier;
        ProgramResult result = packages.Dotnet(
            "publish", project, "--runtime", runtime, "--output", target, "-p:PublishAot=true", "-p:TrimmerSingleWarn=false");
        DotnetProgram.SkipWhereThisMachineLacksAPart(result);
        result.Succeeded();
        Assert.DoesNotContain(result.Lines, static line => line.Contains("warning", StringComparison.OrdinalIgnoreCase));
        string ending = RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? ".exe" : "";
        Assert.False(File.Exists(Path.Combine(target, $"{program}.dll")), "The program was not compiled ahead of time.");
        string built = Path.Combine(packages.Artifacts, "bin", name, "release", $"{program}.dll");
        if (!File.Exists(built))
        {
            packages.Dotnet("build", project).Succeeded();
        }

        return new Published(Path.Combine(target, program + ending), built);
    }

    /// <param name="Program">What was compiled ahead of time.</param>
    /// <param name="Built">The same program as built, for `dotnet`, which compiles it as it runs.</param>
    private sealed record Published(string Program, string Built);
}
