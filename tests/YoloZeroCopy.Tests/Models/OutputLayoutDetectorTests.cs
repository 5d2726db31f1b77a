namespace YoloZeroCopy.Tests;

public class OutputLayoutDetectorTests
{
    [Theory]
    [InlineData(84, 8400, 640, 640, 80, 32, OutputLayout.ChannelsFirst, 80)]
    [InlineData(84, 8400, 640, 640, 0, 32, OutputLayout.ChannelsFirst, 80)]
    [InlineData(5, 8400, 640, 640, 0, 32, OutputLayout.ChannelsFirst, 1)]
    [InlineData(6, 8400, 640, 640, 0, 32, OutputLayout.ChannelsFirst, 2)]
    [InlineData(10, 5040, 640, 384, 6, 32, OutputLayout.ChannelsFirst, 6)]
    [InlineData(84, 34000, 1280, 1280, 80, 64, OutputLayout.ChannelsFirst, 80)]
    [InlineData(84, 34000, 640, 640, 80, 32, OutputLayout.ChannelsFirst, 80)]
    [InlineData(84, 2000, 640, 640, 0, 32, OutputLayout.ChannelsFirst, 80)]
    [InlineData(84, 1234, 640, 640, 80, 32, OutputLayout.ChannelsFirst, 80)]
    [InlineData(25200, 85, 640, 640, 80, 32, OutputLayout.AnchorsFirst, 80)]
    [InlineData(25200, 85, 640, 640, 0, 32, OutputLayout.AnchorsFirst, 80)]
    [InlineData(25200, 6, 640, 640, 1, 32, OutputLayout.AnchorsFirst, 1)]
    [InlineData(25200, 6, 640, 640, 0, 32, OutputLayout.AnchorsFirst, 1)]
    [InlineData(102000, 85, 1280, 1280, 80, 64, OutputLayout.AnchorsFirst, 80)]
    [InlineData(300, 6, 640, 640, 80, 32, OutputLayout.EndToEnd, 80)]
    [InlineData(300, 6, 640, 640, 0, 32, OutputLayout.EndToEnd, 0)]
    [InlineData(1, 6, 640, 640, 2, 32, OutputLayout.EndToEnd, 2)]
    public void Tells_layouts_apart_by_shape(
        long rows, long columns, int width, int height, int names, int stride, OutputLayout wanted, int wantedClasses)
    {
        (OutputLayout layout, int classes) = OutputLayoutDetector.Detect("m.onnx", [1, rows, columns], width, height, names, null, stride);
        Assert.Equal(wanted, layout);
        Assert.Equal(wantedClasses, classes);
    }

    [Fact]
    public void The_end_to_end_flag_decides_where_the_shape_leaves_it_open() =>
        Assert.Equal((OutputLayout.EndToEnd, 1), OutputLayoutDetector.Detect("m.onnx", [-1, 25200, 6], 640, 640, 1, true, 32));

    [Fact]
    public void A_shape_that_fits_two_layouts_is_refused_unless_names_tell()
    {
        // 32x32 pixels: 21 anchors (8, 16, 32), three times that is 63.
        ModelException error = Assert.Throws<ModelException>(() => OutputLayoutDetector.Detect("m.onnx", [1, 63, 21], 32, 32, 0, null, 32));
        Assert.Contains("fits both", error.Message, StringComparison.Ordinal);
        Assert.Equal((OutputLayout.ChannelsFirst, 59), OutputLayoutDetector.Detect("m.onnx", [1, 63, 21], 32, 32, 59, null, 32));
        Assert.Equal((OutputLayout.AnchorsFirst, 16), OutputLayoutDetector.Detect("m.onnx", [1, 63, 21], 32, 32, 16, null, 32));
    }

    [Theory]
    [InlineData(84, 8400, 79, null, "the shape says 80 classes, but the metadata names 79")]
    [InlineData(25200, 85, 3, null, "the shape says 80 classes, but the metadata names 3")]
    [InlineData(8400, 84, 80, null, "[N,A,4+C]")]
    [InlineData(25200, 6, 80, null, "the shape says 1 classes, but the metadata names 80")]
    [InlineData(8400, 6, 2, null, "[N,A,4+C]")]
    [InlineData(300, 84, 80, null, "8400")]
    [InlineData(116, 8400, 80, null, "the shape says 112 classes")]
    [InlineData(84, 8400, 80, true, "finished detections")]
    [InlineData(0, 8400, 0, null, "three dimensions")]
    [InlineData(1 << 20, 1 << 20, 0, null, "three dimensions")]
    public void Says_what_is_wrong_and_shows_the_shape(long rows, long columns, int names, bool? endToEnd, string reason)
    {
        ModelException error =
            Assert.Throws<ModelException>(() => OutputLayoutDetector.Detect("m.onnx", [1, rows, columns], 640, 640, names, endToEnd, 32));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains($"[N,{rows},{columns}]", error.Message, StringComparison.Ordinal);
        Assert.Contains("640x640", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(640, 640, 32, 2000, 8400, 34000)]
    [InlineData(1280, 1280, 64, 2000, 8400, 34000, 136400)]
    [InlineData(64, 32, 32, 10, 42, 170)]
    public void Counts_anchors_from_the_input(int width, int height, int stride, params int[] wanted) =>
        Assert.Equal([.. wanted.Select(static count => (long)count)], OutputLayoutDetector.AnchorCounts(width, height, stride).Order());

    [Fact]
    public void Refuses_what_has_not_three_dimensions() =>
        Assert.Throws<ModelException>(() => OutputLayoutDetector.Detect("m.onnx", [1, 1000], 224, 224, 1000, null, 32));
}
