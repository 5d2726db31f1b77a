using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy.Cli;

/// <summary>The whole way of a frame that already lies in a slot: rent, submit, await, read, dispose, with the pipeline kept full.</summary>
internal sealed class EndToEndBenchmark
{
    private readonly YoloDetector detector;
    private readonly FrameFormat format;
    private readonly ValueTask<DetectionResult>[] pending;

    public EndToEndBenchmark(YoloDetector detector, FrameFormat format, int framesInLanes)
    {
        this.detector = detector;
        this.format = format;

        // As many as can be on their way at once, so that waiting for the oldest result never leaves a slot unused.
        pending = new ValueTask<DetectionResult>[detector.Frames.SlotCount + framesInLanes];
        WriteSlots();
    }

    /// <summary>Time from submit to result of every frame since it was cleared.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>Runs for a time; ends with the last result, so that filling and emptying the pipeline count against it.</summary>
    [SuppressMessage("Reliability", "CA2012", Justification = "A ring of tasks, each awaited exactly once.")]
    public async Task<EndToEndSlice> RunAsync(TimeSpan duration, CancellationToken stop)
    {
        // Once suspended, the method's state lies on the heap: what the slice allocates from here on, frames have caused.
        await Task.Yield();
        long bytes = GC.GetTotalAllocatedBytes(precise: true);
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        long frames = 0;
        long drops = 0;
        int first = 0;
        int count = 0;
        while (true)
        {
            bool more = Stopwatch.GetElapsedTime(start) < duration && !stop.IsCancellationRequested;
            if (more && count < pending.Length)
            {
                FrameSlot slot = await detector.RentAsync(format, CancellationToken.None);
                pending[(first + count) % pending.Length] = detector.SubmitAsync(slot, cancellationToken: CancellationToken.None);
                count++;
                continue;
            }

            if (count == 0)
            {
                break;
            }

            DetectionResult result = await pending[first];
            first = (first + 1) % pending.Length;
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
        return new EndToEndSlice(frames, drops, elapsed, cpu, GC.GetTotalAllocatedBytes(precise: true) - bytes);
    }

    /// <summary>One frame at a time, each alone in the pipeline: the latency of a lone camera.</summary>
    public async Task RunSingleAsync(TimeSpan duration, int leastFrames, LatencyHistogram latency, CancellationToken stop)
    {
        long start = Stopwatch.GetTimestamp();
        while ((Stopwatch.GetElapsedTime(start) < duration || latency.Count < leastFrames) && !stop.IsCancellationRequested)
        {
            FrameSlot slot = await detector.RentAsync(format, CancellationToken.None);
            using DetectionResult result = await detector.SubmitAsync(slot, cancellationToken: CancellationToken.None);
            latency.Record(result.Latency);
        }
    }

    // Every slot gets its frame once. What it shows does not matter, but that its bytes were written does: untouched pages are all one page of zeros.
    private void WriteSlots()
    {
        Random random = new(2);
        List<FrameSlot> slots = [];
        while (detector.TryRent(format, out FrameSlot slot))
        {
            random.NextBytes(slot.Span);
            slots.Add(slot);
        }

        foreach (FrameSlot slot in slots)
        {
            slot.Return();
        }
    }
}

/// <summary>What the pipeline did in one slice of time.</summary>
internal readonly record struct EndToEndSlice(long Frames, long Drops, TimeSpan Elapsed, TimeSpan Cpu, long ManagedBytes);
