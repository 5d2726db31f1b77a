using MultiCamera.Alarms;
using MultiCamera.Rules;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Tests.Rules;

public sealed class RuleTests
{
    private const double Step = 0.1;

    private static readonly string[] Classes = ["person", "car"];
    private static readonly FrameFormat Format = new(PixelFormat.Nv12, 100, 100);

    private readonly Dictionary<long, ObjectTrack> tracks = [];
    private TimeSpan now;

    [Fact]
    public void Dwell_tells_once_of_each_stay_that_is_too_long()
    {
        Rule rule = RuleOf(new RuleSettings { Name = "waits", Kind = AlarmKind.Dwell, Zone = "left", Seconds = 2 });
        Assert.Empty(Run(rule, 20, (1, 0, 0.2f)));
        RuleHit hit = Assert.Single(Run(rule, 30, (1, 0, 0.2f)));
        Assert.Equal("left", hit.Place);
        Assert.Equal(2.1, hit.Value, 0.11);
        Assert.Equal(1, hit.Objects[0].Id);

        // It goes, comes back and stays again.
        Assert.Empty(Run(rule, 20, (1, 0, 0.8f)));
        Assert.Empty(Run(rule, 20, (1, 0, 0.2f)));
        _ = Assert.Single(Run(rule, 30, (1, 0, 0.2f)));
    }

    [Fact]
    public void A_gap_of_a_few_frames_does_not_begin_a_stay_anew()
    {
        Rule rule = RuleOf(new RuleSettings { Name = "waits", Kind = AlarmKind.Dwell, Zone = "left", Seconds = 2 });
        Assert.Empty(Run(rule, 15, (1, 0, 0.2f)));
        Assert.Empty(Run(rule, 5));
        _ = Assert.Single(Run(rule, 10, (1, 0, 0.2f)));
    }

    [Fact]
    public void A_rule_counts_only_its_classes_and_a_class_is_what_most_frames_say()
    {
        Rule rule = RuleOf(new RuleSettings { Name = "waits", Kind = AlarmKind.Dwell, Seconds = 1, Classes = ["car"] });
        Assert.Empty(Run(rule, 30, (1, 0, 0.2f), (2, 0, 0.3f)));
        Assert.Equal(3, Assert.Single(Run(rule, 30, (3, 1, 0.2f))).Objects[0].Id);
        Assert.Empty(Run(rule, 10, (1, 1, 0.2f)));
    }

    [Fact]
    public void Count_tells_once_until_there_are_fewer_again_for_a_while()
    {
        Rule rule = RuleOf(new RuleSettings { Name = "crowd", Kind = AlarmKind.Count, Zone = "left", Over = 1 });
        Assert.Empty(Run(rule, 5, (1, 0, 0.2f), (2, 0, 0.8f)));
        RuleHit hit = Assert.Single(Run(rule, 5, (1, 0, 0.2f), (2, 0, 0.3f)));
        Assert.Equal(2, hit.Value);

        // One flickers: the same crowd.
        Assert.Empty(Run(rule, 5, (1, 0, 0.2f)));
        Assert.Empty(Run(rule, 5, (1, 0, 0.2f), (2, 0, 0.3f)));

        // It is gone for long: another.
        Assert.Empty(Run(rule, 15, (1, 0, 0.2f)));
        _ = Assert.Single(Run(rule, 5, (1, 0, 0.2f), (3, 0, 0.3f)));
    }

    [Fact]
    public void Crossing_tells_once_of_each_object_and_way_however_it_trembles()
    {
        Rule rule = RuleOf(new RuleSettings { Name = "leaves", Kind = AlarmKind.Crossing, Line = "middle" });
        List<RuleHit> hits = [];
        foreach (float x in (float[])[0.3f, 0.49f, 0.51f, 0.49f, 0.51f, 0.7f])
        {
            hits.AddRange(Run(rule, 1, (1, 0, x)));
        }

        Assert.Equal([1.0, -1.0], hits.Select(hit => hit.Value));
        Assert.All(hits, hit => Assert.Equal("middle", hit.Place));
    }

    [Theory]
    [InlineData(Direction.Any, 2)]
    [InlineData(Direction.LeftToRight, 1)]
    [InlineData(Direction.RightToLeft, 1)]
    public void Crossing_tells_of_the_direction_asked_for(object direction, int count)
    {
        Rule rule = RuleOf(new RuleSettings { Name = "leaves", Kind = AlarmKind.Crossing, Line = "middle", Direction = (Direction)direction });
        List<RuleHit> hits = [.. Run(rule, 1, (1, 0, 0.4f), (2, 0, 0.6f)), .. Run(rule, 1, (1, 0, 0.6f), (2, 0, 0.4f))];
        Assert.Equal(count, hits.Count);
    }

    private static Rule RuleOf(RuleSettings rule) => Assert.Single(Rule.Of(
        new CameraSettings
        {
            Name = "camera",
            Zones = [new ZoneSettings { Name = "left", Points = [new Place(0, 0), new Place(0.5f, 0), new Place(0.5f, 1), new Place(0, 1)] }],
            Lines = [new LineSettings { Name = "middle", From = new Place(0.5f, 1), To = new Place(0.5f, 0) }],
            Rules = [rule],
        },
        Classes));

    private List<RuleHit> Run(Rule rule, int frames, params (long Id, int ClassId, float X)[] objects)
    {
        List<RuleHit> hits = [];
        for (int frame = 0; frame < frames; frame++)
        {
            now += TimeSpan.FromSeconds(Step);
            List<ObjectTrack> seen = [];
            foreach ((long id, int classId, float x) in objects)
            {
                if (!tracks.TryGetValue(id, out ObjectTrack? track))
                {
                    track = tracks[id] = new ObjectTrack(id);
                }

                Detection box = new(classId, 0.9f, (x * 100) - 5, 45, (x * 100) + 5, 55);
                track.See(now, box, Anchor.Middle, Format);
                seen.Add(track);
            }

            hits.AddRange(rule.Update(now, seen));
        }

        return hits;
    }
}
