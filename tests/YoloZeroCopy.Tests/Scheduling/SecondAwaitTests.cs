namespace YoloZeroCopy.Tests;

/// <summary>A value task is for one await. The second one gets an exception that says so, and touches nobody else's frame.</summary>
public sealed class SecondAwaitTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_cancelled_frame_awaited_twice_stays_with_its_lane()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 4, maxBatch: 1);
        using CancellationTokenSource cancel = new();
        ValueTask<DetectionResult> running = harness.Submit(cancellationToken: cancel.Token);
        LaneBatch batch = lane.Next();
        PendingFrame inLane = batch.Frames[0];
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await running);
        InvalidOperationException second = await Assert.ThrowsAsync<InvalidOperationException>(async () => await running);
        Assert.Contains("awaited before", second.Message, StringComparison.Ordinal);

        // Frames submitted now must not share the object that the lane still works on.
        ValueTask<DetectionResult>[] others = [harness.Submit(), harness.Submit()];
        FakeLane.Finish(batch);
        Assert.False(others[0].IsCompleted || others[1].IsCompleted);
        batch = lane.Next();
        Assert.NotEqual(0, batch.Frames[0].Sequence);
        Assert.True(inLane.Sequence == 0, "the frame in the lane became another caller's");
        FakeLane.Finish(batch);
        FakeLane.Finish(lane.Next());
        for (int index = 0; index < others.Length; index++)
        {
            using DetectionResult result = await others[index].AsTask().WaitAsync(Patience);
            Assert.Equal(index + 1, result.Detections[0].ClassId);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_two_who_await_a_pending_frame_the_second_is_told_so(bool asTask)
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane]);
        ValueTask<DetectionResult> pending = harness.Submit();
        LaneBatch batch = lane.Next();
        Task<DetectionResult> first = pending.AsTask();
        Task<DetectionResult> second = asTask ? pending.AsTask() : AwaitAsync();
        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(() => second.WaitAsync(Patience));
        Assert.Contains("awaited before", error.Message, StringComparison.Ordinal);
        Assert.False(first.IsCompleted);
        FakeLane.Finish(batch);
        using DetectionResult result = await first.WaitAsync(Patience);
        Assert.Equal(0, result.Detections[0].ClassId);

        async Task<DetectionResult> AwaitAsync() => await pending;
    }

    [Fact]
    public async Task A_result_awaited_again_after_it_was_taken_or_disposed_is_refused()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new([lane]);
        ValueTask<DetectionResult> pending = harness.Submit();
        DetectionResult result = await pending;
        await AssertRefused();
        result.Dispose();
        await AssertRefused();
        (await harness.Submit()).Dispose();
        await AssertRefused();

        async Task AssertRefused()
        {
            Assert.Contains(
                "awaited before", (await Assert.ThrowsAsync<InvalidOperationException>(async () => await pending)).Message, StringComparison.Ordinal);
            Assert.Contains(
                "awaited before", (await Assert.ThrowsAsync<InvalidOperationException>(() => pending.AsTask())).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_slot_that_was_waited_for_is_handed_to_one_await_only()
    {
        await using PipelineHarness harness = new([new FakeLane()], slots: 1);
        Assert.True(harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot held));
        ValueTask<FrameSlot> rent = harness.Pool.RentAsync(PipelineHarness.Format);
        Task<FrameSlot> first = rent.AsTask();
        Assert.Contains(
            "awaited before", (await Assert.ThrowsAsync<InvalidOperationException>(async () => await rent)).Message, StringComparison.Ordinal);
        held.Dispose();
        (await first.WaitAsync(Patience)).Dispose();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await rent);
        Assert.Equal(0, harness.Pool.SlotsInUse);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_two_threads_that_await_at_once_one_is_answered_and_one_is_told_so(bool synchronously)
    {
        const int Turns = 500;
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 1, maxBatch: 1, allowSynchronousContinuations: synchronously);

        // Two await and one finishes the frame, all as nearly at once as threads can.
        using Barrier start = new(3);
        ValueTask<DetectionResult> pending = default;
        LaneBatch? batch = null;
        Task<DetectionResult>[] awaits = new Task<DetectionResult>[2];
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(number => new Thread(() =>
        {
            for (int turn = 0; turn < Turns; turn++)
            {
                Assert.True(start.SignalAndWait(Patience));
                awaits[number] = (turn + number) % 3 == 0 ? pending.AsTask() : AwaitAsync();
                Assert.True(start.SignalAndWait(Patience));
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        for (int turn = 0; turn < Turns; turn++)
        {
            pending = harness.Submit();
            batch = lane.Next();
            Assert.True(start.SignalAndWait(Patience));
            if (turn % 2 == 0)
            {
                FakeLane.Finish(batch);
            }

            Assert.True(start.SignalAndWait(Patience));
            if (turn % 2 != 0)
            {
                FakeLane.Finish(batch);
            }

            int answered = 0;
            foreach (Task<DetectionResult> one in awaits)
            {
                try
                {
                    using DetectionResult result = await one.WaitAsync(Patience);
                    Assert.Equal(turn, result.Detections[0].ClassId);
                    answered++;
                }
                catch (InvalidOperationException error)
                {
                    Assert.Contains("awaited before", error.Message, StringComparison.Ordinal);
                }
            }

            Assert.Equal(1, answered);
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        Array.ForEach(threads, static thread => thread.Join());

        async Task<DetectionResult> AwaitAsync() => await pending;
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task The_second_is_told_so_on_its_own_context(bool afterCompletion, bool synchronously)
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], allowSynchronousContinuations: synchronously);
        ValueTask<DetectionResult> pending = harness.Submit();
        LaneBatch batch = lane.Next();
        using HeldContext firstsContext = new();
        using HeldContext secondsContext = new();
        Task<DetectionResult> first = Contexts.Run(firstsContext, AwaitAsync);
        if (afterCompletion)
        {
            // The result is there, and the first has not gone on.
            FakeLane.Finish(batch);
            firstsContext.WaitForPost();
        }

        Task<DetectionResult> second = Contexts.Run(secondsContext, AwaitAsync);
        if (!second.IsCompleted)
        {
            Assert.False(afterCompletion);
            secondsContext.WaitForPost();
            secondsContext.RunOne();
        }

        Assert.Contains(
            "awaited before", (await Assert.ThrowsAsync<InvalidOperationException>(() => second)).Message, StringComparison.Ordinal);
        Assert.False(first.IsCompleted);
        if (!afterCompletion)
        {
            FakeLane.Finish(batch);
            firstsContext.WaitForPost();
        }

        firstsContext.RunOne();
        using DetectionResult result = await first.WaitAsync(Patience);
        Assert.Equal(0, result.Detections[0].ClassId);

        async Task<DetectionResult> AwaitAsync() => await pending;
    }

    [Fact]
    public async Task The_second_is_told_so_on_its_own_scheduler_and_whatever_else_it_awaits_is_untouched()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], maxBatch: 1);
        ValueTask<DetectionResult> pending = harness.Submit();
        ValueTask<DetectionResult> other = harness.Submit();
        Task<DetectionResult> first = pending.AsTask();
        TaskScheduler exclusive = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;
        Task<DetectionResult> second = Task.Factory.StartNew(
            async () =>
            {
                InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(async () => await pending);
                Assert.Contains("awaited before", error.Message, StringComparison.Ordinal);
                Assert.Same(exclusive, TaskScheduler.Current);
                return await other;
            },
            CancellationToken.None,
            TaskCreationOptions.None,
            exclusive).Unwrap();
        FakeLane.Finish(lane.Next());
        FakeLane.Finish(lane.Next());

        using DetectionResult firsts = await first.WaitAsync(Patience);
        using DetectionResult others = await second.WaitAsync(Patience);
        Assert.Equal((0, 1), (firsts.Detections[0].ClassId, others.Detections[0].ClassId));
    }

    [Fact]
    public async Task One_who_asks_for_the_result_instead_of_awaiting_it_is_told_so_and_the_frame_is_untouched()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane]);
        ValueTask<DetectionResult> pending = harness.Submit();
        Task<DetectionResult> first = pending.AsTask();
        _ = Assert.Throws<InvalidOperationException>(() => pending.GetAwaiter().GetResult());
        _ = Assert.Throws<InvalidOperationException>(() => pending.Result);
        FakeLane.Finish(lane.Next());
        using DetectionResult result = await first.WaitAsync(Patience);
        Assert.Equal(0, result.Detections[0].ClassId);
    }

    [Fact]
    public async Task Two_threads_that_wait_for_one_slot_at_once_get_it_once()
    {
        const int Turns = 300;
        await using PipelineHarness harness = new([new FakeLane()], slots: 1);
        for (int turn = 0; turn < Turns; turn++)
        {
            Assert.True(harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot held));
            ValueTask<FrameSlot> rent = harness.Pool.RentAsync(PipelineHarness.Format);
            using Barrier start = new(3);
            Task<FrameSlot>[] waits = [.. Enumerable.Range(0, 2).Select(_ => Task.Factory.StartNew(
                async () =>
                {
                    Assert.True(start.SignalAndWait(Patience));
                    return await rent;
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default).Unwrap())];
            Assert.True(start.SignalAndWait(Patience));
            held.Dispose();
            int served = 0;
            foreach (Task<FrameSlot> wait in waits)
            {
                try
                {
                    (await wait.WaitAsync(Patience)).Dispose();
                    served++;
                }
                catch (InvalidOperationException error)
                {
                    Assert.Contains("awaited before", error.Message, StringComparison.Ordinal);
                }
            }

            Assert.Equal((1, 0), (served, harness.Pool.SlotsInUse));
        }
    }

    [Fact]
    public async Task Detecting_in_pixels_gives_all_who_await_the_one_result()
    {
        await using YoloDetector detector = YoloDetector.FromFunction(
            ModelInfo.OfClasses("bolt"), static (_, _) => [new Detection(0, 0.5f, 0, 0, 1, 1)]);
        ValueTask<DetectionResult> pending = detector.DetectAsync(new byte[PipelineHarness.Format.ByteCount], PipelineHarness.Format);
        Task<DetectionResult>[] both = [AwaitAsync(), AwaitAsync()];
        DetectionResult[] results = await Task.WhenAll(both).WaitAsync(Patience);
        Assert.Equal(results[0], results[1]);
        results[0].Dispose();
        _ = Assert.Throws<InvalidOperationException>(() => results[1].Detections.Length);

        async Task<DetectionResult> AwaitAsync() => await pending;
    }

    /// <summary>A window whose messages are handled when the test says so.</summary>
    private sealed class HeldContext : SynchronizationContext, IDisposable
    {
        private readonly Queue<(SendOrPostCallback Call, object? State)> calls = new();
        private readonly SemaphoreSlim posted = new(0);

        public override void Post(SendOrPostCallback d, object? state)
        {
            lock (calls)
            {
                calls.Enqueue((d, state));
            }

            posted.Release();
        }

        public void WaitForPost() => Assert.True(posted.Wait(Patience));

        public void RunOne()
        {
            (SendOrPostCallback call, object? state) = calls.Dequeue();
            call(state);
        }

        public void Dispose() => posted.Dispose();
    }
}
