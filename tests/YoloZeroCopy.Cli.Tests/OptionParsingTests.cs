using System.Globalization;

namespace YoloZeroCopy.Cli.Tests;

public sealed class OptionParsingTests
{
    private const int FuzzCount = 20_000;
    private const string Alphabet = "0123456789xX.,-+eE ∞NaNInfinity%\t\0٣½";

    [Theory]
    [InlineData("640", 640, 640)]
    [InlineData("640x384", 640, 384)]
    [InlineData("1X8192", 1, 8192)]
    public void Sizes_are_width_by_height(string text, int width, int height)
    {
        Assert.True(OptionParsing.TrySize(text, allowSquare: true, out (int Width, int Height) size, out string? error));
        Assert.Equal((width, height), size);
        Assert.Null(error);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0x640")]
    [InlineData("640x")]
    [InlineData("x640")]
    [InlineData("640x640x3")]
    [InlineData("8193")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData(" 640")]
    [InlineData("640.0")]
    [InlineData("99999999999")]
    public void Other_sizes_are_refused(string text)
    {
        Assert.False(OptionParsing.TrySize(text, allowSquare: true, out (int Width, int Height) size, out string? error));
        Assert.Equal(default, size);
        Assert.Contains($"'{text}'", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_frame_needs_both_sides() => Assert.False(OptionParsing.TrySize("640", allowSquare: false, out _, out _));

    [Theory]
    [InlineData("0", 0f)]
    [InlineData("1", 1f)]
    [InlineData("0.25", 0.25f)]
    [InlineData(".5", 0.5f)]
    [InlineData("1e-3", 0.001f)]
    public void Ratios_are_read(string text, float value)
    {
        Assert.True(OptionParsing.TryRatio(text, out float ratio, out _));
        Assert.Equal(value, ratio);
    }

    [Theory]
    [InlineData("2")]
    [InlineData("-0.1")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("0,25")]
    [InlineData("1e40")]
    [InlineData("")]
    [InlineData("half")]
    public void Other_ratios_are_refused(string text) => Assert.False(OptionParsing.TryRatio(text, out _, out _));

    [Theory]
    [InlineData("bgr24", PixelFormat.Bgr24)]
    [InlineData("NV12", PixelFormat.Nv12)]
    [InlineData("BayerRggb8", PixelFormat.BayerRggb8)]
    public void Pixel_formats_are_read_in_any_case(string text, PixelFormat format)
    {
        Assert.True(OptionParsing.TryPixelFormat(text, out PixelFormat read, out _));
        Assert.Equal(format, read);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("Bgr24, Nv12")]
    [InlineData("bgr")]
    public void Numbers_and_lists_are_no_pixel_formats(string text)
    {
        Assert.False(OptionParsing.TryPixelFormat(text, out _, out string? error));
        Assert.Contains("bayerrggb8", error, StringComparison.Ordinal);
    }

    // 20,000 texts: whatever comes, the answer is a value in range or one line that says why not.
    [Fact]
    public void Any_text_is_a_value_in_range_or_a_refusal()
    {
        Random random = new(20261121);
        int accepted = 0;
        for (int turn = 0; turn < FuzzCount; turn++)
        {
            string text = NextText(random);
            bool isSize = OptionParsing.TrySize(text, allowSquare: true, out (int Width, int Height) size, out string? error);
            Assert.Equal(isSize, error is null);
            Assert.True(!isSize || (size.Width is >= 1 and <= FrameFormat.MaxSize && size.Height is >= 1 and <= FrameFormat.MaxSize), text);
            Check(error);

            bool isRatio = OptionParsing.TryRatio(text, out float ratio, out error);
            Assert.True(!isRatio || ratio is >= 0 and <= 1, text);
            Check(error);

            bool isInteger = OptionParsing.TryInteger(text, 1, 256, out int number, out error);
            Assert.True(!isInteger || number is >= 1 and <= 256, text);
            Check(error);

            bool isSeconds = OptionParsing.TrySeconds(text, 0.1, 3600, out double seconds, out error);
            Assert.True(!isSeconds || seconds is >= 0.1 and <= 3600, text);
            Check(error);
            accepted += (isSize ? 1 : 0) + (isRatio ? 1 : 0) + (isInteger ? 1 : 0) + (isSeconds ? 1 : 0);
        }

        // The texts reach both answers.
        Assert.InRange(accepted, FuzzCount / 20, 3 * FuzzCount);

        static void Check(string? error) => Assert.True(error is null || error.Length < 200, error);
    }

    private static string NextText(Random random)
    {
        switch (random.Next(4))
        {
            case 0:
                return string.Create(CultureInfo.InvariantCulture, $"{random.Next(10000)}x{random.Next(10000)}");
            case 1:
                return (random.NextDouble() * 1.2).ToString("G4", CultureInfo.InvariantCulture);
            default:
                char[] text = new char[random.Next(random.Next(20) == 0 ? 400 : 8)];
                for (int index = 0; index < text.Length; index++)
                {
                    text[index] = Alphabet[random.Next(Alphabet.Length)];
                }

                return new string(text);
        }
    }
}
