using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Tests;

/// <summary>The picture of a watched run, as a trace and as a page.</summary>
public partial class RunTimelineTests
{
    private static readonly long Millisecond = Stopwatch.Frequency / 1000;

    [Fact]
    public void A_trace_has_every_part_in_its_row_with_microseconds()
    {
        using MemoryStream bytes = new();
        Sample().WriteChromeTrace(bytes);
        using JsonDocument document = JsonDocument.Parse(bytes.ToArray());
        JsonElement[] events = [.. document.RootElement.GetProperty("traceEvents").EnumerateArray()];
        Dictionary<int, string> rows = events.Where(static one => one.GetProperty("name").GetString() == "thread_name")
            .ToDictionary(static one => one.GetProperty("tid").GetInt32(), static one => one.GetProperty("args").GetProperty("name").GetString()!);
        Assert.Equal(
            ["queue", "dispatcher", "lane 0", "lane 1", "uploads", "compute stream 0", "result stream", "garbage collector"],
            rows.OrderBy(static row => row.Key).Select(static row => row.Value));
        (string Row, string Name, double Start, double Length)[] parts =
        [
            .. events.Where(static one => one.GetProperty("ph").GetString() == "X").Select(one => (
                rows[one.GetProperty("tid").GetInt32()], one.GetProperty("name").GetString()!, one.GetProperty("ts").GetDouble(),
                    one.GetProperty("dur").GetDouble())),
        ];
        Assert.Contains(("queue", "wait of a batch of 8", 1000.0, 2000.0), parts);
        Assert.Contains(("lane 0", "batch of 8", 3000.0, 7000.0), parts);
        Assert.Contains(("lane 0", "preprocess", 4000.0, 1000.0), parts);
        Assert.Contains(("lane 0", "engine", 5000.0, 4000.0), parts);
        Assert.Contains(("lane 0", "decode", 9000.0, 1000.0), parts);
        Assert.Contains(("garbage collector", "pause, generation 2", 18000.0, 2000.0), parts);

        // The device's zero is where its first upload was queued.
        Assert.Contains(parts, static part => part.Row == "uploads" && Math.Abs(part.Start - 3100) < 1 && Math.Abs(part.Length - 500) < 1);
        Assert.Contains(parts, static part => part.Row == "compute stream 0" && Math.Abs(part.Start - 3600) < 1);

        Assert.Single(parts, static part => part.Row == "result stream" && Math.Abs(part.Start - 7600) < 1 && Math.Abs(part.Length - 500) < 1);

        // What began before the watch is cut at its beginning.
        Assert.Contains(parts, static part => part.Row == "lane 1" && part.Start == 0 && Math.Abs(part.Length - 2000) < 1);
        JsonElement counter = Assert.Single(events, static one => one.GetProperty("ph").GetString() == "C");
        Assert.Equal(5, counter.GetProperty("args").GetProperty("frames waiting").GetInt32());
    }

    [Fact]
    public void A_page_needs_nothing_beside_it_and_no_name_can_break_it()
    {
        using StringWriter text = new();
        Sample("</script><script>alert(1)</script> \"x\"").WriteHtml(text);
        string page = text.ToString();
        Assert.DoesNotContain("alert(1)</script>", page, StringComparison.Ordinal);
        Assert.DoesNotMatch(Addresses(), page);
        Match data = Data().Match(page);
        Assert.True(data.Success);
        using JsonDocument document = JsonDocument.Parse(data.Groups[1].Value);
        Assert.Equal(8, document.RootElement.GetProperty("rows").GetArrayLength());
        Assert.Equal(Enum.GetValues<TimelineKind>().Length, document.RootElement.GetProperty("colors").GetArrayLength());
        Assert.Equal(0.03, document.RootElement.GetProperty("seconds").GetDouble(), 6);
    }

    [Fact]
    public async Task A_watched_detector_gives_batches_stages_and_waits()
    {
        await using YoloDetector detector = YoloDetector.FromFunction(ModelInfo.OfClasses(["part"]), static (_, _) => []);
        FrameFormat format = new(PixelFormat.Gray8, 8, 8);
        Task<LatencyReport> watch = Doctor.WatchAsync(
            detector, new WatchOptions { Duration = TimeSpan.FromSeconds(0.5) }, TestContext.Current.CancellationToken);
        while (!watch.IsCompleted)
        {
            using FrameSlot slot = await detector.RentAsync(format, TestContext.Current.CancellationToken);
            using DetectionResult result = await detector.SubmitAsync(slot, cancellationToken: TestContext.Current.CancellationToken);
        }

        RunTimeline timeline = (await watch).Timeline;
        Assert.Contains(timeline.Rows, static row => row.Name == "queue");
        Assert.Contains(timeline.Rows, static row => row.Name == "dispatcher");
        TimelineRow lane = Assert.Single(timeline.Rows, static row => row.Name == "lane 0");
        Assert.Contains(lane.Parts, static part => part.Kind == TimelineKind.Engine);
        Assert.All(timeline.Rows.SelectMany(static row => row.Parts), static part => Assert.True(part is { Start: >= 0, Length: >= 0 }));

        // Nobody watches any more.
        Assert.Null(detector.Inspection.Pipeline.Recorder);
    }

    private static RunTimeline Sample(string device = "test device")
    {
        const long Start = 1_000_000_000_000;
        long At(double milliseconds) => Start + (long)(milliseconds * Millisecond);
        BatchRecord[] batches =
        [
            new(0, 8, At(1), At(3), At(10), new StageTimes(6 * Millisecond, 0, Millisecond, 4 * Millisecond, Millisecond)),
            new(1, 4, At(-5), At(-4), At(2), new StageTimes(Millisecond)),
        ];
        TimelineSpan[] spans = [new(0, 8, 0, 0.5, 0.5, 3, Stream: 0, Bytes: 1000, At: At(3.1)),
            new(1, 8, 1, 1.5, 3, 5, Stream: 0, Bytes: 1000, At: At(4)) { StreamEnd = 4.5 }];
        return RunTimeline.Of(
            Start, At(30), batches, [new StartRecord(At(3), Millisecond / 10)], spans, [new QueueSample(At(2), 5, 1, 0, 2)],
                [new PauseRecord(At(20), 0.002, 2)], device);
    }

    [GeneratedRegex("(src|href)=|https?://|@import|url\\(")]
    private static partial Regex Addresses();

    [GeneratedRegex("<script type=\"application/json\" id=\"data\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Data();
}
