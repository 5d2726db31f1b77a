using System.Drawing;

namespace YoloZeroCopy.Imaging.Tests;

public sealed class AnnotatorTests
{
    private const int Palette = 20;

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
            annotator.Draw([new Detection(1, float.NaN, x1, y1, x2, y2), new Detection(-7, 0.5f, x2, y2, x1, y1), new Detection(9, 0.5f, 1, 1, 5, 5)],
                ["", "a long name that does not fit \u00e9 \u4e2d \u05d0 \ud800"]);
            (annotator with { TextSize = 100_000, Thickness = 100_000 }).Draw([new Detection(0, 0.5f, x1, y1, x2, y2)], default);
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
            annotator.Draw([new Detection(2, 0.91f, 20.4f, 30.6f, 120, 80), new Detection(0, 0.8f, 60, 40, 150, 85)], ["nut", "pin", "bolt"]);
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

    // In OKLab two colours that can just be told apart lie about 0.02 from each other.
    [Fact]
    public void Class_colours_are_stable_and_neighbours_differ_most()
    {
        (double L, double A, double B)[] colors = [.. Enumerable.Range(0, Palette).Select(static id => OkLab(Annotator.ClassColor(id)))];

        Assert.Equal(Color.FromArgb(0xFF, 0x22, 0x99), Annotator.ClassColor(0));
        Assert.Equal(Annotator.ClassColor(3), Annotator.ClassColor(Palette + 3));
        for (int id = 0; id < Palette; id++)
        {
            Assert.True(Distance(colors[id], colors[(id + 1) % Palette]) > 0.27, $"{id} and the next");
            Assert.True(Distance(colors[id], colors[(id + 2) % Palette]) > 0.19, $"{id} and the next but one");
            for (int other = 0; other < id; other++)
            {
                Assert.True(Distance(colors[id], colors[other]) > 0.13, $"{id} and {other}");
            }
        }

        _ = Annotator.ClassColor(-1);

        static double Distance((double L, double A, double B) a, (double L, double A, double B) b) =>
            Math.Sqrt(Math.Pow(a.L - b.L, 2) + Math.Pow(a.A - b.A, 2) + Math.Pow(a.B - b.B, 2));
    }

    // 4.5 is what WCAG 2 asks of text.
    [Fact]
    public void Text_has_contrast_on_every_colour()
    {
        for (int color = 0; color < 1 << 24; color += 0x010307)
        {
            Color background = Color.FromArgb(color >> 16, color >> 8 & 255, color & 255);
            (double text, double behind) = (Luminance(Annotator.TextColor(background)), Luminance(background));
            Assert.True((Math.Max(text, behind) + 0.05) / (Math.Min(text, behind) + 0.05) >= 4.5, background.ToString());
        }
    }

    [Fact]
    public void What_to_draw_of_an_object_can_be_chosen()
    {
        FrameFormat format = new(PixelFormat.Gray8, 200, 100);
        Detection[] found = [new Detection(0, 0.5f, 20, 30, 180, 90)];
        Color color = Annotator.ClassColor(0);

        byte[] outline = new byte[format.ByteCount];
        new Annotator(outline, format).DrawRectangle(20, 30, 180, 90, color);
        byte[] box = new byte[format.ByteCount];
        new Annotator(box, format) { HideLabels = true }.Draw(found, ["nut"]);
        byte[] name = new byte[format.ByteCount];
        new Annotator(name, format) { HideScores = true }.Draw(found, ["nut"]);
        byte[] all = new byte[format.ByteCount];
        new Annotator(all, format).Draw(found, ["nut"]);
        byte[] thick = new byte[format.ByteCount];
        new Annotator(thick, format) { HideLabels = true, Thickness = 9 }.Draw(found, ["nut"]);

        Assert.Equal(outline, box);
        Assert.InRange(Ink(name), Ink(box) + 100, Ink(all) - 100);
        Assert.InRange(Ink(thick), 3 * Ink(box), int.MaxValue);

        static int Ink(byte[] pixels) => pixels.Length - pixels.Count((byte)0);
    }

    [Fact]
    public void Labels_that_would_cover_a_small_frame_leave_out_the_scores()
    {
        FrameFormat format = new(PixelFormat.Gray8, 97, 61);
        Detection[] found = [.. Enumerable.Range(0, 8).Select(i => new Detection(0, 0.5f, i * 12, i * 7, (i * 12) + 10, (i * 7) + 10))];
        Assert.Equal(Draw(found, hide: true), Draw(found, hide: false));
        Assert.NotEqual(Draw(found[..2], hide: true), Draw(found[..2], hide: false));

        byte[] Draw(Detection[] objects, bool hide)
        {
            byte[] pixels = new byte[format.ByteCount];
            new Annotator(pixels, format) { HideScores = hide }.Draw(objects, ["hexagon nut"]);
            return pixels;
        }
    }

    [Fact]
    public void The_first_object_is_drawn_on_top()
    {
        byte[] pixels = new byte[Format.ByteCount];

        new Annotator(pixels, Format) { HideLabels = true }.Draw(
            [new Detection(4, 0.9f, 10, 10, 30, 30), new Detection(2, 0.5f, 10, 10, 30, 30)], []);

        Color first = Annotator.ClassColor(4);
        Assert.Equal((first.R, first.G, first.B), Pixel(pixels, Format, 20, 10));
    }

    [Fact]
    public void An_object_outside_the_frame_has_no_label()
    {
        byte[] pixels = new byte[Format.ByteCount];

        new Annotator(pixels, Format).Draw([new Detection(0, 0.9f, 100, 10, 130, 30), new Detection(0, 0.9f, float.NaN, 0, float.NaN, 9)], ["nut"]);

        Assert.Equal(-1, pixels.AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Wrong_frames_and_sizes_are_refused()
    {
        foreach (PixelFormat pixelFormat in new[] { PixelFormat.Nv12, PixelFormat.P010, PixelFormat.BgrPlanar, PixelFormat.RgbPlanar })
        {
            _ = Assert.Throws<ArgumentException>(() => { _ = new Annotator(new byte[100], new FrameFormat(pixelFormat, 4, 4)); });
        }

        _ = Assert.Throws<ArgumentException>(() => { _ = new Annotator(new byte[10], new FrameFormat(PixelFormat.Rgb24, 4, 4)); });
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => new Annotator(new byte[48], new FrameFormat(PixelFormat.Rgb24, 4, 4)).DrawLine(0, 0, 1, 1, Color.Red, -1));
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => new Annotator(new byte[48], new FrameFormat(PixelFormat.Rgb24, 4, 4)).DrawLabel(0, 0, "a", Color.Red, -1));
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => { _ = new Annotator(new byte[48], new FrameFormat(PixelFormat.Rgb24, 4, 4)) { Thickness = 0 }; });
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => { _ = new Annotator(new byte[48], new FrameFormat(PixelFormat.Rgb24, 4, 4)) { TextSize = 0 }; });
    }

    // Björn Ottosson's OKLab, from linear sRGB.
    private static (double L, double A, double B) OkLab(Color color)
    {
        (double r, double g, double b) = (Linear(color.R), Linear(color.G), Linear(color.B));
        double l = Math.Cbrt((0.4122214708 * r) + (0.5363325363 * g) + (0.0514459929 * b));
        double m = Math.Cbrt((0.2119034982 * r) + (0.6806995451 * g) + (0.1073969566 * b));
        double s = Math.Cbrt((0.0883024619 * r) + (0.2817188376 * g) + (0.6299787005 * b));
        return (
            (0.2104542553 * l) + (0.7936177850 * m) - (0.0040720468 * s),
            (1.9779984951 * l) - (2.4285922050 * m) + (0.4505937099 * s),
            (0.0259040371 * l) + (0.7827717662 * m) - (0.8086757660 * s));
    }

    private static double Luminance(Color color) => (0.2126 * Linear(color.R)) + (0.7152 * Linear(color.G)) + (0.0722 * Linear(color.B));

    private static double Linear(byte level) => level <= 10 ? level / 255.0 / 12.92 : Math.Pow(((level / 255.0) + 0.055) / 1.055, 2.4);

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
