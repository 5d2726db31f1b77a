namespace YoloZeroCopy;

/// <summary>
/// One source: its frames that wait, the order of its results, and when its turn is. Guarded by the pipeline's gate.
/// </summary>
/// <param name="number">Its number.</param>
/// <param name="settings">What it may have.</param>
/// <param name="record">What is known of one that was added; null for one that only has a number.</param>
/// <param name="deadlineMissed">Who is told of missed deadlines, never under the gate.</param>
internal sealed class SourceQueue(
    int number, in SourceSettings settings, SourceRecord? record = null, Action<DeadlineMiss>? deadlineMissed = null)
{
    private FrameQueue waiting;
    private PendingFrame? oldest;
    private PendingFrame? newest;

    public int Number => number;

    public SourceSettings Settings { get; } = settings;

    public SourceRecord? Record => record;

    public Action<DeadlineMiss>? DeadlineMissed => deadlineMissed;

    public int WaitingCount => waiting.Count;

    public PendingFrame? FirstWaiting => waiting.First;

    public bool IsFull => waiting.Count >= Settings.Capacity;

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

    public void AddWaiting(PendingFrame frame) => waiting.Add(frame);

    public void RemoveWaiting(PendingFrame frame) => waiting.Remove(frame);

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
