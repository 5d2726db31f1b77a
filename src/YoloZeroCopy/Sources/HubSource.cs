namespace YoloZeroCopy;

/// <summary>One source of a <see cref="SourceHub"/>: its producer's calls, its frames on their way, and what is known of it. Any thread.</summary>
/// <remarks>
/// Two loops, of which none has a thread: one calls the producer again and again, the other takes the results in their order and calls the handler.
/// The gate guards what they share; no code of others runs under it.
/// </remarks>
public sealed partial class HubSource : IAsyncDisposable
{
    private static readonly TimeSpan Health = TimeSpan.FromSeconds(10);

    private readonly SourceHub hub;
    private readonly YoloDetector detector;
    private readonly FrameSource frameSource;
    private readonly FrameProducer producer;
    private readonly FrameHandler handler;
    private readonly HubSourceOptions options;
    private readonly IDisposable? resource;
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
    private int warnedOfHandler;
    private int warnedOfFrame;
    private int warnedOfState;
    private int warnedOfCancellation;
    private int warnedOfMemory;

    private Task running = Task.CompletedTask;
    private Task handling = Task.CompletedTask;

    internal HubSource(
        SourceHub hub, string name, YoloDetector detector, FrameSource frameSource, FrameProducer producer, FrameHandler handler,
            HubSourceOptions options, IDisposable? resource, TimeProvider clock)
    {
        this.resource = resource;
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
                (TimeSpan? p50, TimeSpan? p99, TimeSpan? max) = handled.Ages();
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
                    AgeMax = max,
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
    /// <param name="drain">True: frames that were submitted are still detected in and handled. False: those that wait are dropped, and none is
    /// handled any more but the one that just is.</param>
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
            detector.Warnings.SayOnce(ref warnedOfCancellation, $"A callback of the cancellation of source '{Name}' threw", error);
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
            detector.Warnings.SayOnce(ref warnedOfMemory, $"The memory of source '{Name}' could not be let go of", error);
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
            detector.Warnings.SayOnce(ref warnedOfState, $"{nameof(HubSourceOptions.StateChanged)} of source '{Name}' threw", error);
        }
    }
}
