using InspectLine;

namespace YoloZeroCopy.Tests;

public sealed class InspectOptionsTests
{
    [Fact]
    public void Without_arguments_everything_is_there()
    {
        InspectOptions options = InspectOptions.Parse([]);

        Assert.True(File.Exists(options.ModelPath));
        Assert.True(File.Exists(options.Source));
        Assert.True(File.Exists(options.TruthPath));
        Assert.False(options.IsRealtime);
    }

    [Fact]
    public void Options_are_taken()
    {
        InspectOptions options = InspectOptions.Parse(["--model", "m.onnx", "--source", "c.mkv", "--output", "o", "--frames", "12", "--realtime"]);

        Assert.Equal(("m.onnx", "c.mkv", "c.truth.jsonl", "o", 12, true),
            (options.ModelPath, options.Source, options.TruthPath, options.OutputFolder, options.FrameLimit, options.IsRealtime));
        Assert.False(InspectOptions.Parse(["--realtime", "--fast"]).IsRealtime);
        Assert.True(InspectOptions.Parse(["--help"]).WantsHelp);
        Assert.Equal(VideoDecoding.Auto, options.Decoding);
        Assert.Equal(VideoDecoding.Gpu, InspectOptions.Parse(["--decode", "nvdec"]).Decoding);
        Assert.Equal(VideoDecoding.Cpu, InspectOptions.Parse(["--decode", "cpu", "--realtime"]).Decoding);
    }

    [Theory]
    [InlineData("--frames", "0")]
    [InlineData("--frames", "-1")]
    [InlineData("--frames", "1e3")]
    [InlineData("--frames")]
    [InlineData("--input-size", "640")]
    [InlineData("--input-size", "640x")]
    [InlineData("--input-size", "0x0")]
    [InlineData("--input-size", "640x640x3")]
    [InlineData("--cilp", "a.mp4")]
    [InlineData("--decode", "gpu")]
    [InlineData("--realtime", "--decode", "nvdec")]
    [InlineData("a.mp4")]
    public void Wrong_options_are_named(params string[] arguments)
    {
        FormatException error = Assert.Throws<FormatException>(() => InspectOptions.Parse(arguments));
        Assert.Contains(arguments[0], error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1280, 720, 640, 384)]
    [InlineData(1920, 1080, 640, 384)]
    [InlineData(720, 1280, 384, 640)]
    [InlineData(640, 640, 640, 640)]
    [InlineData(320, 240, 640, 480)]
    [InlineData(8192, 1, 640, 32)]
    public void The_input_has_the_shape_of_the_clip(int width, int height, int inputWidth, int inputHeight)
    {
        FrameFormat frame = new(PixelFormat.Bgr24, width, height);

        Assert.Equal((inputWidth, inputHeight), InspectOptions.Parse([]).InputSizeFor(frame));
        Assert.Equal((320, 256), InspectOptions.Parse(["--input-size", "320x256"]).InputSizeFor(frame));
        Assert.Null(InspectOptions.Parse(["--input-size", "model"]).InputSizeFor(frame));
    }
}
