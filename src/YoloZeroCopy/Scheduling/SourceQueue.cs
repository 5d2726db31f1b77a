namespace YoloZeroCopy;

/// <summary>
/// One source: its frames that wait, the order of its results, and when its turn is. Guarded by the pipeline's gate.
/// </summary>
/// <param name="number">Its number.</param>
/// <param name="settings">What it may have.</param>
/// <param name="kinds">Kinds of the detector's frames.</param>
/// <param name="sizeIndex">The size of all its frames; -1 where each gets its own.</param>
/// <param name="record">What is known of one that was added; null for one that only has a number.</param>
/// <param name="deadlineMissed">Who is told of missed deadlines, never under the gate.</param>
internal sealed class SourceQueue(
    int number, in SourceSettings settings, FrameKinds kinds, int sizeIndex = -1, SourceRecord? record = null,
    Action<DeadlineMiss>? deadlineMissed = null)
{
    // By their kind.
    private readonly FrameQueue[] waiting = new FrameQueue[kinds.Count];
    private PendingFrame? oldest;
    private PendingFrame? newest;

    public int Number => number;

    public SourceSettings Settings { get; } = settings;

    public SourceRecord? Record => record;

    public Action<DeadlineMiss>? DeadlineMissed => deadlineMissed;

    public int WaitingCount { get; private set; }

    /// <summary>The earliest of the frames that wait.</summary>
    public PendingFrame? FirstWaiting => FirstOf(FrameKinds.All);

    public bool IsFull => WaitingCount >= Settings.Capacity;

    /// <summary>No frame is on its way.</summary>
    public bool IsUnused => oldest is null;

    /// <summary>The earliest frame that is not answered; its result leaves first.</summary>
    public PendingFrame? Oldest => oldest;

    /// <summary>Virtual time of <see cref="FairQueue"/> at which the source is next served.</summary>
    public double Turn { get; set; }

    /// <summary>Place in the heap of <see cref="FairQueue"/>; -1 outside it.</summary>
    public int HeapIndex { get; set; } = -1;

    /// <summary>Next in <see cref="ResultOrder"/>'s list of sources with a result to give.</summary>
    public SourceQueue? NextReady { get; set; }

    public bool IsReady { get; set; }

    /// <summary>The input size that a frame gets.</summary>
    public int SizeIndexFor(in FrameFormat format) => sizeIndex >= 0 ? sizeIndex : kinds.Sizes.IndexFor(format);

    /// <inheritdoc cref="FrameKinds.IndexOf"/>
    public int KindOf(int frameSize, int home) => kinds.IndexOf(frameSize, home);

    public void AddWaiting(PendingFrame frame)
    {
        waiting[frame.Kind].Add(frame);
        WaitingCount++;
    }

    public void RemoveWaiting(PendingFrame frame)
    {
        waiting[frame.Kind].Remove(frame);
        WaitingCount--;
    }

    /// <summary>The earliest frame that waits of some kinds.</summary>
    public PendingFrame? FirstOf(ulong kindBits)
    {
        PendingFrame? found = null;
        for (int index = 0; index < waiting.Length; index++)
        {
            if ((kindBits >> index & 1) != 0)
            {
                found = Earlier(found, waiting[index].First);
            }
        }

        return found;
    }

    /// <summary>The earliest frame that waits in a slot.</summary>
    public PendingFrame? FirstInSlot()
    {
        PendingFrame? found = null;
        foreach (FrameQueue queue in waiting)
        {
            PendingFrame? frame = queue.First;
            while (frame is { External.Owner: not null })
            {
                frame = frame.Next;
            }

            found = Earlier(found, frame);
        }

        return found;
    }

    private static PendingFrame? Earlier(PendingFrame? one, PendingFrame? other) =>
        one is null || other is null ? one ?? other : other.Sequence < one.Sequence ? other : one;

    public void AddToOrder(PendingFrame frame)
    {
        if (newest is null)
        {
            oldest = frame;
        }
        else
        {
            newest.Later = frame;
        }

        newest = frame;
    }

    public PendingFrame TakeOldest()
    {
        PendingFrame frame = oldest!;
        oldest = frame.Later;
        frame.Later = null;
        if (oldest is null)
        {
            newest = null;
        }

        return frame;
    }
}
