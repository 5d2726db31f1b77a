using System.Collections.Concurrent;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>
/// What a listener of activities sees of a frame, and what it cannot do. Not beside other tests: a listener hears of every detector of the process.
/// </summary>
[CollectionDefinition(nameof(FrameTracingTests), DisableParallelization = true)]
[Collection(nameof(FrameTracingTests))]
public sealed class FrameTracingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_frame_is_a_child_of_the_callers_activity_and_tells_what_became_of_it()
    {
        using ModelFolder folder = new();
        using Recorder recorder = new("traced");
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        await using YoloDetector detector = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Name = "traced" });
        FrameFormat format = new(PixelFormat.Bgr24, 64, 48);
        int found = 0;
        using (Activity request = new Activity("request").Start())
        {
            for (int frame = 0; frame < 2; frame++)
            {
                FrameSlot slot = await detector.RentAsync(format);
                slot.Span.Clear();
                ValueTask<DetectionResult> pending = detector.SubmitAsync(slot, source: 7);
                Assert.Same(request, Activity.Current);
                using DetectionResult result = await pending;
                Assert.Same(request, Activity.Current);
                found = result.Detections.Length;

                // Ended before its caller goes on, so that it lies within what the caller does.
                Assert.Equal(frame + 1, recorder.Stopped.Count);
            }

            Assert.All(recorder.Stopped, activity => Assert.Equal(request.SpanId, activity.ParentSpanId));
            Assert.All(recorder.Stopped, activity => Assert.Equal(request.TraceId, activity.TraceId));
        }

        Activity last = recorder.Stopped.Last();
        Assert.Equal(("yzc.frame", ActivityKind.Internal, ActivityStatusCode.Unset), (last.OperationName, last.Kind, last.Status));
        string[] tags =
        [
            "batch_size", "compute_seconds", "decode_seconds", "detections", "detector", "device", "inference_seconds", "preprocess_seconds",
                "queue_seconds", "sequence", "source", "status",
        ];
        Assert.Equal(tags, last.TagObjects.Select(static tag => tag.Key).Order(StringComparer.Ordinal));
        Assert.Equal(
            ("traced", "cpu", 7, 1L, "Completed", 1, found),
            (last.GetTagItem("detector"), last.GetTagItem("device"), last.GetTagItem("source"), last.GetTagItem("sequence"),
                last.GetTagItem("status"), last.GetTagItem("batch_size"), last.GetTagItem("detections")));
        double stages = 0;
        foreach (string stage in (string[])["queue_seconds", "preprocess_seconds", "inference_seconds", "decode_seconds"])
        {
            stages += Assert.IsType<double>(last.GetTagItem(stage));
        }

        Assert.InRange(stages, double.Epsilon, last.Duration.TotalSeconds);
    }

    [Theory]
    [InlineData("completed", "Completed", true)]
    [InlineData("failed", "Failed", true)]
    [InlineData("faulted", "Failed", true)]
    [InlineData("waits while the detector faults", "Failed", false)]
    [InlineData("dropped newest", "DroppedNewest", false)]
    [InlineData("dropped oldest", "DroppedOldest", false)]
    [InlineData("dropped too old", "DroppedTooOld", false)]
    [InlineData("cancelled while it waits", "Canceled", false)]
    [InlineData("cancelled in a lane", "Canceled", false)]
    [InlineData("disposed while it waits", "Failed", false)]
    [InlineData("submitted after the disposal", "Failed", false)]
    public async Task Every_way_out_ends_the_activity_once_and_says_which_it_was(string way, string status, bool hasBatch)
    {
        using Recorder recorder = new("ways");
        FakeLane lane = new();
        OverflowPolicy overflow = way switch
        {
            "dropped newest" => OverflowPolicy.DropNewest,
            "dropped oldest" => OverflowPolicy.DropOldest,
            _ => OverflowPolicy.Wait,
        };
        PipelineHarness harness = new(
            [lane], slots: 4, maxBatch: 1, overflow, queueCapacity: overflow == OverflowPolicy.Wait ? 0 : 1,
            maxFrameAge: way == "dropped too old" ? TimeSpan.FromMinutes(1) : default);
        await using YoloDetector detector = harness.Detector("ways");
        using CancellationTokenSource cancel = new();
        (Activity own, Task<DetectionResult>? submitted) = await LeaveAsync(way, detector, lane, harness, cancel);
        if (submitted is not null && status is "Completed" or "DroppedNewest" or "DroppedOldest" or "DroppedTooOld")
        {
            using DetectionResult result = await submitted!.WaitAsync(Patience);
            Assert.Equal(status, result.Status.ToString());
        }
        else if (submitted is not null)
        {
            Assert.NotNull(await Record.ExceptionAsync(() => submitted.WaitAsync(Patience)));
        }

        await detector.DisposeAsync().AsTask().WaitAsync(Patience);
        Activity activity = Assert.Single(recorder.Stopped, stopped => stopped.ParentSpanId == own.SpanId);
        Assert.Equal(status, activity.GetTagItem("status"));
        Assert.Equal(status == "Failed" ? ActivityStatusCode.Error : ActivityStatusCode.Unset, activity.Status);
        Assert.Equal(status == "Failed", activity.GetTagItem("error.type") is string);
        Assert.Equal(hasBatch ? 1 : null, activity.GetTagItem("batch_size"));
        Assert.Equal(recorder.Started.Count, recorder.Stopped.Count);
        Assert.Equal(recorder.Stopped.Count, recorder.Stopped.Distinct().Count());
    }

    [Theory]
    [InlineData("sample")]
    [InlineData("start")]
    [InlineData("stop")]
    public async Task A_listener_that_throws_stops_nothing_and_is_told_of_once(string where)
    {
        ConcurrentQueue<string> warnings = new();
        FakeLane lane = new();
        PipelineHarness harness = new([lane], warning: warnings.Enqueue);
        await using YoloDetector detector = harness.Detector("throwing");
        using ActivityListener listener = Listener();
        listener.Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
            where == "sample" ? throw new InvalidOperationException("a listener threw") : ActivitySamplingResult.AllDataAndRecorded;
        listener.ActivityStarted = _ => ThrowIf(where == "start");
        listener.ActivityStopped = _ => ThrowIf(where == "stop");
        ActivitySource.AddActivityListener(listener);
        for (int turn = 0; turn < 3; turn++)
        {
            using CancellationTokenSource cancel = new();
            ValueTask<DetectionResult> pending = harness.Submit();
            ValueTask<DetectionResult> canceled = harness.Submit(cancellationToken: cancel.Token);
            cancel.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => canceled.AsTask().WaitAsync(Patience));
            FakeLane.Finish(lane.Next());
            using DetectionResult result = await pending.AsTask().WaitAsync(Patience);
            Assert.Equal(turn * 2, result.Detections[0].ClassId);
            Assert.Null(Activity.Current);
        }

        await detector.DisposeAsync().AsTask().WaitAsync(Patience);
        Assert.True(SpinWait.SpinUntil(() => !warnings.IsEmpty, Patience));
        Assert.Contains("a listener threw", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(4, harness.Pool.SlotCount - harness.Pool.SlotsInUse);

        static void ThrowIf(bool condition)
        {
            if (condition)
            {
                throw new InvalidOperationException("a listener threw");
            }
        }
    }

    [Fact]
    public async Task A_listener_that_blocks_holds_no_lock_and_only_the_frame_that_it_hears_of()
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane], slots: 4, maxBatch: 1);
        await using YoloDetector detector = harness.Detector("slow");
        using SemaphoreSlim entered = new(0);
        using ManualResetEventSlim release = new();
        using ActivityListener listener = Listener();
        listener.ActivityStopped = activity =>
        {
            if (activity.GetTagItem("sequence") is 0L)
            {
                entered.Release();
                release.Wait();
            }
        };
        ActivitySource.AddActivityListener(listener);
        Task<DetectionResult> first = harness.Submit().AsTask();
        LaneBatch batch = lane.Next();
        Task finishing = Task.Factory.StartNew(
            () => FakeLane.Finish(batch), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(await entered.WaitAsync(Patience));

        // While it blocks: frames come in, run, are counted, are cancelled, and disposing begins.
        using CancellationTokenSource cancel = new();
        Task<DetectionResult> second = harness.Submit().AsTask();
        batch = lane.Next();
        Task<DetectionResult> canceled = harness.Submit(cancellationToken: cancel.Token).AsTask();
        await cancel.CancelAsync();
        FakeLane.Finish(batch);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => canceled.WaitAsync(Patience));
        Assert.Equal(3, detector.Statistics.FramesSubmitted);
        Task disposing = Task.Run(() => detector.DisposeAsync().AsTask());
        Assert.False(first.IsCompleted || disposing.IsCompleted);
        release.Set();
        (await first.WaitAsync(Patience)).Dispose();
        (await second.WaitAsync(Patience)).Dispose();
        await finishing.WaitAsync(Patience);
        await disposing.WaitAsync(Patience);
    }

    [Fact]
    public async Task An_activity_of_the_caller_that_has_ended_stays_his_current_one()
    {
        using Recorder recorder = new("ended");
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        PipelineHarness harness = new([lane]);
        await using YoloDetector detector = harness.Detector("ended");
        await Task.Run(async () =>
        {
            // As in work that a request has begun and that outlives it: another context ends the request's activity.
            Activity request = new Activity("request").Start();
            await Task.Run(request.Stop);
            Assert.Same(request, Activity.Current);
            (await detector.DetectAsync(new byte[PipelineHarness.Format.ByteCount], PipelineHarness.Format)).Dispose();
            Assert.Same(request, Activity.Current);
            Assert.Equal(request.SpanId, Assert.Single(recorder.Stopped).ParentSpanId);
        });

        using Activity own = new Activity("own").Start();
        ValueTask<DetectionResult> pending;
        using (ExecutionContext.SuppressFlow())
        {
            pending = harness.Submit();
            Assert.Same(own, Activity.Current);
        }

        (await pending.AsTask().WaitAsync(Patience)).Dispose();
        Assert.Equal(own.SpanId, recorder.Stopped.Last().ParentSpanId);
    }

    [Theory]
    [InlineData(ActivitySamplingResult.None, 0, 0)]
    [InlineData(ActivitySamplingResult.PropagationData, 1, 3)]
    [InlineData(ActivitySamplingResult.AllData, 1, 12)]
    public async Task What_a_listener_does_not_sample_is_not_made_and_what_it_does_not_want_not_told(
        ActivitySamplingResult wanted, int activities, int tags)
    {
        using Recorder recorder = new("sampled", wanted);
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        PipelineHarness harness = new([lane]);
        await using YoloDetector detector = harness.Detector("sampled");
        (await harness.Submit()).Dispose();
        Assert.Equal(activities, recorder.Stopped.Count);
        Assert.Equal(tags, recorder.Stopped.Sum(static activity => activity.TagObjects.Count()));
    }

    [Fact]
    public async Task The_context_of_who_opened_a_detector_is_not_that_of_its_threads()
    {
        AsyncLocal<string?> ambient = new();
        using ModelFolder folder = new();
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        YoloDetector? detector = null;
        await Task.Run(() =>
        {
            ambient.Value = "the request that opened it";
            detector = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Name = "context" });
        });
        await using YoloDetector opened = detector!;
        TaskCompletionSource<string?> seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using ActivityListener listener = Listener();
        listener.ActivityStopped = _ => seen.TrySetResult(ambient.Value);
        ActivitySource.AddActivityListener(listener);
        FrameFormat format = new(PixelFormat.Gray8, 8, 8);
        (await opened.DetectAsync(new byte[format.ByteCount], format)).Dispose();
        Assert.Null(await seen.Task.WaitAsync(Patience));
    }

    private static ActivityListener Listener() => new()
    {
        ShouldListenTo = static source => source.Name == "YoloZeroCopy",
        Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
    };

    /// <summary>Lets one frame leave the detector this way; gives the activity that it was submitted under, and what its caller has.</summary>
    private static async Task<(Activity Own, Task<DetectionResult>? Submitted)> LeaveAsync(
        string way, YoloDetector detector, FakeLane lane, PipelineHarness harness, CancellationTokenSource cancel)
    {
        switch (way)
        {
            case "completed":
                {
                    (Activity own, Task<DetectionResult> frame) = Submit(harness);
                    FakeLane.Finish(lane.Next());
                    return (own, frame);
                }

            case "failed":
                {
                    (Activity own, Task<DetectionResult> frame) = Submit(harness);
                    LaneBatch batch = lane.Next();
                    batch.ReleaseFrame(0);
                    batch.SetError(0, new InferenceException("the model gave NaN"));
                    batch.Complete(default);
                    return (own, frame);
                }

            case "faulted":
                {
                    (Activity own, Task<DetectionResult> frame) = Submit(harness);
                    lane.Next().Fault(new InvalidTimeZoneException("the lane broke"));
                    return (own, frame);
                }

            case "waits while the detector faults":
                {
                    Task<DetectionResult> running = Submit(harness).Frame;
                    LaneBatch batch = lane.Next();
                    (Activity own, Task<DetectionResult> frame) = Submit(harness);
                    batch.Fault(new InvalidTimeZoneException("the lane broke"));
                    await Assert.ThrowsAsync<DetectorFaultedException>(() => running.WaitAsync(Patience));
                    return (own, frame);
                }

            case "dropped newest":
                {
                    Task<DetectionResult> running = Submit(harness).Frame;
                    LaneBatch batch = lane.Next();
                    Task<DetectionResult> waiting = Submit(harness).Frame;
                    (Activity own, Task<DetectionResult> frame) = Submit(harness);
                    FakeLane.Finish(batch);
                    FakeLane.Finish(lane.Next());
                    (await running.WaitAsync(Patience)).Dispose();
                    (await waiting.WaitAsync(Patience)).Dispose();
                    return (own, frame);
                }

            case "dropped oldest":
                {
                    Task<DetectionResult> running = Submit(harness).Frame;
                    LaneBatch batch = lane.Next();
                    (Activity own, Task<DetectionResult> frame) = Submit(harness);
                    Task<DetectionResult> newer = Submit(harness).Frame;
                    FakeLane.Finish(batch);
                    FakeLane.Finish(lane.Next());
                    (await running.WaitAsync(Patience)).Dispose();
                    (await newer.WaitAsync(Patience)).Dispose();
                    return (own, frame);
                }

            case "dropped too old":
                return Submit(harness, capturedAt: Stopwatch.GetTimestamp() - (Stopwatch.Frequency * 3600));
            case "cancelled while it waits":
                {
                    Task<DetectionResult> running = Submit(harness).Frame;
                    LaneBatch batch = lane.Next();
                    (Activity own, Task<DetectionResult> frame) = Submit(harness, cancellationToken: cancel.Token);
                    await cancel.CancelAsync();
                    FakeLane.Finish(batch);
                    (await running.WaitAsync(Patience)).Dispose();
                    return (own, frame);
                }

            case "cancelled in a lane":
                {
                    (Activity own, Task<DetectionResult> frame) = Submit(harness, cancellationToken: cancel.Token);
                    LaneBatch batch = lane.Next();
                    await cancel.CancelAsync();
                    FakeLane.Finish(batch);
                    return (own, frame);
                }

            case "disposed while it waits":
                {
                    Task<DetectionResult> running = Submit(harness).Frame;
                    LaneBatch batch = lane.Next();
                    (Activity own, Task<DetectionResult> frame) = Submit(harness);
                    Task disposing = detector.DisposeAsync().AsTask();
                    FakeLane.Finish(batch);
                    (await running.WaitAsync(Patience)).Dispose();
                    await disposing.WaitAsync(Patience);
                    return (own, frame);
                }

            default:
                {
                    Assert.True(detector.TryRent(PipelineHarness.Format, out FrameSlot slot));
                    await detector.DisposeAsync();
                    using Activity own = new Activity("caller").Start();
                    ValueTask<DetectionResult> frame = detector.SubmitAsync(slot);
                    return (own, frame.AsTask());
                }
        }
    }

    private static (Activity Own, Task<DetectionResult> Frame) Submit(
        PipelineHarness harness, long capturedAt = 0, CancellationToken cancellationToken = default)
    {
        using Activity own = new Activity("caller").Start();
        return (own, harness.Submit(capturedAt: capturedAt, cancellationToken: cancellationToken).AsTask());
    }

    /// <summary>Hears of the frames of one detector.</summary>
    private sealed class Recorder : IDisposable
    {
        private readonly ActivityListener listener = Listener();

        public Recorder(string detector, ActivitySamplingResult wanted = ActivitySamplingResult.AllDataAndRecorded)
        {
            listener.Sample = (ref ActivityCreationOptions<ActivityContext> _) => wanted;
            listener.ActivityStarted = activity => Keep(Started, activity);
            listener.ActivityStopped = activity => Keep(Stopped, activity);
            ActivitySource.AddActivityListener(listener);

            void Keep(ConcurrentQueue<Activity> kept, Activity activity)
            {
                if (Equals(activity.GetTagItem("detector"), detector))
                {
                    kept.Enqueue(activity);
                }
            }
        }

        public ConcurrentQueue<Activity> Started { get; } = new();

        public ConcurrentQueue<Activity> Stopped { get; } = new();

        public void Dispose() => listener.Dispose();
    }
}
