using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>When the device uploaded and computed each of some consecutive batches. Only for looking: events that take the time cost the device a
/// little.</summary>
/// <remarks>The dispatcher thread records; <see cref="Read"/> comes after the last result. All events are made beforehand.</remarks>
internal sealed class CudaTimeline : IDisposable
{
    private readonly TimelineBatch[] batches;
    private readonly List<CudaLane> lanes = [];
    private int count;

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
    public TimelineBatch? Next(CudaLane lane, int frames)
    {
        if (count == batches.Length)
        {
            return null;
        }

        int number = lanes.IndexOf(lane);
        if (number < 0)
        {
            number = lanes.Count;
            lanes.Add(lane);
        }

        TimelineBatch batch = batches[count++];
        batch.Lane = number;
        batch.Frames = frames;
        return batch;
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
                batch.ComputeEnd.ElapsedSince(origin));
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
}

/// <summary>The four moments of a batch.</summary>
internal sealed class TimelineBatch : IDisposable
{
    public TimelineBatch(CudaContext context)
    {
        UploadStart = new CudaEvent(context, CudaEventOptions.Timing);
        try
        {
            UploadEnd = new CudaEvent(context, CudaEventOptions.Timing);
            ComputeStart = new CudaEvent(context, CudaEventOptions.Timing);
            ComputeEnd = new CudaEvent(context, CudaEventOptions.Timing);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Lane { get; set; }

    public int Frames { get; set; }

    public CudaEvent UploadStart { get; }

    public CudaEvent UploadEnd { get; }

    public CudaEvent ComputeStart { get; }

    public CudaEvent ComputeEnd { get; }

    public void Dispose()
    {
        UploadStart.Dispose();
        UploadEnd?.Dispose();
        ComputeStart?.Dispose();
        ComputeEnd?.Dispose();
    }
}

/// <summary>A batch's times on the device in milliseconds: its upload on the copy stream, and everything from tensor to results on its
/// lane's.</summary>
internal readonly record struct TimelineSpan(int Lane, int Frames, double UploadStart, double UploadEnd, double ComputeStart, double ComputeEnd);
