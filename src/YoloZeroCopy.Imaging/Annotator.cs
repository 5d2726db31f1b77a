using System.Drawing;
using System.Globalization;

namespace YoloZeroCopy;

/// <summary>Draws boxes, lines and text into a frame, for annotated pictures. Whatever lies outside the frame is cut off.</summary>
/// <remarks>Works on the caller's memory and keeps nothing; several threads may draw into different frames. Transparency of colours is ignored.</remarks>
public readonly ref struct Annotator
{
    // Far outside any frame, and safe to calculate with.
    private const float Far = 1e6f;
    private const int MaxTextScale = 100;

    private readonly Span<byte> pixels;
    private readonly FrameFormat format;
    private readonly int redAt;

    /// <summary>Prepares to draw.</summary>
    /// <param name="pixels">The frame.</param>
    /// <param name="format">Its format: Bgr24 or Rgb24, any stride.</param>
    /// <exception cref="ArgumentException">Another pixel format, or <paramref name="pixels"/> is too short.</exception>
    public Annotator(Span<byte> pixels, FrameFormat format)
    {
        format.ThrowIfNotWithin(pixels.Length, nameof(pixels));
        redAt = format.PixelFormat switch
        {
            PixelFormat.Bgr24 => 2,
            PixelFormat.Rgb24 => 0,
            _ => throw new ArgumentException($"Drawing works on Bgr24 and Rgb24; {format.PixelFormat} was given.", nameof(format)),
        };
        this.pixels = pixels;
        this.format = format;
    }

    /// <summary>A colour for a class, the same in every run: hues a golden angle apart, so that neighbouring classes differ most.</summary>
    public static Color ClassColor(int classId)
    {
        double hue = (uint)classId * 137.50776405 % 360;
        double value = (uint)classId / 12 % 2 == 0 ? 255 : 190;
        return Color.FromArgb(Channel(hue, 5, value), Channel(hue, 3, value), Channel(hue, 1, value));
    }

    /// <summary>Width in pixels of a text of so many characters.</summary>
    public static int TextWidth(int length, int scale) => length == 0 ? 0 : ((length * (BitmapFont.Width + 1)) - 1) * scale;

    /// <summary>Height in pixels of a line of text.</summary>
    public static int TextHeight(int scale) => BitmapFont.Height * scale;

    /// <summary>Draws the outline of a box; its lines lie around the edges, half inside.</summary>
    /// <param name="x1">Left edge.</param>
    /// <param name="y1">Top edge.</param>
    /// <param name="x2">Right edge.</param>
    /// <param name="y2">Bottom edge.</param>
    /// <param name="color">Colour.</param>
    /// <param name="thickness">Width of the lines in pixels, at least 1.</param>
    public void DrawRectangle(float x1, float y1, float x2, float y2, Color color, int thickness = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(thickness, 1);
        thickness = Math.Min(thickness, FrameFormat.MaxSize);
        int left = Round(x1) - (thickness / 2);
        int top = Round(y1) - (thickness / 2);
        int width = Math.Max(Round(x2) - Round(x1) + thickness, thickness);
        int height = Math.Max(Round(y2) - Round(y1) + thickness, thickness);
        FillRectangle(left, top, width, thickness, color);
        FillRectangle(left, top + height - thickness, width, thickness, color);
        FillRectangle(left, top, thickness, height, color);
        FillRectangle(left + width - thickness, top, thickness, height, color);
    }

    /// <summary>Fills a box.</summary>
    /// <param name="x">Left edge.</param>
    /// <param name="y">Top edge.</param>
    /// <param name="width">Width; nothing is drawn below 1.</param>
    /// <param name="height">Height; likewise.</param>
    /// <param name="color">Colour.</param>
    public void FillRectangle(int x, int y, int width, int height, Color color)
    {
        int left = Math.Max(x, 0);
        int top = Math.Max(y, 0);
        int right = (int)Math.Min((long)x + width, format.Width);
        int bottom = (int)Math.Min((long)y + height, format.Height);
        for (int row = top; row < bottom && left < right; row++)
        {
            Span<byte> line = pixels.Slice((row * format.Stride) + (3 * left), 3 * (right - left));
            for (int i = 0; i < line.Length; i += 3)
            {
                line[i + redAt] = color.R;
                line[i + 1] = color.G;
                line[i + 2 - redAt] = color.B;
            }
        }
    }

    /// <summary>Draws a straight line.</summary>
    /// <param name="x1">Beginning.</param>
    /// <param name="y1">Beginning.</param>
    /// <param name="x2">End.</param>
    /// <param name="y2">End.</param>
    /// <param name="color">Colour.</param>
    /// <param name="thickness">Side in pixels of the square that is moved along the line, at least 1.</param>
    public void DrawLine(float x1, float y1, float x2, float y2, Color color, int thickness = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(thickness, 1);
        thickness = Math.Min(thickness, FrameFormat.MaxSize);
        (double fromX, double fromY, double toX, double toY) = (Limit(x1), Limit(y1), Limit(x2), Limit(y2));

        // Keep the part of the line, as a range of 0 to 1, whose squares can touch the frame.
        double begin = 0;
        double end = 1;
        Clip(fromX, toX, -thickness, format.Width + thickness, ref begin, ref end);
        Clip(fromY, toY, -thickness, format.Height + thickness, ref begin, ref end);
        if (begin > end)
        {
            return;
        }

        double length = Math.Max(Math.Abs(toX - fromX), Math.Abs(toY - fromY)) * (end - begin);
        int steps = Math.Max(1, (int)Math.Ceiling(length));
        for (int i = 0; i <= steps; i++)
        {
            double t = begin + ((end - begin) * i / steps);
            int x = (int)Math.Round(fromX + ((toX - fromX) * t));
            int y = (int)Math.Round(fromY + ((toY - fromY) * t));
            FillRectangle(x - (thickness / 2), y - (thickness / 2), thickness, thickness, color);
        }
    }

    /// <summary>Draws a line of text without background.</summary>
    /// <param name="x">Left edge.</param>
    /// <param name="y">Top edge.</param>
    /// <param name="text">Printable ASCII; another character shows as an empty box.</param>
    /// <param name="color">Colour.</param>
    /// <param name="scale">Pixels a dot of the 5 x 7 font, 1 to 100.</param>
    public void DrawText(int x, int y, ReadOnlySpan<char> text, Color color, int scale = 2)
    {
        ThrowIfBadScale(scale);
        long left = x;
        foreach (char character in text)
        {
            if (left >= format.Width)
            {
                break;
            }

            for (int dot = 0; left > -BitmapFont.Width * scale && dot < BitmapFont.Width * BitmapFont.Height; dot++)
            {
                int column = dot % BitmapFont.Width;
                int row = dot / BitmapFont.Width;
                if (BitmapFont.IsSet(character, column, row))
                {
                    FillRectangle((int)left + (column * scale), y + (row * scale), scale, scale, color);
                }
            }

            left += (BitmapFont.Width + 1) * scale;
        }
    }

    /// <summary>Draws text in a filled box that stands on a point, inside the frame where there is room.</summary>
    /// <param name="x">Left edge of the box.</param>
    /// <param name="y">Bottom edge of the box; without room above, the box hangs below.</param>
    /// <param name="text">Printable ASCII; another character shows as an empty box.</param>
    /// <param name="background">Colour of the box; the text is black or white, whichever shows better.</param>
    /// <param name="scale">Pixels a dot of the 5 x 7 font, 1 to 100.</param>
    public void DrawLabel(int x, int y, ReadOnlySpan<char> text, Color background, int scale = 2)
    {
        ThrowIfBadScale(scale);
        int border = 2 * scale;
        int width = TextWidth(Math.Min(text.Length, FrameFormat.MaxSize), scale) + (2 * border);
        int height = TextHeight(scale) + (2 * border);
        int left = Math.Max(0, Math.Min(x, format.Width - width));
        int top = y - height >= 0 ? y - height : Math.Max(0, y);
        FillRectangle(left, top, width, height, background);

        // Weights of BT.601: the eye sees green as brighter than blue.
        bool isBright = (0.299 * background.R) + (0.587 * background.G) + (0.114 * background.B) > 140;
        DrawText(left + border, top + border, text, isBright ? Color.Black : Color.White, scale);
    }

    /// <summary>Draws a detection: its box in the class's colour, and its name and score on top.</summary>
    /// <param name="detection">The detection, in pixels of this frame.</param>
    /// <param name="name">Name of the class.</param>
    /// <param name="thickness">Width of the lines in pixels, at least 1.</param>
    public void DrawDetection(in Detection detection, string name, int thickness = 2)
    {
        Color color = ClassColor(detection.ClassId);
        DrawRectangle(detection.X1, detection.Y1, detection.X2, detection.Y2, color, thickness);
        string label = string.Create(CultureInfo.InvariantCulture, $"{name} {detection.Score:F2}");
        DrawLabel(Round(detection.X1) - (thickness / 2), Round(detection.Y1) - (thickness / 2), label, color, format.Height >= 1000 ? 2 : 1);
    }

    // Colour wheel at saturation 0.85; n is 5 for red, 3 for green and 1 for blue.
    private static int Channel(double hue, int n, double value)
    {
        double k = (n + (hue / 60)) % 6;
        return (int)(value - (value * 0.85 * Math.Clamp(Math.Min(k, 4 - k), 0, 1)));
    }

    private static void Clip(double from, double to, double low, double high, ref double begin, ref double end)
    {
        double way = to - from;
        if (way == 0)
        {
            end = from < low || from > high ? -1 : end;
            return;
        }

        double first = (low - from) / way;
        double second = (high - from) / way;
        begin = Math.Max(begin, Math.Min(first, second));
        end = Math.Min(end, Math.Max(first, second));
    }

    private static void ThrowIfBadScale(int scale)
    {
        if (scale is < 1 or > MaxTextScale)
        {
            throw new ArgumentOutOfRangeException(nameof(scale), scale, $"The scale of text is 1 to {MaxTextScale}.");
        }
    }

    private static float Limit(float value) => float.IsNaN(value) ? -Far : Math.Clamp(value, -Far, Far);

    private static int Round(float value) => (int)MathF.Round(Limit(value));
}
