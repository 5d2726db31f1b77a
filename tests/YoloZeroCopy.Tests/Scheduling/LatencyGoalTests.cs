namespace YoloZeroCopy.Tests;

/// <summary>
/// A goal for the time from submit to result, in virtual time: it holds as long as it can, with the highest rate at which it does, and beyond that
/// the rate is the highest.
/// </summary>
public sealed class LatencyGoalTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Goal = TimeSpan.FromMilliseconds(30);

    [Fact]
    public async Task Under_light_load_every_frame_goes_at_once()
    {
        await using VirtualSite site = new(lanes: 1, maxBatch: 32, slots: 128, Affine, OverflowPolicy.Wait, latencyGoal: Goal);
        TimeSpan end = TimeSpan.FromSeconds(4);
        for (int camera = 0; camera < 5; camera++)
        {
            site.Camera(camera, TimeSpan.FromMilliseconds(1 + (camera * 7)), TimeSpan.FromMilliseconds(40), end);
        }

        site.Run(end);
        await site.DrainAsync();
        Assert.All(site.Batches, static batch => Assert.Single(batch));
        Assert.Equal(Affine(1), site.Answers.Max(static answer => answer.Age));
    }

    [Theory]
    [InlineData(1, 11)]
    [InlineData(2, 16)]
    [InlineData(4, 20)]
    public async Task Under_overload_with_drops_the_goal_holds_and_the_rate_is_the_highest_with_it(int lanes, int largest)
    {
        // 4 ms and 1 ms a frame: with one lane 11 frames take 15 ms, twice of which is the goal.
        await using VirtualSite site = Overloaded(lanes, static (count, _) => Affine(count), TimeSpan.FromSeconds(6));
        int limit = site.Harness.Pipeline.Snapshot().BatchLimit;
        await site.DrainAsync();
        VirtualSite.Answer[] done = Completed(site, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5.9));
        double rate = done.Length / 4.9;
        double best = lanes * largest / Affine(largest).TotalSeconds;
        TimeSpan p99 = Percentile(done, 0.99);
        output.WriteLine($"{lanes} lanes: {rate:F0} frames/s of {best:F0}, p99 {p99.TotalMilliseconds:F1} ms");
        Assert.InRange(limit, largest / 2, largest);
        Assert.InRange(rate, best * 0.95, double.MaxValue);
        Assert.InRange(p99, TimeSpan.Zero, Goal);

        // Without a goal: more frames, and none within it.
        await using VirtualSite greedy = Overloaded(lanes, static (count, _) => Affine(count), TimeSpan.FromSeconds(6), goal: TimeSpan.Zero);
        await greedy.DrainAsync();
        VirtualSite.Answer[] all = Completed(greedy, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5.9));
        Assert.InRange(all.Length, done.Length + 1, int.MaxValue);
        Assert.InRange(Percentile(all, 0.5), Goal, TimeSpan.MaxValue);
        Assert.Equal(32, greedy.Harness.Pipeline.Snapshot().BatchLimit);
    }

    [Theory]
    [InlineData(30)]
    [InlineData(3)]
    public async Task Where_the_goal_cannot_hold_the_rate_is_the_highest(int goal)
    {
        // All wait that have been sent, 64 at a time; a goal of 3 ms is less than one frame takes.
        await using VirtualSite site = new(
            lanes: 1, maxBatch: 32, slots: 96, Affine, OverflowPolicy.Wait, latencyGoal: TimeSpan.FromMilliseconds(goal));
        TimeSpan end = TimeSpan.FromSeconds(4);
        site.Camera(0, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1 / 3000d), end);
        site.Run(end);
        await site.DrainAsync();
        double rate = Completed(site, TimeSpan.FromSeconds(1), end).Length / 3d;
        double best = 32 / Affine(32).TotalSeconds;
        output.WriteLine($"goal {goal} ms: {rate:F0} frames/s of {best:F0}");
        Assert.InRange(rate, best * 0.97, best * 1.01);
    }

    [Fact]
    public async Task Between_the_rate_that_keeps_the_goal_and_the_highest_nobody_is_dropped()
    {
        // 11 frames in 15 ms keep the goal, 733 a second; 32 in 36 ms are 889.
        await using VirtualSite site = new(lanes: 1, maxBatch: 32, slots: 256, Affine, OverflowPolicy.Wait, latencyGoal: Goal);
        TimeSpan end = TimeSpan.FromSeconds(4);
        site.Camera(0, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1 / 820d), end);
        site.Run(end);
        await site.DrainAsync();
        Assert.Equal(0, site.Refused);
        TimeSpan p99 = Percentile(Completed(site, TimeSpan.FromSeconds(1), end), 0.99);
        output.WriteLine($"p99 {p99.TotalMilliseconds:F1} ms");

        // At worst a frame waits for one of the largest batches and is in the next.
        Assert.InRange(p99, TimeSpan.Zero, 2 * Affine(32));
    }

    [Fact]
    public async Task A_site_whose_batches_take_longer_for_a_while_makes_smaller_ones_and_comes_back()
    {
        TimeSpan slow = TimeSpan.FromSeconds(3);
        TimeSpan quick = TimeSpan.FromSeconds(6);
        TimeSpan end = TimeSpan.FromSeconds(11);
        await using VirtualSite site = Overloaded(
            2, (count, now) => Affine(count) * (now < slow || now >= quick ? 1 : 1.6), end);
        await site.DrainAsync();
        foreach ((double from, double to, int largest) in ((double, double, int)[])[(1, 3, 16), (3.5, 6, 8), (8.5, 10.9, 16)])
        {
            VirtualSite.Answer[] done = Completed(site, TimeSpan.FromSeconds(from), TimeSpan.FromSeconds(to));
            double factor = largest == 8 ? 1.6 : 1;
            double best = 2 * largest / (Affine(largest) * factor).TotalSeconds;
            output.WriteLine(
                $"{from} to {to} s: {done.Length / (to - from):F0} frames/s of {best:F0}, p99 {Percentile(done, 0.99).TotalMilliseconds:F1} ms");
            Assert.InRange(done.Length / (to - from), best * 0.93, double.MaxValue);
            Assert.InRange(Percentile(done, 0.99), TimeSpan.Zero, Goal);
        }
    }

    [Fact]
    public async Task A_lone_frame_waits_for_company_no_longer_than_the_goal_allows()
    {
        // 5 ms for one frame, and as much again for one that comes meanwhile: of the 29 ms that it might wait, 20 are left.
        await using VirtualSite site = new(
            lanes: 1, maxBatch: 4, slots: 16, Affine, OverflowPolicy.Wait, queueCapacity: 16, maxBatchDelay: TimeSpan.FromMilliseconds(29),
            latencyGoal: Goal);
        TimeSpan end = TimeSpan.FromSeconds(3);
        site.Camera(0, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(100), end);
        site.Run(end);
        await site.DrainAsync();
        TimeSpan[] ages = [.. site.Answers.Skip(1).Select(static answer => answer.Age)];
        Assert.All(ages, static age => Assert.InRange(age, TimeSpan.FromMilliseconds(24), TimeSpan.FromMilliseconds(26)));
    }

    [Fact]
    public async Task A_deadline_shorter_than_the_goal_makes_batches_shorter_still()
    {
        await using VirtualSite site = new(
            lanes: 1, maxBatch: 32, slots: 128, Affine, OverflowPolicy.DropOldest, queueCapacity: 1, latencyGoal: Goal);
        TimeSpan end = TimeSpan.FromSeconds(4);
        for (int camera = 0; camera < 60; camera++)
        {
            FrameSource added = site.AddSource(camera, new SourceOptions { Deadline = TimeSpan.FromMilliseconds(16) });
            Assert.Equal(0, added.Statistics.FramesSubmitted);
            site.Camera(camera, TimeSpan.FromMilliseconds(1 + (camera * 0.3)), TimeSpan.FromMilliseconds(20), end);
        }

        site.Run(end);
        await site.DrainAsync();
        VirtualSite.Answer[] done = Completed(site, TimeSpan.FromSeconds(1), end);
        Assert.True(done.Length > 600, $"{done.Length} frames");
        Assert.InRange(Percentile(done, 0.99), TimeSpan.Zero, TimeSpan.FromMilliseconds(16));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(2000)]
    public async Task With_delays_deadlines_and_ages_beside_it_every_frame_is_answered_and_no_batch_is_too_large(int firstSeed)
    {
        for (int seed = firstSeed; seed < firstSeed + 100; seed++)
        {
            Random random = new(seed);
            int maxBatch = random.Next(1, 33);
            TimeSpan goal = TimeSpan.FromMilliseconds(2 + (random.NextDouble() * 60));
            TimeSpan delay = random.Next(2) == 0 ? goal * random.NextDouble() * 0.9 : TimeSpan.Zero;
            TimeSpan age = random.Next(2) == 0 ? delay + TimeSpan.FromMilliseconds(1 + (random.NextDouble() * 60)) : TimeSpan.Zero;
            bool waits = random.Next(3) == 0;
            await using VirtualSite site = new(
                random.Next(1, 5), maxBatch, slots: 128, count => Affine(count) * (0.5 + random.NextDouble()),
                waits ? OverflowPolicy.Wait : OverflowPolicy.DropOldest, waits ? 128 : random.Next(1, 5), age, delay, goal);
            TimeSpan end = TimeSpan.FromMilliseconds(400);
            for (int camera = 0; camera < 12; camera++)
            {
                if (random.Next(2) == 0)
                {
                    FrameSource added = site.AddSource(camera, new SourceOptions
                    {
                        Deadline = random.Next(2) == 0 ? delay + TimeSpan.FromMilliseconds(1 + (random.NextDouble() * 60)) : TimeSpan.Zero,
                        QueueCapacity = random.Next(1, 4),
                    });
                    Assert.Equal(camera, added.Number);
                }

                site.Camera(
                    camera, TimeSpan.FromMilliseconds(1 + (random.NextDouble() * 20)), TimeSpan.FromMilliseconds(2 + (random.NextDouble() * 40)),
                    end);
            }

            site.Run(end);
            await site.DrainAsync();
            DetectorStatistics statistics = site.Harness.Pipeline.Snapshot();
            Assert.Equal(site.Submitted, site.Answers.Count());
            Assert.Equal(0, statistics.FramesWaiting + statistics.BatchesInFlight + site.Harness.Pool.SlotsInUse);
            Assert.InRange(statistics.BatchLimit, 1, maxBatch);
            Assert.All(site.Batches, batch => Assert.InRange(batch.Length, 1, maxBatch));
        }
    }

    private static TimeSpan Affine(int count) => TimeSpan.FromMilliseconds(4 + count);

    // 100 cameras whose newest frame waits, more than lanes can do.
    private static VirtualSite Overloaded(int lanes, Func<int, TimeSpan, TimeSpan> service, TimeSpan end, TimeSpan? goal = null)
    {
        VirtualSite? made = null;
        VirtualSite site = made = new(
            lanes, maxBatch: 32, slots: 512, count => service(count, made!.Now), OverflowPolicy.DropOldest, queueCapacity: 1,
            latencyGoal: goal ?? Goal);
        for (int camera = 0; camera < 100; camera++)
        {
            site.Camera(camera, TimeSpan.FromMilliseconds(1 + (camera * 0.07)), TimeSpan.FromMilliseconds(8 + (camera % 7 * 0.1)), end);
        }

        site.Run(end);
        return site;
    }

    private static VirtualSite.Answer[] Completed(VirtualSite site, TimeSpan from, TimeSpan to) =>
        [.. site.Answers.Where(answer => answer.Status == FrameStatus.Completed && answer.EndedAt >= from && answer.EndedAt < to)];

    private static TimeSpan Percentile(VirtualSite.Answer[] answers, double part) =>
        answers.Select(static answer => answer.Age).Order().ElementAt((int)(part * (answers.Length - 1)));
}
