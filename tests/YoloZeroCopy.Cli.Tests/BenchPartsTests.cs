using System.Xml.Linq;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>What of <c>yzc bench</c> needs no device.</summary>
public sealed class BenchPartsTests
{
    [Theory]
    [InlineData(OutputLayout.ChannelsFirst, TensorElementType.Float16)]
    [InlineData(OutputLayout.ChannelsFirst, TensorElementType.Float32)]
    [InlineData(OutputLayout.AnchorsFirst, TensorElementType.Float32)]
    [InlineData(OutputLayout.EndToEnd, TensorElementType.Float16)]
    public void A_synthetic_output_has_as_many_candidates_as_asked(OutputLayout layout, TensorElementType type)
    {
        const int Anchors = 8400;
        const int Classes = 80;
        (int Rows, int Columns) shape = layout switch
        {
            OutputLayout.ChannelsFirst => (4 + Classes, Anchors),
            OutputLayout.AnchorsFirst => (Anchors, 5 + Classes),
            _ => (Anchors, 6),
        };
        ModelInfo model = new FakeCudaEngine().Model with
        {
            Layout = layout,
            OutputType = type,
            OutputShape = shape,
            Names = [.. Enumerable.Range(0, Classes).Select(static number => $"c{number}")],
            InputWidth = 640,
            InputHeight = 640,
        };

        // An overlap of 1 suppresses nothing: what is left are the candidates.
        DetectionDecoder decoder =
            new(layout, shape.Rows, shape.Columns, Classes, type, new DecodingOptions { IouThreshold = 1, MaxDetections = 1000 });
        Detection[] detections = new Detection[decoder.MaxDetections];
        int count = decoder.Decode(SyntheticOutput.Make(model, KernelBenchmark.Candidates, seed: 1), new Letterbox(1920, 1080, 640, 640), detections);
        Assert.Equal(KernelBenchmark.Candidates, count);
        Assert.True(detections[..count].Select(static detection => detection.ClassId).Distinct().Count() > Classes / 2);
    }

    [Fact]
    public void A_timeline_shows_every_batch_on_its_row()
    {
        // Batch 2 uploads from 1 to 2 ms under batch 1's run; batch 1's own upload is covered by nothing.
        TimelineSpan[] spans = [new(0, 8, 0, 1, 1, 2.5), new(1, 8, 1, 2, 2, 3.5), new(0, 8, 2, 3, 3, 4)];
        XDocument svg = XDocument.Parse(TimelineSvg.Draw(spans, "a <b> & \"c\""));
        XNamespace name = "http://www.w3.org/2000/svg";
        XElement[] bars = [.. svg.Descendants(name + "g")];
        Assert.Equal(6, bars.Length);
        Assert.Equal("batch 2, 8 frames, upload 1.000 ms", bars[2].Element(name + "title")!.Value);
        double[] tops = [.. bars.Select(bar => (double)bar.Element(name + "rect")!.Attribute("y")!)];
        Assert.Equal([tops[0], tops[1], tops[0], tops[3], tops[0], tops[1]], tops);
        Assert.True(tops[0] < tops[1] && tops[1] < tops[3]);

        // An upload and a run of the same length are drawn so, one after the other.
        double[] lefts = [.. bars.Select(bar => (double)bar.Element(name + "rect")!.Attribute("x")!)];
        double[] widths = [.. bars.Select(bar => (double)bar.Element(name + "rect")!.Attribute("width")!)];
        Assert.Equal(lefts[0] + widths[0], lefts[1], 0.02);
        Assert.Equal(widths[0] * 1.5, widths[1], 0.02);
        Assert.Contains("prefers-color-scheme: dark", svg.ToString(), StringComparison.Ordinal);
        Assert.Equal("a <b> & \"c\"", svg.Root!.Attribute("aria-label")!.Value);
    }

    [Fact]
    public void Overlap_counts_upload_time_under_any_run_once()
    {
        Assert.Equal(0, TimelineSvg.Overlap([]));
        Assert.Equal(0, TimelineSvg.Overlap([new(0, 1, 0, 1, 1, 2)]), 1e-9);
        Assert.Equal(2.0 / 3, TimelineSvg.Overlap([new(0, 8, 0, 1, 1, 2.5), new(1, 8, 1, 2, 2, 3.5), new(0, 8, 2, 3, 3, 4)]), 1e-9);
    }

    [Fact]
    public void An_empty_timeline_is_a_picture_too() => Assert.NotNull(XDocument.Parse(TimelineSvg.Draw([], "nothing")).Root);

    [Fact]
    public void Soak_windows_are_ten_seconds_and_frames_are_accounted_for()
    {
        SoakSection soak = new()
        {
            Seconds = 23,
            Frames = 2300,
            Submitted = 2303,
            Failed = 1,
            Dropped = 1,
            SlotsInUse = 0,
            Samples = [.. Enumerable.Range(0, 24).Select(
                static second => new SoakSample(second, second <= 10 ? second * 100 : 1000 + ((second - 10) * 50), 5, 7))],
            Clocks = [1980, 1755],
            HasDevice = true,
        };
        Assert.Equal([100, 50], soak.WindowFps());
        Assert.Equal(1, soak.Lost);
        Assert.Contains(soak.Lines(), static line => line.Text.Contains("1755 to 1980 MHz", StringComparison.Ordinal));
        Assert.Equal([100], (soak with { Samples = [.. soak.Samples.Take(4)] }).WindowFps());
    }

    [Fact]
    public void The_median_of_none_is_zero_and_of_an_even_number_the_upper()
    {
        Assert.Equal(0, Statistics.Median([]));
        Assert.Equal(3, Statistics.Median([4, 1, 3, 2]));
        Assert.Equal(0, Statistics.Ratio(1, 0));
    }

    [Fact]
    public void The_longest_latency_is_exact_and_copied()
    {
        LatencyHistogram latency = new();
        latency.Record(TimeSpan.FromMicroseconds(1234.5));
        latency.Record(TimeSpan.FromMicroseconds(7));
        LatencyHistogram copy = latency.Copy();
        latency.Clear();
        Assert.Equal((1234.5, 2L), (copy.MaxMicroseconds, copy.Count));
        Assert.Equal((0.0, 0L), (latency.MaxMicroseconds, latency.Count));
    }
}
