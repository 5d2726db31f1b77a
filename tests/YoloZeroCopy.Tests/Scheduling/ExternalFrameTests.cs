using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Frames in memory of the caller's, above the lane: whatever becomes of one, its owner hears once, and never too early.</summary>
public sealed class ExternalFrameTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Frames_of_all_kinds_share_batches_and_the_order_of_results()
    {
        await using World world = new(maxBatch: 3);
        ValueTask<DetectionResult> first = world.Harness.Submit();
        LaneBatch batch = world.Lane.Next();
        world.Ring.Stamp(0, 100);
        world.Ring.Stamp(1, 101);
        ValueTask<DetectionResult> registered = world.SubmitRegistered(0, source: 7, capturedAt: 5);
        ValueTask<DetectionResult> slot = world.Harness.Submit();
        ValueTask<DetectionResult> device = world.SubmitOnDevice(1);
        FakeLane.Finish(batch);
        batch = world.Lane.Next();
        Assert.Equal(3, batch.Count);
        Assert.Equal((2, 1), (world.Statistics.ExternalFramesHeld, world.Statistics.SlotsInUse));
        FakeLane.Finish(batch);

        (await first).Dispose();
        using DetectionResult one = await registered;
        using DetectionResult two = await slot;
        using DetectionResult three = await device;
        Assert.Equal([100, 1, 101], new[] { one, two, three }.Select(static result => result.Detections[0].ClassId));
        Assert.Equal([1, 2, 3], new[] { one, two, three }.Select(static result => (int)result.Sequence));
        Assert.Equal((7, 5L, PipelineHarness.Format), (one.Source, one.CapturedAt, one.Format));
        Assert.Equal([0, 1], new[] { world.Ring.Next(), world.Ring.Next() }.Order());
        Assert.Equal((4L, 0L, 0), (world.Statistics.FramesCompleted, world.Statistics.HostCopies, world.Statistics.SlotsInUse));
    }

    [Fact]
    public async Task An_owner_hears_when_its_frame_is_read_before_the_result_is_there()
    {
        await using World world = new();
        ValueTask<DetectionResult> frame = world.SubmitRegistered(0);
        LaneBatch batch = world.Lane.Next();
        Assert.False(world.Ring.HasHeard);
        FakeLane.Answer(batch, 0);
        Assert.Equal(0, world.Ring.Next());
        Assert.False(frame.IsCompleted);
        batch.Complete(default);
        (await frame).Dispose();
        await world.AssertHeardOnceAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_a_frame_that_fails_or_that_a_lane_forgets(bool forgets)
    {
        await using World world = new();
        ValueTask<DetectionResult> frame = world.SubmitRegistered(0);
        LaneBatch batch = world.Lane.Next();
        if (!forgets)
        {
            batch.SetError(0, new InferenceException("injected"));
        }

        batch.Complete(default);
        _ = await Assert.ThrowsAsync<InferenceException>(async () => await frame);
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_a_frame_dropped_as_the_newest()
    {
        await using World world = new(OverflowPolicy.DropNewest);
        _ = world.SubmitRegistered(0).AsTask();
        LaneBatch batch = world.Lane.Next();
        _ = world.SubmitRegistered(1).AsTask();
        ValueTask<DetectionResult> dropped = world.SubmitRegistered(2);
        Assert.Equal(2, world.Ring.Next());
        FakeLane.Finish(batch);
        FakeLane.Finish(world.Lane.Next());
        Assert.Equal(FrameStatus.DroppedNewest, (await dropped).Status);
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_a_frame_dropped_as_the_oldest()
    {
        await using World world = new(OverflowPolicy.DropOldest);
        _ = world.SubmitRegistered(0).AsTask();
        LaneBatch batch = world.Lane.Next();
        ValueTask<DetectionResult> dropped = world.SubmitOnDevice(1);
        _ = world.SubmitRegistered(2).AsTask();
        Assert.Equal(1, world.Ring.Next());
        FakeLane.Finish(batch);
        FakeLane.Finish(world.Lane.Next());
        Assert.Equal(FrameStatus.DroppedOldest, (await dropped).Status);
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_a_frame_dropped_for_its_age()
    {
        await using World world = new(maxFrameAge: TimeSpan.FromMinutes(1));
        ValueTask<DetectionResult> dropped = world.SubmitRegistered(0, capturedAt: Stopwatch.GetTimestamp() - (120 * Stopwatch.Frequency));
        Assert.Equal(0, world.Ring.Next());
        Assert.Equal(FrameStatus.DroppedTooOld, (await dropped).Status);
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_a_frame_cancelled_before_it_is_submitted()
    {
        await using World world = new();
        ValueTask<DetectionResult> frame = world.SubmitRegistered(0, cancellationToken: new CancellationToken(canceled: true));
        Assert.Equal(0, world.Ring.Next());
        _ = await Assert.ThrowsAsync<TaskCanceledException>(async () => await frame);
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_a_frame_cancelled_while_it_waits()
    {
        await using World world = new();
        using CancellationTokenSource cancel = new();
        _ = world.SubmitRegistered(0).AsTask();
        LaneBatch batch = world.Lane.Next();
        ValueTask<DetectionResult> frame = world.SubmitOnDevice(1, cancel.Token);
        await cancel.CancelAsync();
        Assert.Equal(1, world.Ring.Next());
        _ = await Assert.ThrowsAsync<OperationCanceledException>(async () => await frame);
        FakeLane.Finish(batch);
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_a_frame_cancelled_in_a_lane_only_when_that_has_read_it()
    {
        await using World world = new();
        using CancellationTokenSource cancel = new();
        ValueTask<DetectionResult> frame = world.SubmitOnDevice(0, cancel.Token);
        LaneBatch batch = world.Lane.Next();
        await cancel.CancelAsync();
        _ = await Assert.ThrowsAsync<OperationCanceledException>(async () => await frame);
        Assert.False(world.Ring.HasHeard);
        FakeLane.Finish(batch);
        Assert.Equal(0, world.Ring.Next());
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_frames_in_a_lane_waiting_and_late_when_the_detector_faults()
    {
        await using World world = new();
        ValueTask<DetectionResult> running = world.SubmitRegistered(0);
        LaneBatch batch = world.Lane.Next();
        ValueTask<DetectionResult> waiting = world.SubmitOnDevice(1);
        batch.Fault(new InvalidOperationException("injected"));
        ValueTask<DetectionResult> late = world.SubmitRegistered(2);
        Assert.Equal([0, 1, 2], new[] { world.Ring.Next(), world.Ring.Next(), world.Ring.Next() }.Order());
        foreach (ValueTask<DetectionResult> frame in new[] { running, waiting, late })
        {
            _ = await Assert.ThrowsAsync<DetectorFaultedException>(async () => await frame);
        }

        Assert.Throws<DetectorFaultedException>(() => world.Harness.Pipeline.Register(1, 1));
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_frames_in_a_lane_waiting_and_late_when_the_detector_is_disposed()
    {
        await using World world = new();
        ValueTask<DetectionResult> running = world.SubmitRegistered(0);
        LaneBatch batch = world.Lane.Next();
        ValueTask<DetectionResult> waiting = world.SubmitOnDevice(1);
        Task disposing = world.Harness.Pipeline.DisposeAsync().AsTask();
        Assert.Equal(1, world.Ring.Next());
        Assert.False(disposing.IsCompleted, "a lane still reads a frame");
        FakeLane.Finish(batch);
        await disposing.WaitAsync(Patience);
        Assert.True(world.Ring.HasHeard, "DisposeAsync came back before an owner had heard");
        (await running).Dispose();
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(async () => await waiting);

        ValueTask<DetectionResult> late = world.SubmitRegistered(2);
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(async () => await late);
        Assert.Equal([0, 2], new[] { world.Ring.Next(), world.Ring.Next() });
        Assert.Throws<ObjectDisposedException>(() => world.Harness.Pipeline.Register(1, 1));
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_frames_of_a_detector_that_nobody_disposed()
    {
        await using World world = new();
        ValueTask<DetectionResult> running = world.SubmitRegistered(0);
        LaneBatch batch = world.Lane.Next();
        ValueTask<DetectionResult> waiting = world.SubmitRegistered(1);
        world.Harness.Pipeline.Abandon();
        FakeLane.Finish(batch);
        FakeLane.Finish(world.Lane.Next());
        (await running).Dispose();
        (await waiting).Dispose();
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Of_a_frame_whose_place_the_driver_cannot_tell()
    {
        await using World world = new();
        world.Lane.CheckError = new TimeoutException("the driver says no");
        ValueTask<DetectionResult> frame = world.SubmitOnDevice(0);
        Assert.Equal(0, world.Ring.Next());
        _ = await Assert.ThrowsAsync<TimeoutException>(async () => await frame);
        await world.AssertHeardOnceAsync();
    }

    [Fact]
    public async Task Not_of_a_frame_that_was_refused_with_its_arguments()
    {
        await using World world = new(onDevice: false);
        ArgumentException error = AssertRefused(() => world.SubmitOnDevice(0));
        Assert.Contains("runs on the processor", error.Message, StringComparison.Ordinal);
        Assert.Contains("registered host memory", error.Message, StringComparison.Ordinal);
        _ = AssertRefused(() => world.Submit(default));

        FrameFormat large = new(PixelFormat.Gray8, PipelineHarness.Format.ByteCount + 1, 1);
        error = AssertRefused(() => world.Submit(ExternalFrame.InRegistered(world.Memory, 0, large, world.Ring)));
        Assert.Contains("SlotBytes is 16", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, world.Statistics.ExternalFramesHeld);
        Assert.False(world.Ring.HasHeard);
    }

    [Fact]
    public async Task Frames_outside_of_their_memory_and_planes_that_a_format_does_not_have_are_refused()
    {
        await using World world = new();
        FrameFormat gray = PipelineHarness.Format;
        FrameFormat nv12 = new(PixelFormat.Nv12, 4, 4);
        IFrameOwner owner = world.Ring;
        Assert.Throws<ArgumentNullException>(() => ExternalFrame.InRegistered(null!, 0, gray, owner));
        Assert.Throws<ArgumentNullException>(() => ExternalFrame.InRegistered(world.Memory, 0, gray, null!));
        Assert.Throws<ArgumentException>(() => ExternalFrame.InRegistered(world.Memory, 0, default, owner));
        Assert.Throws<ArgumentOutOfRangeException>(() => ExternalFrame.InRegistered(world.Memory, -1, gray, owner));
        Assert.Throws<ArgumentOutOfRangeException>(() => ExternalFrame.InRegistered(world.Memory, long.MaxValue, gray, owner));
        Assert.Throws<ArgumentOutOfRangeException>(() => ExternalFrame.InRegistered(world.Memory, world.Ring.ByteCount - 15, gray, owner));
        _ = ExternalFrame.InRegistered(world.Memory, world.Ring.ByteCount - 16, gray, owner);
        Assert.Throws<ArgumentException>(() => ExternalFrame.OnDevice(0, 0, nv12, 0, owner));
        Assert.Throws<ArgumentException>(() => ExternalFrame.OnDevice(4096, 0, default, 0, owner));
        Assert.Throws<ArgumentException>(() => ExternalFrame.OnDevice(4096, 8192, gray, 0, owner));
        Assert.Throws<ArgumentNullException>(() => ExternalFrame.OnDevice(4096, 8192, nv12, 0, null!));
        Assert.Equal(nv12, ExternalFrame.OnDevice(4096, 8192, nv12, 0, owner).Format);
    }

    [Fact]
    public async Task A_batch_fills_with_more_frames_than_there_are_slots()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch)) { OnDevice = true };
        await using World world = new(lane, maxBatch: 3, slots: 1, maxBatchDelay: TimeSpan.FromMinutes(10));
        Task<DetectionResult> first = world.SubmitRegistered(0).AsTask();
        Assert.False(SpinWait.SpinUntil(() => lane.Started > 0, TimeSpan.FromMilliseconds(100)), "it did not wait for company");
        Task<DetectionResult>[] frames = [first, world.SubmitOnDevice(1).AsTask(), world.SubmitRegistered(2).AsTask()];
        foreach (DetectionResult result in await Task.WhenAll(frames).WaitAsync(Patience))
        {
            result.Dispose();
        }

        Assert.Equal([0, 0, 0, 1], world.Statistics.BatchSizes.ToArray());
    }

    [Fact]
    public async Task A_slot_is_made_free_by_dropping_a_frame_in_a_slot_and_no_other()
    {
        await using World world = new(OverflowPolicy.DropOldest, queueCapacity: 8, slots: 1);
        _ = world.SubmitRegistered(0).AsTask();
        LaneBatch batch = world.Lane.Next();
        ValueTask<DetectionResult> external = world.SubmitRegistered(1);
        Assert.True(world.Harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot rented));
        Assert.False(world.Harness.Pool.TryRent(PipelineHarness.Format, out _));
        Assert.False(world.Ring.HasHeard, "a frame that held no slot was dropped for one");
        rented.Dispose();
        ValueTask<DetectionResult> dropped = world.Harness.Submit();
        Assert.True(world.Harness.Pool.TryRent(PipelineHarness.Format, out rented));
        rented.Dispose();
        FakeLane.Finish(batch);
        FakeLane.Finish(world.Lane.Next());
        Assert.Equal(FrameStatus.Completed, (await external).Status);
        Assert.Equal(FrameStatus.DroppedOldest, (await dropped).Status);
    }

    [Fact]
    public async Task An_owner_that_throws_is_told_of_once_and_stops_nothing()
    {
        TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int warnings = 0;
        await using World world = new(warning: message =>
        {
            Interlocked.Increment(ref warnings);
            warned.TrySetResult(message);
        });
        world.Ring.OnFree = static _ => throw new InvalidOperationException("an owner threw");
        for (int turn = 0; turn < 3; turn++)
        {
            ValueTask<DetectionResult> frame = world.SubmitRegistered(0);
            FakeLane.Finish(world.Lane.Next());
            (await frame).Dispose();
            Assert.Equal(0, world.Ring.Next());
        }

        Assert.Contains("an owner threw", await warned.Task.WaitAsync(Patience), StringComparison.Ordinal);
        await world.AssertHeardOnceAsync();
        Assert.Equal(1, warnings);
    }

    [Fact]
    public async Task An_owner_may_submit_the_buffer_again_as_it_hears()
    {
        const int Frames = 1000;
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using World world = new(lane);
        using SemaphoreSlim done = new(0);
        int submitted = 1;
        world.Ring.OnFree = token =>
        {
            if (submitted++ < Frames)
            {
                _ = TakeAsync(world.SubmitRegistered((int)token), done);
            }
        };
        _ = TakeAsync(world.SubmitRegistered(0), done);
        for (int frame = 0; frame < Frames; frame++)
        {
            Assert.True(await done.WaitAsync(Patience));
        }

        await world.AssertHeardOnceAsync();
        Assert.Equal(Frames, world.Statistics.FramesCompleted);
    }

    [Fact]
    public async Task An_owner_is_called_on_a_thread_of_the_detector_with_no_lock_held_and_holds_up_no_frame()
    {
        await using World world = new();
        using ManualResetEventSlim go = new();
        TaskCompletionSource<(string? Thread, bool IsFree)> seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Ring.OnFree = _ =>
        {
            bool isFree = Task.Run(() => world.Statistics.SlotsInUse).Wait(Patience);
            seen.TrySetResult((Thread.CurrentThread.Name, isFree));
            go.Wait();
        };
        using CancellationTokenSource cancel = new();
        ValueTask<DetectionResult> running = world.SubmitRegistered(0);
        LaneBatch batch = world.Lane.Next();

        // Cancelling frees it with the gate held.
        ValueTask<DetectionResult> cancelled = world.SubmitRegistered(1, cancellationToken: cancel.Token);
        await cancel.CancelAsync();
        Assert.Equal(("YoloZeroCopy frame owners", true), await seen.Task.WaitAsync(Patience));
        _ = await Assert.ThrowsAsync<OperationCanceledException>(async () => await cancelled);
        FakeLane.Finish(batch);
        (await running.AsTask().WaitAsync(Patience)).Dispose();
        ValueTask<DetectionResult> later = world.SubmitRegistered(2);
        FakeLane.Finish(world.Lane.Next());
        (await later.AsTask().WaitAsync(Patience)).Dispose();
        go.Set();
        await world.AssertHeardOnceAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_owner_may_dispose_the_detector_as_it_hears(bool asynchronously)
    {
        await using World world = new();
        TaskCompletionSource<Task> disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Ring.OnFree = _ =>
        {
            Task disposing = asynchronously ? world.Harness.Pipeline.DisposeAsync().AsTask() : Task.CompletedTask;
            if (!asynchronously)
            {
                world.Harness.Pipeline.Dispose();
            }

            disposed.SetResult(disposing);
        };
        _ = world.SubmitRegistered(0).AsTask();
        FakeLane.Finish(world.Lane.Next());
        await (await disposed.Task.WaitAsync(Patience)).WaitAsync(Patience);
        await world.AssertHeardOnceAsync();
        Assert.True(world.Lane.IsDisposed);
    }

    private static ArgumentException AssertRefused(Func<ValueTask<DetectionResult>> submit) => Assert.Throws<ArgumentException>(() =>
    {
        _ = submit().AsTask();
    });

    private static async Task TakeAsync(ValueTask<DetectionResult> frame, SemaphoreSlim done)
    {
        (await frame.ConfigureAwait(false)).Dispose();
        done.Release();
    }

    /// <summary>A pipeline over a fake lane and a ring of buffers registered with it.</summary>
    private sealed class World : IAsyncDisposable
    {
        public World(
            OverflowPolicy overflow = OverflowPolicy.Wait,
            int queueCapacity = 1,
            int maxBatch = 1,
            int slots = 4,
            TimeSpan maxFrameAge = default,
            bool onDevice = true,
            Action<string>? warning = null)
            : this(new FakeLane { OnDevice = onDevice }, overflow, queueCapacity, maxBatch, slots, maxFrameAge, warning)
        {
        }

        public World(
            FakeLane lane,
            OverflowPolicy overflow = OverflowPolicy.Wait,
            int queueCapacity = 1,
            int maxBatch = 1,
            int slots = 4,
            TimeSpan maxFrameAge = default,
            Action<string>? warning = null,
            TimeSpan maxBatchDelay = default)
        {
            Lane = lane;
            Harness = new PipelineHarness([lane], slots, maxBatch, overflow, queueCapacity, maxFrameAge, maxBatchDelay, warning: warning);
            Ring = new Ring(3);
            Memory = Ring.Register(Harness.Pipeline);
        }

        public FakeLane Lane { get; }

        public PipelineHarness Harness { get; }

        public Ring Ring { get; }

        public RegisteredMemory Memory { get; }

        public DetectorStatistics Statistics => Harness.Pipeline.Snapshot();

        public ValueTask<DetectionResult> Submit(in ExternalFrame frame) => Harness.Pipeline.Submit(frame, 0, 0, default);

        public ValueTask<DetectionResult> SubmitRegistered(
            int buffer, int source = 0, long capturedAt = 0, CancellationToken cancellationToken = default) =>
            Harness.Pipeline.Submit(Ring.InRegistered(Memory, buffer), source, capturedAt, cancellationToken);

        public ValueTask<DetectionResult> SubmitOnDevice(int buffer, CancellationToken cancellationToken = default) =>
            Harness.Pipeline.Submit(Ring.OnDevice(buffer), 0, 0, cancellationToken);

        /// <summary>Disposes everything; every frame was heard of once by then.</summary>
        public async Task AssertHeardOnceAsync()
        {
            await Harness.Pipeline.DisposeAsync().AsTask().WaitAsync(Patience);
            Assert.True(SpinWait.SpinUntil(() => Statistics.ExternalFramesHeld == 0, Patience), "an owner has not heard");
            Assert.Equal((0, 0), (Ring.Missing, Ring.Surplus));
            Memory.Dispose();
            Assert.Equal(0, Lane.Registrations);
        }

        public async ValueTask DisposeAsync()
        {
            await Harness.DisposeAsync();
            Memory.Dispose();
            Ring.Dispose();
        }
    }
}
