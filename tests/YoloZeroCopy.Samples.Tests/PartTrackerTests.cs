using InspectLine;

namespace YoloZeroCopy.Tests;

public sealed class PartTrackerTests
{
    [Fact]
    public void A_part_that_is_hidden_for_some_frames_is_carried_on_and_found_again()
    {
        PartTracker tracker = new();
        for (int frame = 0; frame < 20; frame++)
        {
            _ = tracker.Update(frame, [At(6 * frame, 100)]);
        }

        for (int frame = 20; frame < 30; frame++)
        {
            Part hidden = Assert.Single(tracker.Update(frame, []));
            Assert.Equal(6f * frame, hidden.Box.X1, 3f);
        }

        Part found = Assert.Single(tracker.Update(30, [At(180, 100)]));
        Assert.Equal((1, 21), (found.Id, found.Detections));
    }

    [Fact]
    public void A_part_that_stays_away_is_given_up()
    {
        PartTracker tracker = new();
        _ = tracker.Update(0, [At(0, 100)]);

        Assert.Single(tracker.Update(12, []));
        Assert.Empty(tracker.Update(13, []));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Where_frames_are_dropped_every_part_of_the_clip_is_counted_still(int kept)
    {
        IReadOnlyList<IReadOnlyList<TruthObject>> truth = GroundTruth.Read(new InspectOptions().TruthPath);
        PartTracker tracker = new();
        CountingLine line = new(640);
        List<Part> crossed = [];
        for (int frame = 0; frame < truth.Count; frame += kept)
        {
            Detection[] detections = [.. truth[frame].Where(static part => part.IsAskedFor).Select(static part => part.Box with { Score = 0.9f })];
            crossed.AddRange(line.TakeCrossings(tracker.Update(frame, detections)));
        }

        Assert.Equal(20, crossed.Count);
    }

    [Fact]
    public void Votes_weigh_by_score()
    {
        PartTracker tracker = new();
        _ = tracker.Update(0, [At(0, 0, classId: 4, score: 0.3f)]);
        _ = tracker.Update(1, [At(0, 0, classId: 4, score: 0.3f)]);
        Part part = Assert.Single(tracker.Update(2, [At(0, 0, classId: 2, score: 0.9f)]));

        Assert.Equal(2, part.ClassId);
        Assert.Equal(0.9f / 1.5f, part.Certainty, 4);
    }

    [Fact]
    public void Equal_votes_go_to_the_lower_class()
    {
        PartTracker tracker = new();
        _ = tracker.Update(0, [At(0, 0, classId: 4, score: 0.5f)]);
        Part part = Assert.Single(tracker.Update(1, [At(0, 0, classId: 2, score: 0.5f)]));

        Assert.Equal(2, part.ClassId);
    }

    [Theory]
    [InlineData(0, 1f)]
    [InlineData(40, 1f / 3)]
    [InlineData(80, 0f)]
    public void Overlap_is_intersection_over_union(float shift, float expected) => Assert.Equal(expected, Boxes.Overlap(At(0, 0), At(shift, 0)), 5);

    internal static Detection At(float left, float top, int classId = 0, float score = 0.9f) => new(classId, score, left, top, left + 80, top + 80);
}
