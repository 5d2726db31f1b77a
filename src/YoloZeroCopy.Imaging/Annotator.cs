using System.Buffers;
using System.Collections.Immutable;
using System.Drawing;
using System.Globalization;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>Draws boxes, lines and labels into a frame, for annotated pictures. Whatever lies outside the frame is cut off.</summary>
/// <remarks>
/// Works on the caller's memory and keeps nothing; several threads may draw into different frames. Lines and text are as large as suits the size of
/// the frame, unless told otherwise. Transparency of colours is ignored. Frames of four bytes a pixel are drawn on where they lie; of others the part
/// that is drawn on is converted there and back.
/// <para>
/// Text is in Roboto, which the library brings: Latin, Greek and Cyrillic letters. Other characters come from the system's fonts, on Linux from the
/// font files of /usr/share/fonts, /usr/local/share/fonts, ~/.local/share/fonts and ~/.fonts; joined, combined and right-to-left letters stand as
/// their script wants it. An empty box stands for what no font has: the first time a trace warning says so, and <see cref="MissingCharacters"/>
/// tells before.
/// </para>
/// </remarks>
public readonly unsafe ref struct Annotator
{
    // Far outside any frame, and safe to calculate with.
    private const float Far = 1e6f;
    private const int MaxTextLength = 1000;

    // Labels that would cover more of the frame than this are made smaller, as far as they stay legible, and in a frame that is smaller still they
    // leave out the scores.
    private const float CrowdedPart = 0.2f;
    private const float FullPart = 0.5f;
    private const float LeastScale = 0.65f;
    private const int LeastTextSize = 9;

    // Twenty colours far from each other, those with neighbouring numbers farthest: found by a search in the OKLab colour space, in which distances
    // are as the eye sees them.
    private static ReadOnlySpan<int> Palette =>
    [
        0xFF2299, 0x7733EE, 0xEE8800, 0x009900, 0xBBAAFF, 0x994455, 0x0088FF, 0x55DD77, 0xDD66FF, 0x887711,
        0x55EEFF, 0x2266AA, 0xFF99AA, 0xAA33AA, 0x22BBEE, 0xEE2200, 0x99AA00, 0xAA77BB, 0xFFCC77, 0x009988,
    ];

    private readonly Span<byte> pixels;
    private readonly FrameFormat format;
    private readonly bool isTextSizeSet;

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
        isTextSizeSet = false;
    }

    /// <summary>Size of the font in pixels; unless set, one that suits the frame. A capital letter is 0.71 of it high, a label 1.4.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int TextSize
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
            isTextSizeSet = true;
        }
    }

    /// <summary>Width of lines in pixels; unless set, one that suits the frame.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int Thickness
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    }

    /// <summary>Whether objects get boxes only.</summary>
    public bool HideLabels { get; init; }

    /// <summary>Whether labels have no scores.</summary>
    public bool HideScores { get; init; }

    /// <summary>A colour for a class, the same in every run: twenty colours, of which neighbours differ most, then the same again.</summary>
    public static Color ClassColor(int classId) => Color.FromArgb(unchecked((int)0xFF000000 | Palette[(int)((uint)classId % (uint)Palette.Length)]));

    /// <summary>The characters of a text that labels show as empty boxes, because neither the library's font nor a font of the system has them; empty
    /// when there are none.</summary>
    public static string MissingCharacters(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        SkiaLibrary.ThrowIfMissing();
        return LabelText.Missing(text);
    }

    /// <summary>Draws all objects of a frame: their boxes in the colours of their classes, and labels with name and score, which stand within the
    /// frame and beside each other as far as there is room. Where they would cover the frame, the text is smaller and scores are left out.</summary>
    /// <param name="detections">The objects, in pixels of this frame. The first are drawn last, on top.</param>
    /// <param name="names">Names of the classes; one that has none is called by its number.</param>
    public void Draw(ReadOnlySpan<Detection> detections, ImmutableArray<string> names)
    {
        for (int i = detections.Length - 1; i >= 0; i--)
        {
            ref readonly Detection detection = ref detections[i];
            DrawRectangle(detection.X1, detection.Y1, detection.X2, detection.Y2, ClassColor(detection.ClassId));
        }

        if (!HideLabels)
        {
            DrawLabels(detections, names);
        }
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
        SKRectI box = Outline(x1, y1, x2, y2, thickness);
        Fill(new SKRectI(box.Left, box.Top, box.Right, box.Top + thickness), color);
        Fill(new SKRectI(box.Left, box.Bottom - thickness, box.Right, box.Bottom), color);
        Fill(new SKRectI(box.Left, box.Top, box.Left + thickness, box.Bottom), color);
        Fill(new SKRectI(box.Right - thickness, box.Top, box.Right, box.Bottom), color);
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
        using LabelText line = LayOut(text, Limited(textSize, TextSize, nameof(textSize)));
        int top = Round(y) - line.Height >= 0 ? Round(y) - line.Height : Math.Max(0, Round(y));
        DrawLabel(Round(x), top, line, background);
    }

    private void DrawLabels(ReadOnlySpan<Detection> detections, ImmutableArray<string> names)
    {
        List<LabelText> texts = new(detections.Length);
        try
        {
            List<SKRectI> boxes = new(detections.Length);
            List<Color> colors = new(detections.Length);
            List<(string Name, float Score)> lines = new(detections.Length);
            foreach (ref readonly Detection detection in detections)
            {
                // What is outside the frame has nothing that its label could stand at.
                SKRectI box = Visible(Outline(detection.X1, detection.Y1, detection.X2, detection.Y2, Thickness));
                if (box.Width > 0 && box.Height > 0)
                {
                    boxes.Add(box);
                    colors.Add(ClassColor(detection.ClassId));
                    lines.Add((NameOf(detection.ClassId, names), detection.Score));
                }
            }

            LayOutAll(lines, texts);
            SKSizeI[] sizes = [.. texts.Select(SizeOf)];
            SKRectI[] places = new SKRectI[sizes.Length];
            LabelLayout.Place(CollectionsMarshal.AsSpan(boxes), sizes, new SKSizeI(format.Width, format.Height), places);
            for (int i = places.Length - 1; i >= 0; i--)
            {
                DrawLabel(places[i].Left, places[i].Top, texts[i], colors[i]);
            }
        }
        finally
        {
            texts.ForEach(static text => text.Dispose());
        }
    }

    private void LayOutAll(List<(string Name, float Score)> lines, List<LabelText> texts)
    {
        float covered = LayOutAll(lines, texts, TextSize, HideScores);
        int size = Math.Max(LeastTextSize, (int)MathF.Round(TextSize * Math.Max(LeastScale, MathF.Sqrt(CrowdedPart / covered))));
        if (!isTextSizeSet && size < TextSize && covered > CrowdedPart)
        {
            covered = LayOutAll(lines, texts, size, HideScores);
        }

        if (!isTextSizeSet && !HideScores && covered > FullPart)
        {
            _ = LayOutAll(lines, texts, Math.Min(size, TextSize), hideScores: true);
        }
    }

    /// <summary>Lays all lines out anew and returns how much of the frame they would cover.</summary>
    private float LayOutAll(List<(string Name, float Score)> lines, List<LabelText> texts, int size, bool hideScores)
    {
        texts.ForEach(static text => text.Dispose());
        texts.Clear();
        foreach ((string name, float score) in lines)
        {
            texts.Add(LayOut(hideScores ? name : string.Create(CultureInfo.InvariantCulture, $"{name} {score:F2}"), size));
        }

        return (float)texts.Sum(static text => (long)SizeOf(text).Width * SizeOf(text).Height) / ((long)format.Width * format.Height);
    }

    private static string NameOf(int id, ImmutableArray<string> names) =>
        !names.IsDefault && (uint)id < (uint)names.Length ? names[id] : string.Create(CultureInfo.InvariantCulture, $"class{id}");

    private LabelText LayOut(string text, int textSize) =>
        LabelText.Of(text.Length <= MaxTextLength ? text : text[..MaxTextLength], textSize, format.Width - (2 * Border(textSize)));

    private static SKSizeI SizeOf(LabelText text) => new((int)MathF.Ceiling(text.Width) + (2 * Border(text.Size)), text.Height);

    private static int Border(int textSize) => (textSize + 2) / 4;

    private void DrawLabel(int left, int top, LabelText text, Color background)
    {
        SKSizeI size = SizeOf(text);
        left = Math.Max(0, Math.Min(left, format.Width - size.Width));
        Paint(SKRectI.Create(left, top, size.Width, size.Height), canvas =>
        {
            canvas.Clear(PaintColor(background));
            using SKPaint paint = PaintOf(TextColor(background));
            text.Draw(canvas, left + Border(text.Size), top + text.Ascent, paint);
        });
    }

    /// <summary>Black or white, whichever has more contrast as WCAG 2 defines it: (lighter + 0.05) / (darker + 0.05) of the relative
    /// luminances.</summary>
    internal static Color TextColor(Color background)
    {
        double luminance = (0.2126 * Linear(background.R)) + (0.7152 * Linear(background.G)) + (0.0722 * Linear(background.B));
        return (luminance + 0.05) * (luminance + 0.05) > 1.05 * 0.05 ? Color.Black : Color.White;

        static double Linear(byte level) => level <= 10 ? level / 255.0 / 12.92 : Math.Pow(((level / 255.0) + 0.055) / 1.055, 2.4);
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

    private static SKRectI Outline(float x1, float y1, float x2, float y2, int thickness)
    {
        int left = Round(x1) - (thickness / 2);
        int top = Round(y1) - (thickness / 2);
        int right = left + Math.Max(Round(x2) - Round(x1) + thickness, thickness);
        int bottom = top + Math.Max(Round(y2) - Round(y1) + thickness, thickness);
        return new SKRectI(left, top, right, bottom);
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
