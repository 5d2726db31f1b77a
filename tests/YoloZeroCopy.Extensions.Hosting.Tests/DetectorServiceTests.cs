using System.Diagnostics;
using System.Reflection;
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
            long capturedAt = Stopwatch.GetTimestamp()
                + ((frame % 2 == 0 ? -3600 : 3600) * Stopwatch.Frequency);
            (await detector.SubmitAsync(slot, capturedAt: capturedAt)).Dispose();
        }

        Assert.DoesNotContain(log.Entries, static entry => entry.Level == LogLevel.Warning);
        await service.DisposeAsync();
        LogEntry summary = Assert.Single(log.Entries, static entry => entry.Level == LogLevel.Warning);
        Assert.Equal("Detector service dropped 25 of 50 frames since the last report: 0 newest, 0 oldest, 25 too old, 0 late, 0 of removed sources",
            summary.Text);
        Assert.Equal(3, log.Entries.Length);
    }

    [Fact]
    public async Task Drops_are_told_by_cause_those_of_deadlines_and_of_removed_sources_too()
    {
        DetectorService service = NewService(dropReportInterval: TimeSpan.FromHours(1));
        FakeLane lane = new();
        opened.SetResult(NewDetector(lane, TimeSpan.Zero));
        YoloDetector detector = await service.GetAsync();
        FrameSource removed = detector.AddSource(1);
        using FrameSource hurried = detector.AddSource(2, new SourceOptions { Deadline = TimeSpan.FromHours(1) });
        Task<DetectionResult>[] results = [await SubmitAsync(source: 0), await SubmitAsync(source: 1), await SubmitAsync(source: 2, capturedAt: 1)];
        removed.Dispose();
        FakeLane.Finish(lane.Next());
        FrameStatus[] statuses = [.. (await Task.WhenAll(results)).Select(static result => result.Status)];
        Assert.Equal([FrameStatus.Completed, FrameStatus.DroppedRemoved, FrameStatus.DroppedLate], statuses);
        await service.DisposeAsync();
        LogEntry summary = Assert.Single(log.Entries, static entry => entry.Level == LogLevel.Warning);
        Assert.Equal(
            "Detector service dropped 2 of 3 frames since the last report: 0 newest, 0 oldest, 0 too old, 1 late, 1 of removed sources",
            summary.Text);

        async Task<Task<DetectionResult>> SubmitAsync(int source, long capturedAt = 0)
        {
            FrameSlot slot = await detector.RentAsync(Format);
            Task<DetectionResult> result = detector.SubmitAsync(slot, source, capturedAt).AsTask();
            if (source == 0)
            {
                Assert.True(SpinWait.SpinUntil(() => lane.Started == 1, TimeSpan.FromMinutes(1)));
            }

            return result;
        }
    }

    [Fact]
    public async Task Whatever_becomes_of_many_frames_none_is_logged()
    {
        const int Frames = 2_000;
        await using DetectorService service = NewService(dropReportInterval: TimeSpan.FromHours(1));
        int started = 0;
        opened.SetResult(NewDetector(
            new FakeLane((_, batch) =>
            {
                if (++started % 5 != 0)
                {
                    FakeLane.Finish(batch);
                    return;
                }

                batch.ReleaseFrame(0);
                batch.SetError(0, new InferenceException("the model gave NaN"));
                batch.Complete(default);
            }),
            TimeSpan.FromTicks(1)));
        YoloDetector detector = await service.GetAsync();
        using CancellationTokenSource hungUp = new();
        await hungUp.CancelAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(source => Task.Run(async () =>
        {
            for (int frame = 0; frame < Frames / 4; frame++)
            {
                FrameSlot slot = await detector.RentAsync(Format);
                long capturedAt = Stopwatch.GetTimestamp()
                    + ((frame % 3 == 0 ? -3600 : 3600) * Stopwatch.Frequency);
                try
                {
                    (await detector.SubmitAsync(slot, source, capturedAt, frame % 7 == 0 ? hungUp.Token : default)).Dispose();
                }
                catch (Exception error) when (error is InferenceException or OperationCanceledException)
                {
                }
            }
        })));
        DetectorStatistics statistics = detector.Statistics;
        Assert.True(statistics is { FramesCompleted: > 500, FramesFailed: > 100, FramesDropped: > 500 }, statistics.ToString());
        Assert.Equal(["Opening", "Opened"], log.Entries.Select(static entry => entry.Id.Name));
        await service.DisposeAsync();
        Assert.Equal(["Opening", "Opened", "Dropped"], log.Entries.Select(static entry => entry.Id.Name));
    }

    [Fact]
    public async Task Options_of_a_detector_without_a_host_log_its_warnings_and_keep_telling_who_was_told()
    {
        List<string> told = [];
        DetectorOptions options = new() { Name = "camera 7", Warning = told.Add };
        DetectorOptions logging = options.WithLogger(log);
        Assert.Equal(options, logging with { Warning = options.Warning });
        logging.Warning!("A caller waits for a slot.");
        LogEntry entry = Assert.Single(log.Entries);
        Assert.Equal(
            (LogLevel.Warning, 8, "Warning", "Detector camera 7: A caller waits for a slot."), (entry.Level, entry.Id.Id, entry.Id.Name, entry.Text));
        Assert.Equal(["A caller waits for a slot."], told);

        using LogRecorder broken = new() { Throws = true };
        (options with { Name = null }).WithLogger(broken).Warning!("The rest is told all the same.");
        Assert.Equal(2, told.Count);

        // By a real detector: the listener of its activities throws, which is all that there is to warn of.
        await using YoloDetector detector = YoloDetector.FromFunction(
            ModelInfo.OfClasses("part"), static (_, _) => [], new DetectorOptions { Name = "logging" }.WithLogger(log));
        using ActivityListener listener = new()
        {
            ShouldListenTo = static source => source.Name == "YoloZeroCopy",
            Sample = static (ref ActivityCreationOptions<ActivityContext> asked) =>
                asked.Tags!.Any(static tag => Equals(tag.Value, "logging")) ? throw new InvalidOperationException("a listener threw") : default,
        };
        ActivitySource.AddActivityListener(listener);
        (await detector.DetectAsync(new byte[Format.ByteCount], Format)).Dispose();
        Assert.True(SpinWait.SpinUntil(() => log.Entries.Length == 2, TimeSpan.FromMinutes(1)));
        Assert.StartsWith("Detector logging: A listener of the activity source threw", log.Entries[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_documentation_lists_every_event_with_its_level()
    {
        string text = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "hosting.md"));
        IEnumerable<LoggerMessageAttribute?> events = typeof(HostingLog).GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Select(static method => (method.Name, Attribute: method.GetCustomAttribute<LoggerMessageAttribute>()))
            .Where(static method => method.Attribute is not null)
            .Select(method =>
            {
                Assert.Contains($"| {method.Attribute!.EventId} | `{method.Name}` | {method.Attribute.Level} |", text, StringComparison.Ordinal);
                return method.Attribute;
            });
        Assert.Equal(8, events.Count());
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

    private static string RepositoryRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new DirectoryNotFoundException("The tests do not run inside the repository.");
    }

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
