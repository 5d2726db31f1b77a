using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <summary>Takes submitted frames, batches them onto lanes and gives results back in submit order.</summary>
/// <remarks>
/// One lock, the gate, guards the queue, the order of results and the idle lanes; nothing slow happens inside it. Why no slot is lost: a frame holds its slot from submit until
/// exactly one of three places gives it back and clears <see cref="PendingFrame.HoldsSlot"/>: the lane that has read it, <see cref="Finish"/> when it leaves without one,
/// or <see cref="OnBatchDone"/> for those its lane kept. Why results are in order: every frame enters the order list on submit and only its head, once finished, leaves it,
/// by one thread at a time (<see cref="Retire"/>).
/// </remarks>
internal sealed class Pipeline : IAsyncDisposable
{
    private readonly object gate = new();
    private readonly Lane[] lanes;
    private readonly Queue<LaneBatch> idle;
    private readonly FrameRecycler recycler;
    private readonly PipelineOptions options;
    private readonly Thread dispatcher;
    private readonly TaskCompletionSource prepared = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long[] batchSizes;
    private FrameQueue waiting;
    private PendingFrame? oldest;
    private PendingFrame? newest;
    private bool retiring;
    private bool stopping;
    private bool dispatcherDone;
    private int inFlight;
    private int wakeUps;
    private Exception? fault;
    private Counters counters;

    /// <summary>Starts the dispatcher and returns when every lane is prepared.</summary>
    /// <exception cref="Exception">What a lane's <see cref="Lane.Prepare"/> threw. The lanes and the pool remain the caller's then, and the pipeline's once this returns.</exception>
    /// <param name="pool">The slots.</param>
    /// <param name="lanes">The lanes, not prepared.</param>
    /// <param name="options">How to run them.</param>
    /// <param name="steps">Told of every part of the lanes' preparation, on the dispatcher; null for nobody.</param>
    public Pipeline(FramePool pool, Lane[] lanes, PipelineOptions options, OpeningSteps? steps = null)
    {
        Pool = pool;
        this.lanes = lanes;
        this.options = options;
        recycler = new FrameRecycler(this, options.MaxDetections);
        // One for each slot in the pipeline and as many whose results callers still read.
        recycler.Fill(pool.SlotCount * 2);
        batchSizes = new long[options.MaxBatch + 1];
        idle = new Queue<LaneBatch>(lanes.Length);
        foreach (Lane lane in lanes)
        {
            idle.Enqueue(new LaneBatch(this, lane, options.MaxBatch));
        }

        pool.OwnerName = nameof(YoloDetector);
        if (options.Overflow == OverflowPolicy.DropOldest)
        {
            pool.Reclaim = DropOldest;
        }

        dispatcher = new Thread(() => Dispatch(steps ?? new OpeningSteps(progress: null, CancellationToken.None))) { IsBackground = true, Name = "YoloZeroCopy dispatcher" };
        dispatcher.Start();
        prepared.Task.GetAwaiter().GetResult();
    }

    public FramePool Pool { get; }

    public int LaneCount => lanes.Length;

    /// <summary>The error that the pipeline cannot go on after; null while it can.</summary>
    public Exception? FaultCause
    {
        get
        {
            lock (gate)
            {
                return fault;
            }
        }
    }

    /// <summary>Hears the latency of every completed frame, in seconds; for the histogram.</summary>
    public Action<double>? LatencyObserver { get; set; }

    [SuppressMessage("Reliability", "CA2012", Justification = "The value task is made here and handed to the caller.")]
    public ValueTask<DetectionResult> Submit(in FrameSlot slot, int source, long capturedAt, CancellationToken cancellationToken)
    {
        // From here on the slot is ours whatever happens: every way out gives it back.
        FrameFormat format = Pool.Submit(slot);
        if (cancellationToken.IsCancellationRequested)
        {
            Pool.Recycle(slot.Index);
            return ValueTask.FromCanceled<DetectionResult>(cancellationToken);
        }

        PendingFrame frame = recycler.Take();
        bool mustRetire = false;
        lock (gate)
        {
            if (stopping || fault is not null)
            {
                recycler.Add(frame);
                Pool.Recycle(slot.Index);
                return ValueTask.FromException<DetectionResult>(ClosedError());
            }

            frame.Begin(slot.Index, format, source, counters.Submitted++, capturedAt, cancellationToken);
            if (newest is null)
            {
                oldest = frame;
            }
            else
            {
                newest.Later = frame;
            }

            newest = frame;
            if (waiting.Count >= options.QueueCapacity && options.Overflow == OverflowPolicy.DropNewest)
            {
                Finish(frame, FrameStatus.DroppedNewest);
                mustRetire = true;
            }
            else
            {
                if (waiting.Count >= options.QueueCapacity && options.Overflow == OverflowPolicy.DropOldest)
                {
                    Finish(waiting.First!, FrameStatus.DroppedOldest);
                    mustRetire = true;
                }

                waiting.Add(frame);

                // The first frame starts the batch, or the wait for it to fill; the last one fills it. Those between change nothing for the dispatcher.
                if (idle.Count > 0 && (waiting.Count == 1 || waiting.Count == options.MaxBatch))
                {
                    WakeDispatcher();
                }
            }
        }

        ValueTask<DetectionResult> result = new(frame, frame.Version);
        frame.WatchCancellation();
        if (mustRetire)
        {
            Retire();
        }

        return result;
    }

    /// <summary>The caller's token was cancelled: answers at once; a frame that still waits leaves the queue, one in a lane runs out unseen.</summary>
    public void Cancel(PendingFrame frame)
    {
        lock (gate)
        {
            // A callback that comes late finds the token of a later use here, which is cancelled only if it is that use's turn anyway.
            if (!frame.CancellationToken.IsCancellationRequested || frame.IsAnswered)
            {
                return;
            }

            frame.IsAnswered = true;
            counters.Canceled++;
            if (frame.IsWaiting)
            {
                Finish(frame, frame.Status);
            }

            frame.AnswerCanceled();
        }

        Retire();
    }

    public void OnBatchDone(LaneBatch batch, in StageTimes times, long managedBytes, Exception? cause)
    {
        lock (gate)
        {
            long now = Stopwatch.GetTimestamp();
            foreach (PendingFrame frame in batch.Frames)
            {
                if (cause is not null)
                {
                    frame.Error = new DetectorFaultedException(cause);
                }

                frame.FinishedAt = now;
                counters.QueueTicks += frame.DispatchedAt - frame.SubmittedAt;
                ReleaseSlot(frame);
                frame.IsFinished = true;
            }

            counters.Add(times);
            counters.ManagedBytes += managedBytes;
            counters.CutCandidates += batch.CutCandidates;
            batch.Clear();
            inFlight--;
            idle.Enqueue(batch);
            if (cause is not null)
            {
                FaultLocked(cause);
            }

            if (waiting.Count > 0 || fault is not null)
            {
                WakeDispatcher();
            }
        }

        Retire();
    }

    public DetectorStatistics Snapshot()
    {
        lock (gate)
        {
            return counters.ToStatistics(batchSizes, waiting.Count, inFlight, Pool);
        }
    }

    public void CountHostCopy()
    {
        lock (gate)
        {
            counters.HostCopies++;
        }
    }

    /// <summary>Refuses new frames, fails those that wait, lets those in lanes finish, then frees the lanes.</summary>
    public async ValueTask DisposeAsync()
    {
        bool first;
        lock (gate)
        {
            first = !stopping;
            stopping = true;
            FailWaiting();
            WakeDispatcher();
            SignalIfDrained();
        }

        Retire();
        Pool.Close(null);
        await drained.Task.ConfigureAwait(false);
        if (first)
        {
            dispatcher.Join();
            foreach (Lane lane in lanes)
            {
                lane.Dispose();
            }
        }
    }

    private void Dispatch(OpeningSteps steps)
    {
        try
        {
            steps.Begin(OpeningStep.PrepareLanes, lanes.Sum(static lane => lane.Preparations));
            foreach (Lane lane in lanes)
            {
                lane.Prepare(steps);
            }
        }
        catch (Exception error)
        {
            prepared.SetException(error);
            return;
        }

        prepared.SetResult();
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        while (NextBatch() is LaneBatch batch)
        {
            try
            {
                batch.Lane.Start(batch);
            }
            catch (Exception error)
            {
                // Whatever it is: the frames' callers must hear of it, and this thread must not die unseen.
                batch.Fault(error);
            }

            long now = GC.GetAllocatedBytesForCurrentThread();
            lock (gate)
            {
                counters.ManagedBytes += now - allocated;
            }

            allocated = now;
        }

        lock (gate)
        {
            dispatcherDone = true;
            SignalIfDrained();
        }
    }

    /// <summary>Waits for frames and an idle lane, and joins them; null when the pipeline ends.</summary>
    private LaneBatch? NextBatch()
    {
        bool maySleep = options.SpinTime == TimeSpan.Zero;
        while (true)
        {
            bool dropped;
            bool hasNothing = false;
            int seenWakeUps;
            LaneBatch? batch = null;
            lock (gate)
            {
                seenWakeUps = wakeUps;
                dropped = DropTooOld();
                if (!dropped)
                {
                    if (stopping || fault is not null)
                    {
                        return null;
                    }

                    hasNothing = idle.Count == 0 || waiting.Count == 0;
                    TimeSpan left = hasNothing ? Timeout.InfiniteTimeSpan : DelayLeft();
                    if (hasNothing ? maySleep : left > TimeSpan.Zero)
                    {
                        bool pulsed = Monitor.Wait(gate, left);
                        _ = pulsed;
                        maySleep = options.SpinTime == TimeSpan.Zero;
                        continue;
                    }

                    if (!hasNothing)
                    {
                        batch = FillBatch();
                    }
                }
            }

            if (hasNothing)
            {
                maySleep = !SpinUntilWoken(seenWakeUps);
                continue;
            }

            if (dropped)
            {
                Retire();
                continue;
            }

            return batch;
        }
    }

    // Called with the gate held, when there may be something to do: a thread woken for nothing costs more than a frame's whole way through here.
    private void WakeDispatcher()
    {
        wakeUps++;
        Monitor.Pulse(gate);
    }

    /// <summary>Looks for work without sleeping: a sleeping thread takes tens of microseconds to wake. True when woken, false when it was in vain for the whole time.</summary>
    private bool SpinUntilWoken(int seenWakeUps)
    {
        long start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref wakeUps) == seenWakeUps)
        {
            if (Stopwatch.GetElapsedTime(start) > options.SpinTime)
            {
                return false;
            }

            Thread.SpinWait(8);
        }

        return true;
    }

    // Greedy: a lone frame goes at once, unless the caller asked for a delay in the hope of company.
    private TimeSpan DelayLeft() => options.MaxBatchDelay == TimeSpan.Zero || waiting.Count >= options.MaxBatch
        ? TimeSpan.Zero
        : options.MaxBatchDelay - Stopwatch.GetElapsedTime(waiting.First!.SubmittedAt);

    private LaneBatch FillBatch()
    {
        LaneBatch batch = idle.Dequeue();
        long now = Stopwatch.GetTimestamp();
        while (batch.Count < options.MaxBatch && waiting.First is PendingFrame frame)
        {
            waiting.Remove(frame);
            frame.DispatchedAt = now;
            batch.Add(frame);
        }

        inFlight++;
        counters.Batches++;
        batchSizes[batch.Count]++;
        return batch;
    }

    private bool DropTooOld()
    {
        if (options.MaxFrameAge == TimeSpan.Zero)
        {
            return false;
        }

        bool dropped = false;
        while (waiting.First is PendingFrame frame && idle.Count > 0 && Stopwatch.GetElapsedTime(frame.CapturedAt) > options.MaxFrameAge)
        {
            Finish(frame, FrameStatus.DroppedTooOld);
            dropped = true;
        }

        return dropped;
    }

    /// <summary>The pool is empty and the policy is to prefer the newest: the frame that has waited longest gives up its slot.</summary>
    private bool DropOldest()
    {
        lock (gate)
        {
            if (waiting.First is not PendingFrame frame)
            {
                return false;
            }

            Finish(frame, FrameStatus.DroppedOldest);
        }

        Retire();
        return true;
    }

    /// <summary>A frame ends here without a lane. Called with the gate held.</summary>
    private void Finish(PendingFrame frame, FrameStatus status)
    {
        if (frame.IsWaiting)
        {
            waiting.Remove(frame);
        }

        frame.Status = status;
        frame.FinishedAt = Stopwatch.GetTimestamp();
        ReleaseSlot(frame);
        frame.IsFinished = true;
    }

    private void ReleaseSlot(PendingFrame frame)
    {
        if (frame.HoldsSlot)
        {
            frame.HoldsSlot = false;
            Pool.Recycle(frame.SlotIndex);
        }
    }

    private void FaultLocked(Exception cause)
    {
        fault ??= cause;
        FailWaiting();
        Pool.Close(new DetectorFaultedException(fault));
    }

    private void FailWaiting()
    {
        while (waiting.First is PendingFrame frame)
        {
            frame.Error = ClosedError();
            Finish(frame, frame.Status);
        }
    }

    private Exception ClosedError() => fault is not null ? new DetectorFaultedException(fault) : new ObjectDisposedException(nameof(YoloDetector));

    /// <summary>Answers finished frames from the head of the order list. Whoever finds another thread at it leaves the rest to that thread, which looks again under the gate.</summary>
    private void Retire()
    {
        bool entered = false;
        while (true)
        {
            PendingFrame frame;
            bool answer;
            lock (gate)
            {
                if (!entered && retiring)
                {
                    return;
                }

                if (oldest is null || !oldest.IsFinished)
                {
                    retiring = false;
                    SignalIfDrained();
                    return;
                }

                retiring = entered = true;
                frame = oldest;
                oldest = frame.Later;
                frame.Later = null;
                if (oldest is null)
                {
                    newest = null;
                }

                answer = !frame.IsAnswered;
                frame.IsAnswered = true;
                if (answer)
                {
                    counters.Count(frame);
                }
            }

            if (answer)
            {
                if (frame.Error is null && frame.Status == FrameStatus.Completed)
                {
                    LatencyObserver?.Invoke(frame.Latency.TotalSeconds);
                }

                frame.Answer(options.AllowSynchronousContinuations);
            }

            frame.ReleaseHolder();
        }
    }

    private void SignalIfDrained()
    {
        if (stopping && dispatcherDone && inFlight == 0 && oldest is null && !retiring)
        {
            bool set = drained.TrySetResult();
            _ = set;
        }
    }
}
