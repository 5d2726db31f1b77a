using InspectLine;

namespace YoloZeroCopy.Tests;

public sealed class PartTrackerTests
{
    [Fact]
    public void A_part_keeps_its_number_while_it_moves()
    {
        PartTracker tracker = new();
        for (int frame = 0; frame < 50; frame++)
        {
            IReadOnlyList<Track> tracks = tracker.Update(frame, [At(10 + (6 * frame), 100)]);

            Track track = Assert.Single(tracks);
            Assert.Equal((0, frame + 1, frame), (track.Id, track.Detections, track.LastSeen));
        }

        Assert.Equal(6f, tracker.Velocity, 3);
    }

    [Fact]
    public void Parts_side_by_side_are_not_mixed_up()
    {
        PartTracker tracker = new();
        IReadOnlyList<Track> tracks = [];
        for (int frame = 0; frame < 30; frame++)
        {
            // The order of detections says nothing: it changes with every frame.
            Detection upper = At(10 + (6 * frame), 100, classId: 1);
            Detection lower = At(30 + (6 * frame), 190, classId: 2);
            tracks = tracker.Update(frame, frame % 2 == 0 ? [upper, lower] : [lower, upper]);
        }

        Assert.Equal(2, tracks.Count);
        Assert.All(tracks, track => Assert.Equal(30, track.Detections));
        Assert.Equal([(0, 1), (1, 2)], tracks.Select(track => (track.Id, track.ClassId)));
    }

    [Fact]
    public void A_part_that_is_hidden_for_some_frames_is_carried_on_and_found_again()
    {
        PartTracker tracker = new();
        for (int frame = 0; frame < 10; frame++)
        {
            _ = tracker.Update(frame, [At(6 * frame, 100)]);
        }

        for (int frame = 10; frame < 20; frame++)
        {
            Track hidden = Assert.Single(tracker.Update(frame, []));
            Assert.Equal(6f * frame, hidden.Box.X1, 2);
        }

        Track found = Assert.Single(tracker.Update(20, [At(120, 100)]));
        Assert.Equal((0, 11), (found.Id, found.Detections));
    }

    [Fact]
    public void A_part_that_stays_away_is_given_up()
    {
        PartTracker tracker = new();
        _ = tracker.Update(0, [At(0, 100)]);

        Assert.Single(tracker.Update(12, []));
        Assert.Empty(tracker.Update(13, []));
        Assert.Equal(1, Assert.Single(tracker.Update(14, [At(0, 100)])).Id);
    }

    [Fact]
    public void Frames_may_be_dropped()
    {
        PartTracker tracker = new();
        foreach (int frame in (int[])[0, 1, 2, 7, 8, 15])
        {
            Track track = Assert.Single(tracker.Update(frame, [At(6 * frame, 100)]));
            Assert.Equal(0, track.Id);
        }

        Assert.Equal(6f, tracker.Velocity, 3);
    }

    [Fact]
    public void Votes_weigh_by_score()
    {
        PartTracker tracker = new();
        _ = tracker.Update(0, [At(0, 0, classId: 4, score: 0.3f)]);
        _ = tracker.Update(1, [At(0, 0, classId: 4, score: 0.3f)]);
        Track track = Assert.Single(tracker.Update(2, [At(0, 0, classId: 2, score: 0.9f)]));

        Assert.Equal(2, track.ClassId);
        Assert.Equal(0.9f / 1.5f, track.Certainty, 4);
    }

    [Fact]
    public void Equal_votes_go_to_the_lower_class()
    {
        PartTracker tracker = new();
        _ = tracker.Update(0, [At(0, 0, classId: 4, score: 0.5f)]);
        Track track = Assert.Single(tracker.Update(1, [At(0, 0, classId: 2, score: 0.5f)]));

        Assert.Equal(2, track.ClassId);
    }

    [Theory]
    [InlineData(0, 1f)]
    [InlineData(40, 1f / 3)]
    [InlineData(80, 0f)]
    public void Overlap_is_intersection_over_union(float shift, float expected) => Assert.Equal(expected, Boxes.Overlap(At(0, 0), At(shift, 0)), 5);

    internal static Detection At(float left, float top, int classId = 0, float score = 0.9f) => new(classId, score, left, top, left + 80, top + 80);
}
