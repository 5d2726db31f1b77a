using System.Diagnostics;
using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;
using YoloZeroCopy.Results;

namespace YoloZeroCopy.Benchmarks;

/// <summary>Runs suites shortly, and writes the result file of each.</summary>
internal static class SuiteRun
{
    private const int Iterations = 10;
    private const int WarmUps = 3;
    private const int IterationMilliseconds = 200;

    private static readonly (string Name, Type[] Benchmarks)[] Suites =
    [
        ("pool", [typeof(FramePoolBenchmarks), typeof(ContendedPoolBenchmarks)]),
        ("dispatcher", [typeof(PipelineBenchmarks)]),
        ("devices", [typeof(DeviceBenchmarks)]),
        ("completion", [typeof(CompletionBenchmarks)]),
        ("preprocessing", [typeof(PreprocessingBenchmarks)]),
        ("decoding", [typeof(DecodingBenchmarks), typeof(EndToEndDecodingBenchmarks)]),
        ("suppression", [typeof(SuppressionBenchmarks)]),
        ("interop", [typeof(InteropBenchmarks)]),
        ("tracker", [typeof(TrackingBenchmarks)]),
        ("sources", [typeof(SourceBenchmarks)]),
        ("video", [typeof(VideoBenchmarks)]),
        ("conveniences", [typeof(ConvenienceBenchmarks)]),
        ("results", [typeof(ResultBenchmarks)]),
    ];

    /// <returns>The program's exit code.</returns>
    public static int Run(string folder, IReadOnlyList<string> names, bool again)
    {
        string? unknown = names.FirstOrDefault(static name => Suites.All(suite => suite.Name != name));
        if (unknown is not null)
        {
            Console.Error.WriteLine($"There is no suite '{unknown}'. There are: {string.Join(", ", Suites.Select(static suite => suite.Name))}.");
            return 2;
        }

        _ = Directory.CreateDirectory(folder);
        bool isWhole = true;
        foreach ((string name, Type[] benchmarks) in Suites.Where(suite => names.Count == 0 || names.Contains(suite.Name)))
        {
            string path = Path.Combine(folder, name + ".json");
            if (!again && File.Exists(path))
            {
                Console.WriteLine($"{name}: {path} is there");
                continue;
            }

            long start = Stopwatch.GetTimestamp();
            Machine machine = Machine.Here(typeof(YoloDetector).Assembly);
            string? problem = Measure(benchmarks, out OrderedDictionary<string, Figure> figures);
            if (problem is null)
            {
                new ResultFile(name, machine, figures).Write(path);
            }

            isWhole &= problem is null;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{name}: {problem ?? path}, {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s"));
        }

        return isWhole ? 0 : 1;
    }

    private static string? Measure(Type[] benchmarks, out OrderedDictionary<string, Figure> figures)
    {
        figures = new(StringComparer.Ordinal);
        foreach (Type type in benchmarks)
        {
            // In this process: else every benchmark would be built first.
            Job job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(WarmUps).WithIterationCount(Iterations)
                .WithIterationTime(TimeInterval.FromMilliseconds(IterationMilliseconds));
            ManualConfig config = ManualConfig.CreateEmpty().AddJob(job).AddDiagnoser(MemoryDiagnoser.Default).AddLogger(NullLogger.Instance)
                .AddColumnProvider(DefaultConfig.Instance.GetColumnProviders().ToArray()).WithOptions(ConfigOptions.DisableLogFile);
            Summary summary = BenchmarkRunner.Run(type, config);
            if (summary.HasCriticalValidationErrors || summary.Reports.Length == 0)
            {
                return $"{type.Name} did not run: {string.Join(' ', summary.ValidationErrors.Select(static error => error.Message))}";
            }

            foreach (BenchmarkReport report in summary.Reports)
            {
                if (!report.Success || report.ResultStatistics is not { } times)
                {
                    return $"{report.BenchmarkCase.DisplayInfo} failed";
                }

                string row = RowOf(report.BenchmarkCase);
                figures[$"{row}: time"] = new Figure(times.Median, "ns", Better.Lower, times.StandardDeviation);
                figures[$"{row}: managed bytes"] = new Figure(
                    report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0, "B", Better.Lower);
            }
        }

        return null;
    }

    // Parameters that name themselves need no name before them.
    private static string RowOf(BenchmarkCase benchmark)
    {
        string name = benchmark.Descriptor.WorkloadMethod.Name.Replace('_', ' ');
        return string.Join(", ", [name, .. benchmark.Parameters.Items.Select(static item => item.Value switch
        {
            true => Words(item.Name[2..]).ToLowerInvariant(),
            false => "not " + Words(item.Name[2..]).ToLowerInvariant(),
            1 => "1 " + Words(item.Name).ToLowerInvariant().TrimEnd('s'),
            int number => string.Create(CultureInfo.InvariantCulture, $"{number} {Words(item.Name).ToLowerInvariant()}"),
            _ => item.Value.ToString(),
        })]);
    }

    private static string Words(string name) =>
        string.Concat(name.Select((letter, place) => place > 0 && char.IsUpper(letter) ? " " + letter : letter.ToString()));
}
