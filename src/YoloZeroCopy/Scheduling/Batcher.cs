namespace YoloZeroCopy;

/// <summary>The frames that wait and the lanes that are idle: which frames go together, and when. Guarded by the pipeline's gate.</summary>
internal sealed class Batcher
{
    // A device that is slower by less than a fifth is as good as another.
    private const int LeastGain = 5;

    private readonly PipelineOptions options;
    private readonly FairQueue waiting;
    private readonly ResultOrder order;
    private readonly FrameOwners owners;
    private readonly TimeProvider clock;
    private readonly int slotCount;
    private readonly bool hasDelay;
    private readonly LaneDevice[] devices;
    private readonly FrameKinds kinds;
    private readonly SizeLoad[] sizes;
    private readonly int[] waitingOfKind;
    private readonly long[] batchSizes;
    private int mostWaiting;
    private bool hasExternal;
    private bool hasSources;

    /// <param name="options">How to run lanes.</param>
    /// <param name="devices">The devices, with their lanes.</param>
    /// <param name="kinds">Kinds of frames.</param>
    /// <param name="waiting">Frames that wait, by source.</param>
    /// <param name="order">Hears of frames that end without a lane.</param>
    /// <param name="owners">Gets their memory.</param>
    /// <param name="clock">Time of frames.</param>
    /// <param name="slotCount">Slots of the detector.</param>
    public Batcher(
        in PipelineOptions options, LaneDevice[] devices, FrameKinds kinds, FairQueue waiting, ResultOrder order, FrameOwners owners,
        TimeProvider clock, int slotCount)
    {
        this.devices = devices;
        this.kinds = kinds;
        this.options = options;
        this.waiting = waiting;
        this.order = order;
        this.owners = owners;
        this.clock = clock;
        this.slotCount = slotCount;
        hasDelay = options.MaxBatchDelay > TimeSpan.Zero;
        waitingOfKind = new int[kinds.Count];
        sizes = new SizeLoad[kinds.Sizes.All.Length];
        for (int index = 0; index < sizes.Length; index++)
        {
            sizes[index] = new SizeLoad(options);
        }

        batchSizes = new long[options.MaxBatch + 1];
        mostWaiting = MostWaiting();
        BatchLimit = devices[0].LimitAt(0).WithinGoal;
    }

    /// <summary>The devices.</summary>
    public ReadOnlySpan<LaneDevice> Devices => devices;

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
    public int InFlight
    {
        get
        {
            int sum = 0;
            foreach (LaneDevice device in devices)
            {
                sum += device.InFlight;
            }

            return sum;
        }
    }

    /// <summary>Whether a thread is about to begin a batch somewhere.</summary>
    public bool IsStarting
    {
        get
        {
            foreach (LaneDevice device in devices)
            {
                if (device.IsStarting)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Whether nothing more comes, so that no batch waits for company.</summary>
    public bool IsEnding { get; set; }

    /// <summary>Whether nothing waits, and nothing more comes.</summary>
    public bool IsOver => IsEnding && waiting.Count == 0;

    /// <summary>When the batch that waits is to go: 0 for at once, the end of time where no device is ready or nothing waits that it takes.</summary>
    /// <remarks>Greedy: a lone frame goes at once, unless the caller asked for a delay in the hope of company.</remarks>
    public long GoesAt
    {
        get
        {
            if (devices.Length == 1)
            {
                return GoesAtOn(devices[0]);
            }

            _ = DeviceFor(Now, out long at);
            return at;
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
        waitingOfKind[frame.Kind]++;
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
    /// The device that gets the batch which goes now; null where none goes. Of several that are ready, the one whose result comes first by what was
    /// measured.
    /// </summary>
    /// <param name="now">The time now.</param>
    /// <param name="at">When one goes: 0 for at once, the end of time where nothing is known to go.</param>
    public LaneDevice? DeviceFor(long now, out long at)
    {
        LaneDevice? best = null;
        long shortest = long.MaxValue;
        at = long.MaxValue;
        foreach (LaneDevice device in devices)
        {
            long due = GoesAtOn(device);
            if (due == long.MaxValue)
            {
                continue;
            }

            long wait = 0;
            if (devices.Length > 1)
            {
                (int size, int count) = NextBatchOn(device);
                wait = device.WaitFor(size, count, now);
                due = Math.Max(due, IsLateOnlyOn(device, now) ? long.MaxValue : HeldUntil(device, wait, size, count, now));
            }

            at = Math.Min(at, due);
            if (due <= now && (best is null || wait < shortest || (wait == shortest && device.InFlight < best.InFlight)))
            {
                (best, shortest) = (device, wait);
            }
        }

        return best;
    }

    /// <summary>
    /// Takes the frames of a batch, all of one input size, from the queue and drops those that are too old; null when none is left for a batch. Only
    /// for a device that is ready, where something waits that it takes.
    /// </summary>
    public LaneBatch? Fill(LaneDevice device, out bool dropped)
    {
        LaneBatch batch = device.Idle;
        long now = clock.GetTimestamp();
        long dueAt = long.MaxValue;
        dropped = false;
        ulong may = KindsThatGo(device, now);
        waiting.BeginBatch(may);
        int most = options.MaxBatch;
        while (batch.Count < most && waiting.Next(may) is PendingFrame frame)
        {
            (ServiceTimes times, BatchLimit limit) = (device.TimesAt(frame.SizeIndex), device.LimitAt(frame.SizeIndex));
            bool isLate = IsLate(frame, device, now);
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
            Leave(frame);
            may = kinds.OfSize(frame.SizeIndex) & kinds.On(device.Index);
            frame.DispatchedAt = now;
            batch.Add(frame);
        }

        waiting.EndBatch();
        BatchLimit = batch.Count > 0 ? most : BatchLimit;

        // The wait of those left over began when they came.
        for (int index = 0; index < sizes.Length; index++)
        {
            ulong ofSize = kinds.OfSize(index);
            sizes[index].WaitsSince = hasDelay ? waiting.WaitsSince(ofSize) : 0;
            sizes[index].Overflowed &= (may & ofSize) == 0;
        }

        if (batch.Count == 0)
        {
            return null;
        }

        device.Begin(batch, now);
        Batches++;
        batchSizes[batch.Count]++;
        sizes[batch.SizeIndex].Count(batch.Count);
        return batch;
    }

    /// <summary>A device cannot go on: what waits and lies there fails, each with an exception of its own.</summary>
    public void FailAtHome(LaneDevice device, Func<Exception> error)
    {
        if (kinds.Count == sizes.Length)
        {
            return;
        }

        ulong own = kinds.OnlyOn(device.Index);
        while (waiting.AnyOf(own) is PendingFrame frame)
        {
            frame.Error = error();
            End(frame, frame.Status);
        }

        StopWaitIfEmpty();
    }

    /// <summary>A frame ends here without a lane.</summary>
    public void End(PendingFrame frame, FrameStatus status)
    {
        if (frame.IsWaiting)
        {
            waiting.Remove(frame);
            Leave(frame);
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

    private void Leave(PendingFrame frame)
    {
        sizes[frame.SizeIndex].Waiting--;
        waitingOfKind[frame.Kind]--;
    }

    /// <summary>Frames of a size that wait and that a device takes.</summary>
    private int WaitingFor(LaneDevice device, int size) => kinds.Count == sizes.Length ? sizes[size].Waiting
        : waitingOfKind[kinds.IndexOf(size, -1)] + waitingOfKind[kinds.IndexOf(size, device.Index)];

    private long GoesAtOn(LaneDevice device)
    {
        long earliest = long.MaxValue;
        if (!device.IsReady || waiting.Count == 0)
        {
            return earliest;
        }

        bool isNoneAwaited = IsNoneAwaited;
        for (int index = 0; index < sizes.Length; index++)
        {
            int count = WaitingFor(device, index);
            earliest = Math.Min(earliest, count > 0 && isNoneAwaited ? 0 : sizes[index].GoesAt(count, device.LimitAt(index)));
        }

        return earliest;
    }

    /// <summary>The kinds of frames that go to a device now.</summary>
    private ulong KindsThatGo(LaneDevice device, long now)
    {
        ulong bits = 0;
        for (int index = 0; index < sizes.Length; index++)
        {
            bits |= sizes[index].GoesAt(WaitingFor(device, index), device.LimitAt(index)) <= now ? kinds.OfSize(index) : 0;
        }

        return (bits == 0 || IsNoneAwaited ? FrameKinds.All : bits) & kinds.On(device.Index);
    }

    // Of what waits most likely.
    private (int Size, int Frames) NextBatchOn(LaneDevice device)
    {
        int size = sizes.Length == 1 ? 0 : (waiting.Head(kinds.On(device.Index)) ?? waiting.Any!).SizeIndex;
        return (size, Math.Clamp(WaitingFor(device, size), 1, options.MaxBatch));
    }

    /// <summary>Whether no device that may take a frame can make it in time.</summary>
    private bool IsLate(PendingFrame frame, LaneDevice device, long now)
    {
        if (frame.DueAt >= now + device.TimesAt(frame.SizeIndex).Of(1, now))
        {
            return false;
        }

        foreach (LaneDevice other in devices)
        {
            bool may = other != device && other.Fault is null && frame.Home < 0;
            if (may && frame.DueAt >= now + other.TimesAt(frame.SizeIndex).Of(1, now))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether the frame whose turn it is would be late on a device, and in time on another, which it is left for.</summary>
    private bool IsLateOnlyOn(LaneDevice device, long now) => waiting.Head(kinds.On(device.Index)) is PendingFrame head
        && head.DueAt < now + device.TimesAt(head.SizeIndex).Of(1, now) && !IsLate(head, device, now);

    /// <summary>
    /// Until when a device is passed over although it is ready, since a faster one is expected to have the same frames done before it would; 0 where
    /// it is not.
    /// </summary>
    /// <remarks>
    /// A device that takes longer by some time is worth waiting for another as long as that one becomes idle within this time; one that is overdue is
    /// taken to need as long again as it is late. Where more waits than the faster ones can do meanwhile, where a queue overflows, or where frames
    /// that wait take up half of the slots, every device has work to do. What was measured is forgotten after two seconds, so that a device which was
    /// slow once is tried again.
    /// </remarks>
    private long HeldUntil(LaneDevice device, long wait, int size, int count, long now)
    {
        bool mustGo = IsEnding || sizes[size].Overflowed || waitingOfKind[kinds.IndexOf(size, device.Index)] > 0;
        if (mustGo)
        {
            return 0;
        }

        if (wait == 0)
        {
            // Nothing is known of it, or not any more: one batch at a time goes there to see, where another device is known to work.
            return device.InFlight > 0 && IsAnotherKnown(device, size, count, now) ? long.MaxValue : 0;
        }

        long until = 0;
        double canWait = 0;
        foreach (LaneDevice other in devices)
        {
            if (other == device || other.Fault is not null || other.IsReady)
            {
                continue;
            }

            long theirs = other.WaitFor(size, count, now);
            long idleAt = other.HasIdleLane ? now : other.NextIdleAt;
            long gain = wait - theirs;
            if (theirs == 0 || idleAt == 0 || gain * LeastGain < wait || Math.Abs(now - idleAt) >= gain)
            {
                continue;
            }

            until = Math.Max(until, idleAt + gain);
            canWait += options.MaxBatch * Math.Max(1, Math.Floor(other.LaneCount * (double)gain / theirs));
        }

        return waiting.Count <= Math.Min(canWait, hasExternal ? int.MaxValue : slotCount / 2) ? until : 0;
    }

    private bool IsAnotherKnown(LaneDevice device, int size, int count, long now)
    {
        foreach (LaneDevice other in devices)
        {
            if (other != device && other.Fault is null && other.WaitFor(size, count, now) != 0)
            {
                return true;
            }
        }

        return false;
    }

    // More frames than queue or slots hold cannot come together, so nobody waits for them.
    private int MostWaiting()
    {
        bool isQueueBound = !hasSources && !(hasExternal && options.Overflow == OverflowPolicy.Wait);
        return Math.Min(isQueueBound ? options.QueueCapacity : int.MaxValue, hasExternal ? int.MaxValue : slotCount);
    }
}
