using System.ComponentModel;

namespace YoloZeroCopy.Tests;

/// <summary>Options as text, and what becomes of options that change later.</summary>
public sealed class DetectorOptionsTests
{
    [Theory]
    [InlineData("640", 640, 640)]
    [InlineData("640x384", 640, 384)]
    [InlineData("1280X736", 1280, 736)]
    public void An_input_size_is_read_from_text_and_written_so_that_it_can_be_read(string text, int width, int height)
    {
        ModelInputSize size = ModelInputSize.Parse(text);
        Assert.Equal((width, height), ((int Width, int Height))size);
        Assert.Equal(size, ModelInputSize.Parse(size.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("640x")]
    [InlineData("x384")]
    [InlineData("-640")]
    [InlineData("640x384x3")]
    [InlineData("640 x 384")]
    [InlineData("99999999999")]
    public void What_is_no_input_size_is_refused_with_what_is(string text) =>
        Assert.Contains("640x384", Assert.Throws<FormatException>(() => ModelInputSize.Parse(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("16")]
    [InlineData("mjpeg 1920x1080")]
    [InlineData("-1 mjpeg 1920x1080")]
    [InlineData("16 vp9 1920x1080")]
    [InlineData("16 8 1920x1080")]
    [InlineData("16 mjpeg 1920")]
    [InlineData("16 mjpeg 1920x1080 8")]
    [InlineData("0 mjpeg 1920x1080", "1 to 4096")]
    [InlineData("16 mjpeg 9000x1080", "8192")]
    public void What_are_no_decoders_is_refused_with_what_are(string text, string wanted = "16 mjpeg 1920x1080") =>
        Assert.Contains(wanted, Assert.Throws<FormatException>(() => ExpectedDecoders.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_square_and_a_tuple_are_input_sizes()
    {
        DetectorOptions options = new() { InputSize = 640 };
        Assert.Equal(new ModelInputSize(640, 640), options.InputSize);
        options.InputSize = (640, 384);
        Assert.Equal("640x384", options.InputSize.ToString());
    }

    [Fact]
    public void The_framework_converts_options_from_text_and_back()
    {
        foreach ((object value, string text) in (IEnumerable<(object, string)>)
        [
            (Device.Auto, "auto"), (Device.Cpu, "cpu"), (Device.Cuda(3), "cuda:3"), ((ModelInputSize)(640, 384), "640x384"),
                (OverflowPolicy.DropOldest, "DropOldest"), (WaitMode.Yield, "Yield"),
                (ExpectedDecoders.Parse("16  MJPEG 1920X1080"), "16 mjpeg 1920x1080"), (ExpectedDecoders.Parse("2 av1 64x64"), "2 av1 64x64"),
        ])
        {
            TypeConverter converter = TypeDescriptor.GetConverter(value.GetType());
            Assert.Equal(text, converter.ConvertToInvariantString(value));
            Assert.Equal(value, converter.ConvertFromInvariantString(text));
        }
    }

    [Fact]
    public async Task Options_that_change_while_a_detector_is_opened_do_not_change_it()
    {
        using ModelFolder folder = new();
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        DetectorOptions options = new() { Device = Device.Cpu, Slots = 5 };
        using ManualResetEventSlim goOn = new();
        Task<YoloDetector> opening = YoloDetector.OpenAsync(model, options, new Waiting(goOn));
        options.Slots = -1;
        goOn.Set();
        await using YoloDetector detector = await opening;
        Assert.Equal(5, detector.SlotCount);
    }

    private sealed class Waiting(ManualResetEventSlim goOn) : IProgress<OpeningProgress>
    {
        public void Report(OpeningProgress value) => goOn.Wait();
    }
}
