namespace YoloZeroCopy.Tests;

/// <summary>What a source that was added gets, and what it says of itself.</summary>
public sealed class FrameSourceTests
{
    [Theory]
    [InlineData(1, 4, 1)]
    [InlineData(2, 2, 1)]
    [InlineData(1, 8, 4)]
    public async Task Sources_share_by_weight_under_overload(int lanes, int maxBatch, int depth)
    {
        double[] weights = [1, 1, 2, 2.5, 0.5, 1.5, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1];
        await using VirtualSite site = new(lanes, maxBatch, slots: 256, count => TimeSpan.FromMilliseconds(count * lanes));
        for (int source = 0; source < weights.Length; source++)
        {
            FrameSource added = site.AddSource(source, new SourceOptions { Weight = weights[source], QueueCapacity = depth });
            Assert.Equal(source, added.Number);
        }

        TimeSpan end = TimeSpan.FromSeconds(6);
        for (int source = 0; source < weights.Length; source++)
        {
            site.Camera(source, TimeSpan.FromMilliseconds(1 + (source * 0.37)), TimeSpan.FromMilliseconds(1.5 + (source % 3)), end);
        }

        site.Run(end);
        await site.DrainAsync();
        int[] shares = [.. Enumerable.Range(0, weights.Length).Select(source =>
            site.Answers.Count(answer => answer.Source == source && answer.Status == FrameStatus.Completed))];
        double one = shares.Sum() / weights.Sum();
        Assert.All(shares.Zip(weights), pair => Assert.InRange(pair.First, pair.Second * one * 0.95, pair.Second * one * 1.05));
    }

    [Fact]
    public async Task A_source_of_high_priority_is_served_first_and_one_of_low_has_what_is_left()
    {
        await using VirtualSite site = new(lanes: 1, maxBatch: 2, slots: 64, static _ => TimeSpan.FromMilliseconds(10));
        using FrameSource low = site.AddSource(0, new SourceOptions { Priority = SourcePriority.Low });
        using FrameSource normal = site.AddSource(1, new SourceOptions());
        using FrameSource high = site.AddSource(2, new SourceOptions { Priority = SourcePriority.High });
        using FrameSource other = site.AddSource(3, new SourceOptions());
        TimeSpan end = TimeSpan.FromSeconds(2);
        for (int source = 0; source < 4; source++)
        {
            site.Camera(source, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(4), end);
        }

        site.Run(end);
        Assert.InRange(high.Statistics.FramesCompleted, 198, 202);
        Assert.InRange(normal.Statistics.FramesCompleted, 95, 105);
        Assert.InRange(other.Statistics.FramesCompleted, 95, 105);
        Assert.InRange(low.Statistics.FramesCompleted, 0, 2);
        await site.DrainAsync();
    }

    [Fact]
    public async Task No_result_is_older_than_the_limit_where_that_was_asked_for()
    {
        await using VirtualSite site = new(lanes: 1, maxBatch: 1, slots: 64, static _ => TimeSpan.FromMilliseconds(10));
        TimeSpan limit = TimeSpan.FromMilliseconds(25);
        using FrameSource checkedTwice = site.AddSource(1, new SourceOptions { QueueCapacity = 4, MaxFrameAge = limit, DropsAgedResults = true });
        using FrameSource checkedOnce = site.AddSource(2, new SourceOptions { QueueCapacity = 4, MaxFrameAge = limit });
        site.Camera(1, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(7), TimeSpan.FromSeconds(2));
        site.Camera(2, TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(7), TimeSpan.FromSeconds(2));
        await site.DrainAsync();
        VirtualSite.Answer[] done = [.. site.Answers.Where(static answer => answer.Status == FrameStatus.Completed)];
        Assert.All(done.Where(static answer => answer.Source == 1), answer => Assert.True(answer.Age <= limit));
        Assert.InRange(done.Where(static answer => answer.Source == 2).Max(static answer => answer.Age), limit,
            limit + TimeSpan.FromMilliseconds(10));
        Assert.InRange(checkedTwice.Statistics.AgeP99!.Value, TimeSpan.FromMilliseconds(10), limit);
        Assert.Equal(done.Where(static answer => answer.Source == 1).Max(static answer => answer.Age), checkedTwice.Statistics.AgeMax);
        Assert.InRange(checkedOnce.Statistics.AgeP99!.Value, limit, limit + TimeSpan.FromMilliseconds(10));
        Assert.True(checkedTwice.Statistics.DroppedTooOld > 0 && checkedOnce.Statistics.DroppedTooOld > 0);
        AssertComplete(checkedTwice.Statistics);
    }

    [Fact]
    public async Task A_frame_that_cannot_make_its_deadline_is_dropped_before_it_is_computed_and_every_miss_is_told()
    {
        // Two lanes of 10 ms for 300 frames a second: a frame has time to wait 5 ms.
        await using VirtualSite site = new(lanes: 2, maxBatch: 1, slots: 64, static _ => TimeSpan.FromMilliseconds(10));
        TimeSpan deadline = TimeSpan.FromMilliseconds(15);
        using FrameSource source = site.AddSource(1, new SourceOptions { QueueCapacity = 8, Deadline = deadline });
        site.Camera(1, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1 / 300d), TimeSpan.FromSeconds(2));
        await site.DrainAsync();
        SourceStatistics statistics = source.Statistics;
        AssertComplete(statistics);

        // Both lanes are never idle, and but for the first, whose time was not known yet, none computes what is too late.
        Assert.InRange(statistics.FramesCompleted, 390, 402);
        Assert.True(statistics.DroppedLate > 100);
        Assert.Equal(statistics.DeadlinesMissed, site.Misses.Count);
        Assert.InRange(statistics.DeadlinesMissed - statistics.DroppedLate, 0, 2);
        Assert.All(site.Misses, miss => Assert.True(miss.Source == 1 && (miss.Status == FrameStatus.DroppedLate || miss.Age > deadline)));
        Assert.InRange(statistics.AgeP99!.Value, TimeSpan.FromMilliseconds(10), deadline);
    }

    [Fact]
    public async Task A_batch_is_cut_short_where_one_more_frame_would_make_it_late()
    {
        // 4 ms and 4 ms for each frame: with a deadline of 21 ms, a batch of four at most.
        await using VirtualSite site = new(lanes: 1, maxBatch: 8, slots: 64, static count => TimeSpan.FromMilliseconds(4 + (4 * count)));
        List<FrameSource> sources = [.. Enumerable.Range(0, 8).Select(number =>
            site.AddSource(number, new SourceOptions { Deadline = TimeSpan.FromMilliseconds(21) }))];
        for (int turn = 0; turn < 40; turn++)
        {
            site.At(TimeSpan.FromMilliseconds(1 + (turn * 50)), () =>
            {
                foreach (FrameSource source in sources)
                {
                    site.Submit(source.Number);
                }
            });
        }

        await site.DrainAsync();

        // The first frame of a turn goes alone, as a lane is idle.
        Assert.All(site.Batches.Skip(12), static batch => Assert.InRange(batch.Length, 1, 4));
        Assert.Contains(site.Batches, static batch => batch.Length > 1);
    }

    [Fact]
    public async Task A_hiccup_of_the_lanes_does_not_end_a_source_with_a_deadline()
    {
        int hiccup = 0;
        await using VirtualSite site = new(
            lanes: 1, maxBatch: 1, slots: 8, _ => TimeSpan.FromMilliseconds(Interlocked.Increment(ref hiccup) == 20 ? 900 : 5));
        using FrameSource source = site.AddSource(1, new SourceOptions { Deadline = TimeSpan.FromMilliseconds(20) });
        site.Camera(1, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(10));
        site.Run(TimeSpan.FromSeconds(10));
        Assert.InRange(source.Statistics.FramesCompleted, 300, 500);
        Assert.InRange(source.Statistics.CompletedPerSecond, 48, 52);
        await site.DrainAsync();
    }

    [Fact]
    public async Task A_source_that_is_removed_drops_what_waits_and_its_number_is_free()
    {
        await using VirtualSite site = new(lanes: 1, maxBatch: 1, slots: 8, static _ => TimeSpan.FromMilliseconds(10));
        FrameSource source = site.AddSource(1, new SourceOptions { QueueCapacity = 4 });
        Assert.Throws<InvalidOperationException>(() => site.AddSource(1, new SourceOptions()));
        site.At(TimeSpan.FromMilliseconds(1), () =>
        {
            site.Submit(1);
            site.Submit(1);
            site.Submit(1);
            site.Submit(2);
        });
        site.At(TimeSpan.FromMilliseconds(2), () =>
        {
            source.Dispose();
            source.Dispose();
        });
        await site.DrainAsync();
        SourceStatistics statistics = source.Statistics;
        Assert.Equal((3, 1, 2), (statistics.FramesSubmitted, statistics.FramesCompleted, statistics.DroppedRemoved));
        Assert.Equal(2, site.Answers.Count(static answer => answer.Status == FrameStatus.DroppedRemoved));
        Assert.Equal(2, site.Harness.Pipeline.Snapshot().DroppedRemoved);
        using FrameSource again = site.AddSource(1, new SourceOptions());
        source.Dispose();
        site.At(site.Now + TimeSpan.FromMilliseconds(1), () => site.Submit(1));
        await site.DrainAsync();
        Assert.Equal(1, again.Statistics.FramesCompleted);
        Assert.Equal(0, site.Harness.Pool.SlotsInUse);
    }

    [Fact]
    public async Task What_a_listener_of_misses_throws_stops_nothing()
    {
        TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new([lane], warning: message => warned.TrySetResult(message));
        using FrameSource source = harness.Detector().AddSource(
            3, new SourceOptions
            {
                Deadline = TimeSpan.FromMilliseconds(1),
                DeadlineMissed = static _ => throw new InvalidOperationException("no plc")
            });
        long minuteAgo = System.Diagnostics.Stopwatch.GetTimestamp() - (60 * System.Diagnostics.Stopwatch.Frequency);
        for (int frame = 0; frame < 3; frame++)
        {
            using DetectionResult result = await harness.Submit(3, minuteAgo);
            Assert.Equal(FrameStatus.DroppedLate, result.Status);
        }

        Assert.Contains("no plc", await warned.Task.WaitAsync(TimeSpan.FromSeconds(60)), StringComparison.Ordinal);
        Assert.Equal(3, source.Statistics.DeadlinesMissed);
    }

    [Fact]
    public async Task Options_that_are_wrong_by_themselves_or_together_are_refused()
    {
        await using PipelineHarness harness = new([new FakeLane()]);
        YoloDetector detector = harness.Detector();
        SourceOptions[] wrong =
        [
            new() { Weight = 0 },
            new() { Weight = double.NaN },
            new() { Weight = 1001 },
            new() { QueueCapacity = 0 },
            new() { QueueCapacity = 5000 },
            new() { Overflow = OverflowPolicy.Wait, QueueCapacity = 2 },
            new() { Overflow = (OverflowPolicy)7 },
            new() { Priority = (SourcePriority)7 },
            new() { MaxFrameAge = TimeSpan.FromSeconds(-1) },
            new() { Deadline = TimeSpan.FromDays(1) },
            new() { DropsAgedResults = true },
            new() { DeadlineMissed = static _ => { } },
        ];
        Assert.All(wrong, options => Assert.ThrowsAny<ArgumentException>(() => detector.AddSource(1, options)));
        detector.AddSource(1).Dispose();
        await detector.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => detector.AddSource(1));
        await using PipelineHarness patient = new([new FakeLane()], maxBatchDelay: TimeSpan.FromMilliseconds(50));
        await using YoloDetector waits = patient.Detector();
        TimeSpan shorter = TimeSpan.FromMilliseconds(50);
        Assert.Throws<ArgumentException>("MaxFrameAge", () => waits.AddSource(1, new SourceOptions { MaxFrameAge = shorter }));
        Assert.Throws<ArgumentException>("Deadline", () => waits.AddSource(1, new SourceOptions { Deadline = shorter }));
    }

    internal static void AssertComplete(SourceStatistics statistics) => Assert.Equal(
        statistics.FramesSubmitted,
        statistics.FramesCompleted + statistics.FramesFailed + statistics.FramesCanceled + statistics.FramesDropped + statistics.FramesWaiting);
}
