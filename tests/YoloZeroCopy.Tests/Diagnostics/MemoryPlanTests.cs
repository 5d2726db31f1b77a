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
        Plan.ThrowIfAbove(10 << 20);
        InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(() => Plan.ThrowIfAbove((10 << 20) - 1));
        Assert.Contains("needs 10.0 MiB", error.Message, StringComparison.Ordinal);
        Assert.Contains("3 slots x 1048576 bytes", error.Message, StringComparison.Ordinal);
    }
}
