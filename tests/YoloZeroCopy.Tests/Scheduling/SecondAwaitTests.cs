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
}
