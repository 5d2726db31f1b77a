namespace YoloZeroCopy;

/// <summary>The frames that wait for a lane, by source, and whose turn it is. Guarded by the pipeline's gate.</summary>
/// <remarks>
/// Fair queueing by virtual time: a frame moves its source's next turn on by one over the source's weight, and the source with the earliest turn
/// is served. A source that had nothing to send is not paid for that time: its turn is at the earliest now. What a source has had is remembered while its
/// queue is empty, which it is after every frame where only the newest is kept; a round robin whose deficit ends with the queue would forget there.
/// A batch takes one frame of each source first, and only then, with room left, further ones.
/// </remarks>
internal sealed class FairQueue
{
    private SourceQueue[] heap = new SourceQueue[16];
    private SourceQueue[] aside = new SourceQueue[16];
    private int sourceCount;
    private int asideCount;
    private bool takesOneEach;
    private bool isFirstOfBatch;
    private double now;
    private double latestTurn;

    /// <summary>Frames that wait.</summary>
    public int Count { get; private set; }

    /// <summary>A frame that waits; null when none does.</summary>
    public PendingFrame? Any => sourceCount == 0 ? null : heap[0].FirstWaiting;

    /// <summary>Makes room for so many sources, so that nothing else here allocates.</summary>
    public void Reserve(int sources)
    {
        if (sources > heap.Length)
        {
            int length = Math.Max(sources, 2 * heap.Length);
            SourceQueue[] larger = new SourceQueue[length];
            aside = new SourceQueue[length];
            heap.AsSpan(0, sourceCount).CopyTo(larger);
            heap = larger;
        }
    }

    /// <summary>Whether the source has had no more than its share: forgetting it would change nothing.</summary>
    public bool IsEven(SourceQueue source) => source.Turn <= now;

    public void Add(PendingFrame frame)
    {
        SourceQueue source = frame.Queue;
        source.AddWaiting(frame);
        Count++;
        if (source.HeapIndex < 0)
        {
            source.Turn = Math.Max(source.Turn, now);
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

    public void BeginBatch() => takesOneEach = isFirstOfBatch = true;

    /// <summary>The frame whose turn it is in this batch; null when none waits.</summary>
    public PendingFrame? Next()
    {
        if (sourceCount == 0 && asideCount > 0)
        {
            takesOneEach = false;
            BringBack();
        }

        return Any;
    }

    /// <summary>Takes what <see cref="Next"/> gave into the batch.</summary>
    public void Take(PendingFrame frame)
    {
        SourceQueue source = frame.Queue;
        if (isFirstOfBatch)
        {
            now = Math.Max(now, source.Turn);
            isFirstOfBatch = false;
        }

        source.RemoveWaiting(frame);
        Count--;
        source.Turn += 1 / source.Settings.Weight;
        latestTurn = Math.Max(latestTurn, source.Turn);
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
        BringBack();
        if (Count == 0)
        {
            // Nobody was kept from anything, so nobody is owed anything.
            now = latestTurn;
        }
    }

    /// <summary>Earliest time at which a frame that waits was submitted; 0 when none waits. Looks at every source.</summary>
    public long WaitsSince()
    {
        long since = 0;
        foreach (SourceQueue source in heap.AsSpan(0, sourceCount))
        {
            long submitted = source.FirstWaiting!.SubmittedAt;
            since = since == 0 ? submitted : Math.Min(since, submitted);
        }

        return since;
    }

    /// <summary>
    /// The frame to give its slot up for a newer one of any source: the oldest of the longest queue, and of equal ones that whose turn is last. A
    /// slow source's turn is early, so that a fast one does not take its only frame. Null when no frame in a slot may be dropped. Looks at every
    /// source.
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

            PendingFrame? frame = source.FirstWaiting;
            while (frame is { External.Owner: not null })
            {
                frame = frame.Next;
            }

            if (frame is not null && (found is null || GivesUpBefore(frame, found)))
            {
                found = frame;
            }
        }

        return found;
    }

    private static bool GivesUpBefore(PendingFrame frame, PendingFrame other)
    {
        int longer = frame.Queue.WaitingCount.CompareTo(other.Queue.WaitingCount);
        int later = longer != 0 ? longer : frame.Queue.Turn.CompareTo(other.Queue.Turn);
        return later != 0 ? later > 0 : frame.Sequence < other.Sequence;
    }

    private static bool IsBefore(SourceQueue source, SourceQueue other) => source.Turn != other.Turn
        ? source.Turn < other.Turn
        : source.FirstWaiting!.Sequence < other.FirstWaiting!.Sequence;

    private void BringBack()
    {
        while (asideCount > 0)
        {
            SourceQueue source = aside[--asideCount];
            aside[asideCount] = null!;
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
