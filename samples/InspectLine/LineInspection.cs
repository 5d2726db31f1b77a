using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using YoloZeroCopy;

namespace InspectLine;

/// <summary>The inspection itself: frames go from the clip through slots to the detector, and what it finds goes to the tracker, the line and the
/// log.</summary>
/// <remarks>
/// Two loops run side by side. One reads: it rents a slot, lets the video decoder write a frame straight into it and submits it. The other takes the
/// results in the order of the frames. Between them waits a queue of tasks, not of pictures.
/// </remarks>
internal sealed class LineInspection(
    InspectOptions options, VideoReader clip, YoloDetector detector, DetectionWriter writer, ProgressDisplay progress)
{
    // Enough for steady figures, few enough to follow a change.
    private const int LatestFrames = 200;

    private readonly PartTracker tracker = new();

    /// <summary>At half the clip's width.</summary>
    public CountingLine Line { get; } = new(clip.Format.Width / 2f);

    public InspectionLog Log { get; } = new();

    /// <summary>Runs until the clip ends, the frame limit is reached or the caller wants to stop. An error in the clip, too, ends it with what was
    /// found until then in the log.</summary>
    /// <exception cref="IOException">The detections cannot be written.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        long start = Stopwatch.GetTimestamp();
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Channel<ValueTask<DetectionResult>> pending = Channel.CreateBounded<ValueTask<DetectionResult>>(detector.SlotCount);
        Task reading = ReadFramesAsync(pending.Writer, end.Token);
        try
        {
            await foreach (ValueTask<DetectionResult> task in pending.Reader.ReadAllAsync(CancellationToken.None))
            {
                using DetectionResult result = await task;
                Log.Elapsed = Stopwatch.GetElapsedTime(start);
                Take(result);
            }
        }
        finally
        {
            await end.CancelAsync();
            await reading;
        }
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "The channel hands each task to the one loop that awaits it, once.")]
    private async Task ReadFramesAsync(ChannelWriter<ValueTask<DetectionResult>> pending, CancellationToken end)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            for (int number = 0; number < options.FrameLimit; number++)
            {
                if (options.IsRealtime)
                {
                    await WaitUntilAsync(start, number / clip.FrameRate, end);
                }

                // Waits here when all slots are in use or results are not taken: the detector sets the pace.
                _ = await pending.WaitToWriteAsync(end);
                FrameSlot slot = await detector.RentAsync(clip.Format, end);
                if (!await TryFillAsync(slot, end))
                {
                    return;
                }

                // A submitted frame is finished even when the user wants to stop: no token here. There is room for it, since nobody else writes.
                _ = pending.TryWrite(detector.SubmitAsync(slot, capturedAt: Stopwatch.GetTimestamp(), cancellationToken: CancellationToken.None));
            }
        }
        catch (OperationCanceledException)
        {
            Log.Interruption = "stopped by the user";
        }
        catch (MediaException error)
        {
            Log.Interruption = error.Message;
        }
        finally
        {
            pending.Complete();
        }
    }

    private async ValueTask<bool> TryFillAsync(FrameSlot slot, CancellationToken end)
    {
        bool filled = false;
        try
        {
            filled = await clip.ReadFrameAsync(slot.Memory, end);
            return filled;
        }
        finally
        {
            if (!filled)
            {
                slot.Dispose();
            }
        }
    }

    private static async Task WaitUntilAsync(long start, double seconds, CancellationToken end)
    {
        TimeSpan wait = TimeSpan.FromSeconds(seconds) - Stopwatch.GetElapsedTime(start);
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, end);
        }
    }

    private void Take(DetectionResult result)
    {
        // Every frame of the clip was submitted, so the detector's count is the clip's.
        int number = (int)result.Sequence;
        if (result.IsDropped)
        {
            Log.Frames.Add(new InspectedFrame(number, IsDropped: true, []));
        }
        else
        {
            Log.Latency.Add(result.Latency);
            Log.Frames.Add(new InspectedFrame(number, IsDropped: false, [.. result.Detections]));
            writer.Write(number, result.Format, result.Detections);
            foreach (Track track in Line.TakeCrossings(tracker.Update(number, result.Detections)))
            {
                Count(number, track);
            }
        }

        progress.Update(Describe);
    }

    private void Count(int frame, Track track)
    {
        string name = detector.Model.Names[track.ClassId];
        bool isDefect = PartClasses.IsDefect(name);
        Log.Crossings.Add(new Crossing(frame, track.Id, track.ClassId, track.Certainty, track.Box, isDefect ? Log.AlarmCount + 1 : 0));
        if (isDefect)
        {
            progress.WriteLine($"ALARM {Log.AlarmCount:000}  {name} crosses the line at {frame / clip.FrameRate:F2} s (frame "
                + $"{frame}, certainty {track.Certainty:P0})");
        }
    }

    private string Describe()
    {
        string total = clip.Duration is TimeSpan duration ? $"/{Math.Min(options.FrameLimit, duration.TotalSeconds * clip.FrameRate):F0}" : "";
        return $"{Log.Frames.Count}{total} frames  {Log.FramesPerSecond:F1}/s  p50 {Log.Latency.Percentile(0.5, LatestFrames):F0} ms"
            + $"  p99 {Log.Latency.Percentile(0.99, LatestFrames):F0} ms  parts {Log.Crossings.Count}  alarms "
            + $"{Log.AlarmCount}  drops {Log.DroppedCount}";
    }
}
