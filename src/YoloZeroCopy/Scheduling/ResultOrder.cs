namespace YoloZeroCopy;

/// <summary>
/// Gives finished frames out in the order in which their source's were submitted; sources do not wait for each other. Guarded by the pipeline's gate.
/// </summary>
internal sealed class ResultOrder
{
    // Sources whose oldest frame is finished, served by turns.
    private SourceQueue? first;
    private SourceQueue? last;
    private long count;

    /// <summary>No frame is on its way.</summary>
    public bool IsEmpty => count == 0;

    public bool HasResult => first is not null;

    public void Add(PendingFrame frame)
    {
        frame.Queue.AddToOrder(frame);
        count++;
    }

    /// <summary>The frame has left the queue and the lanes.</summary>
    public void Finish(PendingFrame frame)
    {
        frame.IsFinished = true;
        if (ReferenceEquals(frame.Queue.Oldest, frame))
        {
            AddReady(frame.Queue);
        }
    }

    public PendingFrame Take()
    {
        SourceQueue source = first!;
        first = source.NextReady;
        source.NextReady = null;
        source.IsReady = false;
        if (first is null)
        {
            last = null;
        }

        PendingFrame frame = source.TakeOldest();
        count--;
        if (source.Oldest is { IsFinished: true })
        {
            AddReady(source);
        }

        return frame;
    }

    private void AddReady(SourceQueue source)
    {
        if (source.IsReady)
        {
            return;
        }

        source.IsReady = true;
        if (last is null)
        {
            first = source;
        }
        else
        {
            last.NextReady = source;
        }

        last = source;
    }
}
