namespace YoloZeroCopy.Tests;

/// <summary>What sources owe each other: nothing of one waits for, or goes for the sake of, another's.</summary>
public sealed class ManySourcesTests
{
    [Fact]
    public async Task A_result_waits_for_earlier_ones_of_its_own_source_only()
    {
        FakeLane first = new();
        FakeLane second = new();
        await using PipelineHarness harness = new([first, second], maxBatch: 1);
        ValueTask<DetectionResult> one = harness.Submit(source: 1);
        Assert.True(SpinWait.SpinUntil(() => first.Started + second.Started == 1, TimeSpan.FromSeconds(60)));
        LaneBatch slow = (first.Started == 1 ? first : second).Next();
        ValueTask<DetectionResult> two = harness.Submit(source: 2);
        LaneBatch quick = (slow.Lane == first ? second : first).Next();
        FakeLane.Finish(quick);
        (await two.AsTask().WaitAsync(TimeSpan.FromSeconds(60))).Dispose();
        Assert.False(one.IsCompleted);
        FakeLane.Finish(slow);
        (await one).Dispose();
    }

    [Fact]
    public async Task A_fast_source_drops_its_own_frames_and_not_a_slow_ones()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 8, maxBatch: 2, overflow: OverflowPolicy.DropOldest, queueCapacity: 1);
        ValueTask<DetectionResult> running = harness.Submit(source: 9);
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult> slow = harness.Submit(source: 1);
        ValueTask<DetectionResult>[] fast = [harness.Submit(source: 2), harness.Submit(source: 2), harness.Submit(source: 2)];
        FakeLane.Finish(batch);
        FakeLane.Finish(lane.Next());
        (await running).Dispose();
        Assert.Equal(FrameStatus.Completed, await StatusAsync(slow));
        Assert.Equal(FrameStatus.DroppedOldest, await StatusAsync(fast[0]));
        Assert.Equal(FrameStatus.DroppedOldest, await StatusAsync(fast[1]));
        Assert.Equal(FrameStatus.Completed, await StatusAsync(fast[2]));
    }

    [Fact]
    public async Task When_slots_run_out_the_longest_queue_gives_one_up_and_not_the_frame_that_waited_longest()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 4, maxBatch: 1, overflow: OverflowPolicy.DropOldest, queueCapacity: 3);
        ValueTask<DetectionResult> running = harness.Submit(source: 9);
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult> slow = harness.Submit(source: 1);
        ValueTask<DetectionResult>[] fast = [harness.Submit(source: 2), harness.Submit(source: 2)];
        ValueTask<DetectionResult> third = harness.Submit(source: 3);
        FakeLane.Finish(batch);
        for (int left = 0; left < 3; left++)
        {
            FakeLane.Finish(lane.Next());
        }

        (await running).Dispose();
        Assert.Equal(FrameStatus.DroppedOldest, await StatusAsync(fast[0]));
        Assert.Equal(FrameStatus.Completed, await StatusAsync(fast[1]));
        Assert.Equal(FrameStatus.Completed, await StatusAsync(slow));
        Assert.Equal(FrameStatus.Completed, await StatusAsync(third));
    }

    [Fact]
    public async Task A_batch_has_one_frame_of_each_source_and_more_where_nobody_else_waits()
    {
        await using VirtualSite site = new(
            lanes: 1, maxBatch: 4, slots: 32, static _ => TimeSpan.FromMilliseconds(10), OverflowPolicy.Wait, queueCapacity: 32);
        site.At(TimeSpan.FromMilliseconds(1), () => site.Submit(0));
        site.At(TimeSpan.FromMilliseconds(2), () =>
        {
            for (int frame = 0; frame < 6; frame++)
            {
                site.Submit(1);
            }

            site.Submit(2);
            site.Submit(3);
        });
        site.Run(TimeSpan.FromMilliseconds(5));
        await site.DrainAsync();
        Assert.Equal([[0], [1, 2, 3, 1], [1, 1, 1, 1]], site.Batches);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 8)]
    [InlineData(2, 4)]
    [InlineData(4, 2)]
    public async Task Sources_of_any_rate_get_the_same_share_under_overload(int lanes, int maxBatch)
    {
        const int Sources = 20;
        await using VirtualSite site = new(
            lanes, maxBatch, slots: 128, count => TimeSpan.FromMilliseconds(count * lanes), OverflowPolicy.DropOldest, queueCapacity: 1);
        TimeSpan end = TimeSpan.FromSeconds(4);
        for (int source = 0; source < Sources; source++)
        {
            // From two to twelve times what a source can get, the first ones in step with each other.
            double rate = 100 + (source % 10 * 50);
            site.Camera(source, TimeSpan.FromMilliseconds(1 + (source / 10 * 3.7)), TimeSpan.FromSeconds(1 / rate), end);
        }

        site.Run(end);
        await site.DrainAsync();
        int[] shares = new int[Sources];
        foreach (VirtualSite.Answer answer in site.Answers)
        {
            shares[answer.Source] += answer.Status == FrameStatus.Completed ? 1 : 0;
        }

        double fair = shares.Sum() / (double)Sources;
        Assert.InRange(fair, 180, 220);
        Assert.All(shares, share => Assert.InRange(share, fair * 0.95, fair * 1.05));
        Assert.Equal(site.Submitted, site.Answers.Count());
    }

    [Fact]
    public async Task Numbers_that_are_used_once_are_forgotten()
    {
        FairQueue waiting = new();
        SourceTable table = new(waiting, new SourceSettings(OverflowPolicy.Wait, 4, 0), FrameKinds.Usual);
        for (int number = 0; number < 10_000; number++)
        {
            SourceQueue source = table.Get(number);
            Assert.Same(source, table.Get(number));
            PendingFrame frame = new(pendingFrames: null, maxDetections: 1);
            frame.Begin(0, default, -1, PipelineHarness.Format, source, number, now: 1, capturedAt: 1, activity: null, CancellationToken.None);
            waiting.Add(frame);
            waiting.BeginBatch();
            waiting.Take(waiting.Next()!);
            waiting.EndBatch();
        }

        Assert.InRange(table.Count, 1, 256);

        // And through a pipeline.
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new([lane]);
        for (int number = 0; number < 1000; number++)
        {
            (await harness.Submit(number)).Dispose();
        }
    }

    private static async Task<FrameStatus> StatusAsync(ValueTask<DetectionResult> frame)
    {
        using DetectionResult result = await frame.AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        return result.Status;
    }
}
