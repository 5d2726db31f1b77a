namespace YoloZeroCopy.Tests;

/// <summary>Sums and words of a plan.</summary>
public sealed class MemoryPlanTests
{
    private static readonly MemoryPlan Plan = new(
        new MemoryPlanEntry(MemoryItem.Slots, MemoryPlace.Pinned, 3 << 20, MemoryEvidence.Formula, "3 slots x 1048576 bytes"),
        new MemoryPlanEntry(MemoryItem.Activations, MemoryPlace.Device, 5 << 20, MemoryEvidence.Reported, "by the engine"),
        new MemoryPlanEntry(MemoryItem.Activations, MemoryPlace.Host, 7 << 20, MemoryEvidence.Measured, "one run"));

    [Fact]
    public void Sums_are_by_place_and_page_locked_memory_is_the_hosts() =>
        Assert.Equal((15L << 20, 5L << 20, 10L << 20, 3L << 20), (Plan.TotalBytes, Plan.DeviceBytes, Plan.HostBytes, Plan.PinnedBytes));

    [Fact]
    public void The_table_says_of_every_part_where_it_lies_and_how_its_size_is_known()
    {
        string[] lines = Plan.ToString().Split(Environment.NewLine);
        Assert.Equal(4, lines.Length);
        Assert.Matches("^slots +page-locked +3.0 MiB  formula: 3 slots x 1048576 bytes$", lines[0]);
        Assert.Matches("^activations +device +5.0 MiB  reported: by the engine$", lines[1]);
        Assert.Matches("^activations +host +7.0 MiB  measured: one run$", lines[2]);
        Assert.Matches("^total +15.0 MiB$", lines[3]);
    }

    [Fact]
    public void A_plan_above_what_can_be_had_is_refused_with_its_table()
    {
        Plan.ThrowIfAbove(Host(10 << 20));
        InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(() => Plan.ThrowIfAbove(Host((10 << 20) - 1)));
        Assert.Contains("needs 10.0 MiB", error.Message, StringComparison.Ordinal);
        Assert.Contains("3 slots x 1048576 bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Streams_are_limited_by_what_fits_least_often()
    {
        // Two streams of 2 MiB each on the device and 1 MiB each on the host, beside 6 and 4 MiB.
        MemoryPlan plan = new MemoryPlan(
            new MemoryPlanEntry(MemoryItem.Weights, MemoryPlace.Device, 6 << 20, MemoryEvidence.Formula, ""),
            new MemoryPlanEntry(MemoryItem.DecoderSurfaces, MemoryPlace.Device, 4 << 20, MemoryEvidence.Formula, "") { BytesPerStream = 2 << 20 },
            new MemoryPlanEntry(MemoryItem.Libraries, MemoryPlace.Host, 4 << 20, MemoryEvidence.Formula, ""),
            new MemoryPlanEntry(MemoryItem.DecoderPrograms, MemoryPlace.Host, 2 << 20, MemoryEvidence.Formula, "") { BytesPerStream = 1 << 20 })
            .For(streams: 2, default);
        Assert.Equal(new StreamLimit(7, MemoryItem.DecoderSurfaces), plan.StreamsWithin(new MemoryBudget(20 << 20, 20 << 20, 0)));
        Assert.Equal(new StreamLimit(2, MemoryItem.DecoderSurfaces), plan.StreamsWithin(new MemoryBudget(15 << 20, 20 << 20, 0.5)));
        Assert.Equal(new StreamLimit(3, MemoryItem.DecoderPrograms), plan.StreamsWithin(new MemoryBudget(null, 7 << 20, 0.5)));
        Assert.Equal(new StreamLimit(0, MemoryItem.Weights), plan.StreamsWithin(new MemoryBudget(5 << 20, null, 0)));
        Assert.Equal(default, plan.StreamsWithin(default));
        Assert.Equal(new StreamLimit(4, MemoryItem.Slots), plan.With(mostStreams: 4).StreamsWithin(new MemoryBudget(20 << 20, null, 0)));
        Assert.True(plan.Fits(new MemoryBudget(10 << 20, 6 << 20, 0)));
        Assert.False(plan.Fits(new MemoryBudget(10 << 20, (6 << 20) - 1, 0)));
        Assert.False(plan.Fits(new MemoryBudget(10 << 20, null, 0.01)));
    }

    [Fact]
    public void What_was_taken_beyond_the_plan_is_told_with_the_parts_that_were_reckoned()
    {
        MemoryPlan plan = new(
            new MemoryPlanEntry(MemoryItem.Frames, MemoryPlace.Device, 20 << 20, MemoryEvidence.Formula, ""),
            new MemoryPlanEntry(MemoryItem.Weights, MemoryPlace.Device, 30 << 20, MemoryEvidence.Formula, ""),
            new MemoryPlanEntry(MemoryItem.Activations, MemoryPlace.Device, 50 << 20, MemoryEvidence.Reported, ""),
            new MemoryPlanEntry(MemoryItem.Context, MemoryPlace.Device, 500 << 20, MemoryEvidence.Formula, ""));
        Assert.Null(plan.GrowthText);
        Assert.Null(plan.AsTaken(114 << 20).GrowthText);
        Assert.Equal(116 << 20, plan.AsTaken(116 << 20).TakenDeviceBytes);
        string text = plan.AsTaken(116 << 20).GrowthText!;
        Assert.StartsWith("Opening took 116.0 MiB of the device, and 100.0 MiB were planned.", text, StringComparison.Ordinal);
        Assert.Contains("by formula: weights 30.0 MiB. ", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Cards_are_found_by_name_however_it_is_written()
    {
        foreach (GpuCard card in GpuCard.All)
        {
            Assert.True(GpuCard.TryFind(card.Name.Replace(' ', '-').ToLowerInvariant(), out GpuCard found));
            Assert.Equal(card, found);
            Assert.InRange(card.MemoryBytes, 4L << 30, 256L << 30);
            Assert.StartsWith("PCIe ", card.Bus, StringComparison.Ordinal);
        }

        Assert.False(GpuCard.TryFind("RTX 1", out _));
    }

    private static MemoryBudget Host(long bytes) => new(null, bytes, 0.3);
}
