using System.Drawing;

namespace YoloZeroCopy.Imaging.Tests;

public sealed class AnnotatorTests
{
    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 60, 40, 187);

    private static readonly PixelFormat[] Drawable =
        [PixelFormat.Bgr24, PixelFormat.Rgb24, PixelFormat.Bgra32, PixelFormat.Rgba32, PixelFormat.Gray8];

    public static TheoryData<PixelFormat> PixelFormats => [.. Drawable];

    [Fact]
    public void A_rectangle_is_an_outline_of_its_thickness()
    {
        byte[] pixels = new byte[Format.ByteCount];

        new Annotator(pixels, Format).DrawRectangle(10, 5, 30, 25, Color.FromArgb(1, 2, 3), thickness: 2);

        int count = 0;
        for (int y = 0; y < Format.Height; y++)
        {
            for (int x = 0; x < Format.Width; x++)
            {
                bool outer = x is >= 9 and <= 30 && y is >= 4 and <= 25;
                bool inner = x is >= 11 and <= 28 && y is >= 6 and <= 23;
                Assert.Equal(outer && !inner ? (1, 2, 3) : (0, 0, 0), Pixel(pixels, Format, x, y));
                count += outer && !inner ? 1 : 0;
            }
        }

        Assert.Equal((22 * 22) - (18 * 18), count);
    }

    [Theory]
    [InlineData(-100f, -100f, 500f, 500f)]
    [InlineData(-1e30f, 5f, float.PositiveInfinity, float.NaN)]
    [InlineData(59f, 39f, 59f, 39f)]
    [InlineData(1e9f, 1e9f, 2e9f, 2e9f)]
    [InlineData(30f, 30f, 10f, 10f)]
    public void Nothing_outside_the_frame_is_touched(float x1, float y1, float x2, float y2)
    {
        const int Guard = 64;
        foreach (PixelFormat pixelFormat in Drawable)
        {
            FrameFormat format = new(pixelFormat, 60, 40, 257);
            byte[] memory = new byte[format.ByteCount + (2 * Guard)];
            memory.AsSpan().Fill(0xEE);
            Annotator annotator = new(memory.AsSpan(Guard, format.ByteCount), format);

            annotator.DrawRectangle(x1, y1, x2, y2, Color.White, 3);
            annotator.DrawLine(x1, y1, x2, y2, Color.White, 5);
            annotator.DrawDetection(new Detection(7, 0.5f, x1, y1, x2, y2), "a long name that does not fit \u00e9 \u4e2d \ud800");
            annotator.DrawLabel(55, 3, "edge", Color.Blue);
            annotator.DrawLabel(x1, y2, "", Color.Blue, 100_000);

            Assert.Equal(-1, memory.AsSpan(0, Guard).IndexOfAnyExcept((byte)0xEE));
            Assert.Equal(-1, memory.AsSpan(memory.Length - Guard).IndexOfAnyExcept((byte)0xEE));
            for (int y = 0; y < format.Height - 1; y++)
            {
                Assert.Equal(
                    -1, memory.AsSpan(Guard + (y * format.Stride) + format.RowBytes, format.Stride - format.RowBytes).IndexOfAnyExcept((byte)0xEE));
            }
        }
    }

    [Theory]
    [MemberData(nameof(PixelFormats))]
    public void Every_format_shows_the_same_picture(PixelFormat pixelFormat)
    {
        FrameFormat format = new(pixelFormat, 160, 90);
        FrameFormat bgr = new(PixelFormat.Bgr24, 160, 90);
        byte[] pixels = new byte[format.ByteCount];
        byte[] wanted = new byte[bgr.ByteCount];

        Draw(new Annotator(pixels, format));
        Draw(new Annotator(wanted, bgr));

        Assert.NotEqual(-1, pixels.AsSpan().IndexOfAnyExcept((byte)0));
        for (int y = 0; y < format.Height; y++)
        {
            for (int x = 0; x < format.Width; x++)
            {
                (int red, int green, int blue) = Pixel(wanted, bgr, x, y);

                // Skia rounds the edges of letters and lines in another way for another order.
                int gray = ((blue * 3735) + (green * 19235) + (red * 9798) + 16384) >> 15;
                (int foundRed, int foundGreen, int foundBlue) = Pixel(pixels, format, x, y);
                (red, green, blue) = pixelFormat == PixelFormat.Gray8 ? (gray, gray, gray) : (red, green, blue);
                Assert.InRange(Math.Max(Math.Abs(red - foundRed), Math.Max(Math.Abs(green - foundGreen), Math.Abs(blue - foundBlue))), 0, 2);
            }
        }

        static void Draw(Annotator annotator)
        {
            annotator.DrawDetection(new Detection(2, 0.91f, 20.4f, 30.6f, 120, 80), "bolt");
            annotator.DrawLine(5, 5, 150, 60, Color.Orange, 3);
        }
    }

    [Fact]
    public void Text_is_smooth_and_dark_on_bright()
    {
        FrameFormat format = new(PixelFormat.Gray8, 200, 40);
        byte[] pixels = new byte[format.ByteCount];

        new Annotator(pixels, format).DrawLabel(0, 39, "Illegible?", Color.White, textSize: 20);

        int dark = pixels.Count(value => value == 0 || value < 40);
        int between = pixels.Count(value => value is > 40 and < 215);
        Assert.True(dark > 100 && between > 100, $"{dark} dark, {between} between");

        byte[] inverse = new byte[format.ByteCount];
        new Annotator(inverse, format).DrawLabel(0, 39, "Illegible?", Color.FromArgb(40, 40, 40), textSize: 20);
        Assert.Contains(inverse, value => value > 215);
    }

    [Theory]
    [InlineData("Äpfel")]
    [InlineData("болт")]
    [InlineData("βίδα")]
    public void Letters_of_European_scripts_are_in_the_font(string text)
    {
        // An empty box stands for what is missing, the same for every letter.
        byte[][] letters = [.. text.Select(letter => Label(letter.ToString()))];

        Assert.All(letters, letter => Assert.NotEqual(Label("\uE000"), letter));
    }

    [Fact]
    public void Every_printable_character_has_a_glyph_of_its_own()
    {
        HashSet<string> seen = [];
        for (char character = '!'; character <= '~'; character++)
        {
            Assert.True(seen.Add(Convert.ToBase64String(Label(character.ToString()))), $"'{character}'");
        }
    }

    [Fact]
    public void A_label_stands_on_its_point_or_hangs_below_at_the_top()
    {
        FrameFormat format = new(PixelFormat.Gray8, 100, 100);
        byte[] above = new byte[format.ByteCount];
        byte[] below = new byte[format.ByteCount];

        new Annotator(above, format).DrawLabel(10, 60, "x", Color.White, textSize: 20);
        new Annotator(below, format).DrawLabel(10, 5, "x", Color.White, textSize: 20);

        Assert.Equal((32, 59), RowsWithInk(above));
        Assert.Equal((5, 32), RowsWithInk(below));

        (int, int) RowsWithInk(byte[] pixels) => (pixels.AsSpan().IndexOf((byte)255) / 100, pixels.AsSpan().LastIndexOf((byte)255) / 100);
    }

    [Fact]
    public void A_line_goes_from_end_to_end()
    {
        byte[] pixels = new byte[Format.ByteCount];

        new Annotator(pixels, Format).DrawLine(2, 30, 42, 10, Color.White, thickness: 3);

        for (int x = 3; x <= 41; x++)
        {
            int y = (int)Math.Round(30 - ((x - 2) / 2.0));
            Assert.Equal(255, Pixel(pixels, Format, x, y - 1).Red);
        }
    }

    [Theory]
    [InlineData(97, 61, 8, 1)]
    [InlineData(640, 480, 14, 2)]
    [InlineData(1920, 1080, 23, 3)]
    [InlineData(8192, 8192, 125, 18)]
    public void Text_and_lines_suit_the_frame(int width, int height, int textSize, int thickness)
    {
        FrameFormat format = new(PixelFormat.Gray8, width, height);
        Annotator annotator = new(new byte[format.ByteCount], format);

        Assert.Equal((textSize, thickness), (annotator.TextSize, annotator.Thickness));
    }

    [Fact]
    public void Class_colours_are_stable_and_neighbours_differ()
    {
        Color[] colors = [.. Enumerable.Range(0, 36).Select(Annotator.ClassColor)];

        Assert.Equal(Color.FromArgb(0xE8, 0x34, 0x3F), colors[0]);
        Assert.Equal(36, colors.Distinct().Count());
        for (int id = 0; id < 36; id++)
        {
            Assert.True(Distance(colors[id], Annotator.ClassColor(id + 1)) > 70, $"{id} and the next");
            Assert.All(colors[..12].Where((_, other) => id < 12 && other != id), other =>
                Assert.True(Distance(colors[id], other) > 80, $"{colors[id]} and {other}"));
        }

        _ = Annotator.ClassColor(-1);

        static double Distance(Color a, Color b) => Math.Sqrt(Math.Pow(a.R - b.R, 2) + Math.Pow(a.G - b.G, 2) + Math.Pow(a.B - b.B, 2));
    }

    [Fact]
    public void Wrong_frames_and_sizes_are_refused()
    {
        _ = Assert.Throws<ArgumentException>(() => { _ = new Annotator(new byte[100], new FrameFormat(PixelFormat.Nv12, 4, 4)); });
        _ = Assert.Throws<ArgumentException>(() => { _ = new Annotator(new byte[10], new FrameFormat(PixelFormat.Rgb24, 4, 4)); });
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => new Annotator(new byte[48], new FrameFormat(PixelFormat.Rgb24, 4, 4)).DrawLine(0, 0, 1, 1, Color.Red, -1));
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => new Annotator(new byte[48], new FrameFormat(PixelFormat.Rgb24, 4, 4)).DrawLabel(0, 0, "a", Color.Red, -1));
    }

    private static byte[] Label(string text)
    {
        FrameFormat format = new(PixelFormat.Gray8, 50, 40);
        byte[] pixels = new byte[format.ByteCount];
        new Annotator(pixels, format).DrawLabel(0, 39, text, Color.White, textSize: 26);
        return pixels;
    }

    private static (int Red, int Green, int Blue) Pixel(byte[] pixels, FrameFormat format, int x, int y)
    {
        ReadOnlySpan<byte> pixel = pixels.AsSpan((y * format.Stride) + (x * format.RowBytes / format.Width));
        return format.PixelFormat switch
        {
            PixelFormat.Bgr24 or PixelFormat.Bgra32 => (pixel[2], pixel[1], pixel[0]),
            PixelFormat.Rgb24 or PixelFormat.Rgba32 => (pixel[0], pixel[1], pixel[2]),
            _ => (pixel[0], pixel[0], pixel[0]),
        };
    }
}
