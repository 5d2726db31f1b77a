using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Decodes clips from memory, in as many streams at a time as asked for, with and without detecting in them.</summary>
internal static class VideoBenchmark
{
    private const double CameraFps = 30;
    private const double LongestLatency = 50_000;
    private const int MostCameras = 1024;
    private const int MostQuick = 4;

    // As fast as the streams go the order of display may wait a little, so that a decoding engine has the next picture when one is done.
    private const int DelayAtFullSpeed = 2;

    /// <summary>Measures one clip.</summary>
    /// <param name="detector">Opened without a delay for full batches: what is there is detected in.</param>
    /// <param name="device">Its device.</param>
    /// <param name="clip">The clip.</param>
    /// <param name="settings">Streams and time.</param>
    /// <param name="engineFps">What the engine reaches alone.</param>
    /// <param name="stop">Ends it early.</param>
    public static async Task<VideoSection> RunAsync(
        YoloDetector detector, BenchDevice device, ElementaryStream clip, BenchSettings settings, double engineFps, CancellationToken stop)
    {
        List<VideoRate> rates = [];
        foreach (int streams in settings.Streams)
        {
            VideoSlice decoded = await MeasureAsync(null, detector, device, clip, streams, default, settings.Time, stop);
            VideoSlice detected = await MeasureAsync(detector, detector, device, clip, streams, default, settings.Time, stop);
            rates.Add(new VideoRate(streams, decoded, detected, engineFps));
        }

        // Halving the range in which the number lies: as many as the best rate could serve, to none.
        int most = Math.Min(settings.Quick ? MostQuick : MostCameras, (int)(rates.Max(static rate => rate.Detected.Fps) / CameraFps));
        int good = 0;
        int bad = most + 1;
        VideoSlice? cameras = null;
        while (bad - good > Math.Max(1, most / 25) && !stop.IsCancellationRequested)
        {
            // Near the top first: a device that is fed well gets there.
            int streams = good == 0 && bad == most + 1 ? Math.Max(1, most * 9 / 10) : (good + bad) / 2;
            VideoSlice slice = await MeasureAsync(
                detector, detector, device, clip, streams, TimeSpan.FromSeconds(1 / CameraFps), settings.Time, stop);
            if (slice.Latency.Microseconds(0.99) <= LongestLatency && slice.Fps >= 0.99 * streams * CameraFps)
            {
                good = streams;
                cameras = slice;
            }
            else
            {
                bad = streams;
            }
        }

        stop.ThrowIfCancellationRequested();
        return new VideoSection(clip, rates, good, cameras);
    }

    private static async Task<VideoSlice> MeasureAsync(
        YoloDetector? detector,
        YoloDetector shape,
        BenchDevice device,
        ElementaryStream clip,
        int streams,
        TimeSpan period,
        TimeSpan time,
        CancellationToken stop)
    {
        // Enough for two batches between all streams; a stream alone takes what there can be.
        int batch = shape.Statistics.BatchSizes.Length - 1;
        CudaVideoDecoderOptions options = new()
        {
            Codec = clip.Codec,
            MaxFramesHeld = Math.Clamp(((2 * batch) + streams - 1) / streams, 4, 16),
            DisplayDelay = period == TimeSpan.Zero ? DelayAtFullSpeed : 0,
        };
        LatencyHistogram latency = new();
        List<VideoStream> all = [];
        try
        {
            for (int number = 0; number < streams; number++)
            {
                all.Add(new VideoStream(clip, options, device.Context, detector, number, (period, period * number / streams), latency));
            }

            // Every decoder is there once it has given something.
            while (all.Exists(static stream => stream.Frames < 10 && stream.Failure is null) && !stop.IsCancellationRequested)
            {
                await Task.Delay(10, CancellationToken.None);
            }

            await DelayAsync(time / 4, stop);
            lock (latency)
            {
                latency.Clear();
            }

            using EngineUse use = new(device.Context.Device.PciBusId);
            long copies = shape.Statistics.HostCopies;
            long frames = all.Sum(static stream => stream.Frames);
            long bytes = GC.GetTotalAllocatedBytes(precise: true);
            TimeSpan cpu = Environment.CpuUsage.TotalTime;
            long start = Stopwatch.GetTimestamp();
            await DelayAsync(time, stop);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            frames = all.Sum(static stream => stream.Frames) - frames;
            bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
            cpu = Environment.CpuUsage.TotalTime - cpu;
            LatencyHistogram measured;
            lock (latency)
            {
                measured = latency.Copy();
            }

            if (all.Find(static stream => stream.Failure is not null)?.Failure is Exception failure)
            {
                throw new CliException(ExitCode.ModelUnusable, $"{streams} streams cannot be decoded: {failure.Message}", innerException: failure);
            }

            return new VideoSlice(
                frames / elapsed.TotalSeconds,
                measured,
                use.Mean,
                Statistics.Ratio(bytes, frames),
                Statistics.Ratio(shape.Statistics.HostCopies - copies, frames),
                Statistics.Ratio(cpu.TotalMicroseconds, frames));
        }
        finally
        {
            all.ForEach(static stream => stream.Stop());
            all.ForEach(static stream => stream.Dispose());
        }
    }

    private static async Task DelayAsync(TimeSpan time, CancellationToken stop)
    {
        try
        {
            await Task.Delay(time, stop);
        }
        catch (OperationCanceledException)
        {
            // The report is of what was measured until then, or there is none.
        }
    }
}
