namespace YoloZeroCopy.Cli;

/// <summary>The parts of a frame's way on CUDA, each measured alone in the same run.</summary>
internal static class CudaParts
{
    private const int SingleFrames = 10_000;
    private const int QuickSingleFrames = 200;
    private const int SoloRepeats = 2_000;

    /// <summary>The link alone, beside the engine, and as far as the pipeline used it.</summary>
    public static async Task<LinkSection> LinkAsync(BenchDevice device, IEngineBenchmark engine, BenchSettings settings, double endToEndFps, CancellationToken stop)
    {
        int frameBytes = settings.Format.ByteCount;
        using LinkBenchmark link = new(device.Context, frameBytes);
        _ = link.Run(settings.PartTime / 4, stop);
        double alone = link.Run(settings.PartTime, stop);

        // The engine begins before the uploads and ends after them.
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task computing = Task.Run(() => engine.Run(TimeSpan.FromHours(1), enough.Token), CancellationToken.None);
        double beside;
        try
        {
            _ = link.Run(settings.PartTime / 4, stop);
            beside = link.Run(settings.PartTime, stop);
        }
        finally
        {
            await enough.CancelAsync();
            await computing;
        }

        return new LinkSection(alone, beside, endToEndFps * frameBytes, frameBytes);
    }

    /// <summary>One frame at a time, and its upload and its run alone.</summary>
    public static async Task<SingleSection> SingleAsync(YoloDetector detector, BenchDevice device, BenchSettings settings, CancellationToken stop)
    {
        InferenceEngine engine = detector.Engine ?? throw new InvalidOperationException("The detector has no engine of its own.");
        int frames = settings.SingleFrames != 0 ? settings.SingleFrames : settings.Quick ? QuickSingleFrames : SingleFrames;
        int repeats = Math.Min(SoloRepeats, frames);
        WaitMode mode = settings.Detector.WaitMode;
        EngineLane lane = device.Thread.Run(() => new EngineLane(device.Context, engine, batch: Math.Max(1, engine.Model.FixedBatch)));
        try
        {
            using LinkBenchmark link = new(device.Context, settings.Format.ByteCount);
            _ = await EndToEndBenchmark.RunSingleAsync(detector, settings.Format, settings.PartTime / 2, leastFrames: 1, stop);
            SingleLatency latency = await EndToEndBenchmark.RunSingleAsync(detector, settings.Format, TimeSpan.Zero, frames, stop);
            SoloTime run = device.Thread.Run(() => SoloTime.Measure(device.Context, lane.Stream, mode, repeats, _ => lane.Launch(), stop));
            SoloTime upload = link.Solo(device.Context, mode, repeats, stop);
            return new SingleSection(latency.Caller, latency.Result, run, upload);
        }
        finally
        {
            device.Thread.Run(lane.Dispose);
        }
    }
}
