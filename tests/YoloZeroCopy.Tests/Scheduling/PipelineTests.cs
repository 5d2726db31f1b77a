using System.Diagnostics;

namespace YoloZeroCopy.Tests;

public sealed class PipelineTests
{
    [Fact]
    public async Task A_lone_frame_goes_at_once_and_what_waits_goes_together()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 5, maxBatch: 3);
        ValueTask<DetectionResult> first = harness.Submit();
        LaneBatch batch = lane.Next();
        Assert.Equal(1, batch.Count);

        ValueTask<DetectionResult>[] more = [harness.Submit(), harness.Submit(), harness.Submit(), harness.Submit()];
        FakeLane.Finish(batch);
        Assert.Equal(3, (batch = lane.Next()).Count);
        FakeLane.Finish(batch);
        Assert.Equal(1, (batch = lane.Next()).Count);
        FakeLane.Finish(batch);

        using DetectionResult result = await first;
        Assert.Equal(0, result.Detections[0].ClassId);
        for (int index = 0; index < more.Length; index++)
        {
            using DetectionResult other = await more[index];
            Assert.Equal(index + 1, other.Detections[0].ClassId);
            Assert.Equal(index + 1, other.Sequence);
        }

        DetectorStatistics statistics = harness.Pipeline.Snapshot();
        Assert.Equal([0, 2, 0, 1], statistics.BatchSizes.ToArray());
        Assert.Equal(5, statistics.FramesCompleted);
        Assert.Equal(0, statistics.SlotsInUse);
    }

    [Fact]
    public async Task A_batch_delay_waits_for_company_and_ends_when_the_batch_is_full()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new([lane], maxBatch: 2, maxBatchDelay: TimeSpan.FromMinutes(10));
        ValueTask<DetectionResult> first = harness.Submit();
        ValueTask<DetectionResult> second = harness.Submit();
        (await first).Dispose();
        (await second).Dispose();
        Assert.Equal([0, 0, 1], harness.Pipeline.Snapshot().BatchSizes.ToArray());
    }

    [Fact]
    public async Task A_batch_delay_ends_when_it_is_over()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new([lane], maxBatch: 2, maxBatchDelay: TimeSpan.FromMilliseconds(200));
        long start = Stopwatch.GetTimestamp();
        (await harness.Submit()).Dispose();
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(190));
        Assert.Equal([0, 1, 0], harness.Pipeline.Snapshot().BatchSizes.ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_caller_goes_on_on_the_pool_or_where_it_asked_for_that_on_the_lanes_own_thread(bool synchronously)
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], allowSynchronousContinuations: synchronously);
        ValueTask<DetectionResult> frame = harness.Submit();
        LaneBatch batch = lane.Next();
        TaskCompletionSource<(Thread Thread, bool IsPools)> seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task awaiting = AwaitAsync();
        Thread finishing = new(() => FakeLane.Finish(batch));
        finishing.Start();
        finishing.Join();
        (Thread continued, bool isPools) = await seen.Task;
        await awaiting;
        Assert.Equal(synchronously, ReferenceEquals(finishing, continued));
        Assert.Equal(!synchronously, isPools);

        async Task AwaitAsync()
        {
            using DetectionResult result = await frame.ConfigureAwait(false);
            seen.SetResult((Thread.CurrentThread, Thread.CurrentThread.IsThreadPoolThread));
        }
    }

    [Fact]
    public async Task A_cancelled_frame_is_answered_on_the_pool_whatever_was_asked_for()
    {
        // The one who cancels holds the pipeline's lock at that moment.
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], allowSynchronousContinuations: true);
        using CancellationTokenSource cancel = new();
        ValueTask<DetectionResult> frame = harness.Submit(cancellationToken: cancel.Token);
        LaneBatch batch = lane.Next();
        TaskCompletionSource<bool> seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task awaiting = AwaitAsync();
        Thread cancelling = new(cancel.Cancel);
        cancelling.Start();
        cancelling.Join();
        FakeLane.Finish(batch);
        Assert.True(await seen.Task, "The continuation ran on the thread that cancelled.");
        await awaiting;

        async Task AwaitAsync()
        {
            try
            {
                (await frame.ConfigureAwait(false)).Dispose();
            }
            catch (OperationCanceledException)
            {
                seen.SetResult(Thread.CurrentThread.IsThreadPoolThread);
            }
        }
    }

    [Fact]
    public async Task A_caller_may_submit_again_and_dispose_while_it_runs_on_the_lanes_thread()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        PipelineHarness harness = new([lane], allowSynchronousContinuations: true);

        for (int frame = 0; frame < 100; frame++)
        {
            (await harness.Submit()).Dispose();
        }

        await harness.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0, harness.Pool.SlotsInUse);
    }

    [Fact]
    public async Task A_slot_is_free_again_when_the_lane_has_read_it_before_the_result_is_there()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 1, maxBatch: 1);
        ValueTask<DetectionResult> pending = harness.Submit();
        LaneBatch batch = lane.Next();
        Assert.False(harness.Pool.TryRent(PipelineHarness.Format, out _));
        FakeLane.Answer(batch, 0);
        Assert.True(harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot slot));
        slot.Dispose();
        Assert.False(pending.IsCompleted);
        batch.Complete(default);
        (await pending).Dispose();
    }

    [Fact]
    public async Task Results_keep_submit_order_when_lanes_finish_out_of_order()
    {
        FakeLane first = new();
        FakeLane second = new();
        await using PipelineHarness harness = new([first, second], maxBatch: 1);
        ValueTask<DetectionResult> one = harness.Submit();
        ValueTask<DetectionResult> two = harness.Submit();
        LaneBatch a = (await StartedOn(first, second)).Next();
        LaneBatch b = (a.Lane == first ? second : first).Next();
        (LaneBatch early, LaneBatch late) = a.Frames[0].Sequence == 0 ? (a, b) : (b, a);
        FakeLane.Finish(late);
        Assert.False(one.IsCompleted);
        Assert.False(two.IsCompleted);
        FakeLane.Finish(early);
        (await one).Dispose();
        (await two).Dispose();
    }

    [Fact]
    public async Task Drop_newest_drops_what_is_submitted_to_a_full_queue_and_its_detections_cannot_be_read()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 4, maxBatch: 1, overflow: OverflowPolicy.DropNewest, queueCapacity: 1);
        ValueTask<DetectionResult> running = harness.Submit();
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult> waiting = harness.Submit();
        ValueTask<DetectionResult> dropped = harness.Submit();

        Assert.Equal(2, harness.Pool.SlotsInUse);
        Assert.False(dropped.IsCompleted, "a drop is answered in order, too");
        FakeLane.Finish(batch);
        FakeLane.Finish(lane.Next());
        (await running).Dispose();
        (await waiting).Dispose();
        using DetectionResult result = await dropped;
        Assert.Equal(FrameStatus.DroppedNewest, result.Status);
        Assert.True(result.IsDropped);
        Assert.Throws<InvalidOperationException>(() => result.Detections.Length);
        Assert.Equal(1, harness.Pipeline.Snapshot().DroppedNewest);
    }

    [Fact]
    public async Task Drop_oldest_makes_room_in_the_queue_and_in_the_pool()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 3, maxBatch: 1, overflow: OverflowPolicy.DropOldest, queueCapacity: 2);
        ValueTask<DetectionResult> running = harness.Submit();
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult>[] waiting = [harness.Submit(), harness.Submit()];

        // All three slots are out: renting takes the slot of the frame that has waited longest.
        ValueTask<DetectionResult> newest = harness.Submit();
        FakeLane.Finish(batch);
        FakeLane.Finish(lane.Next());
        FakeLane.Finish(lane.Next());
        (await running).Dispose();
        using (DetectionResult dropped = await waiting[0])
        {
            Assert.Equal(FrameStatus.DroppedOldest, dropped.Status);
        }

        using DetectionResult second = await waiting[1];
        using DetectionResult third = await newest;
        Assert.Equal((2, 3), (second.Detections[0].ClassId, third.Detections[0].ClassId));
        Assert.Equal(1, harness.Pipeline.Snapshot().DroppedOldest);
    }

    [Fact]
    public async Task Frames_above_the_age_limit_are_dropped_when_their_turn_comes()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], maxBatch: 2, maxFrameAge: TimeSpan.FromSeconds(30));
        ValueTask<DetectionResult> running = harness.Submit();
        LaneBatch batch = lane.Next();
        long minuteAgo = Stopwatch.GetTimestamp() - (60 * Stopwatch.Frequency);
        ValueTask<DetectionResult> old = harness.Submit(capturedAt: minuteAgo);
        ValueTask<DetectionResult> fresh = harness.Submit();
        FakeLane.Finish(batch);
        batch = lane.Next();
        Assert.Equal(1, batch.Count);
        FakeLane.Finish(batch);
        (await running).Dispose();
        using DetectionResult dropped = await old;
        Assert.Equal(FrameStatus.DroppedTooOld, dropped.Status);
        Assert.Equal(minuteAgo, dropped.CapturedAt);
        using DetectionResult kept = await fresh;
        Assert.Equal(FrameStatus.Completed, kept.Status);
        Assert.Equal(1, harness.Pipeline.Snapshot().DroppedTooOld);
    }

    [Fact]
    public async Task The_age_of_every_frame_is_looked_at_and_not_only_of_the_first_that_waits()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 6, maxBatch: 4, maxFrameAge: TimeSpan.FromSeconds(30));
        ValueTask<DetectionResult> running = harness.Submit();
        LaneBatch batch = lane.Next();
        long minuteAgo = Stopwatch.GetTimestamp() - (60 * Stopwatch.Frequency);
        ValueTask<DetectionResult>[] waiting =
        [
            harness.Submit(source: 1), harness.Submit(source: 2, capturedAt: minuteAgo), harness.Submit(source: 1),
                harness.Submit(source: 2, capturedAt: minuteAgo),
        ];
        FakeLane.Finish(batch);
        batch = lane.Next();
        Assert.Equal(2, batch.Count);
        FakeLane.Finish(batch);
        (await running).Dispose();
        FrameStatus[] expected = [FrameStatus.Completed, FrameStatus.DroppedTooOld, FrameStatus.Completed, FrameStatus.DroppedTooOld];
        for (int index = 0; index < waiting.Length; index++)
        {
            using DetectionResult result = await waiting[index];
            Assert.Equal(expected[index], result.Status);
        }

        // A batch of old frames only starts nothing.
        ValueTask<DetectionResult> old = harness.Submit(capturedAt: minuteAgo);
        Assert.Equal(FrameStatus.DroppedTooOld, (await old.AsTask().WaitAsync(TimeSpan.FromSeconds(60))).Status);
        ValueTask<DetectionResult> last = harness.Submit();
        FakeLane.Finish(lane.Next());
        (await last).Dispose();
        Assert.Equal([0, 2, 1, 0, 0], harness.Pipeline.Snapshot().BatchSizes.ToArray());
    }

    [Theory]
    [InlineData(2, 8, 600_000)]
    [InlineData(8, 4, 50)]
    public async Task Frames_that_come_faster_than_the_batch_delay_and_drop_each_other_do_not_starve(
        int queueCapacity, int slots, int delayMilliseconds)
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new(
            [lane], slots, maxBatch: 8, overflow: OverflowPolicy.DropOldest, queueCapacity: queueCapacity,
                maxBatchDelay: TimeSpan.FromMilliseconds(delayMilliseconds));

        // All slots but one are held by others: the rent of the next frame then takes the slot of the one that waits.
        List<FrameSlot> held = [];
        while (queueCapacity > slots && held.Count < slots - 1 && harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot slot))
        {
            held.Add(slot);
        }

        List<ValueTask<DetectionResult>> pending = [];
        long start = Stopwatch.GetTimestamp();
        while (harness.Pipeline.Snapshot().Batches == 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60),
                $"{pending.Count} frames were submitted to an idle lane, and none was computed");

            // None is to be had while the lane has the one that is not held: that is the batch which the loop waits for.
            if (harness.TrySubmit(out ValueTask<DetectionResult> frame))
            {
                pending.Add(frame);
            }

            await Task.Delay(1);
        }

        foreach (ValueTask<DetectionResult> frame in pending)
        {
            (await frame.AsTask().WaitAsync(TimeSpan.FromSeconds(60))).Dispose();
        }

        held.ForEach(static slot => slot.Dispose());
    }

    [Fact]
    public async Task Cancelling_a_waiting_frame_frees_its_slot_and_a_running_one_is_answered_at_once()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 3, maxBatch: 1);
        using CancellationTokenSource cancel = new();
        ValueTask<DetectionResult> running = harness.Submit(cancellationToken: cancel.Token);
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult> waiting = harness.Submit(cancellationToken: cancel.Token);
        ValueTask<DetectionResult> other = harness.Submit();
        Assert.Equal(3, harness.Pool.SlotsInUse);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.AsTask());
        Assert.Equal(2, harness.Pool.SlotsInUse);
        FakeLane.Finish(batch);
        FakeLane.Finish(lane.Next());
        using DetectionResult result = await other;
        Assert.Equal(2, result.Detections[0].ClassId);
        Assert.Equal(2, harness.Pipeline.Snapshot().FramesCanceled);
        Assert.Equal(0, harness.Pool.SlotsInUse);

        // A token cancelled before submit costs the slot nothing either.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => harness.Submit(cancellationToken: cancel.Token).AsTask());
        Assert.Equal(0, harness.Pool.SlotsInUse);
    }

    [Fact]
    public async Task A_failed_frame_throws_to_its_caller_only()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], maxBatch: 2);
        ValueTask<DetectionResult> first = harness.Submit();
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult> bad = harness.Submit();
        ValueTask<DetectionResult> good = harness.Submit();
        FakeLane.Finish(batch);
        batch = lane.Next();
        batch.SetError(0, new InferenceException("bad frame"));
        FakeLane.Answer(batch, 1);
        batch.Complete(default);
        (await first).Dispose();
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => bad.AsTask());
        Assert.Equal("bad frame", error.Message);
        (await good).Dispose();
        Assert.Equal(1, harness.Pipeline.Snapshot().FramesFailed);
        Assert.Equal(0, harness.Pool.SlotsInUse);
    }

    [Fact]
    public async Task A_fault_fails_what_is_pending_and_all_that_comes_later_and_dispose_still_works()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 3, maxBatch: 1);
        ValueTask<DetectionResult> running = harness.Submit();
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult> waiting = harness.Submit();
        Assert.True(harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot slot));
        Task<FrameSlot> renting = harness.Pool.RentAsync(PipelineHarness.Format).AsTask();

        batch.Fault(new InvalidOperationException("the device is gone"));
        DetectorFaultedException error = await Assert.ThrowsAsync<DetectorFaultedException>(() => running.AsTask());
        Assert.Contains("the device is gone", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<DetectorFaultedException>(() => waiting.AsTask());

        // The one who waited for a slot got the running frame's or hears of the fault.
        try
        {
            (await renting).Dispose();
        }
        catch (DetectorFaultedException)
        {
        }

        await Assert.ThrowsAsync<DetectorFaultedException>(() => harness.Pipeline.Submit(slot, 0, 0, default).AsTask());
        Assert.Throws<DetectorFaultedException>(() => harness.Pool.TryRent(PipelineHarness.Format, out _));
        Assert.Equal(0, harness.Pool.SlotsInUse);
        await harness.DisposeAsync();
        Assert.True(lane.IsDisposed);
    }

    [Fact]
    public async Task A_lane_that_throws_on_start_is_a_fault()
    {
        FakeLane lane = new((_, _) => throw new InvalidOperationException("no start"));
        await using PipelineHarness harness = new([lane]);
        DetectorFaultedException error = await Assert.ThrowsAsync<DetectorFaultedException>(() => harness.Submit().AsTask());
        Assert.Equal("no start", error.InnerException!.Message);
        Assert.Equal(0, harness.Pool.SlotsInUse);
    }

    [Fact]
    public void A_lane_that_cannot_be_prepared_says_so_to_the_one_who_opens()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(
            () => new PipelineHarness([new FakeLane { PrepareError = new InvalidOperationException("no memory") }]));
        Assert.Equal("no memory", error.Message);
    }

    [Fact]
    public async Task Dispose_lets_a_running_batch_finish_and_fails_what_waits()
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane], slots: 3, maxBatch: 1);
        ValueTask<DetectionResult> running = harness.Submit();
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult> waiting = harness.Submit();
        Assert.True(harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot slot));
        FakeLane.Stamp(slot, 9);

        Task disposing = harness.Pipeline.DisposeAsync().AsTask();
        Task again = harness.Pipeline.DisposeAsync().AsTask();
        Assert.False(disposing.IsCompleted);
        Assert.False(lane.IsDisposed);
        FakeLane.Finish(batch);
        await disposing;
        await again;
        Assert.True(lane.IsDisposed);
        using DetectionResult result = await running;
        Assert.Equal(0, result.Detections[0].ClassId);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.AsTask());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => harness.Pipeline.Submit(slot, 0, 0, default).AsTask());
        Assert.Equal(0, harness.Pool.SlotsInUse);
        await harness.DisposeAsync();
    }

    [Fact]
    public async Task Stale_slots_and_results_are_refused()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new([lane]);
        Assert.True(harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot slot));
        ValueTask<DetectionResult> pending = harness.Pipeline.Submit(slot, 0, 0, default);
        Assert.Throws<InvalidOperationException>(() => harness.Pipeline.Submit(slot, 0, 0, default).IsCompleted);
        slot.Dispose();
        Assert.Throws<InvalidOperationException>(() => slot.Span.Length);
        DetectionResult result = await pending;
        DetectionResult copy = result;
        result.Dispose();
        copy.Dispose();
        Assert.Throws<InvalidOperationException>(() => copy.Detections.Length);
        Assert.Throws<InvalidOperationException>(() => copy.Status);
        DetectionResult next = await harness.Submit();
        copy.Dispose();
        Assert.Equal(1, next.Detections.Length);
        next.Dispose();
    }

    [Fact]
    public async Task Continuations_return_to_the_callers_context_and_flow_its_execution_context()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane]);
        ValueTask<DetectionResult> pending = harness.Submit();
        RecordingContext context = new();
        AsyncLocal<int> local = new() { Value = 7 };
        Task<int> read = Contexts.Run(context, Read);
        FakeLane.Finish(lane.Next());
        Assert.Equal(7, await read);
        Assert.Equal(1, context.Posts);

        async Task<int> Read()
        {
            using DetectionResult result = await pending;
            return local.Value;
        }
    }

    private static async Task<FakeLane> StartedOn(FakeLane first, FakeLane second)
    {
        while (first.Started == 0 || second.Started == 0)
        {
            await Task.Yield();
        }

        return first;
    }

    private sealed class RecordingContext : SynchronizationContext
    {
        public int Posts { get; private set; }

        public override void Post(SendOrPostCallback d, object? state)
        {
            Posts++;
            ThreadPool.QueueUserWorkItem(_ => d(state));
        }
    }
}
