using System.Diagnostics;
using System.Threading.Channels;

namespace YoloZeroCopy.Cli;

/// <summary>Gives a detector frames and lets the library's doctor watch.</summary>
internal static class DoctorRun
{
    // Clocks rise, code is compiled, and queues fill before anything is watched.
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    public static async Task<LatencyReport> WatchAsync(YoloDetector detector, FrameFormat format, WatchOptions options, CancellationToken stop)
    {
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task feed = options.ExpectedRate is double rate
            ? Task.Run(() => PaceAsync(detector, format, rate, enough.Token), CancellationToken.None)
            : Task.Run(() => new EndToEndBenchmark(detector, format, batch: 1).RunAsync(TimeSpan.FromDays(1), enough.Token), CancellationToken.None);
        try
        {
            // A feed that fails is to be heard of now.
            if (await Task.WhenAny(feed, Task.Delay(WarmUp, stop)) == feed)
            {
                await feed;
            }

            return await YoloZeroCopy.Doctor.WatchAsync(detector, options, stop);
        }
        finally
        {
            await enough.CancelAsync();
            await feed;
        }
    }

    /// <summary>Submits frames at a rate and takes their results beside that, as a camera and its consumer do.</summary>
    private static async Task PaceAsync(YoloDetector detector, FrameFormat format, double rate, CancellationToken stop)
    {
        Channel<Task<DetectionResult>> pending = Channel.CreateUnbounded<Task<DetectionResult>>();
        Task taking = TakeAsync(pending.Reader);
        long start = Stopwatch.GetTimestamp();
        try
        {
            for (long frame = 1; ; frame++)
            {
                TimeSpan wait = TimeSpan.FromSeconds(frame / rate) - Stopwatch.GetElapsedTime(start);
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, stop);
                }

                FrameSlot slot = await detector.RentAsync(format, stop);
                bool written = pending.Writer.TryWrite(detector.SubmitAsync(slot, cancellationToken: CancellationToken.None).AsTask());
                Debug.Assert(written, "An unbounded channel takes everything.");
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        finally
        {
            pending.Writer.Complete();
            await taking;
        }
    }

    private static async Task TakeAsync(ChannelReader<Task<DetectionResult>> pending)
    {
        await foreach (Task<DetectionResult> one in pending.ReadAllAsync())
        {
            (await one).Dispose();
        }
    }
}
