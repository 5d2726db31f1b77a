namespace YoloZeroCopy.Tests;

/// <summary>Batches where frames run at different input sizes, in virtual time.</summary>
public sealed class InputSizeBatchTests
{
    private static readonly InputSizes Sizes = InputSizes.Of(8, 16);
    private static readonly FrameFormat Small = new(PixelFormat.Gray8, 8, 2);
    private static readonly FrameFormat Large = new(PixelFormat.Gray8, 16, 1);
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(20);

    [Theory]
    [InlineData(100, 100, "320x320")]
    [InlineData(320, 320, "320x320")]
    [InlineData(321, 100, "640x384")]
    [InlineData(640, 384, "640x384")]
    [InlineData(640, 385, "640x640")]
    [InlineData(700, 700, "1280x1280")]

    // Nothing holds these: the one that scales them down least, and of equal ones the smallest.
    [InlineData(1920, 1080, "1280x1280")]
    [InlineData(4000, 10, "1280x1280")]
    [InlineData(8192, 8192, "1280x1280")]
    public void A_frame_gets_the_smallest_size_at_which_it_is_scaled_down_least(int width, int height, string size)
    {
        InputSizes sizes = InputSizes.Of(1280, 320, (640, 384), 640);
        Assert.Equal("320x320, 640x384, 640x640, 1280x1280", sizes.ToString());
        Assert.Equal(ModelInputSize.Parse(size), sizes.All[sizes.IndexFor(new FrameFormat(PixelFormat.Gray8, width, height))]);
        Assert.Equal(0, InputSizes.Of((640, 384), 640).IndexFor(new FrameFormat(PixelFormat.Gray8, 1920, 1080)));
    }

    [Fact]
    public async Task A_batch_is_of_one_size_and_results_keep_the_order_of_their_source()
    {
        await using VirtualSite site = Site(lanes: 1, maxBatch: 4);
        site.At(default, () => site.Submit(0, format: Small));
        site.At(TimeSpan.FromMilliseconds(1), () =>
        {
            for (int pair = 0; pair < 4; pair++)
            {
                site.Submit(0, tag: 2 * pair, format: Small);
                site.Submit(0, tag: (2 * pair) + 1, format: Large);
            }
        });
        await site.DrainAsync();

        // A lone frame, then all small ones, since the first is small, then the large ones.
        Assert.Equal([1, 4, 4], site.Batches.Select(static batch => batch.Length));
        Assert.Equal([0, 0, 1], site.BatchSizes);
        Assert.Equal([0, .. Enumerable.Range(0, 8)], site.Answers.Select(static answer => answer.Tag));
        Assert.Equal(
            [new InputSizeStatistics(8, 5, 2), new InputSizeStatistics(16, 4, 1)], site.Harness.Pipeline.Snapshot().InputSizes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    public async Task No_size_starves_another_not_even_within_a_source(double weight)
    {
        // Twice as much as can be done: a source of small frames only, and one that has a large one now and then among many small ones.
        await using VirtualSite site = Site(lanes: 1, maxBatch: 4, slots: 64);
        TimeSpan end = TimeSpan.FromSeconds(4);
        site.AddSource(1, new SourceOptions { Weight = weight, Overflow = OverflowPolicy.Wait });
        site.AddSource(2, new SourceOptions { Overflow = OverflowPolicy.Wait });
        site.Camera(1, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), end, format: Small);
        site.Camera(2, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(4), end, format: Small);
        site.Camera(2, TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(100), end, tag: 1, format: Large);
        site.Run(end);
        await site.DrainAsync();
        VirtualSite.Answer[] large = [.. site.Answers.Where(static answer => answer.Tag == 1)];
        VirtualSite.Answer[] small = [.. site.Answers.Where(static answer => answer is { Tag: 0, Source: 2 })];
        Assert.InRange(large.Length, 20, int.MaxValue);
        Assert.Equal(site.Submitted, site.Answers.Count());

        // Waits as long as the small ones of its source do, give or take a few batches of 8 ms.
        Assert.InRange(large.Max(static answer => answer.Age), TimeSpan.Zero, small.Max(static answer => answer.Age) + TimeSpan.FromMilliseconds(40));
    }

    [Fact]
    public async Task Sources_of_different_sizes_get_their_shares()
    {
        await using VirtualSite site = Site(lanes: 1, maxBatch: 1, slots: 64);
        TimeSpan end = TimeSpan.FromSeconds(4);
        site.AddSource(1, new SourceOptions { Weight = 3 });
        site.AddSource(2, new SourceOptions());
        site.Camera(1, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), end, format: Small);
        site.Camera(2, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), end, format: Large);
        site.Run(end);
        await site.DrainAsync();
        (long small, long large) = (site.Harness.Pipeline.Snapshot().InputSizes[0].Frames, site.Harness.Pipeline.Snapshot().InputSizes[1].Frames);
        Assert.InRange(small / (double)large, 2.8, 3.2);
    }

    [Fact]
    public async Task Each_size_waits_for_its_own_company()
    {
        await using VirtualSite site = Site(lanes: 4, maxBatch: 2, delay: Delay);
        site.At(TimeSpan.FromMilliseconds(1), () => site.Submit(0, tag: 1, format: Large));
        site.At(TimeSpan.FromMilliseconds(5), () => site.Submit(0, tag: 2, format: Small));

        // The small ones are complete, though the earlier frame of their source waits on.
        site.At(TimeSpan.FromMilliseconds(6), () => site.Submit(0, tag: 3, format: Small));
        site.At(TimeSpan.FromMilliseconds(7), () => site.Submit(0, tag: 4, format: Small));
        site.At(TimeSpan.FromMilliseconds(8), () => site.Submit(0, tag: 5, format: Small));
        await site.DrainAsync();
        Assert.Equal([0, 0, 1], site.BatchSizes);
        Assert.Equal([2, 2, 1], site.Batches.Select(static batch => batch.Length));

        // 20 ms and the batch's own 8; all leave behind the first.
        Assert.All(site.Answers, static answer => Assert.Equal(29, answer.EndedAt.TotalMilliseconds, 3));
        Assert.Equal([1, 2, 3, 4, 5], site.Answers.Select(static answer => answer.Tag));
    }

    [Fact]
    public async Task Where_all_slots_are_taken_a_batch_goes_whose_slots_others_then_get()
    {
        await using VirtualSite site = Site(lanes: 2, maxBatch: 4, slots: 4, delay: TimeSpan.FromSeconds(30));
        site.At(TimeSpan.FromMilliseconds(1), () =>
        {
            site.Submit(0, format: Small);
            site.Submit(0, format: Large);
            site.Submit(0, format: Small);
            site.Submit(0, format: Large);
        });
        site.At(TimeSpan.FromMilliseconds(20), () =>
        {
            site.Submit(0, format: Large);
            site.Submit(0, format: Large);
        });
        await site.DrainAsync();
        Assert.Equal([2, 4], site.Batches.Select(static batch => batch.Length));
        Assert.All(site.Answers, static answer => Assert.InRange(answer.EndedAt, TimeSpan.Zero, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task A_full_queue_is_not_kept_waiting_whatever_the_sizes()
    {
        await using VirtualSite site = Site(lanes: 1, maxBatch: 4, delay: TimeSpan.FromSeconds(30));
        site.AddSource(1, new SourceOptions { QueueCapacity = 1 });
        site.At(TimeSpan.FromMilliseconds(1), () => site.Submit(1, tag: 1, format: Small));

        // Takes the other's place, and goes at once, so that the next one finds room.
        site.At(TimeSpan.FromMilliseconds(2), () => site.Submit(1, tag: 2, format: Large));
        site.At(TimeSpan.FromMilliseconds(3), () => site.Submit(1, tag: 3, format: Small));
        site.Run(TimeSpan.FromSeconds(1));
        Assert.Equal([1], site.BatchSizes);
        Assert.Equal(
            [FrameStatus.DroppedOldest, FrameStatus.Completed], site.Answers.Select(static answer => answer.Status));
        await site.DrainAsync();
    }

    [Fact]
    public async Task Ages_and_deadlines_are_looked_at_by_the_times_of_their_own_size()
    {
        // A small frame takes 8 ms and a large one 100: 50 ms are enough for the one and not for the other.
        await using VirtualSite site = Site(lanes: 1, maxBatch: 1, service: static size => TimeSpan.FromMilliseconds(size == 0 ? 8 : 100));
        site.At(TimeSpan.FromMilliseconds(1), () => site.Submit(0, format: Large));
        site.At(TimeSpan.FromMilliseconds(200), () => site.Submit(0, format: Small));
        site.AddSource(1, new SourceOptions { Deadline = TimeSpan.FromMilliseconds(50) });
        site.At(TimeSpan.FromMilliseconds(300), () => site.Submit(1, tag: 1, format: Large));
        site.At(TimeSpan.FromMilliseconds(400), () => site.Submit(1, tag: 2, format: Small));
        await site.DrainAsync();
        Assert.Equal(FrameStatus.DroppedLate, site.Answers.Single(static answer => answer.Tag == 1).Status);
        Assert.Equal(FrameStatus.Completed, site.Answers.Single(static answer => answer.Tag == 2).Status);
    }

    [Fact]
    public async Task A_source_may_have_a_size_of_its_own()
    {
        await using VirtualSite site = Site(lanes: 1, maxBatch: 4);
        site.AddSource(1, new SourceOptions { InputSize = 16 });
        site.At(default, () => site.Submit(1, format: Small));
        await site.DrainAsync();
        Assert.Equal([1], site.BatchSizes);
        ArgumentException refused = Assert.Throws<ArgumentException>(() => site.AddSource(2, new SourceOptions { InputSize = 24 }));
        Assert.StartsWith("InputSize is 24x24, and the detector was opened for 8x8, 16x16.", refused.Message, StringComparison.Ordinal);
    }

    private static VirtualSite Site(
        int lanes, int maxBatch, int slots = 16, TimeSpan delay = default, Func<int, TimeSpan>? service = null) => new(
            lanes, maxBatch, slots, static _ => TimeSpan.FromMilliseconds(8), OverflowPolicy.Wait, queueCapacity: 0, maxBatchDelay: delay,
            sizes: Sizes,
            serviceOfSize: service);
}
