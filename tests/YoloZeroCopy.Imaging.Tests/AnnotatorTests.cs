using System.Drawing;

namespace YoloZeroCopy.Imaging.Tests;

public sealed class AnnotatorTests
{
    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 60, 40, 187);

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
                Assert.Equal(outer && !inner ? (1, 2, 3) : (0, 0, 0), Pixel(pixels, x, y));
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
        byte[] memory = new byte[Format.ByteCount + (2 * Guard)];
        memory.AsSpan().Fill(0xEE);
        Annotator annotator = new(memory.AsSpan(Guard, Format.ByteCount), Format);

        annotator.DrawRectangle(x1, y1, x2, y2, Color.White, 3);
        annotator.DrawLine(x1, y1, x2, y2, Color.White, 5);
        annotator.DrawDetection(new Detection(7, 0.5f, x1, y1, x2, y2), "a long name that does not fit \u00e9");
        annotator.DrawLabel(55, 3, "edge", Color.Blue);
        annotator.DrawText(-7, 36, "edge", Color.Red, 4);

        Assert.Equal(-1, memory.AsSpan(0, Guard).IndexOfAnyExcept((byte)0xEE));
        Assert.Equal(-1, memory.AsSpan(memory.Length - Guard).IndexOfAnyExcept((byte)0xEE));
        for (int y = 0; y < Format.Height - 1; y++)
        {
            Assert.Equal(-1, memory.AsSpan(Guard + (y * Format.Stride) + Format.RowBytes, Format.Stride - Format.RowBytes).IndexOfAnyExcept((byte)0xEE));
        }
    }

    [Fact]
    public void Text_has_the_dots_of_its_font()
    {
        byte[] pixels = new byte[Format.ByteCount];

        new Annotator(pixels, Format).DrawText(3, 4, "1E", Color.White, scale: 1);

        string[] wanted = ["..#...#####", ".##...#....", "..#...#....", "..#...####.", "..#...#....", "..#...#....", ".###..#####"];
        for (int y = 0; y < 7; y++)
        {
            for (int x = 0; x < 11; x++)
            {
                Assert.Equal(wanted[y][x] == '#' ? 255 : 0, Pixel(pixels, 3 + x, 4 + y).Red);
            }
        }

        Assert.Equal(11, Annotator.TextWidth(2, 1));
    }

    [Fact]
    public void Every_glyph_differs_from_every_other()
    {
        HashSet<string> seen = [];
        for (char c = ' '; c <= '~'; c++)
        {
            char character = c;
            Assert.True(seen.Add(string.Concat(Enumerable.Range(0, 35).Select(dot => BitmapFont.IsSet(character, dot % 5, dot / 5) ? '#' : '.'))), $"'{c}'");
        }
    }

    [Fact]
    public void A_line_goes_from_end_to_end()
    {
        byte[] pixels = new byte[Format.ByteCount];

        new Annotator(pixels, Format).DrawLine(2, 30, 42, 10, Color.White, thickness: 1);

        for (int x = 2; x <= 42; x++)
        {
            int y = (int)Math.Round(30 - ((x - 2) / 2.0));
            Assert.Contains(Enumerable.Range(y - 1, 3), row => Pixel(pixels, x, row).Red == 255);
        }

        Assert.Equal((255, 255), (Pixel(pixels, 2, 30).Red, Pixel(pixels, 42, 10).Red));
    }

    [Fact]
    public void Class_colours_are_stable_and_differ()
    {
        Assert.Equal(Annotator.ClassColor(3), Annotator.ClassColor(3));
        Assert.Equal(80, Enumerable.Range(0, 80).Select(Annotator.ClassColor).Distinct().Count());
        Assert.Equal(Color.FromArgb(255, 38, 38), Annotator.ClassColor(0));
    }

    [Fact]
    public void Red_is_red_in_both_orders()
    {
        FrameFormat rgb = new(PixelFormat.Rgb24, 4, 4);
        byte[] pixels = new byte[rgb.ByteCount];

        new Annotator(pixels, rgb).FillRectangle(0, 0, 4, 4, Color.FromArgb(200, 100, 50));

        Assert.Equal([200, 100, 50], pixels[..3]);
        _ = Assert.Throws<ArgumentException>(() => { _ = new Annotator(new byte[100], new FrameFormat(PixelFormat.Gray8, 4, 4)); });
        _ = Assert.Throws<ArgumentException>(() => { _ = new Annotator(new byte[10], rgb); });
    }

    private static (int Red, int Green, int Blue) Pixel(byte[] pixels, int x, int y)
    {
        int at = (y * Format.Stride) + (3 * x);
        return (pixels[at + 2], pixels[at + 1], pixels[at]);
    }
}
