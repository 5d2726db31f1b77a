using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>What is read of a result, on results that were given their detections.</summary>
public sealed class DetectionResultTests
{
    private static readonly ModelInfo Model = ModelInfo.OfClasses("bolt", "nut", "washer");
    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 64, 48);
    private static readonly Detection Nut = new(1, 0.9f, 1, 2, 3, 4);
    private static readonly Detection Bolt = new(0, 0.6f, 5, 6, 7, 8);
    private static readonly Detection OtherNut = new(1, 0.6f, 9, 10, 11, 12);

    [Fact]
    public void A_given_result_says_what_it_was_given_by_falling_score()
    {
        long captured = Stopwatch.GetTimestamp() - 1000;
        using DetectionResult result = DetectionResult.Create(Model, Format, [Bolt, Nut, OtherNut], source: 3, sequence: 12, captured);

        Assert.Equal([Nut, Bolt, OtherNut], result.Detections);
        Assert.Equal((Format, 3, 12L, captured), (result.Format, result.Source, result.Sequence, result.CapturedAt));
        Assert.Equal((FrameStatus.Completed, false), (result.Status, result.IsDropped));
        Assert.Same(Model, result.Model);
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (result.QueueTime, result.Latency));
    }

    [Fact]
    public void An_array_of_it_outlives_it()
    {
        DetectionResult result = DetectionResult.Create(Model, Format, [Nut, Bolt]);
        Detection[] kept = result.ToArray();
        result.Dispose();
        Assert.Equal([Nut, Bolt], kept);
    }

    [Fact]
    public void Its_classes_are_looked_through_by_id_and_by_name()
    {
        using DetectionResult result = DetectionResult.Create(Model, Format, [Nut, Bolt, OtherNut]);
        Assert.Equal([Nut, OtherNut], result.OfClass(1).ToArray());
        Assert.Equal([Bolt], result.OfClass("bolt").ToArray());
        Assert.Equal((2, 0), (result.OfClass("nut").Count, result.OfClass("washer").Count));
        Assert.Empty(result.OfClass(2).ToArray());

        List<Detection> seen = [];
        DetectionsOfClass nuts = result.OfClass(1);
        for (int time = 0; time < 2; time++)
        {
            foreach (ref readonly Detection nut in nuts)
            {
                seen.Add(nut);
            }
        }

        Assert.Equal([Nut, OtherNut, Nut, OtherNut], seen);
    }

    [Fact]
    public void Looking_through_a_class_allocates_nothing()
    {
        using DetectionResult result = DetectionResult.Create(Model, Format, [Nut, Bolt, OtherNut]);
        float sum = 0;
        Assert.Equal(0, AllocationSlices.Least(() =>
        {
            foreach (ref readonly Detection nut in result.OfClass("nut"))
            {
                sum += nut.ToXywhn(result.Format).Width + nut.CropRectangle(result.Format).Width;
            }
        }));
        Assert.NotEqual(0, sum);
    }

    [Fact]
    public void A_class_that_the_model_does_not_have_is_an_error_and_not_an_empty_answer()
    {
        using DetectionResult result = DetectionResult.Create(Model, Format, []);
        Assert.Contains(
            "0 to 2", Assert.Throws<ArgumentOutOfRangeException>("classId", () => result.OfClass(3).Count).Message, StringComparison.Ordinal);
        _ = Assert.Throws<ArgumentOutOfRangeException>("classId", () => result.OfClass(-1).Count);
        Assert.Contains("bolt, nut, washer", Assert.Throws<ArgumentException>(() => result.OfClass("screw").Count).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dropped_one_has_nothing_to_look_through()
    {
        using DetectionResult result = DetectionResult.CreateDropped(Model, Format, FrameStatus.DroppedTooOld, source: 1, sequence: 4);
        Assert.True(result.IsDropped);
        _ = Assert.Throws<InvalidOperationException>(() => result.Detections.Length);
        _ = Assert.Throws<InvalidOperationException>(() => result.ToArray());
        _ = Assert.Throws<InvalidOperationException>(() => result.OfClass(0).Count);
        Assert.Equal("frame 4 of source 1, 64x48: dropped (DroppedTooOld), 0.0 ms", result.ToString());
    }

    [Fact]
    public void A_given_one_is_stale_once_it_is_disposed()
    {
        DetectionResult result = DetectionResult.Create(Model, Format, [Nut]);
        DetectionResult copy = result;
        result.Dispose();
        result.Dispose();
        _ = Assert.Throws<InvalidOperationException>(() => copy.Detections.Length);
        _ = Assert.Throws<InvalidOperationException>(() => copy.Model);
        Assert.Equal("disposed result", copy.ToString());
        Assert.Equal("no result", default(DetectionResult).ToString());
    }

    [Fact]
    public void Reads_well()
    {
        using DetectionResult found = DetectionResult.Create(Model, Format, [Nut, Bolt, OtherNut], sequence: 7);
        Assert.Equal("frame 7, 64x48: 3 detections (1 bolt, 2 nut), 0.0 ms", found.ToString());
        using DetectionResult one = DetectionResult.Create(Model, Format, [Nut]);
        Assert.Equal("frame 0, 64x48: 1 detection (1 nut), 0.0 ms", one.ToString());
        using DetectionResult nothing = DetectionResult.Create(Model, Format, []);
        Assert.Equal("frame 0, 64x48: no detections, 0.0 ms", nothing.ToString());
    }

    [Fact]
    public void What_no_detector_could_have_found_is_refused()
    {
        Detection[] impossible =
        [
            Nut with { ClassId = 3 }, Nut with { ClassId = -1 }, Nut with { Score = 1.1f }, Nut with { Score = float.NaN }, Nut with { X2 = 65 },
            Nut with { Y1 = -1 }, Nut with { X1 = 3.5f }, Nut with { Y2 = float.NaN },
        ];
        foreach (Detection detection in impossible)
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => DetectionResult.Create(Model, Format, [Nut, detection]));
            Assert.StartsWith(detection.ToString(), error.Message, StringComparison.Ordinal);
        }

        _ = Assert.Throws<ArgumentException>("format", () => DetectionResult.Create(Model, default, []));
        _ = Assert.Throws<ArgumentNullException>("model", () => DetectionResult.Create(null!, Format, []));
        _ = Assert.Throws<ArgumentException>("status", () => DetectionResult.CreateDropped(Model, Format, FrameStatus.Completed));
        _ = Assert.Throws<ArgumentException>("status", () => DetectionResult.CreateDropped(Model, Format, (FrameStatus)9));
    }
}
