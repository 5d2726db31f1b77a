using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>The CPU's memory plan against what a process then takes, measured in processes of their own.</summary>
public sealed class CpuMemoryPlanTests
{
    private const double Tolerance = 0.15;

    // One process that is this close settles it; else the median of several counts, because what becomes resident differs from run to run.
    private const double Close = 0.10;
    private const int Processes = 3;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 1)]
    [InlineData(8, 1)]
    [InlineData(2, 2)]
    [InlineData(2, 1, "320", "640")]
    public void The_plan_is_within_15_percent_of_what_becomes_resident(int batch, int lanes, params string[] sizes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "What counts as resident differs from system to system.");
        (double planned, double resident) = Measure(batch, lanes, sizes);
        if (Math.Abs(planned - resident) > Close * resident)
        {
            (double Planned, double Resident)[] runs =
                [(planned, resident), .. Enumerable.Range(1, Processes - 1).Select(_ => Measure(batch, lanes, sizes))];
            (planned, resident) = runs.OrderBy(static run => run.Resident).ElementAt(Processes / 2);
        }

        Assert.True(
            Math.Abs(planned - resident) <= Tolerance * resident,
            $"{planned / (1 << 20):F0} MiB are planned for batch {batch} in {lanes} lanes at {string.Join(' ', sizes)}, "
                + $"and {resident / (1 << 20):F0} MiB are taken.");
    }

    private static (double Planned, double Resident) Measure(int batch, int lanes, string[] sizes)
    {
        string model = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");
        using Process process = Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
                [Program(), OnnxRuntimeLibrary.Load().Path, model, $"{batch}", $"{lanes}", .. sizes])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string[] numbers = process.StandardOutput.ReadToEnd().Split(' ', StringSplitOptions.TrimEntries);
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.GetAwaiter().GetResult());
        return (double.Parse(numbers[0], null), double.Parse(numbers[1], null));
    }

    private static string Program()
    {
        const string Name = "YoloZeroCopy.MemoryProbe";
        DirectoryInfo folder = new(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        return Path.Combine(folder.Parent!.Parent!.FullName, Name, folder.Name, $"{Name}.dll");
    }
}
