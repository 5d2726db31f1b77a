namespace YoloZeroCopy.Tests;

public sealed class ByteTrackerTests
{
    [Fact]
    public void An_object_keeps_its_identity_while_it_moves()
    {
        ByteTracker tracker = new();
        for (int frame = 0; frame < 50; frame++)
        {
            Track track = Assert.Single(tracker.Update([At(10 + (6 * frame), 100)]).ToArray());
            Assert.Equal((1, frame, 0, 0), (track.Id, track.Age, track.Missed, track.DetectionIndex));
            Assert.Equal(At(10 + (6 * frame), 100), track.Detection);
            Assert.Equal(track.Detection.CenterX, track.Estimate.CenterX, 3f);
        }
    }

    [Fact]
    public void After_the_first_frame_an_object_counts_when_a_second_frame_shows_it()
    {
        ByteTracker tracker = new();
        Assert.Empty(tracker.Update([]).ToArray());
        Assert.Empty(tracker.Update([At(0, 0)]).ToArray());
        Assert.Equal([1L], Ids(tracker.Update([At(0, 0), At(300, 0)])));
        Assert.Equal([1L], Ids(tracker.Update([At(0, 0)])));
        // What one frame alone showed was never an object; its identity is not given again.
        Assert.Equal([1L], Ids(tracker.Update([At(0, 0), At(300, 0)])));
        Assert.Equal([1L, 3L], Ids(tracker.Update([At(0, 0), At(300, 0)])));
    }

    [Fact]
    public void The_order_of_detections_says_nothing()
    {
        ByteTracker tracker = new();
        for (int frame = 0; frame < 30; frame++)
        {
            Detection upper = At(10 + (6 * frame), 100);
            Detection lower = At(30 + (6 * frame), 190);
            bool isTurned = frame % 2 != 0;
            Track[] tracks = tracker.Update(isTurned ? [lower, upper] : [upper, lower]).ToArray();
            Assert.Equal([(1, upper, isTurned ? 1 : 0), (2, lower, isTurned ? 0 : 1)],
                tracks.Select(static track => (track.Id, track.Detection, track.DetectionIndex)));
        }
    }

    [Fact]
    public void A_hidden_object_is_carried_on_and_found_again()
    {
        ByteTracker tracker = new();
        for (int frame = 0; frame < 20; frame++)
        {
            _ = tracker.Update([At(6 * frame, 100)]);
        }

        for (int frame = 20; frame < 35; frame++)
        {
            Assert.Empty(tracker.Update([]).ToArray());
            Track hidden = Assert.Single(tracker.Lost.ToArray());
            Assert.Equal((1, -1, frame - 19, At(6 * 19, 100)), (hidden.Id, hidden.DetectionIndex, hidden.Missed, hidden.Detection));
            Assert.True(hidden.IsLost);
            Assert.Equal(6 * frame, hidden.Estimate.X1, 3f);
        }

        Track found = Assert.Single(tracker.Update([At(6 * 35, 100)]).ToArray());
        Assert.Equal((1, 35, 0, false), (found.Id, found.Age, found.Missed, found.IsLost));
        Assert.Empty(tracker.Lost.ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(12)]
    public void An_object_that_stays_away_is_forgotten_and_its_end_is_told_once(int frames)
    {
        ByteTracker tracker = new(new ByteTrackerOptions { MaxLostFrames = frames });
        _ = tracker.Update([At(0, 100)]);
        for (int frame = 0; frame < frames; frame++)
        {
            _ = tracker.Update([]);
            Assert.Equal([1L], Ids(tracker.Lost));
            Assert.Empty(tracker.Ended.ToArray());
        }

        _ = tracker.Update([]);
        Assert.Empty(tracker.Lost.ToArray());
        Assert.Equal([1L], tracker.Ended.ToArray());
        _ = tracker.Update([]);
        Assert.Empty(tracker.Ended.ToArray());
        _ = tracker.Update([At(0, 100)]);
        Assert.Equal([2L], Ids(tracker.Update([At(0, 100)])));
    }

    [Fact]
    public void Frames_may_be_dropped()
    {
        ByteTracker tracker = new();
        int last = -1;
        foreach (int frame in (int[])[0, 1, 2, 3, 4, 5, 9, 10, 18, 40, 41])
        {
            Track track = Assert.Single(tracker.Update([At(6 * frame, 100)], frame - last).ToArray());
            Assert.Equal((1, frame), (track.Id, track.Age));
            last = frame;
        }
    }

    [Fact]
    public void After_more_dropped_frames_than_an_object_may_be_lost_it_is_another()
    {
        ByteTracker tracker = new();
        _ = tracker.Update([At(0, 100)]);
        Assert.Equal([1L], Ids(tracker.Update([At(0, 100)], 31)));
        Assert.Empty(tracker.Update([At(0, 100)], int.MaxValue).ToArray());
        Assert.Equal([1L], tracker.Ended.ToArray());
        Assert.Equal([2L], Ids(tracker.Update([At(0, 100)])));
    }

    [Fact]
    public void A_low_score_keeps_an_object_going_but_begins_none()
    {
        ByteTracker tracker = new();
        Assert.Empty(tracker.Update([At(0, 0, 0.2f)]).ToArray());
        Assert.Empty(tracker.Update([At(0, 0, 0.2f)]).ToArray());
        _ = tracker.Update([At(0, 0)]);
        Assert.Equal([1L], Ids(tracker.Update([At(0, 0)])));
        Assert.Equal([1L], Ids(tracker.Update([At(0, 0, 0.2f)])));
        // Not even that: at the low threshold it is noise.
        Assert.Empty(tracker.Update([At(0, 0, 0.1f)]).ToArray());
        // A lost object needs a high score.
        Assert.Empty(tracker.Update([At(0, 0, 0.2f)]).ToArray());
        Assert.Equal([1L], Ids(tracker.Update([At(0, 0)])));
    }

    [Fact]
    public void A_score_between_high_and_new_keeps_an_object_going_but_begins_none()
    {
        ByteTracker tracker = new(new ByteTrackerOptions { NewThreshold = 0.7f });
        Assert.Empty(tracker.Update([At(0, 0, 0.69f)]).ToArray());
        Assert.Empty(tracker.Update([At(0, 0, 0.7f)]).ToArray());
        Assert.Equal([1L], Ids(tracker.Update([At(0, 0, 0.69f)])));
    }

    [Fact]
    public void With_fused_scores_a_weak_detection_must_overlap_more()
    {
        Detection weak = At(30, 0, 0.26f);
        foreach ((bool fuse, int expected) in ((bool, int)[])[(true, 0), (false, 1)])
        {
            ByteTracker tracker = new(new ByteTrackerOptions { FuseScore = fuse });
            _ = tracker.Update([At(0, 0)]);
            Assert.Equal(expected, tracker.Update([weak]).Length);
        }
    }

    [Theory]
    [InlineData(60, 1)]
    [InlineData(5, 2)]
    public void Of_a_detected_and_a_lost_object_at_one_place_the_one_that_was_followed_longer_is_kept(int frames, long kept)
    {
        ByteTracker tracker = new(new ByteTrackerOptions { MaxLostFrames = 100 });
        for (int frame = 0; frame < frames; frame++)
        {
            _ = tracker.Update([At(0, 0)]);
        }

        // The first is hidden; a second comes from the right until it is where the first should be.
        List<long> ended = [];
        for (float left = 100; left >= 0; left -= 4)
        {
            _ = tracker.Update([At(left, 0)]);
            ended.AddRange(tracker.Ended);
        }

        Assert.Equal([3 - kept], ended);
        Assert.Equal([kept], Ids(tracker.Detected));
        Assert.True(tracker.Lost.IsEmpty);
    }

    [Fact]
    public void The_class_is_that_of_the_newest_detection()
    {
        ByteTracker tracker = new();
        _ = tracker.Update([At(0, 0) with { ClassId = 3 }]);
        Track track = Assert.Single(tracker.Update([At(0, 0) with { ClassId = 5 }]).ToArray());
        Assert.Equal((1, 5, 5), (track.Id, track.Detection.ClassId, track.Estimate.ClassId));
    }

    [Fact]
    public void Reset_ends_all_and_gives_no_identity_again()
    {
        ByteTracker tracker = new();
        _ = tracker.Update([At(0, 0), At(300, 0)]);
        _ = tracker.Update([At(0, 0), At(0, 300)]);
        tracker.Reset();
        Assert.Equal([1L, 2L], tracker.Ended.ToArray());
        Assert.True(tracker.Detected.IsEmpty && tracker.Lost.IsEmpty);
        Track track = Assert.Single(tracker.Update([At(0, 0)]).ToArray());
        Assert.Equal((4, 0), (track.Id, track.Age));
    }

    [Fact]
    public void Trackers_count_on_their_own()
    {
        ByteTracker one = new();
        ByteTracker other = new();
        Assert.Equal([1L], Ids(one.Update([At(0, 0)])));
        Assert.Equal([1L], Ids(other.Update([At(0, 0)])));
    }

    [Fact]
    public void A_box_without_area_is_not_followed()
    {
        ByteTracker tracker = new();
        for (int frame = 0; frame < 3; frame++)
        {
            Track track = Assert.Single(tracker.Update([new Detection(0, 1, 5, 5, 5, 9), new Detection(0, 1, 5, 5, 9, 5), At(0, 0)]).ToArray());
            Assert.Equal((1, 2), (track.Id, track.DetectionIndex));
        }
    }

    [Theory]
    [InlineData(1.01f, 0, 0, 1, 1, "a score outside 0 to 1")]
    [InlineData(float.NaN, 0, 0, 1, 1, "a score outside 0 to 1")]
    [InlineData(0.5f, float.NaN, 0, 1, 1, "is no box")]
    [InlineData(0.5f, 0, float.NegativeInfinity, 1, 1, "is no box")]
    [InlineData(0.5f, 2, 0, 1, 1, "is no box")]
    [InlineData(0.5f, 0, 2, 1, 1, "is no box")]
    public void What_is_no_detection_is_refused_and_changes_nothing(float score, float x1, float y1, float x2, float y2, string message)
    {
        ByteTracker tracker = new();
        _ = tracker.Update([At(0, 0)]);
        ArgumentException error = Assert.Throws<ArgumentException>(() => tracker.Update([At(0, 0), new Detection(0, score, x1, y1, x2, y2)]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("Detection 1,", error.Message, StringComparison.Ordinal);
        Assert.Equal([1L], Ids(tracker.Detected));
        Assert.Equal(1, Assert.Single(tracker.Update([At(0, 0)]).ToArray()).Age);
    }

    [Fact]
    public void Fewer_than_one_frame_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(static () => new ByteTracker().Update([], 0));

    [Fact]
    public void Options_are_checked_and_copied()
    {
        Refused(static options => options.HighThreshold = 1.1f, "HighThreshold");
        Refused(static options => options.LowThreshold = float.NaN, "LowThreshold");
        Refused(static options => options.NewThreshold = -0.1f, "NewThreshold");
        Refused(static options => options.MatchThreshold = 0, "MatchThreshold");
        Refused(static options => options.MaxLostFrames = -1, "MaxLostFrames");
        Refused(static options => options.LowThreshold = 0.3f, "LowThreshold 0.3 is above HighThreshold 0.25");

        ByteTrackerOptions shared = new();
        ByteTracker tracker = new(shared);
        shared.HighThreshold = 1;
        Assert.Equal([1L], Ids(tracker.Update([At(0, 0, 0.3f)])));
    }

    [Fact]
    public void A_frame_allocates_nothing()
    {
        Detection[][] frames = [.. Enumerable.Range(0, 100).Select(static frame => Crowd(frame))];
        ByteTracker tracker = new();
        long least = long.MaxValue;
        // The first round grows the lists; a thread's allocations are counted by the block, so the least of several rounds is the truth.
        for (int round = 0; round < 5; round++)
        {
            tracker.Reset();
            long before = GC.GetAllocatedBytesForCurrentThread();
            foreach (Detection[] detections in frames)
            {
                _ = tracker.Update(detections);
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.True(tracker.Detected.Length > 80);
        Assert.Equal(0, least);
    }

    /// <summary>A hundred objects on their ways, of which some are hidden, some weak, and some new.</summary>
    private static Detection[] Crowd(int frame)
    {
        Random random = new(frame);
        return
        [
            .. Enumerable.Range(0, 100).Where(_ => random.Next(20) != 0).Select(number =>
            {
                float left = (number % 10 * 120) + (frame * ((number % 7) - 3)) + random.NextSingle();
                return At(left, (number / 10 * 60) + random.NextSingle(), random.Next(10) == 0 ? 0.15f : 0.8f);
            }),
        ];
    }

    private static void Refused(Action<ByteTrackerOptions> change, string message)
    {
        ByteTrackerOptions options = new();
        change(options);
        Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(() => new ByteTracker(options)).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<long> Ids(ReadOnlySpan<Track> tracks) => tracks.ToArray().Select(static track => track.Id);

    private static Detection At(float left, float top, float score = 0.9f) => new(0, score, left, top, left + 80, top + 80);
}
