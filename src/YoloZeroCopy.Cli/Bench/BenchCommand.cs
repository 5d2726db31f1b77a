using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc bench</c>: how much of the engine's own speed is left once a frame goes the whole way.</summary>
internal static class BenchCommand
{
    // Both rates are measured in slices by turns, so that a machine that gets slower or faster meanwhile does so for both.
    private const int Slices = 5;
    private const int LeastSingleFrames = 10;
    private const int DefaultBatch = 8;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SingleTime = TimeSpan.FromSeconds(1);

    private static readonly Option<string> Model = Options.Model();
    private static readonly Option<(int Width, int Height)?> Frame = Options.FrameSize();
    private static readonly Option<PixelFormat> Format = Options.PixelFormat();
    private static readonly Option<int> Batch = Options.Batch();
    private static readonly Option<double> Seconds = Options.Seconds("--seconds", "How long each of the two rates is measured.", 0.1, 3600, 5);
    private static readonly Option<int> Threads = Options.Threads();
    private static readonly Option<int> Lanes = Options.Lanes();
    private static readonly Option<Device> Device = Options.Device();
    private static readonly Option<(int Width, int Height)?> ImageSize = Options.ImageSize();
    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command = new(
            "bench",
            "Measures the engine alone and the whole way of a frame, by turns, and their ratio. Latency is from submit to result, with the pipeline full "
            + "and for one frame at a time. Exit codes: see `yzc --help`.")
        {
            Model, Frame, Format, Batch, Seconds, Threads, Lanes, Device, ImageSize, Json,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        (int width, int height) = arguments.GetValue(Frame) ?? (1920, 1080);
        FrameFormat format = new(arguments.GetValue(Format), width, height);
        string model = arguments.GetRequiredValue(Model);
        DetectorOptions options = new()
        {
            Device = arguments.GetValue(Device),
            MaxBatch = arguments.GetValue(Batch),
            MaxBatchDelay = EndToEndBenchmark.FillDelay,
            Lanes = arguments.GetValue(Lanes),
            SlotBytes = format.ByteCount,
            InputSize = arguments.GetValue(ImageSize),
            Threads = arguments.GetValue(Threads),
        };
        TimeSpan time = TimeSpan.FromSeconds(arguments.GetValue(Seconds));
        BenchReport report;
        await using (YoloDetector detector = DetectorOpening.Open(model, options))
        {
            report = await MeasureAsync(detector, format, time, options, stop);
        }

        // A lone frame must not wait for company, so it has a detector without.
        await using (YoloDetector detector = DetectorOpening.Open(model, options with { MaxBatch = 1, MaxBatchDelay = TimeSpan.Zero, Lanes = 1 }))
        {
            LatencyHistogram single = await EndToEndBenchmark.RunSingleAsync(detector, format, Shorter(SingleTime, time), LeastSingleFrames, stop);
            stop.ThrowIfCancellationRequested();
            report = report with { SingleLatency = single };
        }

        StandardOutput.Write(arguments.GetValue(Json) ? report.ToJson() : report.ToText());
        return ExitCode.Done;
    }

    private static async Task<BenchReport> MeasureAsync(
        YoloDetector detector, FrameFormat format, TimeSpan time, DetectorOptions options, CancellationToken stop)
    {
        int batch = options.MaxBatch != 0 ? options.MaxBatch : detector.Model.FixedBatch != 0 ? detector.Model.FixedBatch : DefaultBatch;
        int lanes = detector.LaneCount;
        InferenceEngine shared = detector.Engine ?? throw new InvalidOperationException("The detector has no engine of its own.");
        using EngineBenchmark engine = new(shared, batch, lanes);
        EndToEndBenchmark pipeline = new(detector, format, batch);
        TimeSpan slice = time / Slices;
        _ = engine.Run(Shorter(WarmUp, time), stop);
        _ = await pipeline.RunAsync(Shorter(WarmUp, time), stop);
        pipeline.Latency.Clear();

        DetectorStatistics before = detector.Statistics;
        long engineFrames = 0;
        long frames = 0;
        long drops = 0;
        List<double> bytesPerFrame = [];
        TimeSpan engineTime = default;
        TimeSpan pipelineTime = default;
        TimeSpan engineCpu = default;
        TimeSpan cpu = default;
        for (int turn = 0; turn < 2 * Slices; turn++)
        {
            stop.ThrowIfCancellationRequested();

            // Engine, pipeline, pipeline, engine, engine ...: neither is always the first of a pair.
            if ((turn + 1) / 2 % 2 == 0)
            {
                EngineSlice alone = engine.Run(slice, stop);
                engineFrames += alone.Frames;
                engineTime += alone.Elapsed;
                engineCpu += alone.Cpu;
            }
            else
            {
                EndToEndSlice whole = await pipeline.RunAsync(slice, stop);
                frames += whole.Frames;
                drops += whole.Drops;
                bytesPerFrame.Add((double)whole.ManagedBytes / Math.Max(1, whole.SteadyFrames));
                pipelineTime += whole.Elapsed;
                cpu += whole.Cpu;
            }
        }

        DetectorStatistics after = detector.Statistics;
        stop.ThrowIfCancellationRequested();
        double each = 1.0 / Math.Max(1, frames);
        return new BenchReport
        {
            Model = detector.Model.Path,
            Frame = format,
            Batch = batch,
            Lanes = lanes,
            EngineOnlyFps = engineFrames / engineTime.TotalSeconds,
            EndToEndFps = frames / pipelineTime.TotalSeconds,
            Latency = pipeline.Latency,
            EngineCpuMicrosecondsPerFrame = engineCpu.TotalMicroseconds / Math.Max(1, engineFrames),
            CpuMicrosecondsPerFrame = cpu.TotalMicroseconds * each,
            ManagedBytesPerFrame = Median(bytesPerFrame),
            HostCopiesPerFrame = (after.HostCopies - before.HostCopies) * each,
            Frames = frames,
            Drops = drops,
            Machine = MachineDescription.Of(detector),
        };
    }

    // The count is of the whole process, and the runtime's thread pool makes a thread now and then: an allocation for each frame shows in every slice, such a one does not.
    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
