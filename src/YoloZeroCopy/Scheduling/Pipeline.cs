using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <summary>Takes submitted frames, batches them onto lanes and gives the results of each source back in submit order.</summary>
/// <remarks>
/// One lock, the gate, guards the sources, their queues, the order of results and the idle lanes; nothing slow happens inside it, and no code of
/// others. Why no slot is lost, and every owner of a frame that lies elsewhere hears once: a frame holds its memory from submit until exactly one of
/// three places gives it back (<see cref="FrameOwners.GiveBack(PendingFrame)"/>): the lane that has read it, <see cref="Batcher.End"/> when it leaves
/// without one, or <see cref="OnBatchDone"/> for those its lane kept; what never became a frame
/// <see cref="Submit(int, in ExternalFrame, int, in FrameFormat, int, long, CancellationToken)"/> itself gives back. Why results are in order: every
/// frame enters its source's order list on submit and only its head, once finished, leaves it, by one thread at a time
/// (<see cref="ResultDelivery"/>). Code of others runs outside the gate only, and what it throws ends where it was called: <see cref="ForeignCode"/>
/// and <see cref="FrameOwners"/>.
/// </remarks>
internal sealed class Pipeline : IAsyncDisposable, IDisposable
{
    private readonly object gate = new();
    private readonly Lane[] lanes;
    private readonly LaneDevice[] devices;
    private readonly FrameKinds kinds;
    private readonly PipelineOptions options;
    private readonly TimeProvider clock;
    private readonly PendingFramePool pendingFrames;
    private readonly FrameOwners owners;
    private readonly FairQueue waiting = new();
    private readonly ResultOrder order = new();
    private readonly Counters counters = new();
    private readonly SourceTable sources;
    private readonly Batcher batcher;
    private readonly Dispatcher dispatcher;
    private readonly ForeignCode foreign;
    private readonly ResultDelivery results;
    private readonly Shutdown shutdown;
    private IDisposable[] parts = [];
    private Exception? fault;
    private RunRecorder? recorder;

    // Of a device that goes on, for questions that any of them can answer.
    private volatile Lane anyLane;

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
        clock = options.Clock ?? TimeProvider.System;
        pendingFrames = new PendingFramePool(this, options.MaxDetections);

        // One for each slot in the pipeline and as many whose results callers still read.
        pendingFrames.Fill(pool.SlotCount * 2);
        Warnings = pool.Warnings = new Warnings(options.Warning);
        owners = new FrameOwners(pool, Warnings);
        anyLane = lanes[0];
        int deviceCount = lanes.Max(static lane => lane.DeviceIndex) + 1;
        kinds = new FrameKinds(Sizes, deviceCount);
        sources = new SourceTable(
            waiting, new SourceSettings(options.Overflow, options.QueueCapacity, SourceSettings.Ticks(options.MaxFrameAge)), kinds);
        devices = [.. Enumerable.Range(0, deviceCount).Select(index => new LaneDevice(
            index, options, [.. lanes.Where(lane => lane.DeviceIndex == index).Select(lane => new LaneBatch(this, lane, options.MaxBatch))],
            Sizes.All.Length, deviceCount > 1))];
        batcher = new Batcher(options, devices, kinds, waiting, order, owners, clock, pool.SlotCount);
        foreign = new ForeignCode(options, lanes[0].IsOnDevice, Warnings);
        results = new ResultDelivery(gate, order, counters, foreign, clock, SignalIfDrained);
        shutdown = new Shutdown(BeginShutdown, Free);
        if (options.Overflow == OverflowPolicy.DropOldest)
        {
            pool.Reclaim = DropOldest;
        }

        dispatcher = new Dispatcher(this, gate, batcher, counters, lanes, options.SpinTime);
        steps ??= new OpeningSteps(progress: null, CancellationToken.None);
        if (options.IsDriven)
        {
            dispatcher.StartDriven(steps);
        }
        else
        {
            dispatcher.Start(steps);
        }
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

    public PipelineOptions Options => options;

    /// <summary>The input sizes that frames may get.</summary>
    public InputSizes Sizes => options.Sizes ?? InputSizes.Usual;

    /// <summary>Writes batches down while somebody watches; null otherwise. One at a time.</summary>
    public RunRecorder? Recorder
    {
        get => Volatile.Read(ref recorder);
        set => Volatile.Write(ref recorder, value);
    }

    /// <summary>Lets a recorder in where there is none.</summary>
    public bool TryRecord(RunRecorder own) => Interlocked.CompareExchange(ref recorder, own, null) is null;

    /// <summary>What results tell of the model. Set before the first frame; null in tests of the pipeline alone.</summary>
    public ModelInfo? Model { get; set; }

    /// <inheritdoc cref="ForeignCode.LatencyObserver"/>
    public Action<double>? LatencyObserver
    {
        set => foreign.LatencyObserver = value;
    }

    /// <inheritdoc cref="ForeignCode.Tracing"/>
    public FrameTracing? Tracing
    {
        set => foreign.Tracing = value;
    }

    /// <summary>Takes over what is to be disposed after the lanes, in this order. Once, before the first frame.</summary>
    public void Own(IDisposable[] parts) => this.parts = parts;

    /// <summary>Makes host memory of a caller's readable for the lanes' device.</summary>
    /// <exception cref="ObjectDisposedException">The detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    public IDisposable? Register(nint address, long byteCount)
    {
        lock (gate)
        {
            if (IsClosed)
            {
                throw ClosedError();
            }
        }

        return anyLane.Register(address, byteCount);
    }

    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public ValueTask<DetectionResult> Submit(in FrameSlot slot, int source, long capturedAt, CancellationToken cancellationToken)
    {
        FrameFormat format = Pool.Submit(slot);
        return Submit(slot.Index, external: default, home: -1, format, source, capturedAt, cancellationToken);
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
        int home = -1;
        try
        {
            taken = anyLane.Check(frame, out home);
        }
        catch (Exception error) when (error is not ArgumentException)
        {
            lock (gate)
            {
                refused = IsClosed ? ClosedError() : error;
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

        return Submit(slotIndex: -1, taken, home, taken.Format, source, capturedAt, cancellationToken);
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "The value task is made here and handed to the caller.")]
    private ValueTask<DetectionResult> Submit(
        int slotIndex, in ExternalFrame external, int home, in FrameFormat format, int source, long capturedAt,
        CancellationToken cancellationToken)
    {
        // The memory is ours by now whatever happens: every way out gives it back.
        if (cancellationToken.IsCancellationRequested)
        {
            owners.GiveBack(slotIndex, external);
            return ValueTask.FromCanceled<DetectionResult>(cancellationToken);
        }

        PendingFrame? frame = null;
        Exception? closed = null;
        bool hasDrops = false;
        try
        {
            frame = pendingFrames.Take();
        }
        finally
        {
            if (frame is null)
            {
                owners.GiveBack(slotIndex, external);
            }
        }

        Activity? activity = foreign.BeginActivity(source);
        lock (gate)
        {
            SourceQueue? queue = null;
            if (IsClosed)
            {
                closed = ClosedError();
            }
            else if (home >= 0 && devices[home].Fault is Exception lost)
            {
                closed = new DeviceException(devices[home].Name, lost);
            }
            else if (!TryFind(source, out queue, out closed))
            {
                // Refused below, as by a closed detector.
            }
            else
            {
                if (external.Owner is not null)
                {
                    batcher.ExpectExternal();
                }

                long now = clock.GetTimestamp();
                frame.Begin(slotIndex, external, home, format, queue, counters.Frames.Submitted++, now, capturedAt, activity, cancellationToken);
                queue.Record?.Submit();
                order.Add(frame);
                hasDrops = batcher.Add(frame);
                dispatcher.WakeIfDue();
            }
        }

        if (closed is not null)
        {
            foreign.RefuseActivity(activity, closed);
            pendingFrames.Add(frame);
            owners.GiveBack(slotIndex, external);
            return ValueTask.FromException<DetectionResult>(closed);
        }

        ValueTask<DetectionResult> result = new(frame, frame.Version);
        frame.WatchCancellation();
        if (hasDrops)
        {
            results.Run();
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
                batcher.End(frame, frame.Status);
                batcher.StopWaitIfEmpty();
            }
        }

        // The caller holds the frame until this is said, so it is still the same use.
        foreign.EndActivity(frame, isCanceled: true);
        frame.AnswerCanceled();
        results.Run();
    }

    public void OnBatchDone(LaneBatch batch, in StageTimes times, long managedBytes, Exception? cause)
    {
        LaneBatch? next;
        LaneDevice device = batch.Device;
        bool isLoss = false;
        lock (gate)
        {
            long now = clock.GetTimestamp();
            if (cause is null)
            {
                device.Measure(batch, now - batch.Frames[0].DispatchedAt, now);
            }
            else
            {
                isLoss = device.Fault is null;
                device.Fault ??= cause;
                device.FramesLost += batch.Count;
            }

            foreach (PendingFrame frame in batch.Frames)
            {
                if (cause is not null)
                {
                    frame.Error = LossOf(device, cause);
                }

                if (frame.Activity is not null)
                {
                    frame.SetBatch(batch.Count, times);
                }

                frame.FinishedAt = now;
                counters.QueueTicks += frame.DispatchedAt - frame.SubmittedAt;
                owners.GiveBack(frame);
                order.Finish(frame);
            }

            counters.Add(times);
            device.Add(times);
            counters.ManagedBytes += managedBytes;
            counters.CutCandidates += batch.CutCandidates;
            batch.Clear();
            device.SetIdle(batch);
            if (cause is not null)
            {
                Lose(device, cause);
            }

            next = dispatcher.TakeOver(device);
        }

        if (isLoss)
        {
            TellOfLoss(device, cause!);
        }

        // Before results, which may run code of others: the device is to have work meanwhile.
        if (next is not null)
        {
            dispatcher.Begin(next);
        }

        results.Run();
    }

    public DetectorStatistics Snapshot()
    {
        lock (gate)
        {
            return counters.ToStatistics(batcher, Sizes, Pool, pendingFrames.InUse, owners.Held, lanes);
        }
    }

    /// <summary>Whether a device of several has met an error that it cannot go on after.</summary>
    public bool IsLost(int deviceIndex)
    {
        lock (gate)
        {
            return devices[deviceIndex].Fault is not null;
        }
    }

    public SourceStatistics Snapshot(SourceQueue source)
    {
        lock (gate)
        {
            return source.Record!.ToStatistics(source.WaitingCount, clock.GetTimestamp());
        }
    }

    /// <exception cref="ArgumentException">The delay of batches is as long as the source's frames may live, or its input size is not the
    /// detector's.</exception>
    /// <exception cref="InvalidOperationException">The number was added, and not removed.</exception>
    /// <exception cref="ObjectDisposedException">The detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    public FrameSource AddSource(int number, in SourceSettings settings, Action<DeadlineMiss>? deadlineMissed)
    {
        options.ThrowIfShorterThanDelay(settings.MaxAgeTicks, nameof(SourceOptions.MaxFrameAge));
        options.ThrowIfShorterThanDelay(settings.DeadlineTicks, nameof(SourceOptions.Deadline));
        int sizeIndex = settings.InputSize is ModelInputSize size ? Sizes.IndexOf(size, nameof(SourceOptions.InputSize)) : -1;
        SourceQueue source = new(number, settings, kinds, sizeIndex, new SourceRecord(clock.GetTimestamp()), deadlineMissed);
        lock (gate)
        {
            if (IsClosed)
            {
                throw ClosedError();
            }

            sources.Add(source);
            batcher.ExpectSources();
            if (settings.Overflow == OverflowPolicy.DropOldest)
            {
                Pool.Reclaim ??= DropOldest;
            }
        }

        return new FrameSource(this, source);
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
                batcher.End(frame, FrameStatus.DroppedRemoved);
            }

            batcher.StopWaitIfEmpty();
        }

        results.Run();
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
    public ValueTask DisposeAsync() => new(shutdown.RunAsync(failWaiting: true));

    /// <summary>
    /// Nobody can submit any more: answers what was submitted, then frees everything. For finalizers: returns at once and throws nothing.
    /// </summary>
    public void Abandon() => shutdown.Queue(failWaiting: false);

    /// <summary>
    /// The same as <see cref="DisposeAsync"/> for a caller who cannot await: returns when all is freed. On the threads that answer frames and tell
    /// owners, where code of others may run, it would wait for itself: there the disposal only begins.
    /// </summary>
    public void Dispose()
    {
        if (results.IsOnThisThread || owners.IsCurrentThread)
        {
            shutdown.Queue(failWaiting: true);
        }
        else
        {
            shutdown.Run(failWaiting: true);
        }
    }

    /// <summary>
    /// Gives one batch to a lane; false when there is nothing to do. For tests with a time of their own, whose pipeline has no dispatcher
    /// (<see cref="PipelineOptions.IsDriven"/>).
    /// </summary>
    public bool DispatchOne() => dispatcher.DispatchOne();

    /// <inheritdoc cref="Dispatcher.NextAt"/>
    public long NextDispatchAt => dispatcher.NextAt;

    /// <inheritdoc cref="ResultDelivery.Run"/>
    public void GiveResults() => results.Run();

    /// <inheritdoc cref="FrameOwners.GiveBack(PendingFrame)"/>
    public void ReleaseMemory(PendingFrame frame) => owners.GiveBack(frame);

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

    /// <summary>The pool is empty and the policy is to prefer the newest: a frame that waits in a slot gives it up.</summary>
    private bool DropOldest()
    {
        lock (gate)
        {
            if (waiting.SlotToGiveUp() is not PendingFrame frame)
            {
                return false;
            }

            batcher.End(frame, FrameStatus.DroppedOldest);
        }

        results.Run();
        return true;
    }

    // With the last device the detector is lost.
    private Exception LossOf(LaneDevice device, Exception cause) => Array.Exists(devices, static one => one.Fault is null)
        ? new DeviceException(device.Name, cause) : new DetectorFaultedException(cause);

    /// <summary>A device cannot go on. The detector can for as long as it has another.</summary>
    private void Lose(LaneDevice device, Exception cause)
    {
        if (Array.Find(devices, static one => one.Fault is null) is LaneDevice other)
        {
            anyLane = other.AnyLane;
            batcher.FailAtHome(device, () =>
            {
                device.FramesLost++;
                return LossOf(device, cause);
            });
            return;
        }

        fault ??= cause;
        batcher.FailWaiting(ClosedError);
    }

    // Once for each device.
    private void TellOfLoss(LaneDevice device, Exception cause)
    {
        if (FaultCause is not null)
        {
            Pool.Close(new DetectorFaultedException(cause));
        }
        else
        {
            Warnings.Say($"{new DeviceException(device.Name, cause).Message} The detector goes on with the other devices.");
        }
    }

    // Guarded by the gate.
    private bool IsClosed => batcher.IsEnding || fault is not null;

    private Exception ClosedError() => fault is not null ? new DetectorFaultedException(fault) : new ObjectDisposedException(nameof(YoloDetector));

    private void BeginShutdown(bool failWaiting)
    {
        lock (gate)
        {
            batcher.IsEnding = true;
            if (failWaiting)
            {
                batcher.FailWaiting(ClosedError);
            }

            dispatcher.WakeIfDue();
        }

        results.Run();
        Pool.Close(null);
    }

    private Exception? Free()
    {
        dispatcher.Join();
        owners.End();
        return Shutdown.DisposeAll([.. lanes, .. parts]);
    }

    private void SignalIfDrained()
    {
        if (batcher.IsOver && dispatcher.IsDone && batcher.InFlight == 0 && order.IsEmpty)
        {
            shutdown.SetDrained();
        }
    }
}
