namespace YoloZeroCopy.Tests;

/// <summary>Detectors that are made slow on purpose, and what the doctor says of them. One at a time: garbage collector and thread pool are the whole
/// process's.</summary>
[Collection(Alone)]
public class DoctorVerdictTests
{
    private const string Alone = "the doctor's verdicts";

    public static TheoryData<string> Names { get; } = [.. ProcessorProvocations.All.Select(static one => one.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_provoked_cause_is_named(string name)
    {
        Provocation provocation = ProcessorProvocations.All.Single(one => one.Name == name);
        LatencyReport report = await provocation.RunAsync(TimeSpan.FromSeconds(1.2));
        for (int again = 0; again < 3 && IsTheMachines(report.Verdict) && report.Verdict != provocation.Cause; again++)
        {
            // A busy machine has stopped the process for longer than what was provoked, and the doctor rightly says so.
            report = await provocation.RunAsync(TimeSpan.FromSeconds(1.2));
        }

        Assert.True(provocation.Cause == report.Verdict, $"{name}: wanted is {provocation.Cause}.\n{report}");
        Assert.Equal(report.Verdict == LatencyCause.Healthy, report.Findings.IsEmpty);
        Assert.All(report.Findings, static finding =>
        {
            Assert.NotEmpty(finding.Evidence);
            Assert.NotEmpty(finding.Remedy);
        });
    }

    private static bool IsTheMachines(LatencyCause cause) => cause is LatencyCause.GarbageCollection or LatencyCause.ThreadPoolDelay;

    [Fact]
    public async Task A_watch_ends_with_its_token_and_one_detector_has_one_at_a_time()
    {
        await using YoloDetector detector = YoloDetector.FromFunction(ModelInfo.OfClasses(["part"]), static (_, _) => []);
        using CancellationTokenSource enough = new();
        Task<LatencyReport> watch = Doctor.WatchAsync(detector, new WatchOptions { Duration = TimeSpan.FromMinutes(5) }, enough.Token);
        Assert.Throws<InvalidOperationException>(() => { _ = Doctor.WatchAsync(detector, cancellationToken: CancellationToken.None); });
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch);

        // The next one may watch.
        LatencyReport report = await Doctor.WatchAsync(
            detector, new WatchOptions { Duration = TimeSpan.FromSeconds(0.1) }, TestContext.Current.CancellationToken);
        Assert.True(report.Verdict == LatencyCause.StarvedProducer || IsTheMachines(report.Verdict), report.ToString());
    }

    [Fact]
    public async Task A_detector_that_is_disposed_meanwhile_leaves_the_watch_to_its_end()
    {
        YoloDetector detector = YoloDetector.FromFunction(ModelInfo.OfClasses(["part"]), static (_, _) => []);
        Task<LatencyReport> watch = Doctor.WatchAsync(
            detector, new WatchOptions { Duration = TimeSpan.FromSeconds(0.3) }, TestContext.Current.CancellationToken);
        await detector.DisposeAsync();
        LatencyReport report = await watch;
        Assert.Equal(0, report.FramesPerSecond);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        using YoloDetector detector = YoloDetector.FromFunction(ModelInfo.OfClasses(["part"]), static (_, _) => []);
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = Watch(new WatchOptions { Duration = TimeSpan.Zero }); });
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = Watch(new WatchOptions { ExpectedRate = double.NaN }); });

        Task Watch(WatchOptions options) => Doctor.WatchAsync(detector, options, CancellationToken.None);
    }

    [CollectionDefinition(Alone, DisableParallelization = true)]
    public sealed class OneAtATime;
}
