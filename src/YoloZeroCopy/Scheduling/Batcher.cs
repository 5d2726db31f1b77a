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
    private readonly long delayTicks;
    private readonly Queue<LaneBatch> idle;
    private readonly ServiceTimes serviceTimes;
    private readonly BatchLimit limit;
    private readonly long[] batchSizes;
    private int fullBatch;
    private bool hasExternal;
    private bool hasSources;
    private bool overflowed;
    private long waitsSince;

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
        delayTicks = SourceSettings.Ticks(options.MaxBatchDelay);
        idle = new Queue<LaneBatch>(lanes);
        serviceTimes = new ServiceTimes(options.MaxBatch);
        limit = new BatchLimit(options.MaxBatch, lanes.Length, SourceSettings.Ticks(options.LatencyGoal), serviceTimes);
        batchSizes = new long[options.MaxBatch + 1];
        fullBatch = FullBatch();
        BatchLimit = limit.WithinGoal;
    }

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
    public long GoesAt => !HasWork ? long.MaxValue
        : delayTicks == 0 || waiting.Count >= Math.Min(fullBatch, limit.WithinGoal) || overflowed || IsEnding ? 0
        : waitsSince + Math.Min(delayTicks, limit.Patience(waiting.Count));

    /// <summary>The time now, as the clock has it.</summary>
    public long Now => clock.GetTimestamp();

    /// <summary>Frames come that lie outside of slots.</summary>
    public void ExpectExternal()
    {
        hasExternal = true;
        fullBatch = FullBatch();
    }

    /// <summary>Sources come that have queues of their own.</summary>
    public void ExpectSources()
    {
        hasSources = true;
        fullBatch = FullBatch();
    }

    /// <summary>Takes a frame, which is in the order of results, into the queue, or drops one; true when there is then something to answer.</summary>
    public bool Add(PendingFrame frame)
    {
        SourceQueue source = frame.Queue;
        bool isFull = source.IsFull;

        // Waiting for company is not to cost a frame.
        overflowed |= isFull && source.Settings.Overflow != OverflowPolicy.Wait;
        if (isFull && source.Settings.Overflow == OverflowPolicy.DropNewest)
        {
            End(frame, FrameStatus.DroppedNewest);
            return true;
        }

        bool drops = isFull && source.Settings.Overflow == OverflowPolicy.DropOldest;
        PendingFrame? oldest = source.FirstWaiting;

        // Added before the other leaves, so that the source keeps its turn.
        waiting.Add(frame);
        if (drops)
        {
            End(oldest!, FrameStatus.DroppedOldest);
        }

        if (waitsSince == 0)
        {
            waitsSince = frame.SubmittedAt;
        }

        return drops;
    }

    /// <summary>
    /// Takes the frames of a batch from the queue and drops those that are too old; null when none is left for a batch. Only where
    /// <see cref="HasWork"/>.
    /// </summary>
    public LaneBatch? Fill(out bool dropped)
    {
        LaneBatch batch = idle.Peek();
        long now = clock.GetTimestamp();
        long dueAt = long.MaxValue;
        dropped = false;
        overflowed = false;
        waiting.BeginBatch();
        int most = options.MaxBatch;
        while (batch.Count < most && waiting.Next() is PendingFrame frame)
        {
            bool isLate = frame.DueAt < now + serviceTimes.Of(1, now);
            if (isLate || frame.IsTooOld(now))
            {
                End(frame, isLate ? FrameStatus.DroppedLate : FrameStatus.DroppedTooOld);
                dropped = true;
                continue;
            }

            // One frame more may make the batch too long for those in it, or for itself, which the next lane takes in time.
            dueAt = Math.Min(dueAt, frame.DueAt);
            if (batch.Count > 0 && dueAt < now + serviceTimes.Of(batch.Count + 1, now))
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
            frame.DispatchedAt = now;
            batch.Add(frame);
        }

        waiting.EndBatch();
        BatchLimit = batch.Count > 0 ? most : BatchLimit;

        // The wait of those left over began when they came.
        waitsSince = delayTicks == 0 ? 0 : waiting.WaitsSince();
        if (batch.Count == 0)
        {
            return null;
        }

        LaneBatch taken = idle.Dequeue();
        Debug.Assert(ReferenceEquals(taken, batch), "Only one thread at a time takes idle lanes.");
        InFlight++;
        Batches++;
        batchSizes[batch.Count]++;
        return batch;
    }

    /// <summary>A lane took so long for a batch of so many frames, until now.</summary>
    public void Measure(int size, long ticks, long now)
    {
        serviceTimes.Add(size, ticks, now);
        limit.Update(now);
    }

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

        waitsSince = 0;
    }

    /// <summary>
    /// After frames left for good. Not where the oldest was dropped for a newer frame: the wait that began with it goes on, or frames that drop each
    /// other would wait for ever.
    /// </summary>
    public void StopWaitIfEmpty()
    {
        if (waiting.Count == 0)
        {
            waitsSince = 0;
        }
    }

    // More frames than queue or slots hold cannot come together, so nobody waits for them.
    private int FullBatch()
    {
        bool isQueueBound = !hasSources && !(hasExternal && options.Overflow == OverflowPolicy.Wait);
        int queued = isQueueBound ? options.QueueCapacity : options.MaxBatch;
        return Math.Min(options.MaxBatch, Math.Min(queued, hasExternal ? options.MaxBatch : slotCount));
    }
}
