using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>When the device uploaded and computed each of some consecutive batches. Only for looking: events that take the time cost the device a
/// little.</summary>
/// <remarks>The dispatcher thread records; <see cref="Read"/> comes after the last result. All events are made beforehand.</remarks>
internal sealed class CudaTimeline : IDisposable
{
    private readonly TimelineBatch[] batches;
    private readonly List<CudaLane> lanes = [];
    private readonly List<object> streams = [];
    private readonly Lock sync = new();
    private int count;
    private bool isClosed;

    /// <summary>Makes room for a number of batches; later ones are not recorded.</summary>
    public CudaTimeline(CudaContext context, int capacity)
    {
        batches = new TimelineBatch[capacity];
        try
        {
            for (int index = 0; index < capacity; index++)
            {
                batches[index] = new TimelineBatch(context);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The events of the next batch, or null when there is no more room.</summary>
    public TimelineBatch? Next(CudaLane lane, LaneBatch frames)
    {
        lock (sync)
        {
            if (isClosed || count == batches.Length)
            {
                return null;
            }

            TimelineBatch batch = batches[count++];
            batch.Lane = NumberOf(lanes, lane);
            batch.Stream = NumberOf(streams, lane.ComputeStream);
            batch.Frames = frames.Count;
            batch.At = Stopwatch.GetTimestamp();
            batch.Bytes = 0;
            for (int index = 0; index < frames.Count; index++)
            {
                batch.Bytes += frames.External(index).IsOnDevice ? 0 : frames.Format(index).ByteCount;
            }

            return batch;
        }
    }

    /// <summary>Records no further batch. Those that were begun are still on their way.</summary>
    public void Close()
    {
        lock (sync)
        {
            isClosed = true;
        }
    }

    /// <summary>Times of all batches that were recorded, from the first one's upload on. The context is current on the thread.</summary>
    public TimelineSpan[] Read()
    {
        TimelineSpan[] spans = new TimelineSpan[count];
        for (int index = 0; index < count; index++)
        {
            TimelineBatch batch = batches[index];
            CudaEvent origin = batches[0].UploadStart;
            spans[index] = new TimelineSpan(
                batch.Lane,
                batch.Frames,
                index == 0 ? 0 : batch.UploadStart.ElapsedSince(origin),
                batch.UploadEnd.ElapsedSince(origin),
                batch.ComputeStart.ElapsedSince(origin),
                batch.ComputeEnd.ElapsedSince(origin),
                batch.Stream,
                batch.Bytes,
                batch.At)
            {
                StreamEnd = batch.StreamEnd.ElapsedSince(origin),
            };
        }

        return spans;
    }

    public void Dispose()
    {
        foreach (TimelineBatch? batch in batches)
        {
            batch?.Dispose();
        }
    }

    private static int NumberOf<T>(List<T> known, T one)
    {
        int number = known.IndexOf(one);
        if (number < 0)
        {
            number = known.Count;
            known.Add(one);
        }

        return number;
    }
}

/// <summary>The moments of a batch.</summary>
internal sealed class TimelineBatch : IDisposable
{
    public TimelineBatch(CudaContext context)
    {
        UploadStart = new CudaEvent(context, CudaEventOptions.Timing);
        try
        {
            UploadEnd = new CudaEvent(context, CudaEventOptions.Timing);
            ComputeStart = new CudaEvent(context, CudaEventOptions.Timing);
            StreamEnd = new CudaEvent(context, CudaEventOptions.Timing);
            ComputeEnd = new CudaEvent(context, CudaEventOptions.Timing);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Lane { get; set; }

    public int Stream { get; set; }

    public int Frames { get; set; }

    public long Bytes { get; set; }

    public long At { get; set; }

    public CudaEvent UploadStart { get; }

    public CudaEvent UploadEnd { get; }

    public CudaEvent ComputeStart { get; }

    public CudaEvent StreamEnd { get; }

    public CudaEvent ComputeEnd { get; }

    public void Dispose()
    {
        UploadStart.Dispose();
        UploadEnd?.Dispose();
        ComputeStart?.Dispose();
        StreamEnd?.Dispose();
        ComputeEnd?.Dispose();
    }
}

/// <summary>A batch's times on the device in milliseconds: its upload, and everything from tensor to results.</summary>
/// <param name="Lane">Number of the lane, in the order in which they were first seen.</param>
/// <param name="Frames">Frames in it.</param>
/// <param name="UploadStart">When the copy stream came to it.</param>
/// <param name="UploadEnd">When its frames were there.</param>
/// <param name="ComputeStart">When the compute stream came to it.</param>
/// <param name="ComputeEnd">When its results were on the host.</param>
/// <param name="Stream">Number of the compute stream, in the order in which they were first seen.</param>
/// <param name="Bytes">Bytes of its frames that went up.</param>
/// <param name="At">Moment of <see cref="Stopwatch"/> at which the host began to queue it.</param>
internal readonly record struct TimelineSpan(
    int Lane, int Frames, double UploadStart, double UploadEnd, double ComputeStart, double ComputeEnd, int Stream = 0, long Bytes = 0, long At = 0)
{
    /// <summary>When the compute stream was done with it: earlier than <see cref="ComputeEnd"/> where its results came on the result
    /// stream.</summary>
    public double StreamEnd { get; init; } = ComputeEnd;
}
