using System.Runtime.CompilerServices;

namespace YoloZeroCopy.Tests;

/// <summary>
/// What others let the pipeline call, contexts, schedulers, listeners and continuations, may throw or block: every later frame is answered, and
/// disposing ends.
/// </summary>
public sealed class ForeignCodeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_context_that_refuses_to_post_stops_nothing_and_its_frame_goes_on_on_the_pool(bool synchronously)
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane], allowSynchronousContinuations: synchronously);
        ValueTask<DetectionResult> pending = harness.Submit();
        Task<int> refused = AwaitOn(new RefusingContext(), pending);
        FakeLane.Finish(lane.Next());
        Assert.Equal(0, await refused.WaitAsync(Patience));
        await AssertGoesOn(harness, lane);
    }

    [Fact]
    public async Task A_scheduler_that_refuses_tasks_stops_nothing_and_its_frame_goes_on_on_the_pool()
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane]);
        ValueTask<DetectionResult> pending = harness.Submit();
        Task<int> refused = await AwaitUnderAsync(new OnceScheduler(), pending);
        FakeLane.Finish(lane.Next());
        Assert.Equal(0, await refused.WaitAsync(Patience));
        await AssertGoesOn(harness, lane);
    }

    [Fact]
    public async Task A_continuation_that_throws_on_the_lanes_thread_stops_nothing()
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane], allowSynchronousContinuations: true);
        await Task.Run(() =>
        {
            ConfiguredValueTaskAwaitable<DetectionResult>.ConfiguredValueTaskAwaiter awaiter = harness.Submit().ConfigureAwait(false).GetAwaiter();
            awaiter.UnsafeOnCompleted(static () => throw new InvalidOperationException("a continuation threw"));
        });
        FakeLane.Finish(lane.Next());
        await AssertGoesOn(harness, lane);
    }

    [Fact]
    public async Task A_listener_of_latencies_that_throws_stops_nothing()
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane]);
        harness.Pipeline.LatencyObserver = static _ => throw new InvalidOperationException("a listener threw");
        ValueTask<DetectionResult> pending = harness.Submit();
        FakeLane.Finish(lane.Next());
        (await pending.AsTask().WaitAsync(Patience)).Dispose();
        await AssertGoesOn(harness, lane);
    }

    [Fact]
    public async Task An_exception_that_cannot_be_printed_stops_nothing()
    {
        FakeLane lane = new();
        using Ring ring = new(1);
        TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        PipelineHarness harness = new([lane], warning: message => warned.TrySetResult(message));
        harness.Pipeline.LatencyObserver = static _ => throw new UnprintableException();
        ring.OnFree = static _ => throw new UnprintableException();
        using RegisteredMemory memory = ring.Register(harness.Pipeline);
        ValueTask<DetectionResult> pending = harness.Pipeline.Submit(ring.InRegistered(memory, 0), 0, 0, default);
        FakeLane.Finish(lane.Next());
        (await pending.AsTask().WaitAsync(Patience)).Dispose();
        Assert.Equal(0, ring.Next());
        Assert.Contains(nameof(UnprintableException), await warned.Task.WaitAsync(Patience), StringComparison.Ordinal);
        await AssertGoesOn(harness, lane, firstNumber: 0);
    }

    [Fact]
    public async Task A_context_that_blocks_holds_up_no_other_frame()
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane]);
        using ManualResetEventSlim release = new();
        ValueTask<DetectionResult> pending = harness.Submit();
        Task<int> blocked = AwaitOn(new CallingContext(release.Wait), pending);
        LaneBatch batch = lane.Next();
        Task finishing = Task.Run(() => FakeLane.Finish(batch));
        await finishing.WaitAsync(Patience);
        await AssertGoesOn(harness, lane, dispose: false);
        release.Set();
        Assert.Equal(0, await blocked.WaitAsync(Patience));
        await harness.DisposeAsync();
    }

    [Theory]
    [InlineData("cancel")]
    [InlineData("rent")]
    [InlineData("close")]
    public async Task No_context_is_called_while_a_lock_is_held(string occasion)
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane], slots: 1, maxBatch: 1);
        using CancellationTokenSource cancel = new();
        ValueTask<DetectionResult> running = harness.Submit(cancellationToken: cancel.Token);
        LaneBatch batch = lane.Next();
        TaskCompletionSource<bool> free = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CallingContext context = new(
            () => free.TrySetResult(Task.Run(() => harness.Pipeline.Snapshot().SlotsInUse + harness.Pool.SlotsInUse).Wait(TimeSpan.FromSeconds(30))));
        Task awaiting = occasion == "cancel"
            ? AwaitOn(context, running)
            : Contexts.Run(context, async () =>
            {
                try
                {
                    (await harness.Pool.RentAsync(PipelineHarness.Format)).Dispose();
                }
                catch (ObjectDisposedException)
                {
                }
            });
        Task disposing = Task.CompletedTask;
        switch (occasion)
        {
            case "cancel":
                await Task.Run(cancel.Cancel).WaitAsync(Patience);
                break;
            case "close":
                disposing = Task.Run(() => harness.Pipeline.DisposeAsync().AsTask());
                break;
            default:
                break;
        }

        bool seen = occasion != "rent" && await free.Task.WaitAsync(Patience);
        FakeLane.Finish(batch);
        if (occasion == "rent")
        {
            seen = await free.Task.WaitAsync(Patience);
        }

        Assert.True(seen, "a lock was held while the context was called");
        _ = await Record.ExceptionAsync(() => awaiting.WaitAsync(Patience));
        if (occasion != "cancel")
        {
            (await running.AsTask().WaitAsync(Patience)).Dispose();
        }

        await disposing.WaitAsync(Patience);
        await harness.DisposeAsync().AsTask().WaitAsync(Patience);
    }

    private static async Task AssertGoesOn(PipelineHarness harness, FakeLane lane, bool dispose = true, int firstNumber = 1)
    {
        for (int turn = 0; turn < 3; turn++)
        {
            ValueTask<DetectionResult> later = harness.Submit();
            FakeLane.Finish(lane.Next());
            using DetectionResult result = await later.AsTask().WaitAsync(Patience);
            Assert.Equal(turn + firstNumber, result.Detections[0].ClassId);
        }

        if (dispose)
        {
            await harness.DisposeAsync().AsTask().WaitAsync(Patience);
        }
    }

    private static Task<int> AwaitOn(SynchronizationContext context, ValueTask<DetectionResult> pending) => Contexts.Run(context, async () =>
    {
        using DetectionResult result = await pending;
        return result.Detections[0].ClassId;
    });

    private static async Task<Task<int>> AwaitUnderAsync(TaskScheduler scheduler, ValueTask<DetectionResult> pending) =>
        await Task.Factory.StartNew(
            async () =>
            {
                using DetectionResult result = await pending;
                return result.Detections[0].ClassId;
            },
            CancellationToken.None,
            TaskCreationOptions.None,
            scheduler);

    private sealed class UnprintableException : Exception
    {
        public override string ToString() => throw new InvalidOperationException("no words");
    }

    private sealed class RefusingContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => throw new InvalidOperationException("the window is closed");
    }

    private sealed class CallingContext(Action onPost) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
            onPost();
            ThreadPool.QueueUserWorkItem(_ => d(state));
        }
    }

    /// <summary>Runs the first task, which awaits, and refuses those behind it.</summary>
    private sealed class OnceScheduler : TaskScheduler
    {
        private int queued;

        protected override IEnumerable<Task> GetScheduledTasks() => [];

        protected override void QueueTask(Task task)
        {
            if (Interlocked.Increment(ref queued) > 1)
            {
                throw new InvalidOperationException("the scheduler has ended");
            }

            ThreadPool.QueueUserWorkItem(_ => TryExecuteTask(task));
        }

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;
    }
}
