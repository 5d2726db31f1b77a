using InspectLine;

namespace YoloZeroCopy.Tests;

public sealed class TruthCheckTests
{
    private const float LineX = 320;

    [Fact]
    public void Counts_right_false_and_missed_by_class()
    {
        InspectionLog log = Log(
            [Box(0, 10), Box(1, 300)],      // right, and a class that is not there
            [Box(0, 10), Box(0, 12)]);      // right, and the same part again

        TruthCheck check = Compare(log, [Part(0, 10), Part(2, 300)], [Part(0, 10)]);

        Assert.Equal((2, 1, 0), Figures(check.Detections[0]));
        Assert.Equal((0, 1, 0), Figures(check.Detections[1]));
        Assert.Equal((0, 0, 1), Figures(check.Detections[2]));
        Assert.Equal((2, 2, 1), Figures(check.AllDetections));
        Assert.Equal(0.5, check.AllDetections.Precision);
        Assert.Equal(2 / 3.0, check.AllDetections.Recall, 9);
        Assert.Equal(2, check.FrameCount);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(33, 1)]     // 67 / 133 = 0.504
    [InlineData(34, 0)]     // 66 / 134 = 0.493
    public void Overlap_must_reach_a_half(float shift, int right) =>
        Assert.Equal(right, Compare(Log([Box(0, 10 + shift)]), [Part(0, 10)]).AllDetections.Right);

    [Fact]
    public void Hidden_and_small_parts_are_left_out_found_or_not()
    {
        TruthObject hidden = Part(0, 10) with { Visible = 0.4f };
        TruthObject small = new(8, "part0", false, 1, new Detection(0, 1, 500, 10, 515, 25));

        Assert.Equal((0, 0, 0), Figures(Compare(Log([]), [hidden, small]).AllDetections));
        Assert.Equal((0, 0, 0), Figures(Compare(Log([Box(0, 10), small.Box]), [hidden, small]).AllDetections));
    }

    [Fact]
    public void Dropped_frames_are_left_out()
    {
        InspectionLog log = new();
        log.Frames.Add(new InspectedFrame(0, IsDropped: true, []));

        Assert.Equal((0, 0, 0), Figures(Compare(log, [Part(0, 10)]).AllDetections));
    }

    [Theory]
    [InlineData(1, 1, 1, 0, 0)]     // on time
    [InlineData(1, 6, 1, 0, 0)]     // late, but within the tolerance
    [InlineData(1, 7, 0, 1, 1)]     // too late
    [InlineData(3, 1, 0, 1, 1)]     // another class
    public void Alarms_are_matched_by_class_and_frame(int classId, int frame, int right, int wrong, int missed)
    {
        InspectionLog log = Log([], [], []);
        log.Crossings.Add(new Crossing(frame, 0, classId, 1, default, AlarmNumber: 1));

        // Middle at 310, 325, 340: it crosses in frame 1. A sound part crosses, too, and asks for no alarm.
        TruthCheck check = Compare(
            log,
            [Part(1, 260, defect: true), Part(0, 260, track: 5)],
            [Part(1, 275, defect: true), Part(0, 275, track: 5)],
            [Part(1, 290, defect: true), Part(0, 290, track: 5)]);

        Assert.Equal((right, wrong, missed), Figures(check.AllAlarms));
    }

    [Fact]
    public void The_bar_holds_for_detections_and_for_alarms()
    {
        InspectionLog good = Log([Box(0, 10)]);
        Assert.True(Compare(good, [Part(0, 10)]).ReachesBar);
        Assert.False(Compare(good, [Part(1, 10)]).ReachesBar);

        good.Crossings.Add(new Crossing(0, 0, 1, 1, default, AlarmNumber: 1));
        Assert.False(Compare(good, [Part(0, 10)]).ReachesBar);
    }

    [Theory]
    [InlineData("""{"frame":1,"objects":[]}""")]
    [InlineData("""{"frame":0}""")]
    [InlineData("""{"frame":0,"objects":[{"track":0}]}""")]
    [InlineData("""{"frame":0,"objects":{}}""")]
    [InlineData("""{"frame":0,"objects":[{"track":0,"class":0,"name":"a","defect":false,"visible":1,"box":[1,2,3]}]}""")]
    [InlineData("not json")]
    [InlineData("[]")]
    public void Wrong_truth_is_refused_with_its_line(string line)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("truth.jsonl");
        File.WriteAllText(path, line + "\n");

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => GroundTruth.Read(path));
        Assert.Contains("truth.jsonl', line 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_shipped_truth_is_read()
    {
        IReadOnlyList<IReadOnlyList<TruthObject>> truth = GroundTruth.Read(new InspectOptions().TruthPath);

        Assert.Equal(300, truth.Count);
        Assert.All(truth.SelectMany(frame => frame), part => Assert.Equal(part.IsDefect, PartClasses.IsDefect(part.Name)));
    }

    private static TruthCheck Compare(InspectionLog log, params TruthObject[][] truth) => TruthCheck.Compare(log, truth, LineX);

    private static InspectionLog Log(params Detection[][] frames)
    {
        InspectionLog log = new();
        log.Frames.AddRange(frames.Select((found, number) => new InspectedFrame(number, IsDropped: false, [.. found])));
        return log;
    }

    private static Detection Box(int classId, float left) => new(classId, 0.9f, left, 50, left + 100, 150);

    private static TruthObject Part(int classId, float left, bool defect = false, int track = 0) =>
        new(track, $"part{classId}", defect, 1, Box(classId, left));

    private static (int Right, int False, int Missed) Figures(Score score) => (score.Right, score.False, score.Missed);
}
