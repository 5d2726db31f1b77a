namespace YoloZeroCopy;

/// <summary>The frames that wait for a lane, by source, and whose turn it is. Guarded by the pipeline's gate.</summary>
/// <remarks>
/// Fair queueing by virtual time: a frame moves its source's next turn on by one over the source's weight, and the source with the earliest turn
/// is served. A source that had nothing to send is not paid for that time, but for the last moment. What a source has had is remembered while its
/// queue is empty, which it is after every frame where only the newest is kept; a round robin whose deficit ends with the queue would forget there.
/// Sources of a higher priority are served first. A batch takes one frame of each source first, and only then, with room left, further ones.
/// A batch is of some kinds of frames. Sources that have no frame of them are passed over and keep their turn, so that the next batch is theirs. One
/// that has gives it even where an earlier frame of its own is of another kind, but for one batch only: after that the earlier frame goes first, or
/// it might wait for ever.
/// </remarks>
internal sealed class FairQueue
{
    private const int Priorities = (int)SourcePriority.High + 1;

    // A source's claim lives so long while it has nothing to send: the time to refill a queue of one frame must not cost a share.
    private const double Patience = 1;

    private SourceQueue[] heap = new SourceQueue[16];
    private SourceQueue[] aside = new SourceQueue[16];
    private SourceQueue[] passed = new SourceQueue[16];
    private int sourceCount;
    private int asideCount;
    private int passedCount;
    private bool takesOneEach;
    private long batch;
    private ulong dueKinds;

    // By priority, as sources of different ones do not share: the earliest turn that one may come back with, and the latest that one has had.
    private readonly double[] floor = new double[Priorities];
    private readonly bool[] isNew = new bool[Priorities];
    private readonly double[] latestTurn = new double[Priorities];

    /// <summary>Frames that wait.</summary>
    public int Count { get; private set; }

    /// <summary>Sources with a frame that waits.</summary>
    public int SourceCount => sourceCount;

    /// <summary>A frame that waits; null when none does.</summary>
    public PendingFrame? Any => sourceCount == 0 ? null : heap[0].FirstWaiting;

    /// <summary>A frame of these kinds that waits, of the source whose turn it is, where that has one; null where it has none.</summary>
    public PendingFrame? Head(ulong kindBits) => sourceCount == 0 ? null : heap[0].FirstOf(kindBits);

    /// <summary>A frame of these kinds that waits; null when none does. Looks at every source.</summary>
    public PendingFrame? AnyOf(ulong kindBits)
    {
        foreach (SourceQueue source in heap.AsSpan(0, sourceCount))
        {
            if (source.FirstOf(kindBits) is PendingFrame frame)
            {
                return frame;
            }
        }

        return null;
    }

    /// <summary>Makes room for so many sources, so that nothing else here allocates.</summary>
    public void Reserve(int sources)
    {
        if (sources > heap.Length)
        {
            int length = Math.Max(sources, 2 * heap.Length);
            SourceQueue[] larger = new SourceQueue[length];
            aside = new SourceQueue[length];
            passed = new SourceQueue[length];
            heap.AsSpan(0, sourceCount).CopyTo(larger);
            heap = larger;
        }
    }

    /// <summary>Whether the source has had no more than its share: forgetting it would change nothing.</summary>
    public bool IsEven(SourceQueue source) => source.Turn <= Floor(source);

    public void Add(PendingFrame frame)
    {
        SourceQueue source = frame.Queue;
        source.AddWaiting(frame);
        Count++;
        if (source.HeapIndex < 0)
        {
            source.Turn = Math.Max(source.Turn, Floor(source));
            Push(source);
        }
    }

    /// <summary>Takes out a frame that ends without a lane; its source's turn stays.</summary>
    public void Remove(PendingFrame frame)
    {
        SourceQueue source = frame.Queue;
        source.RemoveWaiting(frame);
        Count--;
        if (source.WaitingCount == 0)
        {
            RemoveAt(source.HeapIndex);
        }
        else
        {
            // Of equal turns the earlier frame goes first, and the source's first one may be another now.
            Sift(source.HeapIndex);
        }
    }

    /// <param name="kindBits">Kinds that may go now; frames of the others wait for company, or for a device.</param>
    public void BeginBatch(ulong kindBits = FrameKinds.All)
    {
        batch++;
        dueKinds = kindBits;
        takesOneEach = true;
        isNew.AsSpan().Fill(true);
    }

    /// <summary>The frame whose turn it is in this batch; null when none waits.</summary>
    /// <param name="kindBits">Kinds that it may be of; in a batch they can only become fewer.</param>
    public PendingFrame? Next(ulong kindBits = FrameKinds.All)
    {
        while (true)
        {
            if (sourceCount == 0 && asideCount > 0)
            {
                takesOneEach = false;
                BringBack(aside, ref asideCount);
            }

            if (sourceCount == 0)
            {
                return null;
            }

            SourceQueue source = heap[0];
            RaiseFloor(source);
            if (Offer(source, kindBits) is PendingFrame frame)
            {
                return frame;
            }

            RemoveAt(0);
            passed[passedCount++] = source;
        }
    }

    /// <summary>Takes what <see cref="Next"/> gave into the batch.</summary>
    public void Take(PendingFrame frame)
    {
        SourceQueue source = frame.Queue;
        int priority = (int)source.Settings.Priority;
        source.RemoveWaiting(frame);
        if (source.FirstWaiting is PendingFrame first && first.Sequence < frame.Sequence)
        {
            first.PassedIn = batch;
        }

        Count--;
        source.Turn += 1 / source.Settings.Weight;
        latestTurn[priority] = Math.Max(latestTurn[priority], source.Turn);
        if (source.WaitingCount > 0 && !takesOneEach)
        {
            Sift(source.HeapIndex);
            return;
        }

        RemoveAt(source.HeapIndex);
        if (source.WaitingCount > 0)
        {
            aside[asideCount++] = source;
        }
    }

    public void EndBatch()
    {
        BringBack(aside, ref asideCount);
        BringBack(passed, ref passedCount);
        if (Count == 0)
        {
            // Nobody was kept from anything, so nobody is owed anything.
            latestTurn.CopyTo(floor, 0);
        }
    }

    /// <summary>Earliest time at which a frame that waits was submitted, of some kinds; 0 when none waits. Looks at every source.</summary>
    public long WaitsSince(ulong kindBits)
    {
        long since = 0;
        foreach (SourceQueue source in heap.AsSpan(0, sourceCount))
        {
            if (source.FirstOf(kindBits)?.SubmittedAt is long submitted)
            {
                since = since == 0 ? submitted : Math.Min(since, submitted);
            }
        }

        return since;
    }

    /// <summary>
    /// The frame to give its slot up for a newer one of any source: of the lowest priority the oldest of the longest queue, and of equal ones that
    /// whose turn is last. A slow source's turn is early, so that a fast one does not take its only frame. Null when no frame in a slot may be
    /// dropped. Looks at every source.
    /// </summary>
    public PendingFrame? SlotToGiveUp()
    {
        PendingFrame? found = null;
        foreach (SourceQueue source in heap.AsSpan(0, sourceCount))
        {
            if (source.Settings.Overflow != OverflowPolicy.DropOldest)
            {
                continue;
            }

            PendingFrame? frame = source.FirstInSlot();
            if (frame is not null && (found is null || GivesUpBefore(frame, found)))
            {
                found = frame;
            }
        }

        return found;
    }

    private static bool GivesUpBefore(PendingFrame frame, PendingFrame other)
    {
        if (frame.Queue.Settings.Priority != other.Queue.Settings.Priority)
        {
            return frame.Queue.Settings.Priority < other.Queue.Settings.Priority;
        }

        int longer = frame.Queue.WaitingCount.CompareTo(other.Queue.WaitingCount);
        int later = longer != 0 ? longer : frame.Queue.Turn.CompareTo(other.Queue.Turn);
        return later != 0 ? later > 0 : frame.Sequence < other.Sequence;
    }

    private static bool IsBefore(SourceQueue source, SourceQueue other)
    {
        if (source.Settings.Priority != other.Settings.Priority)
        {
            return source.Settings.Priority > other.Settings.Priority;
        }

        return source.Turn != other.Turn ? source.Turn < other.Turn : source.FirstWaiting!.Sequence < other.FirstWaiting!.Sequence;
    }

    private double Floor(SourceQueue source) => floor[(int)source.Settings.Priority];

    // The earliest turn of all that wait: those behind it in the batch may be later than turns that come back to the queue.
    private void RaiseFloor(SourceQueue source)
    {
        int priority = (int)source.Settings.Priority;
        if (isNew[priority])
        {
            floor[priority] = Math.Max(floor[priority], source.Turn - Patience);
            isNew[priority] = false;
        }
    }

    private PendingFrame? Offer(SourceQueue source, ulong kindBits)
    {
        PendingFrame first = source.FirstWaiting!;
        ulong own = 1ul << first.Kind;
        return (kindBits & own) != 0 ? first
            : first.PassedIn != 0 && first.PassedIn != batch && (dueKinds & own) != 0 ? null
            : source.FirstOf(kindBits);
    }

    private void BringBack(SourceQueue[] from, ref int count)
    {
        while (count > 0)
        {
            SourceQueue source = from[--count];
            from[count] = null!;
            Push(source);
        }
    }

    private void Push(SourceQueue source)
    {
        Put(source, sourceCount++);
        Sift(source.HeapIndex);
    }

    private void RemoveAt(int index)
    {
        heap[index].HeapIndex = -1;
        SourceQueue last = heap[--sourceCount];
        heap[sourceCount] = null!;
        if (index < sourceCount)
        {
            Put(last, index);
            Sift(index);
        }
    }

    private void Put(SourceQueue source, int index)
    {
        heap[index] = source;
        source.HeapIndex = index;
    }

    // Moves a source whose key has changed up or down to its place.
    private void Sift(int index)
    {
        SourceQueue source = heap[index];
        while (index > 0 && IsBefore(source, heap[(index - 1) / 2]))
        {
            Put(heap[(index - 1) / 2], index);
            index = (index - 1) / 2;
        }

        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= sourceCount)
            {
                break;
            }

            if (child + 1 < sourceCount && IsBefore(heap[child + 1], heap[child]))
            {
                child++;
            }

            if (!IsBefore(heap[child], source))
            {
                break;
            }

            Put(heap[child], index);
            index = child;
        }

        Put(source, index);
    }
}
