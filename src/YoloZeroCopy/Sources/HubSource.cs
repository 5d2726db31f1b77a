using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>One source of a <see cref="SourceHub"/>: its producer's calls, its frames on their way, and what is known of it. Any thread.</summary>
/// <remarks>
/// Two loops, of which none has a thread: one calls the producer again and again, the other takes the results in their order and calls the handler.
/// The gate guards what they share; no code of others runs under it.
/// </remarks>
public sealed class HubSource : IAsyncDisposable
{
    private static readonly TimeSpan Health = TimeSpan.FromSeconds(10);

    private readonly SourceHub hub;
    private readonly YoloDetector detector;
    private readonly FrameSource frameSource;
    private readonly FrameProducer producer;
    private readonly FrameHandler handler;
    private readonly HubSourceOptions options;
    private readonly TimeProvider clock;
    private readonly RecentFrames handled;
    private readonly SourceWaiter room = new();
    private readonly SourceWaiter work = new();

    // Results that were not handled yet, as a ring: no more are ahead than it holds.
    private readonly SubmittedFrame[] submitted;

    // Holds nothing to be disposed, and a producer may look at its token late.
#pragma warning disable CA2213
    private readonly CancellationTokenSource stop = new();
#pragma warning restore CA2213

    // Under the gate.
    private int firstSubmitted;
    private int submittedCount;
    private int ahead;
    private TaskCompletionSource? idle;
    private SlotRing? ring;
    private bool hasStopped;
    private Exception? lost;
    private bool discards;
    private bool isDone;
    private Task? removal;
    private SourceState state;
    private string? problem;
    private FrameFormat? format;
    private int runs;
    private long faults;
    private long decodeErrors;
    private long skipped;
    private long handledCount;
    private long handlerFailures;
    private int warnings;

    private Task running = Task.CompletedTask;
    private Task handling = Task.CompletedTask;

    internal HubSource(
        SourceHub hub, string name, YoloDetector detector, FrameSource frameSource, FrameProducer producer, FrameHandler handler,
            HubSourceOptions options, TimeProvider clock)
    {
        this.hub = hub;
        this.detector = detector;
        this.frameSource = frameSource;
        this.producer = producer;
        this.handler = handler;
        this.options = options;
        this.clock = clock;
        Name = name;
        handled = new RecentFrames(clock.GetTimestamp());
        submitted = new SubmittedFrame[options.FramesAhead];
    }

    /// <summary>What its hub calls it.</summary>
    public string Name { get; }

    /// <summary>Its number among the detector's sources: <see cref="DetectionResult.Source"/>.</summary>
    public int Number => frameSource.Number;

    /// <summary>How it stands with it.</summary>
    /// <remarks>After a fault it stays so until it gives frames again, while its producer is called anew.</remarks>
    public SourceState State
    {
        get
        {
            lock (Gate)
            {
                return state;
            }
        }
    }

    /// <summary>What is wrong with it, for people; null where all is well.</summary>
    public string? Problem
    {
        get
        {
            lock (Gate)
            {
                return problem;
            }
        }
    }

    /// <summary>How it is, and what became of its frames. Allocates; not for every frame. Also of a source that was removed.</summary>
    public HubSourceStatistics Statistics
    {
        get
        {
            // Before the gate: the detector has one of its own.
            SourceStatistics frames = frameSource.Statistics;
            lock (Gate)
            {
                (TimeSpan? p50, TimeSpan? p99) = handled.Ages();
                return new HubSourceStatistics
                {
                    State = state,
                    Problem = problem,
                    Format = format,
                    Runs = runs,
                    Faults = faults,
                    DecodeErrors = decodeErrors,
                    FramesSkipped = skipped,
                    FramesHandled = handledCount,
                    HandlerFailures = handlerFailures,
                    HandledPerSecond = handled.Rate(clock.GetTimestamp()),
                    AgeP50 = p50,
                    AgeP99 = p99,
                    Frames = frames,
                };
            }
        }
    }

    /// <summary>Ends when its producer is not called any more, and its frames are handled: it has ended, has failed for good, or is removed. It never
    /// fails; <see cref="State"/> says which.</summary>
    public Task Completion => running;

    internal Lock Gate { get; } = new();

    /// <summary>Removes the source: its producer is cancelled, and awaited.</summary>
    /// <param name="drain">True: frames that were submitted are still detected in and handled. False: those that wait are dropped, and none is handled
    /// any more but the one that just is.</param>
    /// <returns>
    /// A task that ends when producer and handler have, and the detector reads nothing of the source's slots. A producer that does not heed its
    /// cancellation holds it up, and nothing else. Of a second call it is the same; one that does not drain ends the draining of one before.
    /// </returns>
    /// <remarks>The producer and the handler must not wait for it: it waits for them.</remarks>
    public Task RemoveAsync(bool drain = false)
    {
        lock (Gate)
        {
            discards |= !drain;
            return removal ??= Task.Run(EndAsync);
        }
    }

    /// <summary>Removes the source without draining it.</summary>
    public ValueTask DisposeAsync() => new(RemoveAsync());

    /// <summary>Begins to call the producer.</summary>
    internal void Start()
    {
        // Without the context of who added it, which would be held for as long as the source is.
        using (ExecutionContext.SuppressFlow())
        {
            running = Task.Run(RunAsync);
            handling = Task.Run(HandleAsync);
        }
    }

    internal bool TryRent(SourceFeed feed, in FrameFormat wanted, out SourceSlot slot)
    {
        SlotRing slots = RingFor(feed, wanted);
        lock (Gate)
        {
            ThrowIfClosed(feed);
            if (TryTake(slots, wanted, out slot))
            {
                return true;
            }

            Skip(feed);
            return false;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<SourceSlot> RentAsync(SourceFeed feed, FrameFormat wanted)
    {
        SlotRing slots = RingFor(feed, wanted);
        while (true)
        {
            ValueTask<bool> change;
            lock (Gate)
            {
                ThrowIfClosed(feed);
                if (TryTake(slots, wanted, out SourceSlot slot))
                {
                    return slot;
                }

                change = room.Arm();
            }

            _ = await change.ConfigureAwait(false);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    internal async ValueTask WaitForRoomAsync(SourceFeed feed)
    {
        while (true)
        {
            ValueTask<bool> change;
            lock (Gate)
            {
                ThrowIfClosed(feed);
                if (ahead < options.FramesAhead)
                {
                    return;
                }

                change = room.Arm();
            }

            _ = await change.ConfigureAwait(false);
        }
    }

    internal void Submit(SourceFeed feed, in SourceSlot slot, TimeSpan timestamp, long capturedAt)
    {
        SlotRing slots = slot.Ring;
        if (!ReferenceEquals(slots, feed.Ring))
        {
            throw new ArgumentException("The slot was not rented from this feed; submit it to the one it is of.", nameof(slot));
        }

        ExternalFrame frame;
        lock (Gate)
        {
            ThrowIfClosed(feed);
            frame = slots.Lend(slot);
        }

        try
        {
            Submit(feed, frame, slots, timestamp, capturedAt, followsDamage: false);
        }
        catch
        {
            lock (Gate)
            {
                slots.TakeBack(slot.Index);
                LeaveRoom();
            }

            throw;
        }
    }

    internal bool TrySubmit(SourceFeed feed, in ExternalFrame frame, TimeSpan timestamp, long capturedAt, bool followsDamage)
    {
        lock (Gate)
        {
            ThrowIfClosed(feed);
            if (ahead >= options.FramesAhead)
            {
                Skip(feed);
                return false;
            }

            ahead++;
        }

        try
        {
            Submit(feed, frame, slots: null, timestamp, capturedAt, followsDamage);
            return true;
        }
        catch
        {
            lock (Gate)
            {
                LeaveRoom();
            }

            throw;
        }
    }

    internal void Tell(SourceFeed feed, SourceState next, string? what)
    {
        if (!feed.HasEnded)
        {
            SetState(next, what);
        }
    }

    internal void CountDecodeErrors(long count)
    {
        lock (Gate)
        {
            decodeErrors += count;
        }
    }

    /// <summary>One frame fewer is ahead. With the gate held.</summary>
    internal void LeaveRoom()
    {
        ahead--;
        room.Wake();
        if (ahead == 0)
        {
            idle?.SetResult();
            idle = null;
        }
    }

    /// <summary>A slot has become free. With the gate held.</summary>
    internal void WakeProducer() => room.Wake();

    private static bool IsFault(SourceState state) => state is SourceState.Stalled or SourceState.Refused or SourceState.Failed;

    private bool TryTake(SlotRing slots, in FrameFormat wanted, out SourceSlot slot)
    {
        slot = default;
        if (ahead >= options.FramesAhead || !slots.TryRent(wanted, out slot))
        {
            return false;
        }

        ahead++;
        return true;
    }

    private void Skip(SourceFeed feed)
    {
        feed.Count++;
        skipped++;
    }

    // The slots of earlier calls serve again where they are large enough: to lock other memory would hold up everybody's driver calls.
    private SlotRing RingFor(SourceFeed feed, in FrameFormat wanted)
    {
        // First, so that a producer whose call has ended changes nothing.
        lock (Gate)
        {
            ThrowIfClosed(feed);
        }

        wanted.ThrowIfDefault(nameof(wanted));
        if (wanted.ByteCount > detector.SlotBytes)
        {
            throw new ArgumentException(
                $"A frame of {wanted} takes {wanted.ByteCount} bytes, and the detector's {nameof(DetectorOptions.SlotBytes)} are {detector.SlotBytes}; "
                    + "open it with the size of the largest frame.");
        }

        if (ring is SlotRing made && wanted.ByteCount <= made.SlotBytes)
        {
            return feed.Ring = made;
        }

        if (feed.Ring is SlotRing used)
        {
            throw new ArgumentException($"A frame of {wanted} takes {wanted.ByteCount} bytes, and those before {used.SlotBytes} at most; "
                + "the largest of a call comes first.");
        }

        // All frames of the calls before were handled.
        ring?.Dispose();
        ring = null;
        return feed.Ring = ring = new SlotRing(this, detector, wanted.ByteCount, options.FramesAhead);
    }

    // What it throws leaves the frame with the caller, in whose hands the place among those ahead is, too.
    private void Submit(
        SourceFeed feed, in ExternalFrame frame, SlotRing? slots, TimeSpan timestamp, long capturedAt, bool followsDamage)
    {
        long captured = capturedAt == 0 ? clock.GetTimestamp() : capturedAt;
        ReadOnlyMemory<byte> pixels = slots is null ? default : slots.PixelsOf((int)frame.Token);
        FrameFormat frameFormat = frame.Format;
        long token = frame.Token;
        ValueTask<DetectionResult> result = detector.SubmitAsync(frame, Number, captured);
        bool isLive;
        lock (Gate)
        {
            int place = (firstSubmitted + submittedCount++) % submitted.Length;
            submitted[place] = new SubmittedFrame(feed.Run, feed.Count++, timestamp, captured, token, followsDamage, slots, pixels, result);
            format = frameFormat;
            long now = clock.GetTimestamp();
            feed.FirstAt = feed.HasSubmitted ? feed.FirstAt : now;
            feed.LastAt = now;
            feed.HasSubmitted = true;
            isLive = state == SourceState.Live;
            work.Wake();
        }

        if (!isLive)
        {
            SetState(SourceState.Live, null);
        }
    }

    private void ThrowIfClosed(SourceFeed feed)
    {
        if (feed.HasEnded)
        {
            throw new InvalidOperationException($"This call of the producer of source '{Name}' has ended; its feed takes nothing any more.");
        }

        if (lost is not null)
        {
            throw lost;
        }

        if (hasStopped)
        {
            throw new OperationCanceledException($"Source '{Name}' is being removed.", stop.Token);
        }
    }

    private async Task RunAsync()
    {
        RetryDelay delay = new(options.RetryDelay, options.MaxRetryDelay);
        while (!IsLost() && await RunOnceAsync(delay).ConfigureAwait(false) is TimeSpan pause && !IsLost())
        {
            if (pause > TimeSpan.Zero)
            {
                await Task.Delay(pause, clock, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        if (IsLost())
        {
            SetState(SourceState.Failed, lost!.Message);
        }
    }

    /// <summary>Whether the detector is gone: then nothing can be submitted any more.</summary>
    private bool IsLost()
    {
        if (detector.Fault is null && !detector.IsDisposed)
        {
            return false;
        }

        lock (Gate)
        {
            lost ??= detector.Fault is Exception cause ? new DetectorFaultedException(cause) : new ObjectDisposedException(nameof(YoloDetector));
        }

        return true;
    }

    /// <summary>Calls the producer.</summary>
    /// <returns>How long to wait until it is called again; null for never.</returns>
    private async Task<TimeSpan?> RunOnceAsync(RetryDelay delay)
    {
        SourceFeed feed;
        lock (Gate)
        {
            if (hasStopped)
            {
                return null;
            }

            feed = new SourceFeed(this, runs++);
        }

        Exception? error = null;
        try
        {
            await producer(feed, stop.Token).ConfigureAwait(false);
        }
        catch (Exception thrown)
        {
            error = thrown;
        }

        Task handledAll = End(feed, out bool isStopped);
        if (isStopped)
        {
            return null;
        }

        if (error is not null)
        {
            SetState(SourceState.Failed, error.Message, isAnotherFault: true);
        }

        // A removal does not wait here: it may drop what waits.
        await handledAll.WaitAsync(stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (feed.HasSubmitted && clock.GetElapsedTime(feed.FirstAt, feed.LastAt) >= Health)
        {
            delay.Reset();
        }

        if (error is null && (!options.Repeats || (!feed.HasSubmitted && options.RetryDelay == TimeSpan.Zero)))
        {
            SetState(SourceState.Ended, null);
            return null;
        }

        return error is null && feed.HasSubmitted ? TimeSpan.Zero
            : options.RetryDelay == TimeSpan.Zero ? null
            : delay.Next();
    }

    /// <summary>The producer's call has ended: takes back what it left, and gives a task that ends when all its frames are handled.</summary>
    private Task End(SourceFeed feed, out bool isStopped)
    {
        lock (Gate)
        {
            feed.HasEnded = true;
            isStopped = hasStopped;
            for (int left = feed.Ring?.Reclaim() ?? 0; left > 0; left--)
            {
                LeaveRoom();
            }

            return WhenIdle();
        }
    }

    private Task WhenIdle()
    {
        if (ahead == 0)
        {
            return Task.CompletedTask;
        }

        idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return idle.Task;
    }

    private async Task HandleAsync()
    {
        while (await NextAsync().ConfigureAwait(false))
        {
            SubmittedFrame frame = Take(out bool hasFrame);
            if (!hasFrame)
            {
                continue;
            }

            DetectionResult result = default;
            bool isHandled = false;
            try
            {
                result = await frame.Result.ConfigureAwait(false);
                isHandled = !result.IsDropped && !Volatile.Read(ref discards);
            }
            catch (Exception error)
            {
                await NoteAsync(frame, error).ConfigureAwait(false);
            }

            if (isHandled)
            {
                try
                {
                    await handler(new SourceFrame(this, frame), result).ConfigureAwait(false);
                }
                catch (Exception error)
                {
                    lock (Gate)
                    {
                        handlerFailures++;
                    }

                    Warn(Warning.Handler, $"The handler of source '{Name}' threw", error);
                }
            }

            result.Dispose();
            Finish(frame, isHandled);
        }
    }

    private ValueTask<bool> NextAsync()
    {
        lock (Gate)
        {
            return submittedCount > 0 ? new ValueTask<bool>(true) : isDone ? new ValueTask<bool>(false) : work.Arm();
        }
    }

    private SubmittedFrame Take(out bool hasFrame)
    {
        lock (Gate)
        {
            hasFrame = submittedCount > 0;
            if (!hasFrame)
            {
                return default;
            }

            SubmittedFrame frame = submitted[firstSubmitted];
            submitted[firstSubmitted] = default;
            firstSubmitted = (firstSubmitted + 1) % submitted.Length;
            submittedCount--;
            return frame;
        }
    }

    private void Finish(in SubmittedFrame frame, bool isHandled)
    {
        lock (Gate)
        {
            if (isHandled)
            {
                long now = clock.GetTimestamp();
                handledCount++;
                handled.Add(now - frame.CapturedAt, now);
            }

            frame.Ring?.Leave((int)frame.Token);
            LeaveRoom();
        }
    }

    // What the detector cannot go on after ends the source, and what it cannot do for one frame does not.
    private async ValueTask NoteAsync(SubmittedFrame frame, Exception error)
    {
        if (!IsLost())
        {
            Warn(Warning.Frame, $"Frame {frame.Number} of source '{Name}' failed", error);
            return;
        }

        await StopProducerAsync().ConfigureAwait(false);
    }

    private async Task StopProducerAsync()
    {
        lock (Gate)
        {
            hasStopped = true;
            room.Wake();
        }

        try
        {
            await stop.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            Warn(Warning.Cancellation, $"A callback of the cancellation of source '{Name}' threw", error);
        }
    }

    private async Task EndAsync()
    {
        await StopProducerAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        Task handledAll;
        bool drops;
        lock (Gate)
        {
            drops = discards;
            handledAll = WhenIdle();
        }

        if (drops)
        {
            frameSource.Dispose();
        }

        await handledAll.ConfigureAwait(false);
        lock (Gate)
        {
            isDone = true;
            work.Wake();
        }

        // Never on the thread that brings results, which memory that is let go of may wait for.
        await handling.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        frameSource.Dispose();
        try
        {
            ring?.Dispose();
        }
        catch (Exception error)
        {
            Warn(Warning.Memory, $"The memory of source '{Name}' could not be let go of", error);
        }

        SetState(SourceState.Removed, null);
        hub.Forget(this);
    }

    private void SetState(SourceState next, string? what, bool isAnotherFault = false)
    {
        lock (Gate)
        {
            faults += IsFault(next) && (isAnotherFault || next != state) ? 1 : 0;
            if (state == next && problem == what)
            {
                return;
            }

            state = next;
            problem = what;
        }

        try
        {
            options.StateChanged?.Invoke(next, what);
        }
        catch (Exception error)
        {
            Warn(Warning.State, $"{nameof(HubSourceOptions.StateChanged)} of source '{Name}' threw", error);
        }
    }

    private void Warn(Warning kind, string what, Exception error)
    {
        if ((Interlocked.Or(ref warnings, (int)kind) & (int)kind) == 0)
        {
            detector.Warnings.Say($"{what}; further cases are not reported.", error);
        }
    }

    /// <summary>What was told once, and is not told again.</summary>
    [Flags]
    private enum Warning
    {
        Handler = 1,
        Frame = 2,
        State = 4,
        Cancellation = 8,
        Memory = 16,
    }
}
