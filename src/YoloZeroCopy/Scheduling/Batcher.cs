using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>The frames that wait and the lanes that are idle: which frames go together, and when. Guarded by the pipeline's gate.</summary>
internal sealed class Batcher
{
    private readonly PipelineOptions options;
    private readonly FairQueue waiting;
    private readonly ResultOrder order;
    private readonly FrameOwners owners;
    private readonly TimeProvider clock;
    private readonly int slotCount;
    private readonly bool hasDelay;
    private readonly Queue<LaneBatch> idle;
    private readonly SizeLoad[] sizes;
    private readonly long[] batchSizes;
    private int mostWaiting;
    private bool hasExternal;
    private bool hasSources;

    /// <param name="options">How to run lanes.</param>
    /// <param name="lanes">The lanes, all idle.</param>
    /// <param name="waiting">Frames that wait, by source.</param>
    /// <param name="order">Hears of frames that end without a lane.</param>
    /// <param name="owners">Gets their memory.</param>
    /// <param name="clock">Time of frames.</param>
    /// <param name="slotCount">Slots of the detector.</param>
    public Batcher(
        in PipelineOptions options, LaneBatch[] lanes, FairQueue waiting, ResultOrder order, FrameOwners owners, TimeProvider clock, int slotCount)
    {
        this.options = options;
        this.waiting = waiting;
        this.order = order;
        this.owners = owners;
        this.clock = clock;
        this.slotCount = slotCount;
        hasDelay = options.MaxBatchDelay > TimeSpan.Zero;
        idle = new Queue<LaneBatch>(lanes);
        sizes = new SizeLoad[(options.Sizes ?? InputSizes.Usual).All.Length];
        for (int index = 0; index < sizes.Length; index++)
        {
            sizes[index] = new SizeLoad(options, lanes.Length);
        }

        batchSizes = new long[options.MaxBatch + 1];
        mostWaiting = MostWaiting();
        BatchLimit = sizes[0].Limit.WithinGoal;
    }

    /// <summary>What is known of each input size.</summary>
    public ReadOnlySpan<SizeLoad> Sizes => sizes;

    /// <summary>Batches given to lanes, by their size.</summary>
    public long[] BatchSizes => batchSizes;

    /// <summary>Batches given to lanes.</summary>
    public long Batches { get; private set; }

    /// <summary>Most frames that the last batch might have had.</summary>
    public int BatchLimit { get; private set; }

    /// <summary>Frames that wait for a lane.</summary>
    public int Waiting => waiting.Count;

    /// <summary>Batches that lanes work on.</summary>
    public int InFlight { get; private set; }

    /// <summary>Whether a lane is idle and a frame waits.</summary>
    public bool HasWork => idle.Count > 0 && waiting.Count > 0;

    /// <summary>Whether nothing more comes, so that no batch waits for company.</summary>
    public bool IsEnding { get; set; }

    /// <summary>Whether nothing waits, and nothing more comes.</summary>
    public bool IsOver => IsEnding && waiting.Count == 0;

    /// <summary>When the batch that waits is to go: 0 for at once, the end of time where no lane is idle or nothing waits.</summary>
    /// <remarks>Greedy: a lone frame goes at once, unless the caller asked for a delay in the hope of company.</remarks>
    public long GoesAt
    {
        get
        {
            if (!HasWork)
            {
                return long.MaxValue;
            }

            if (IsNoneAwaited)
            {
                return 0;
            }

            long earliest = long.MaxValue;
            foreach (SizeLoad size in sizes)
            {
                earliest = Math.Min(earliest, size.GoesAt);
            }

            return earliest;
        }
    }

    /// <summary>The time now, as the clock has it.</summary>
    public long Now => clock.GetTimestamp();

    /// <summary>Frames come that lie outside of slots.</summary>
    public void ExpectExternal()
    {
        hasExternal = true;
        mostWaiting = MostWaiting();
    }

    /// <summary>Sources come that have queues of their own.</summary>
    public void ExpectSources()
    {
        hasSources = true;
        mostWaiting = MostWaiting();
    }

    /// <summary>Takes a frame, which is in the order of results, into the queue, or drops one; true when there is then something to answer.</summary>
    public bool Add(PendingFrame frame)
    {
        SourceQueue source = frame.Queue;
        bool isFull = source.IsFull;
        if (isFull && source.Settings.Overflow == OverflowPolicy.DropNewest)
        {
            sizes[source.FirstWaiting!.SizeIndex].Overflowed = true;
            End(frame, FrameStatus.DroppedNewest);
            return true;
        }

        bool drops = isFull && source.Settings.Overflow == OverflowPolicy.DropOldest;
        PendingFrame? oldest = source.FirstWaiting;

        // Added before the other leaves, so that the source keeps its turn.
        waiting.Add(frame);
        SizeLoad size = sizes[frame.SizeIndex];
        size.Waiting++;
        if (drops)
        {
            End(oldest!, FrameStatus.DroppedOldest);
            sizes[source.FirstWaiting!.SizeIndex].Overflowed = true;
        }

        if (size.WaitsSince == 0)
        {
            size.WaitsSince = frame.SubmittedAt;
        }

        return drops;
    }

    /// <summary>
    /// Takes the frames of a batch, all of one input size, from the queue and drops those that are too old; null when none is left for a batch. Only
    /// where <see cref="HasWork"/>.
    /// </summary>
    public LaneBatch? Fill(out bool dropped)
    {
        LaneBatch batch = idle.Peek();
        long now = clock.GetTimestamp();
        long dueAt = long.MaxValue;
        dropped = false;
        uint may = SizesThatGo(now);
        waiting.BeginBatch(may);
        int most = options.MaxBatch;
        while (batch.Count < most && waiting.Next(may) is PendingFrame frame)
        {
            (ServiceTimes times, BatchLimit limit) = (sizes[frame.SizeIndex].Times, sizes[frame.SizeIndex].Limit);
            bool isLate = frame.DueAt < now + times.Of(1, now);
            if (isLate || frame.IsTooOld(now))
            {
                End(frame, isLate ? FrameStatus.DroppedLate : FrameStatus.DroppedTooOld);
                dropped = true;
                continue;
            }

            // One frame more may make the batch too long for those in it, or for itself, which the next lane takes in time.
            dueAt = Math.Min(dueAt, frame.DueAt);
            if (batch.Count > 0 && dueAt < now + times.Of(batch.Count + 1, now))
            {
                break;
            }

            // The frame whose turn it is decides; while the goal holds for it, those behind it may want less.
            if (batch.Count == 0 || most <= limit.WithinGoal)
            {
                int allowed = limit.For(now - frame.SubmittedAt, frame.Queue.Settings.Overflow != OverflowPolicy.Wait);
                most = batch.Count == 0 ? allowed : Math.Min(most, allowed);
                if (batch.Count >= most)
                {
                    break;
                }
            }

            waiting.Take(frame);
            sizes[frame.SizeIndex].Waiting--;
            may = 1u << frame.SizeIndex;
            frame.DispatchedAt = now;
            batch.Add(frame);
        }

        waiting.EndBatch();
        BatchLimit = batch.Count > 0 ? most : BatchLimit;

        // The wait of those left over began when they came.
        for (int index = 0; index < sizes.Length; index++)
        {
            sizes[index].WaitsSince = hasDelay ? waiting.WaitsSince(index) : 0;
            sizes[index].Overflowed &= (may >> index & 1) == 0;
        }

        if (batch.Count == 0)
        {
            return null;
        }

        LaneBatch taken = idle.Dequeue();
        Debug.Assert(ReferenceEquals(taken, batch), "Only one thread at a time takes idle lanes.");
        InFlight++;
        Batches++;
        batchSizes[batch.Count]++;
        sizes[batch.SizeIndex].Count(batch.Count);
        return batch;
    }

    /// <summary>A lane took so long for a batch, until now.</summary>
    public void Measure(LaneBatch batch, long ticks, long now) => sizes[batch.SizeIndex].Measure(batch.Count, ticks, now);

    /// <summary>A lane is done with its batch.</summary>
    public void SetIdle(LaneBatch batch)
    {
        InFlight--;
        idle.Enqueue(batch);
    }

    /// <summary>A frame ends here without a lane.</summary>
    public void End(PendingFrame frame, FrameStatus status)
    {
        if (frame.IsWaiting)
        {
            waiting.Remove(frame);
            sizes[frame.SizeIndex].Waiting--;
        }

        frame.Status = status;
        frame.FinishedAt = clock.GetTimestamp();
        owners.GiveBack(frame);
        order.Finish(frame);
    }

    /// <summary>Fails every frame that waits, each with an exception of its own.</summary>
    public void FailWaiting(Func<Exception> error)
    {
        while (waiting.Any is PendingFrame frame)
        {
            frame.Error = error();
            End(frame, frame.Status);
        }

        StopWaitIfEmpty();
    }

    /// <summary>
    /// After frames left for good. Not where the oldest was dropped for a newer frame: the wait that began with it goes on, or frames that drop each
    /// other would wait for ever.
    /// </summary>
    public void StopWaitIfEmpty()
    {
        foreach (SizeLoad size in sizes)
        {
            if (size.Waiting == 0)
            {
                size.WaitsSince = 0;
                size.Overflowed = false;
            }
        }
    }

    private bool IsNoneAwaited => !hasDelay || IsEnding || waiting.Count >= mostWaiting;

    /// <summary>The input sizes whose batches go now, one bit each.</summary>
    private uint SizesThatGo(long now)
    {
        uint bits = 0;
        for (int index = 0; index < sizes.Length; index++)
        {
            bits |= sizes[index].GoesAt <= now ? 1u << index : 0;
        }

        return bits == 0 || IsNoneAwaited ? ~0u : bits;
    }

    // More frames than queue or slots hold cannot come together, so nobody waits for them.
    private int MostWaiting()
    {
        bool isQueueBound = !hasSources && !(hasExternal && options.Overflow == OverflowPolicy.Wait);
        return Math.Min(isQueueBound ? options.QueueCapacity : int.MaxValue, hasExternal ? int.MaxValue : slotCount);
    }
}
