using InspectLine;

namespace YoloZeroCopy.Tests;

public sealed class CountingLineTests
{
    private readonly PartTracker tracker = new();
    private readonly CountingLine line = new(100);

    [Fact]
    public void Counts_once_in_the_frame_in_which_the_middle_reaches_the_line()
    {
        List<int> crossings = [];
        for (int frame = 0; frame < 40; frame++)
        {
            // The middle is at 40 + 6 * frame: at 94 in frame 9, at exactly 100 in frame 10.
            crossings.AddRange(Crossings(frame, PartTrackerTests.At(6 * frame, 0)).Select(_ => frame));
        }

        Assert.Equal([10], crossings);
    }

    [Fact]
    public void Trembling_on_the_line_counts_once()
    {
        int count = 0;
        for (int frame = 0; frame < 20; frame++)
        {
            count += Crossings(frame, PartTrackerTests.At(frame % 2 == 0 ? 58 : 62, 0)).Count;
        }

        Assert.Equal(1, count);
    }

    [Fact]
    public void A_part_that_begins_behind_the_line_does_not_count()
    {
        for (int frame = 0; frame < 20; frame++)
        {
            Assert.Empty(Crossings(frame, PartTrackerTests.At(61 + (6 * frame), 0)));
        }
    }

    [Fact]
    public void A_flicker_does_not_count()
    {
        Assert.Empty(Crossings(0, PartTrackerTests.At(55, 0)));
        Assert.Empty(Crossings(1, PartTrackerTests.At(65, 0)));
    }

    [Fact]
    public void A_part_that_is_not_seen_on_the_line_counts_where_the_belt_takes_it()
    {
        List<int> crossings = [];
        for (int frame = 0; frame < 15; frame++)
        {
            Detection[] found = frame < 8 ? [PartTrackerTests.At(6 * frame, 0)] : [];
            crossings.AddRange(Crossings(frame, found).Select(_ => frame));
        }

        // In frame 10; after so few frames the tracker takes the part for a little slower than it is.
        Assert.InRange(Assert.Single(crossings), 10, 11);
    }

    private IReadOnlyList<Part> Crossings(int frame, params Detection[] detections) => line.TakeCrossings(tracker.Update(frame, detections));
}
