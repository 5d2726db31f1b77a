using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <summary>Takes submitted frames, batches them onto lanes and gives the results of each source back in submit order.</summary>
/// <remarks>
/// One lock, the gate, guards the sources, their queues, the order of results and the idle lanes; nothing slow happens inside it, and no code of
/// others. Why no slot is lost, and every owner of a frame that lies elsewhere hears once: a frame holds its memory from submit until exactly one of
/// three places gives it back (<see cref="ReleaseMemory"/>): the lane that has read it, <see cref="Finish"/> when it leaves without one, or
/// <see cref="OnBatchDone"/> for those its lane kept; what never became a frame
/// <see cref="Submit(int, in ExternalFrame, in FrameFormat, int, long, CancellationToken)"/> itself gives back. Why results are in order: every frame
/// enters its source's order list on submit and only its head, once finished, leaves it, by one thread at a time (<see cref="Retire"/>). Code of
/// others runs outside the gate only, and what it throws ends where it was called: <see cref="Answer"/>, the listeners of a frame's activity, and
/// <see cref="FrameOwners"/>.
/// </remarks>
internal sealed class Pipeline : IAsyncDisposable, IDisposable
{
    // Whether code that awaits a result, or a listener, may run on this thread just now.
    [ThreadStatic]
    private static bool answering;

    private readonly object gate = new();
    private readonly Lane[] lanes;
    private readonly Queue<LaneBatch> idle;
    private readonly PendingFramePool pendingFrames;
    private readonly FrameOwners owners;
    private readonly PipelineOptions options;
    private readonly Thread? dispatcher;
    private readonly TaskCompletionSource prepared = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FairQueue waiting = new();
    private readonly ResultOrder order = new();
    private readonly SourceTable sources;
    private readonly TimeProvider clock;
    private readonly ServiceTimes serviceTimes;
    private readonly long[] batchSizes;
    private int fullBatch;
    private bool hasExternal;
    private bool hasSources;
    private bool overflowed;
    private OpeningSteps? opening;
    private IDisposable[] parts = [];
    private TaskCompletionSource? disposal;
    private long batchWaitsSince;
    private bool retiring;
    private int retiringThread;
    private bool stopping;
    private bool dispatcherDone;
    private int inFlight;
    private int wakeUps;
    private Exception? fault;
    private Counters counters;
    private int warnedOfListener;
    private int warnedOfTracing;
    private int warnedOfContinuation;
    private int warnedOfDeadlines;

    /// <summary>Starts the dispatcher and returns when every lane is prepared.</summary>
    /// <exception cref="Exception">What a lane's <see cref="Lane.Prepare"/> threw. The lanes and the pool remain the caller's then, and the
    /// pipeline's once this returns.</exception>
    /// <param name="pool">The slots.</param>
    /// <param name="lanes">The lanes, not prepared.</param>
    /// <param name="options">How to run them.</param>
    /// <param name="steps">Told of every part of the lanes' preparation, on the dispatcher; null for nobody.</param>
    public Pipeline(FramePool pool, Lane[] lanes, PipelineOptions options, OpeningSteps? steps = null)
    {
        Pool = pool;
        this.lanes = lanes;
        this.options = options;
        pendingFrames = new PendingFramePool(this, options.MaxDetections);
        // One for each slot in the pipeline and as many whose results callers still read.
        pendingFrames.Fill(pool.SlotCount * 2);
        batchSizes = new long[options.MaxBatch + 1];
        serviceTimes = new ServiceTimes(options.MaxBatch);
        clock = options.Clock ?? TimeProvider.System;
        sources = new SourceTable(
            waiting, new SourceSettings(options.Overflow, options.QueueCapacity, SourceSettings.Ticks(options.MaxFrameAge)));

        fullBatch = FullBatch();
        idle = new Queue<LaneBatch>(lanes.Length);
        foreach (Lane lane in lanes)
        {
            idle.Enqueue(new LaneBatch(this, lane, options.MaxBatch));
        }

        if (options.Overflow == OverflowPolicy.DropOldest)
        {
            pool.Reclaim = DropOldest;
        }

        opening = steps ?? new OpeningSteps(progress: null, CancellationToken.None);
        Warnings = new Warnings(options.Warning);
        owners = new FrameOwners(Warnings);
        pool.Warnings = Warnings;
        if (options.IsDriven)
        {
            dispatcherDone = TryPrepare();
            prepared.Task.GetAwaiter().GetResult();
            return;
        }

        dispatcher = new Thread(Dispatch) { IsBackground = true, Name = "YoloZeroCopy dispatcher" };
        // Without the opener's context: that would be held, and seen by listeners, for as long as the thread runs.
        dispatcher.UnsafeStart();
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

    public Warnings Warnings { get; }

    /// <summary>What results tell of the model. Set before the first frame; null in tests of the pipeline alone.</summary>
    public ModelInfo? Model { get; set; }

    /// <summary>Hears the latency of every completed frame, in seconds; for the histogram. It may throw.</summary>
    public Action<double>? LatencyObserver { get; set; }

    /// <summary>Makes and ends the activities of frames; null for none. Set before the first frame.</summary>
    public FrameTracing? Tracing { get; set; }

    /// <summary>Takes over what is to be disposed after the lanes, in this order. Once, before the first frame.</summary>
    public void Own(IDisposable[] parts) => this.parts = parts;

    /// <summary>Refuses to wait on a thread whose going on the wait may need.</summary>
    /// <exception cref="InvalidOperationException">This thread brings results just now.</exception>
    public static void ThrowIfAnswering(string what)
    {
        if (answering)
        {
            throw new InvalidOperationException(
                $"{what}, which this thread cannot wait for: it is the one that brings results. Do it on another one.");
        }
    }

    /// <summary>Makes host memory of a caller's readable for the lanes' device.</summary>
    /// <exception cref="ObjectDisposedException">The detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    public IDisposable? Register(nint address, long byteCount)
    {
        lock (gate)
        {
            if (stopping || fault is not null)
            {
                throw ClosedError();
            }
        }

        return lanes[0].Register(address, byteCount);
    }

    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public ValueTask<DetectionResult> Submit(in FrameSlot slot, int source, long capturedAt, CancellationToken cancellationToken)
    {
        FrameFormat format = Pool.Submit(slot);
        return Submit(slot.Index, external: default, format, source, capturedAt, cancellationToken);
    }

    /// <exception cref="ArgumentException">The frame cannot be read here; it was not taken, and its owner does not hear.</exception>
    public ValueTask<DetectionResult> Submit(in ExternalFrame frame, int source, long capturedAt, CancellationToken cancellationToken)
    {
        if (frame.Owner is null)
        {
            throw new ArgumentException("The frame is the default value; make one in registered memory or on the device.", nameof(frame));
        }

        if (frame.Memory is not null && frame.Format.ByteCount > Pool.SlotBytes)
        {
            throw new ArgumentException(
                $"A frame of {frame.Format} takes {frame.Format.ByteCount} bytes, and {nameof(Pool.SlotBytes)} is {Pool.SlotBytes}, which bounds "
                    + $"frames in registered memory, too; open the detector with {nameof(Pool.SlotBytes)} for the largest frame.",
                nameof(frame));
        }

        ExternalFrame taken = frame;
        Exception? refused = null;
        try
        {
            taken = lanes[0].Check(frame);
        }
        catch (Exception error) when (error is not ArgumentException)
        {
            lock (gate)
            {
                refused = stopping || fault is not null ? ClosedError() : error;
            }
        }

        owners.Take();
        if (refused is null && frame.Memory?.TryEnter() == false)
        {
            refused = new ObjectDisposedException(nameof(RegisteredMemory));
        }

        if (refused is not null)
        {
            owners.Tell(frame.Owner, frame.Token);
            return ValueTask.FromException<DetectionResult>(refused);
        }

        return Submit(slotIndex: -1, taken, taken.Format, source, capturedAt, cancellationToken);
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "The value task is made here and handed to the caller.")]
    private ValueTask<DetectionResult> Submit(
        int slotIndex, in ExternalFrame external, in FrameFormat format, int source, long capturedAt, CancellationToken cancellationToken)
    {
        // The memory is ours by now whatever happens: every way out gives it back.
        if (cancellationToken.IsCancellationRequested)
        {
            GiveBack(slotIndex, external);
            return ValueTask.FromCanceled<DetectionResult>(cancellationToken);
        }

        PendingFrame? frame = null;
        Exception? closed = null;
        bool mustRetire = false;
        try
        {
            frame = pendingFrames.Take();
        }
        finally
        {
            if (frame is null)
            {
                GiveBack(slotIndex, external);
            }
        }

        Activity? activity = Tracing is { IsListenedTo: true } tracing ? BeginActivity(tracing, source) : null;
        lock (gate)
        {
            SourceQueue? queue = null;
            if (stopping || fault is not null)
            {
                closed = ClosedError();
            }
            else if (!TryFind(source, out queue, out closed))
            {
                // Refused below, as by a closed detector.
            }
            else
            {
                if (external.Owner is not null)
                {
                    hasExternal = true;
                    fullBatch = FullBatch();
                }

                long now = clock.GetTimestamp();
                frame.Begin(slotIndex, external, format, queue, counters.Frames.Submitted++, now, capturedAt, activity, cancellationToken);
                queue.Record?.Submit();
                mustRetire = Enqueue(frame);
            }
        }

        if (closed is not null)
        {
            RefuseActivity(activity, closed);
            pendingFrames.Add(frame);
            GiveBack(slotIndex, external);
            return ValueTask.FromException<DetectionResult>(closed);
        }

        ValueTask<DetectionResult> result = new(frame, frame.Version);
        frame.WatchCancellation();
        if (mustRetire)
        {
            Retire();
        }

        return result;
    }

    /// <summary>
    /// The caller's token was cancelled: answers at once; a frame that still waits leaves the queue, one in a lane runs out unseen.
    /// </summary>
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
            counters.Frames.Canceled++;
            frame.Queue.Record?.Cancel();
            if (frame.IsWaiting)
            {
                Finish(frame, frame.Status);
                StopBatchWaitIfEmpty();
            }
        }

        // The caller holds the frame until this is said, so it is still the same use.
        EndActivity(frame, isCanceled: true);
        frame.AnswerCanceled();
        Retire();
    }

    public void OnBatchDone(LaneBatch batch, in StageTimes times, long managedBytes, Exception? cause)
    {
        lock (gate)
        {
            long now = clock.GetTimestamp();
            if (cause is null)
            {
                serviceTimes.Add(batch.Count, now - batch.Frames[0].DispatchedAt, now);
            }

            foreach (PendingFrame frame in batch.Frames)
            {
                if (cause is not null)
                {
                    frame.Error = new DetectorFaultedException(cause);
                }

                if (frame.Activity is not null)
                {
                    frame.SetBatch(batch.Count, times);
                }

                frame.FinishedAt = now;
                counters.QueueTicks += frame.DispatchedAt - frame.SubmittedAt;
                ReleaseMemory(frame);
                order.Finish(frame);
            }

            counters.Add(times);
            counters.ManagedBytes += managedBytes;
            counters.CutCandidates += batch.CutCandidates;
            batch.Clear();
            inFlight--;
            idle.Enqueue(batch);
            if (cause is not null)
            {
                fault ??= cause;
                FailWaiting();
            }

            if (waiting.Count > 0 || stopping)
            {
                WakeDispatcher();
            }
        }

        if (cause is not null)
        {
            Pool.Close(new DetectorFaultedException(cause));
        }

        Retire();
    }

    public DetectorStatistics Snapshot()
    {
        lock (gate)
        {
            return counters.ToStatistics(batchSizes, waiting.Count, inFlight, Pool, owners.Held, lanes[0].IsOnDevice);
        }
    }

    public SourceStatistics Snapshot(SourceQueue source)
    {
        lock (gate)
        {
            return source.Record!.ToStatistics(source.WaitingCount, clock.GetTimestamp());
        }
    }

    /// <exception cref="ArgumentException">The delay of batches is as long as the source's frames may live.</exception>
    /// <exception cref="InvalidOperationException">The number was added, and not removed.</exception>
    /// <exception cref="ObjectDisposedException">The detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    public FrameSource AddSource(int number, in SourceSettings settings, Action<DeadlineMiss>? deadlineMissed)
    {
        ThrowIfShorterThanDelay(settings.MaxAgeTicks, nameof(SourceOptions.MaxFrameAge));
        ThrowIfShorterThanDelay(settings.DeadlineTicks, nameof(SourceOptions.Deadline));
        SourceQueue source = new(number, settings, new SourceRecord(clock.GetTimestamp()), deadlineMissed);
        lock (gate)
        {
            if (stopping || fault is not null)
            {
                throw ClosedError();
            }

            sources.Add(source);
            hasSources = true;
            fullBatch = FullBatch();
            if (settings.Overflow == OverflowPolicy.DropOldest)
            {
                Pool.Reclaim ??= DropOldest;
            }
        }

        return new FrameSource(this, source);
    }

    private void ThrowIfShorterThanDelay(long ticks, string name)
    {
        TimeSpan time = Stopwatch.GetElapsedTime(0, ticks);
        if (ticks > 0 && time <= options.MaxBatchDelay)
        {
            throw new ArgumentException(
                $"{name} is {time}, and the detector's {nameof(options.MaxBatchDelay)} {options.MaxBatchDelay}: a frame that waits alone for company "
                    + "would always be dropped. The delay must be shorter.",
                name);
        }
    }

    public void RemoveSource(SourceQueue source)
    {
        lock (gate)
        {
            if (!sources.Remove(source))
            {
                return;
            }

            while (source.FirstWaiting is PendingFrame frame)
            {
                Finish(frame, FrameStatus.DroppedRemoved);
            }

            StopBatchWaitIfEmpty();
        }

        Retire();
    }

    public void CountHostCopy()
    {
        lock (gate)
        {
            counters.HostCopies++;
        }
    }

    /// <summary>
    /// Refuses new frames, fails those that wait, lets those in lanes finish, then frees the lanes and all parts. Every caller waits for the whole of
    /// it, and hears of what failed.
    /// </summary>
    public ValueTask DisposeAsync() => new(StopAsync(failWaiting: true));

    /// <summary>
    /// Nobody can submit any more: answers what was submitted, then frees everything. For finalizers: returns at once and throws nothing.
    /// </summary>
    public void Abandon() =>
        ThreadPool.UnsafeQueueUserWorkItem(static pipeline => _ = pipeline.StopAsync(failWaiting: false), this, preferLocal: false);

    /// <summary>
    /// The same for a caller who cannot await: returns when all is freed. Needs no thread of the pool, whose threads may all wait here. On the
    /// threads that answer frames and tell owners, where code of others may run, it would wait for itself: there the disposal only begins.
    /// </summary>
    public void Dispose()
    {
        bool answers;
        lock (gate)
        {
            answers = retiring && retiringThread == Environment.CurrentManagedThreadId;
        }

        if (answers || owners.IsCurrentThread)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static pipeline => _ = pipeline.StopAsync(failWaiting: true), this, preferLocal: false);
            return;
        }

        if (TryBeginStop(failWaiting: true, out Task ended))
        {
            drained.Task.Wait();
            Free();
        }

        ended.GetAwaiter().GetResult();
    }

    private async Task StopAsync(bool failWaiting)
    {
        if (TryBeginStop(failWaiting, out Task ended))
        {
            // Never on the thread that called, which may be one of those that this waits for.
            await drained.Task.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            Free();
        }

        await ended.ConfigureAwait(false);
    }

    /// <summary>Lets everything run out. True for one caller only, who frees everything when it has.</summary>
    private bool TryBeginStop(bool failWaiting, out Task ended)
    {
        TaskCompletionSource own = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.CompareExchange(ref disposal, own, null) is TaskCompletionSource earlier)
        {
            ended = earlier.Task;
            return false;
        }

        ended = own.Task;
        lock (gate)
        {
            stopping = true;
            if (failWaiting)
            {
                FailWaiting();
            }

            WakeDispatcher();
        }

        Retire();
        Pool.Close(null);
        return true;
    }

    private void Free()
    {
        dispatcher?.Join();
        owners.End();
        if (DisposeAll([.. lanes, .. parts]) is Exception error)
        {
            disposal!.SetException(error);
        }
        else
        {
            disposal!.SetResult();
        }
    }

    /// <summary>Disposes each part whatever became of those before it, and gives back the first error.</summary>
    private static Exception? DisposeAll(ReadOnlySpan<IDisposable> parts)
    {
        Exception? first = null;
        foreach (IDisposable part in parts)
        {
            try
            {
                part.Dispose();
            }
            catch (Exception error)
            {
                first ??= error;
            }
        }

        return first;
    }

    private void Dispatch()
    {
        if (!TryPrepare())
        {
            return;
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread();
        while (NextBatch() is LaneBatch batch)
        {
            Start(batch);
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

    /// <summary>
    /// Gives one batch to a lane; false when there is nothing to do. For tests with a time of their own, whose pipeline has no dispatcher
    /// (<see cref="PipelineOptions.IsDriven"/>).
    /// </summary>
    public bool DispatchOne()
    {
        LaneBatch? batch;
        bool dropped;
        lock (gate)
        {
            if (idle.Count == 0 || waiting.Count == 0)
            {
                return false;
            }

            batch = FillBatch(out dropped);
        }

        if (dropped)
        {
            Retire();
        }

        if (batch is not null)
        {
            Start(batch);
        }

        return true;
    }

    private static void Start(LaneBatch batch)
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
    }

    private bool TryPrepare()
    {
        // Not kept: what the caller of an opening gave for its progress may hold the detector, and this thread must not.
        OpeningSteps steps = opening!;
        opening = null;
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
            return false;
        }

        prepared.SetResult();
        return true;
    }

    /// <summary>Waits for frames and an idle lane, and joins them; null when the pipeline ends.</summary>
    private LaneBatch? NextBatch()
    {
        bool maySleep = options.SpinTime == TimeSpan.Zero;
        while (true)
        {
            bool hasNothing;
            bool dropped = false;
            int seenWakeUps;
            LaneBatch? batch = null;
            lock (gate)
            {
                seenWakeUps = wakeUps;
                if (stopping && waiting.Count == 0)
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
                    batch = FillBatch(out dropped);
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
            }

            if (batch is not null)
            {
                return batch;
            }
        }
    }

    // Called with the gate held, when there may be something to do: a thread woken for nothing costs more than a frame's whole way through here.
    private void WakeDispatcher()
    {
        wakeUps++;
        Monitor.Pulse(gate);
    }

    /// <summary>
    /// Looks for work without sleeping: a sleeping thread takes tens of microseconds to wake. True when woken, false when it was in vain for the
    /// whole time.
    /// </summary>
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

    // More frames than queue or slots hold cannot come together, so nobody waits for them.
    private int FullBatch()
    {
        bool isQueueBound = !hasSources && !(hasExternal && options.Overflow == OverflowPolicy.Wait);
        int queued = isQueueBound ? options.QueueCapacity : options.MaxBatch;
        return Math.Min(options.MaxBatch, Math.Min(queued, hasExternal ? options.MaxBatch : Pool.SlotCount));
    }

    // Greedy: a lone frame goes at once, unless the caller asked for a delay in the hope of company.
    private TimeSpan DelayLeft() => options.MaxBatchDelay == TimeSpan.Zero || waiting.Count >= fullBatch || overflowed || stopping
        ? TimeSpan.Zero
        : options.MaxBatchDelay - clock.GetElapsedTime(batchWaitsSince);

    // A new source takes memory, and an exception from under the gate would lose the frame's own.
    private bool TryFind(int number, [NotNullWhen(true)] out SourceQueue? queue, [NotNullWhen(false)] out Exception? error)
    {
        try
        {
            queue = sources.Get(number);
            error = null;
            return true;
        }
        catch (OutOfMemoryException failure)
        {
            queue = null;
            error = failure;
            return false;
        }
    }

    /// <summary>
    /// Takes a frame into the order of results and the queue, or drops one; true when there is then something to answer. Called with the gate held.
    /// </summary>
    private bool Enqueue(PendingFrame frame)
    {
        order.Add(frame);
        SourceQueue source = frame.Queue;
        bool isFull = source.IsFull;

        // Waiting for company is not to cost a frame.
        overflowed |= isFull && source.Settings.Overflow != OverflowPolicy.Wait;
        if (isFull && source.Settings.Overflow == OverflowPolicy.DropNewest)
        {
            Finish(frame, FrameStatus.DroppedNewest);
            return true;
        }

        bool drops = isFull && source.Settings.Overflow == OverflowPolicy.DropOldest;
        PendingFrame? oldest = source.FirstWaiting;
        // Added before the other leaves, so that the source keeps its turn.
        waiting.Add(frame);
        if (drops)
        {
            Finish(oldest!, FrameStatus.DroppedOldest);
        }

        if (batchWaitsSince == 0)
        {
            batchWaitsSince = frame.SubmittedAt;
        }

        // The first frame starts the batch, or the wait for it to fill; the last one fills it. Those between change nothing for the dispatcher.
        if (idle.Count > 0 && (waiting.Count == 1 || waiting.Count == fullBatch || overflowed))
        {
            WakeDispatcher();
        }

        return drops;
    }

    /// <summary>Takes the frames of a batch from the queue and drops those that are too old; null when none is left for a batch.</summary>
    private LaneBatch? FillBatch(out bool dropped)
    {
        LaneBatch batch = idle.Peek();
        long now = clock.GetTimestamp();
        long dueAt = long.MaxValue;
        dropped = false;
        overflowed = false;
        waiting.BeginBatch();
        while (batch.Count < options.MaxBatch && waiting.Next() is PendingFrame frame)
        {
            bool isLate = frame.DueAt < now + serviceTimes.Of(1, now);
            if (isLate || frame.IsTooOld(now))
            {
                Finish(frame, isLate ? FrameStatus.DroppedLate : FrameStatus.DroppedTooOld);
                dropped = true;
                continue;
            }

            // One frame more may make the batch too long for those in it, or for itself, which the next lane takes in time.
            dueAt = Math.Min(dueAt, frame.DueAt);
            if (batch.Count > 0 && dueAt < now + serviceTimes.Of(batch.Count + 1, now))
            {
                break;
            }

            waiting.Take(frame);
            frame.DispatchedAt = now;
            batch.Add(frame);
        }

        waiting.EndBatch();

        // The wait of those left over began when they came.
        batchWaitsSince = options.MaxBatchDelay == TimeSpan.Zero ? 0 : waiting.WaitsSince();
        if (batch.Count == 0)
        {
            return null;
        }

        LaneBatch taken = idle.Dequeue();
        Debug.Assert(ReferenceEquals(taken, batch), "Only the dispatcher takes idle lanes.");
        inFlight++;
        counters.Batches++;
        batchSizes[batch.Count]++;
        return batch;
    }

    // Not where the oldest was dropped for a newer frame: the wait that began with it goes on, or frames that drop each other would wait for ever.
    private void StopBatchWaitIfEmpty()
    {
        if (waiting.Count == 0)
        {
            batchWaitsSince = 0;
        }
    }

    /// <summary>The pool is empty and the policy is to prefer the newest: a frame that waits in a slot gives it up.</summary>
    private bool DropOldest()
    {
        lock (gate)
        {
            if (waiting.SlotToGiveUp() is not PendingFrame frame)
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
        frame.FinishedAt = clock.GetTimestamp();
        ReleaseMemory(frame);
        order.Finish(frame);
    }

    /// <summary>Gives back the memory of a frame that still holds it. One thread at a time for a frame; any lock may be held.</summary>
    public void ReleaseMemory(PendingFrame frame)
    {
        if (frame.HoldsMemory)
        {
            int slotIndex = frame.SlotIndex;
            ExternalFrame external = frame.External;
            frame.ForgetMemory();
            GiveBack(slotIndex, external);
        }
    }

    private void GiveBack(int slotIndex, in ExternalFrame external)
    {
        if (external.Owner is IFrameOwner owner)
        {
            // First, so that an owner who hears of its last frame may dispose the memory.
            external.Memory?.Leave();
            owners.Tell(owner, external.Token);
        }
        else
        {
            Pool.Recycle(slotIndex);
        }
    }

    private void FailWaiting()
    {
        while (waiting.Any is PendingFrame frame)
        {
            frame.Error = ClosedError();
            Finish(frame, frame.Status);
        }

        batchWaitsSince = 0;
    }

    private Exception ClosedError() => fault is not null ? new DetectorFaultedException(fault) : new ObjectDisposedException(nameof(YoloDetector));

    /// <summary>
    /// Answers finished frames from the heads of the order lists. Whoever finds another thread at it leaves the rest to that thread, which looks
    /// again under the gate.
    /// </summary>
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

                if (!order.HasResult)
                {
                    retiring = false;
                    SignalIfDrained();
                    return;
                }

                retiring = entered = true;
                retiringThread = Environment.CurrentManagedThreadId;
                frame = order.Take();
                answer = !frame.IsAnswered;
                frame.IsAnswered = true;
                if (answer)
                {
                    if (frame.Queue.Record is SourceRecord record)
                    {
                        GiveAt(clock.GetTimestamp(), frame);
                        record.Count(frame);
                    }

                    counters.Frames.Count(frame);
                }
            }

            if (answer)
            {
                bool outer = answering;
                answering = true;
                Answer(frame);
                answering = outer;
            }

            frame.ReleaseHolder();
        }
    }

    // A result may have waited for an earlier one of its source that another lane took longer for.
    private static void GiveAt(long now, PendingFrame frame)
    {
        frame.GivenAt = now;
        if (frame.Status == FrameStatus.Completed && frame.Queue.Settings.DropsAgedResults && frame.IsTooOld(now))
        {
            frame.Status = FrameStatus.DroppedTooOld;
        }
    }

    /// <summary>
    /// Lets code of others run: listeners of the meter and of activities, and, where that was asked for, what is behind the caller's await. What they
    /// throw is theirs and must not end a thread of ours.
    /// </summary>
    private void Answer(PendingFrame frame)
    {
        try
        {
            if (LatencyObserver is Action<double> observer && frame.Error is null && frame.Status == FrameStatus.Completed)
            {
                observer(frame.Latency.TotalSeconds);
            }
        }
        catch (Exception error)
        {
            WarnOnce(ref warnedOfListener, "A listener of the meter threw", error);
        }

        TellOfMiss(frame);
        EndActivity(frame, isCanceled: false);
        try
        {
            frame.Answer(options.AllowSynchronousContinuations);
        }
        catch (Exception error)
        {
            WarnOnce(ref warnedOfContinuation, "Code that awaits a result threw on the thread that brings results", error);
        }
    }

    private void TellOfMiss(PendingFrame frame)
    {
        if (frame.Queue.DeadlineMissed is not Action<DeadlineMiss> listener || !frame.MissedDeadline)
        {
            return;
        }

        try
        {
            TimeSpan age = Stopwatch.GetElapsedTime(frame.CapturedAt, frame.GivenAt);
            listener(new DeadlineMiss(frame.Source, frame.Sequence, frame.CapturedAt, frame.Status, age));
        }
        catch (Exception error)
        {
            WarnOnce(ref warnedOfDeadlines, $"{nameof(SourceOptions)}.{nameof(SourceOptions.DeadlineMissed)} threw", error);
        }
    }

    private Activity? BeginActivity(FrameTracing tracing, int source)
    {
        Activity? activity = null;
        try
        {
            activity = tracing.Create(source);
            if (activity is not null)
            {
                FrameTracing.Start(activity);
            }
        }
        catch (Exception error)
        {
            WarnOfTracing(error);
        }

        return activity;
    }

    private void EndActivity(PendingFrame frame, bool isCanceled)
    {
        if (frame.Activity is not null)
        {
            try
            {
                FrameTracing.End(frame, isCanceled, lanes[0].IsOnDevice);
            }
            catch (Exception error)
            {
                WarnOfTracing(error);
            }
        }
    }

    private void RefuseActivity(Activity? activity, Exception closed)
    {
        if (activity is not null)
        {
            try
            {
                FrameTracing.Refuse(activity, closed);
            }
            catch (Exception error)
            {
                WarnOfTracing(error);
            }
        }
    }

    private void WarnOfTracing(Exception error) => WarnOnce(ref warnedOfTracing, "A listener of the activity source threw", error);

    private void WarnOnce(ref int warned, string what, Exception error)
    {
        if (Interlocked.Exchange(ref warned, 1) == 0)
        {
            Warnings.Say($"{what}; further cases are not reported.", error);
        }
    }

    private void SignalIfDrained()
    {
        if (stopping && dispatcherDone && inFlight == 0 && order.IsEmpty && !retiring)
        {
            bool set = drained.TrySetResult();
            _ = set;
        }
    }
}
