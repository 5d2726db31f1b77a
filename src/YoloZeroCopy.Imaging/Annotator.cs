using System.Buffers;
using System.Drawing;
using System.Globalization;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>Draws boxes, lines and labels into a frame, for annotated pictures. Whatever lies outside the frame is cut off.</summary>
/// <remarks>
/// Works on the caller's memory and keeps nothing; several threads may draw into different frames. Lines and text are as large as suits the size of
/// the frame, unless told otherwise. Transparency of colours is ignored. Frames of four bytes a pixel are drawn on where they lie; of others the part
/// that is drawn on is converted there and back.
/// <para>
/// Text is in Roboto, which the library brings: Latin, Greek and Cyrillic letters. Other characters come from a font of the system, where Skia finds
/// one (on Linux its build without libfontconfig finds none), else an empty box stands for them.
/// </para>
/// </remarks>
public readonly unsafe ref struct Annotator
{
    // Far outside any frame, and safe to calculate with.
    private const float Far = 1e6f;
    private const int MaxTextLength = 1000;

    private static ReadOnlySpan<int> Palette =>
    [
        0xE8343F, 0x38C94F, 0x3B62F0, 0xFFD21F, 0xA636D6, 0x2FD3E6, 0xF5822A, 0x128C7E, 0xF24FB5, 0xB4EC3C, 0x8C5A2B, 0xF7A8B8,
    ];

    private readonly Span<byte> pixels;
    private readonly FrameFormat format;

    /// <summary>Prepares to draw.</summary>
    /// <param name="pixels">The frame.</param>
    /// <param name="format">Its format: Bgr24, Rgb24, Bgra32, Rgba32 or Gray8, any stride.</param>
    /// <exception cref="ArgumentException">Another pixel format, or <paramref name="pixels"/> is too short.</exception>
    /// <exception cref="NativeLibraryException">The native library of Skia is missing.</exception>
    public Annotator(Span<byte> pixels, FrameFormat format)
    {
        format.ThrowIfNotWithin(pixels.Length, nameof(pixels));
        if (PixelRow.PixelBytes(format.PixelFormat) == 0)
        {
            throw new ArgumentException($"Drawing works on Bgr24, Rgb24, Bgra32, Rgba32 and Gray8; {format.PixelFormat} was given.", nameof(format));
        }

        SkiaLibrary.ThrowIfMissing();
        this.pixels = pixels;
        this.format = format;

        // Legible in the smallest picture, and in a large one still so when it is shown smaller: 8 pixels at 97x61, 14 at 640x480, 23 at 1920x1080.
        TextSize = 8 + (Math.Min(format.Width, format.Height) / 70);
        Thickness = (TextSize + 2) / 7;
    }

    /// <summary>Size of the font in pixels that suits the frame. A capital letter is 0.71 of it high, a label 1.4.</summary>
    public int TextSize { get; }

    /// <summary>Width in pixels of lines that suits the frame.</summary>
    public int Thickness { get; }

    /// <summary>A colour for a class, the same in every run: twelve hues of which neighbours differ most, then the same darker, then lighter, and so
    /// on from the beginning.</summary>
    public static Color ClassColor(int classId)
    {
        int color = Palette[(int)((uint)classId % (uint)Palette.Length)];
        (int red, int green, int blue) = (color >> 16, color >> 8 & 255, color & 255);
        return ((uint)classId / (uint)Palette.Length % 3) switch
        {
            0 => Color.FromArgb(red, green, blue),
            1 => Color.FromArgb(red * 5 / 8, green * 5 / 8, blue * 5 / 8),
            _ => Color.FromArgb((red + 255) / 2, (green + 255) / 2, (blue + 255) / 2),
        };
    }

    /// <summary>Draws the outline of a box; its lines lie around the edges, half inside.</summary>
    /// <param name="x1">Left edge.</param>
    /// <param name="y1">Top edge.</param>
    /// <param name="x2">Right edge.</param>
    /// <param name="y2">Bottom edge.</param>
    /// <param name="color">Colour.</param>
    /// <param name="thickness">Width of the lines in pixels; 0 for <see cref="Thickness"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The thickness is negative.</exception>
    public void DrawRectangle(float x1, float y1, float x2, float y2, Color color, int thickness = 0)
    {
        thickness = Limited(thickness, Thickness, nameof(thickness));
        int left = Round(x1) - (thickness / 2);
        int top = Round(y1) - (thickness / 2);
        int right = left + Math.Max(Round(x2) - Round(x1) + thickness, thickness);
        int bottom = top + Math.Max(Round(y2) - Round(y1) + thickness, thickness);
        Fill(new SKRectI(left, top, right, top + thickness), color);
        Fill(new SKRectI(left, bottom - thickness, right, bottom), color);
        Fill(new SKRectI(left, top, left + thickness, bottom), color);
        Fill(new SKRectI(right - thickness, top, right, bottom), color);
    }

    /// <summary>Draws a straight line.</summary>
    /// <param name="x1">Beginning.</param>
    /// <param name="y1">Beginning.</param>
    /// <param name="x2">End.</param>
    /// <param name="y2">End.</param>
    /// <param name="color">Colour.</param>
    /// <param name="thickness">Its width in pixels; 0 for <see cref="Thickness"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The thickness is negative.</exception>
    public void DrawLine(float x1, float y1, float x2, float y2, Color color, int thickness = 0)
    {
        thickness = Limited(thickness, Thickness, nameof(thickness));
        SKPoint from = new(Limit(x1), Limit(y1));
        SKPoint to = new(Limit(x2), Limit(y2));
        int around = (thickness / 2) + 1;
        SKRectI area = SKRectI.Floor(new SKRect(Math.Min(from.X, to.X), Math.Min(from.Y, to.Y), Math.Max(from.X, to.X), Math.Max(from.Y, to.Y)));
        Paint(SKRectI.Inflate(area, around + 1, around + 1), canvas =>
        {
            using SKPaint paint = PaintOf(color);
            paint.StrokeWidth = thickness;
            paint.StrokeCap = SKStrokeCap.Round;
            canvas.DrawLine(from, to, paint);
        });
    }

    /// <summary>Draws text in a filled box that stands on a point, inside the frame where there is room.</summary>
    /// <param name="x">Left edge of the box.</param>
    /// <param name="y">Bottom edge of the box; without room above, the box hangs below.</param>
    /// <param name="text">One line of text.</param>
    /// <param name="background">Colour of the box; the text is black or white, whichever shows better.</param>
    /// <param name="textSize">Size of the font in pixels; 0 for <see cref="TextSize"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is negative.</exception>
    public void DrawLabel(float x, float y, string text, Color background, int textSize = 0)
    {
        ArgumentNullException.ThrowIfNull(text);
        textSize = Limited(textSize, TextSize, nameof(textSize));
        string line = text.Length <= MaxTextLength ? text : text[..MaxTextLength];
        int border = (textSize + 2) / 4;
        int width = (int)MathF.Ceiling(LabelFont.Measure(line, textSize)) + (2 * border);
        int height = (int)MathF.Round(textSize * 1.4f);
        int left = Math.Max(0, Math.Min(Round(x), format.Width - width));
        int top = Round(y) - height >= 0 ? Round(y) - height : Math.Max(0, Round(y));
        SKRectI box = SKRectI.Create(left, top, width, height);
        float baseLine = MathF.Round(top + ((height + (LabelFont.CapHeight * textSize)) / 2));

        // Weights of BT.601: the eye sees green as brighter than blue.
        bool isBright = (0.299 * background.R) + (0.587 * background.G) + (0.114 * background.B) > 140;
        Paint(box, canvas =>
        {
            canvas.Clear(PaintColor(background));
            using SKPaint paint = PaintOf(isBright ? Color.Black : Color.White);
            LabelFont.Draw(canvas, line, left + border, baseLine, textSize, paint);
        });
    }

    /// <summary>Draws a detection: its box in the class's colour, and its name and score on top.</summary>
    /// <param name="detection">The detection, in pixels of this frame.</param>
    /// <param name="name">Name of the class.</param>
    public void DrawDetection(in Detection detection, string name)
    {
        Color color = ClassColor(detection.ClassId);
        DrawRectangle(detection.X1, detection.Y1, detection.X2, detection.Y2, color);
        string label = string.Create(CultureInfo.InvariantCulture, $"{name} {detection.Score:F2}");
        DrawLabel(Round(detection.X1) - (Thickness / 2), Round(detection.Y1) - (Thickness / 2), label, color);
    }

    // Edges on whole pixels need no smoothing, so that a copy of one row does.
    private void Fill(SKRectI box, Color color)
    {
        SKRectI area = Visible(box);
        if (area.Width <= 0 || area.Height <= 0)
        {
            return;
        }

        int pixelBytes = PixelRow.PixelBytes(format.PixelFormat);
        Span<byte> pixel = stackalloc byte[pixelBytes];
        ReadOnlySpan<byte> bgra = format.PixelFormat == PixelFormat.Rgba32 ? [color.R, color.G, color.B, 255] : [color.B, color.G, color.R, 255];
        PixelRow.FromBgra(bgra, pixel, format.PixelFormat);
        Span<byte> first = pixels.Slice((area.Top * format.Stride) + (area.Left * pixelBytes), area.Width * pixelBytes);
        for (int i = 0; i < first.Length; i += pixelBytes)
        {
            pixel.CopyTo(first[i..]);
        }

        for (int y = area.Top + 1; y < area.Bottom; y++)
        {
            first.CopyTo(pixels[((y * format.Stride) + (area.Left * pixelBytes))..]);
        }
    }

    private SKRectI Visible(SKRectI area) => SKRectI.Intersect(area, new SKRectI(0, 0, format.Width, format.Height));

    /// <summary>Lets <paramref name="draw"/> draw on the part of the frame that lies in <paramref name="area"/>, in the frame's
    /// coordinates.</summary>
    private void Paint(SKRectI area, Action<SKCanvas> draw)
    {
        area = Visible(area);
        if (area.Width <= 0 || area.Height <= 0)
        {
            return;
        }

        int pixelBytes = PixelRow.PixelBytes(format.PixelFormat);
        int first = (area.Top * format.Stride) + (area.Left * pixelBytes);
        SKColorType color = format.PixelFormat == PixelFormat.Rgba32 ? SKColorType.Rgba8888 : SKColorType.Bgra8888;

        // Skia asks for rows of whole pixels.
        if (pixelBytes == 4 && format.Stride % 4 == 0)
        {
            fixed (byte* memory = pixels)
            {
                Draw(memory + first, format.Stride, color, area, draw);
            }

            return;
        }

        int rowBytes = area.Width * 4;
        byte[] part = ArrayPool<byte>.Shared.Rent(area.Height * rowBytes);
        for (int y = 0; y < area.Height; y++)
        {
            Span<byte> row = pixels.Slice(first + (y * format.Stride), area.Width * pixelBytes);
            PixelRow.ToBgra(row, part.AsSpan(y * rowBytes, rowBytes), format.PixelFormat);
        }

        fixed (byte* memory = part)
        {
            Draw(memory, rowBytes, color, area, draw);
        }

        for (int y = 0; y < area.Height; y++)
        {
            Span<byte> row = pixels.Slice(first + (y * format.Stride), area.Width * pixelBytes);
            PixelRow.FromBgra(part.AsSpan(y * rowBytes, rowBytes), row, format.PixelFormat);
        }

        ArrayPool<byte>.Shared.Return(part);
    }

    private static void Draw(byte* memory, int stride, SKColorType color, SKRectI area, Action<SKCanvas> draw)
    {
        SKImageInfo info = new(area.Width, area.Height, color, SKAlphaType.Opaque, null);
        using SKSurface surface = SKSurface.Create(info, (nint)memory, stride)
            ?? throw new InvalidOperationException($"Skia cannot draw on {area.Width}x{area.Height} pixels with rows of {stride} bytes.");
        surface.Canvas.Translate(-area.Left, -area.Top);
        draw(surface.Canvas);
    }

    private static SKPaint PaintOf(Color color) => new() { Color = PaintColor(color), IsAntialias = true };

    private static SKColor PaintColor(Color color) => new(color.R, color.G, color.B);

    private static int Limited(int value, int whenZero, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value, name);
        return value == 0 ? whenZero : Math.Min(value, FrameFormat.MaxSize);
    }

    private static float Limit(float value) => float.IsNaN(value) ? -Far : Math.Clamp(value, -Far, Far);

    private static int Round(float value) => (int)MathF.Round(Limit(value));
}
