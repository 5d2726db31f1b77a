using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace YoloZeroCopy.Tests;

/// <summary>The service over a detector whose opening, lanes and faults the test controls.</summary>
public sealed class DetectorServiceTests : IDisposable
{
    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 8, 2);

    private readonly LogRecorder log = new();
    private readonly TaskCompletionSource<YoloDetector> opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IProgress<OpeningProgress>> opening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Action<string>? warning;

    public void Dispose() => log.Dispose();

    [Fact]
    public async Task What_the_detector_warns_of_is_logged()
    {
        await using DetectorService service = NewService();
        opened.SetResult(NewDetector(new FakeLane()));
        await service.GetAsync();
        warning!("A caller waits for a slot.");
        Assert.Equal(
            "Detector service: A caller waits for a slot.", Assert.Single(log.Entries, static entry => entry.Level == LogLevel.Warning).Text);
    }

    [Fact]
    public async Task While_it_opens_nobody_is_blocked_and_the_health_check_says_how_far_it_is()
    {
        await using DetectorService service = NewService();
        DetectorHealthCheck check = new(service);
        Assert.Equal((DetectorState.NotOpened, HealthStatus.Degraded), (service.State, (await Check(check)).Status));
        Task<YoloDetector> waiting = service.GetAsync();
        (await opening.Task).Report(new OpeningProgress(OpeningStep.PrepareLanes, 3, 12));
        Assert.Equal(DetectorState.Opening, service.State);
        Assert.False(service.TryGet(out _));
        HealthCheckResult result = await Check(check);
        Assert.Equal(HealthStatus.Degraded, result.Status);
        Assert.Contains("preparing lanes, 3 of 12", result.Description, StringComparison.Ordinal);

        // One who gives up ends his wait, and not the opening.
        using CancellationTokenSource impatient = new();
        Task<YoloDetector> given = service.GetAsync(impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        Assert.False(waiting.IsCompleted);

        opened.SetResult(NewDetector(new FakeLane()));
        Assert.Same(await waiting, await service.GetAsync());
        Assert.True(service.TryGet(out YoloDetector? detector));
        Assert.Same(await waiting, detector);
        Assert.Equal((DetectorState.Open, HealthStatus.Healthy), (service.State, (await Check(check)).Status));
    }

    [Fact]
    public async Task Disposed_while_it_opens_it_cancels_the_opening()
    {
        DetectorService service = NewService();
        Task<YoloDetector> waiting = service.GetAsync();
        await opening.Task;
        await Task.WhenAll(service.DisposeAsync().AsTask(), service.DisposeAsync().AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(DetectorState.Disposed, service.State);
        Assert.Throws<ObjectDisposedException>(() => { _ = service.GetAsync(); });
        Assert.Equal(HealthStatus.Unhealthy, (await Check(new DetectorHealthCheck(service))).Status);
        Assert.Contains(log.Entries, static entry => entry.Text.Contains("was not opened", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Entries, static entry => entry.Level >= LogLevel.Warning);
    }

    [Fact]
    public async Task Disposed_without_an_await_while_it_opens_on_a_context_that_runs_nothing_it_ends()
    {
        DetectorService service = NewService();
        Task<YoloDetector> waiting = service.GetAsync();
        await opening.Task;
        Task[] disposing =
        [
            .. Enumerable.Range(0, 3).Select(number => Task.Factory.StartNew(
                () =>
                {
                    SynchronizationContext.SetSynchronizationContext(new StuckContext());
                    if (number == 0)
                    {
                        service.DisposeAsync().AsTask().GetAwaiter().GetResult();
                    }
                    else
                    {
                        service.Dispose();
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default)),
        ];
        await Task.WhenAll(disposing).WaitAsync(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(DetectorState.Disposed, service.State);
    }

    [Fact]
    public async Task A_host_that_stops_while_it_opens_ends_the_opening()
    {
        await using DetectorService service = NewService();
        DetectorHostedService hosted = new(service);
        using CancellationTokenSource start = new();
        Task starting = hosted.StartingAsync(start.Token);
        await opening.Task;
        await start.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting);
        Assert.Equal(DetectorState.Failed, service.State);
        await hosted.StopAsync(default);
    }

    [Fact]
    public async Task A_fault_is_logged_once_and_unhealthy()
    {
        await using DetectorService service = NewService();
        opened.SetResult(NewDetector(new FakeLane(static (_, batch) => batch.Fault(new InvalidTimeZoneException("the lane broke")))));
        YoloDetector detector = await service.GetAsync();
        Assert.True(detector.TryRent(Format, out FrameSlot slot));
        await Assert.ThrowsAsync<DetectorFaultedException>(() => detector.SubmitAsync(slot).AsTask());
        Assert.Equal(DetectorState.Faulted, service.State);
        HealthCheckResult result = await Check(new DetectorHealthCheck(service));
        Assert.Equal(HealthStatus.Unhealthy, result.Status);
        Assert.IsType<InvalidTimeZoneException>(result.Exception);
        LogEntry entry = await log.WaitFor(LogLevel.Critical);
        Assert.IsType<InvalidTimeZoneException>(entry.Error);
        await service.DisposeAsync();
        Assert.Single(log.Entries, static entry => entry.Level == LogLevel.Critical);
    }

    [Fact]
    public async Task Drops_are_summed_up_and_nothing_is_logged_for_a_frame()
    {
        await using DetectorService service = NewService(dropReportInterval: TimeSpan.FromHours(1));
        opened.SetResult(NewDetector(new FakeLane(static (_, batch) => FakeLane.Finish(batch)), TimeSpan.FromTicks(1)));
        YoloDetector detector = await service.GetAsync();
        for (int frame = 0; frame < 50; frame++)
        {
            FrameSlot slot = await detector.RentAsync(Format);

            // Captured an hour ago, or in an hour: dropped, or never too old.
            long capturedAt = System.Diagnostics.Stopwatch.GetTimestamp()
                + ((frame % 2 == 0 ? -3600 : 3600) * System.Diagnostics.Stopwatch.Frequency);
            (await detector.SubmitAsync(slot, capturedAt: capturedAt)).Dispose();
        }

        Assert.DoesNotContain(log.Entries, static entry => entry.Level == LogLevel.Warning);
        await service.DisposeAsync();
        LogEntry summary = Assert.Single(log.Entries, static entry => entry.Level == LogLevel.Warning);
        Assert.Equal("Detector service dropped 25 of 50 frames since the last report: 0 newest, 0 oldest, 25 too old", summary.Text);
        Assert.Equal(3, log.Entries.Length);
    }

    [Fact]
    public async Task Drops_are_reported_at_every_interval()
    {
        await using DetectorService service = NewService(dropReportInterval: TimeSpan.FromMilliseconds(5));
        opened.SetResult(NewDetector(new FakeLane(static (_, batch) => FakeLane.Finish(batch)), TimeSpan.FromTicks(1)));
        YoloDetector detector = await service.GetAsync();
        FrameSlot slot = await detector.RentAsync(Format);
        (await detector.SubmitAsync(slot, capturedAt: 1)).Dispose();
        Assert.Contains("dropped 1 of 1 frames", (await log.WaitFor(LogLevel.Warning)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_logger_that_throws_changes_nothing()
    {
        LogRecorder broken = new() { Throws = true };
        DetectorService service = new("service", new DetectorServiceOptions { ModelPath = "m.onnx" }, null, broken, Open);
        opened.SetResult(NewDetector(new FakeLane(static (_, batch) => batch.Fault(new InvalidTimeZoneException("the lane broke")))));
        YoloDetector detector = await service.GetAsync();
        Assert.True(detector.TryRent(Format, out FrameSlot slot));
        await Assert.ThrowsAsync<DetectorFaultedException>(() => detector.SubmitAsync(slot).AsTask());
        await broken.WaitFor(LogLevel.Critical);
        await service.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => detector.TryRent(Format, out _));
    }

    private static async Task<HealthCheckResult> Check(DetectorHealthCheck check) => await check.CheckHealthAsync(new HealthCheckContext
    {
        Registration = new HealthCheckRegistration("yolo-detector", check, failureStatus: null, tags: null),
    });

    private static YoloDetector NewDetector(FakeLane lane, TimeSpan maxFrameAge = default)
    {
        FramePool pool = new(4, Format.ByteCount);
        Pipeline pipeline =
            new(pool, [lane], new PipelineOptions(1, TimeSpan.Zero, OverflowPolicy.Wait, pool.SlotCount, maxFrameAge, MaxDetections: 4));
        return new YoloDetector(pipeline, null, [], ModelInfo.OfClasses("part"), "service", "cpu", "fake", new MemoryPlan());
    }

    private DetectorService NewService(TimeSpan dropReportInterval = default) =>
        new("service", new DetectorServiceOptions { ModelPath = "m.onnx", DropReportInterval = dropReportInterval }, null, log, Open);

    private Task<YoloDetector> Open(DetectorOptions options, IProgress<OpeningProgress> progress, CancellationToken cancellationToken)
    {
        Assert.Equal("service", options.Name);
        warning = options.Warning;
        opening.TrySetResult(progress);
        return opened.Task.WaitAsync(cancellationToken);
    }

    private sealed class StuckContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
        }
    }
}
