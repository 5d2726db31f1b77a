using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy.Cli;

/// <summary>
/// The whole way of a frame that already lies in a slot, or elsewhere: rent, submit, await, read, dispose, with the pipeline kept full.
/// </summary>
internal sealed class EndToEndBenchmark
{
    private readonly YoloDetector detector;
    private readonly FrameFormat format;
    private readonly int batch;
    private readonly ExternalRing? external;
    private readonly bool touches;
    private readonly ValueTask<DetectionResult>[] pending;
    private long answered;

    /// <summary>Writes a frame into every slot.</summary>
    /// <param name="detector">Opened with <see cref="FillDelay"/>.</param>
    /// <param name="format">Layout of the frames.</param>
    /// <param name="batch">Frames in a batch.</param>
    /// <param name="external">Where frames lie instead of in slots; null for slots.</param>
    /// <param name="touches">Whether a byte of each page is written anew for every frame, as the whole frame would be by a producer.</param>
    public EndToEndBenchmark(YoloDetector detector, FrameFormat format, int batch, ExternalRing? external = null, bool touches = false)
    {
        this.touches = touches;
        this.detector = detector;
        this.format = format;
        this.batch = batch;
        this.external = external;

        // As many as can be on their way at once, so that waiting for the oldest result never leaves a slot unused.
        pending = new ValueTask<DetectionResult>[detector.SlotCount + (batch * detector.Inspection.LaneCount)];
        WriteSlots(detector, format);
    }

    /// <summary>
    /// How long the dispatcher waits for a batch to fill. A slice begins with an empty pipeline, and greedy batching would send its first frame
    /// alone; then the engine would run batches of other sizes than the one it is compared with. While the pipeline is full this waits for nothing.
    /// </summary>
    public static TimeSpan FillDelay { get; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Time from submit to result of every frame since it was cleared.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>Frames that came back so far. Any thread.</summary>
    public long Answered => Volatile.Read(ref answered);

    /// <summary>Runs for a time; ends with the last result, so that filling and emptying the pipeline count against it.</summary>
    [SuppressMessage("Reliability", "CA2012", Justification = "A ring of tasks, each awaited exactly once.")]
    public async Task<EndToEndSlice> RunAsync(TimeSpan duration, CancellationToken stop)
    {
        long bytes = 0;
        long framesBefore = 0;
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        long frames = 0;
        long drops = 0;
        int submittedInBatch = 0;
        int first = 0;
        int count = 0;
        while (true)
        {
            // The last batch is filled, too.
            bool more = submittedInBatch != 0 || (Stopwatch.GetElapsedTime(start) < duration && !stop.IsCancellationRequested);
            if (more && count < pending.Length)
            {
                pending[(first + count) % pending.Length] = external is null
                    ? detector.SubmitAsync(await RentAsync(detector, format, touches), cancellationToken: CancellationToken.None)
                    : detector.SubmitAsync(await external.NextAsync(), cancellationToken: CancellationToken.None);
                count++;
                submittedInBatch = (submittedInBatch + 1) % batch;
                continue;
            }

            if (count == 0)
            {
                break;
            }

            if (bytes == 0 && frames > 0)
            {
                // Steady from here on: this method's state lies on the heap, and the thread pool, asleep between slices, has its threads back.
                bytes = GC.GetTotalAllocatedBytes(precise: true);
                framesBefore = frames;
            }

            DetectionResult result = await pending[first];
            first = (first + 1) % pending.Length;
            Volatile.Write(ref answered, answered + 1);
            count--;
            if (result.IsDropped)
            {
                drops++;
            }
            else
            {
                frames++;
                Latency.Record(result.Latency);
            }

            result.Dispose();
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        cpu = Environment.CpuUsage.TotalTime - cpu;
        bytes = bytes == 0 ? 0 : GC.GetTotalAllocatedBytes(precise: true) - bytes;
        return new EndToEndSlice(frames, drops, elapsed, cpu, bytes, frames - framesBefore);
    }

    /// <summary>One frame at a time, each alone in the pipeline: the latency of a lone camera.</summary>
    public static async Task<SingleLatency> RunSingleAsync(
        YoloDetector detector, FrameFormat format, TimeSpan duration, int leastFrames, CancellationToken stop, bool touches = false)
    {
        WriteSlots(detector, format);
        SingleLatency latency = new(new LatencyHistogram(), new LatencyHistogram());
        long start = Stopwatch.GetTimestamp();
        while ((Stopwatch.GetElapsedTime(start) < duration || latency.Caller.Count < leastFrames) && !stop.IsCancellationRequested)
        {
            FrameSlot slot = await RentAsync(detector, format, touches);
            long submitted = Stopwatch.GetTimestamp();
            using DetectionResult result = await detector.SubmitAsync(slot, cancellationToken: CancellationToken.None);
            latency.Caller.Record(Stopwatch.GetElapsedTime(submitted));
            latency.Result.Record(result.Latency);
        }

        return latency;
    }

    private static ValueTask<FrameSlot> RentAsync(YoloDetector detector, in FrameFormat format, bool touches)
    {
        ValueTask<FrameSlot> rented = detector.RentAsync(format, CancellationToken.None);
        return touches ? TouchedAsync(rented) : rented;

        static async ValueTask<FrameSlot> TouchedAsync(ValueTask<FrameSlot> rented)
        {
            FrameSlot slot = await rented;
            TransferRun.Touch(slot);
            return slot;
        }
    }

    // Every slot gets its frame once. What it shows does not matter, but that its bytes were written does: untouched pages are all one page of zeros.
    private static void WriteSlots(YoloDetector detector, FrameFormat format)
    {
        byte[] noise = new byte[format.ByteCount];
        new Random(2).NextBytes(noise);
        List<FrameSlot> slots = [];
        while (detector.TryRent(format, out FrameSlot slot))
        {
            noise.CopyTo(slot.Span);
            slots.Add(slot);
        }

        foreach (FrameSlot slot in slots)
        {
            slot.Dispose();
        }
    }
}

/// <summary>What the pipeline did in one slice of time.</summary>
/// <param name="Frames">Frames with a result.</param>
/// <param name="Drops">Frames without.</param>
/// <param name="Elapsed">From the first frame's renting to the last result.</param>
/// <param name="Cpu">Processor time of the whole process in it.</param>
/// <param name="ManagedBytes">Bytes that the whole process allocated once it was steady, over <paramref name="SteadyFrames"/>.</param>
/// <param name="SteadyFrames">Frames of the steady part.</param>
internal readonly record struct EndToEndSlice(long Frames, long Drops, TimeSpan Elapsed, TimeSpan Cpu, long ManagedBytes, long SteadyFrames);

/// <summary>Latencies of frames that were alone in the pipeline: as their caller sees them, and as the results say.</summary>
internal sealed record SingleLatency(LatencyHistogram Caller, LatencyHistogram Result);
