using System.Collections.Immutable;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using YoloZeroCopy;

namespace InspectLine;

/// <summary>The inspection itself: frames go from the clip through slots to the detector, and what it finds goes to the tracker, the line and the
/// log.</summary>
/// <remarks>
/// Where ffmpeg decodes, two loops run side by side. One reads: it rents a slot, lets the video decoder write a frame straight into it and submits
/// it. The other takes the results in the order of the frames. Between them waits a queue of tasks, not of pictures.
/// Where the GPU decodes, frames never come here, and one loop takes the results.
/// </remarks>
internal sealed class LineInspection(
    InspectOptions options, VideoReader clip, VideoReaderOptions reading, YoloDetector detector, DetectionWriter writer, ProgressDisplay progress)
{
    // Of a source that does not say.
    private const double UsualRate = 25;

    // Enough for steady figures, few enough to follow a change.
    private const int LatestFrames = 200;

    private readonly PartTracker tracker = new();

    /// <summary>At half the clip's width.</summary>
    public CountingLine Line { get; } = new(clip.Format.Width / 2f);

    public InspectionLog Log { get; } = new();

    /// <summary>Runs until the clip ends, the frame limit is reached or the caller wants to stop. An error in the clip, too, ends it with what was
    /// found until then in the log.</summary>
    /// <exception cref="IOException">The detections cannot be written.</exception>
    public Task RunAsync(CancellationToken stop) =>
        options.Decoding != VideoDecoding.Cpu && detector.CudaOrdinal is not null && !options.IsRealtime ? DecodeOnGpuAsync(stop) : DecodeAsync(stop);

    /// <summary>Frames a second, for times in the clip.</summary>
    public static double RateOf(VideoReader clip) => clip.FrameRate > 0 ? clip.FrameRate : UsualRate;

    private async Task DecodeOnGpuAsync(CancellationToken stop)
    {
        // It is opened anew, for its coded frames.
        await clip.DisposeAsync();
        long start = Stopwatch.GetTimestamp();
        try
        {
            await foreach (VideoDetections frame in detector.DetectVideoAsync(options.Source, options.Decoding, reading, cancellationToken: stop))
            {
                Log.Elapsed = Stopwatch.GetElapsedTime(start);
                Take((int)frame.FrameNumber, frame.Format, frame.Latency, frame.IsDropped ? null : [.. frame.Detections]);
                if (Log.Frames.Count == options.FrameLimit)
                {
                    break;
                }
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
    }

    private async Task DecodeAsync(CancellationToken stop)
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

                // Every frame of the clip was submitted, so the detector's count is the clip's.
                Take((int)result.Sequence, result.Format, result.Latency, result.IsDropped ? null : [.. result.Detections]);
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
                if (options.IsRealtime && !clip.IsLive)
                {
                    await WaitUntilAsync(start, number / RateOf(clip), end);
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

    // Without detections: the frame was dropped.
    private void Take(int number, FrameFormat format, TimeSpan latency, ImmutableArray<Detection>? detections)
    {
        Log.Frames.Add(new InspectedFrame(number, IsDropped: detections is null, detections ?? []));
        if (detections is ImmutableArray<Detection> found)
        {
            Log.Latency.Add(latency);
            writer.Write(number, format, found.AsSpan());
            foreach (Part part in Line.TakeCrossings(tracker.Update(number, found.AsSpan())))
            {
                Count(number, part);
            }
        }

        progress.Update(Describe);
    }

    private void Count(int frame, Part part)
    {
        string name = detector.Model.Names[part.ClassId];
        bool isDefect = PartClasses.IsDefect(name);
        Log.Crossings.Add(new Crossing(frame, part.Id, part.ClassId, part.Certainty, part.Box, isDefect ? Log.AlarmCount + 1 : 0));
        if (isDefect)
        {
            progress.WriteLine($"ALARM {Log.AlarmCount:000}  {name} crosses the line at {frame / RateOf(clip):F2} s (frame "
                + $"{frame}, certainty {part.Certainty:P0})");
        }
    }

    private string Describe()
    {
        string total = clip.Duration is TimeSpan duration ? $"/{Math.Min(options.FrameLimit, duration.TotalSeconds * RateOf(clip)):F0}" : "";
        return $"{Log.Frames.Count}{total} frames  {Log.FramesPerSecond:F1}/s  p50 {Log.Latency.Percentile(0.5, LatestFrames):F0} ms"
            + $"  p99 {Log.Latency.Percentile(0.99, LatestFrames):F0} ms  parts {Log.Crossings.Count}  alarms "
            + $"{Log.AlarmCount}  drops {Log.DroppedCount}";
    }
}
