using System.Xml.Linq;
using InspectLine;

namespace YoloZeroCopy.Tests;

public sealed class ReportPageTests
{
    private const string Nasty = "<script>alert('x')</script> & \"co\"";
    private static readonly XNamespace Xhtml = "http://www.w3.org/1999/xhtml";

    [Fact]
    public void Is_well_formed_and_holds_the_figures()
    {
        XDocument page = Parse(ReportPage.Render(Data("belt.mp4", ["washer", "washer_cracked"])));

        string[] tiles =
            [.. page.Descendants(Xhtml + "div").Where(div => div.Parent!.Attribute("class")?.Value == "tiles").Select(div => div.Value.Trim())];
        Assert.Equal(
            ["parts counted2", "alarms1", "precision of detections100.0%", "recall of detections50.0%", "frames inspected37.5/s",
                "latency, median20ms", "latency, 99th percentile40ms", "frames dropped1"],
            tiles);
        Assert.Equal(2, page.Descendants().Count(element => element.Name.LocalName == "svg"));
        string table = page.Descendants(Xhtml + "table").Single().Value;
        Assert.Contains("washer", table, StringComparison.Ordinal);
        Assert.Contains("All alarms", table, StringComparison.Ordinal);
        Assert.Contains("Some figures are under the bar of 90 %.", page.Root!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Needs_no_other_file_and_runs_no_script()
    {
        string html = ReportPage.Render(Data("belt.mp4", ["washer", "washer_cracked"]));

        XElement picture = Parse(html).Descendants(Xhtml + "img").Single();
        const string Prefix = "data:image/jpeg;base64,";
        Assert.StartsWith(Prefix, picture.Attribute("src")!.Value, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], Convert.FromBase64String(picture.Attribute("src")!.Value[Prefix.Length..]));
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<link", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("url(http", html, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Text_from_files_is_escaped_everywhere()
    {
        ReportData data = Data(Nasty, [Nasty, Nasty + " cracked"]) with { Incomplete = Nasty, Device = Nasty };
        string html = ReportPage.Render(data);

        XDocument page = Parse(html);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(Nasty, page.Descendants(Xhtml + "h1").Single().Value, StringComparison.Ordinal);
        Assert.Contains(Nasty, page.Descendants(Xhtml + "img").Single().Attribute("alt")!.Value, StringComparison.Ordinal);
        Assert.Contains("Incomplete. " + Nasty, page.Root!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void An_inspection_that_saw_nothing_has_a_report_too()
    {
        ReportData data = Data("belt.mp4", ["washer"]) with { Log = new InspectionLog(), Check = null, AlarmPictures = [] };

        string text = Parse(ReportPage.Render(data)).Root!.Value;
        Assert.Contains("No defective part crossed the line.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.5, 50)]
    [InlineData(0.99, 99)]
    [InlineData(1, 100)]
    public void Percentiles_are_by_nearest_rank(double share, double expected)
    {
        LatencyFigures latency = new();
        for (int value = 100; value > 0; value--)
        {
            latency.Add(TimeSpan.FromMilliseconds(value));
        }

        Assert.Equal(expected, latency.Percentile(share));
        Assert.Equal(1, latency.Percentile(share, latest: 1));
        Assert.Equal(0, new LatencyFigures().Percentile(share));
    }

    internal static XDocument Parse(string html)
    {
        Assert.StartsWith("<!DOCTYPE html>", html, StringComparison.Ordinal);
        return XDocument.Parse(html);
    }

    private static ReportData Data(string clip, string[] names)
    {
        Detection washer = new(0, 0.9f, 10, 10, 60, 60);
        InspectionLog log = new() { Elapsed = TimeSpan.FromMilliseconds(80) };
        log.Frames.AddRange([new(0, false, [washer]), new(1, false, [washer]), new(2, true, []), new(3, false, [])]);
        log.Crossings.AddRange([new Crossing(0, 0, 0, 1, washer, 0), new Crossing(1, 1, names.Length - 1, 0.8f, washer, 1)]);
        foreach (int milliseconds in (int[])[10, 20, 40])
        {
            log.Latency.Add(TimeSpan.FromMilliseconds(milliseconds));
        }

        TruthObject truth = new(0, names[0], false, 1, washer);
        TruthObject missed = new(1, names[0], false, 1, washer with { X1 = 200, X2 = 250 });
        return new ReportData
        {
            Clip = clip,
            Format = new FrameFormat(PixelFormat.Bgr24, 640, 480),
            FrameRate = 25,
            Model = Model(names),
            Device = "cpu",
            IsRealtime = true,
            Statistics = new DetectorStatistics { FramesSubmitted = 4, FramesCompleted = 3, DroppedOldest = 1, Batches = 3, SlotCount = 4 },
            Log = log,
            LineX = 320,
            Check = TruthCheck.Compare(log, [[truth, missed], [truth, missed]], 320),
            AlarmPictures = [new AlarmPicture(log.Crossings[1], [1, 2, 3], 400, 300)],
            Date = new DateTimeOffset(2026, 11, 21, 6, 0, 0, TimeSpan.Zero),
        };
    }

    private static ModelInfo Model(string[] names) => ModelInfo.OfClasses(names) with { InputHeight = 384 };
}
