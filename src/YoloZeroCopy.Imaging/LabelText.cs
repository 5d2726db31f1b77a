using System.Globalization;
using System.Text;
using HarfBuzzSharp;
using SkiaSharp;
using Buffer = HarfBuzzSharp.Buffer;

namespace YoloZeroCopy;

/// <summary>One line of text, laid out and ready to be drawn: fonts chosen, scripts shaped, each part in its direction.</summary>
/// <remarks>What the library's font has and no character must be placed for goes to Skia at once; the rest is shaped by HarfBuzz. Any
/// thread.</remarks>
internal sealed class LabelText : IDisposable
{
    // Around the capital letters, in font sizes: above and below the ink there is as much room as beside it.
    private const float Above = 1.055f;
    private const float Below = 0.345f;
    private const float LeastRoom = 0.1f;
    private const string Ellipsis = "\u2026";

    private static readonly Lazy<Exception?> HarfBuzzFailure = new(TryHarfBuzz);

    private readonly List<SKTextBlob> parts = [];
    private readonly List<float> starts = [];
    private float top;
    private float bottom;

    private LabelText(string text, int size)
    {
        Size = size;
        if (IsSimple(text))
        {
            using SKFont font = FontFallback.Own.Of(size);
            Add(SKTextBlob.Create(text, font), font.MeasureText(text));
        }
        else
        {
            AddRuns(text);
        }
    }

    /// <summary>Size of the font in pixels.</summary>
    public int Size { get; }

    /// <summary>Width in pixels.</summary>
    public float Width { get; private set; }

    /// <summary>Whole pixels from the top of a label to its base line.</summary>
    public int Ascent => (int)MathF.Round(Math.Max(Above * Size, top + (LeastRoom * Size)));

    /// <summary>Whole pixels that a label is high.</summary>
    public int Height => Ascent + (int)MathF.Round(Math.Max(Below * Size, bottom + (LeastRoom * Size)));

    /// <summary>Lays a text out; characters that end a line become spaces.</summary>
    /// <param name="text">The text.</param>
    /// <param name="size">Size of the font in pixels.</param>
    /// <param name="widest">Most pixels; a text that is wider is cut and ends in an ellipsis.</param>
    public static LabelText Of(string text, int size, float widest)
    {
        string line = OneLine(text);
        LabelText laid = new(line, size);
        if (laid.Width <= widest)
        {
            return laid;
        }

        // The most characters that fit, each with what is combined with it.
        int[] ends = [0, .. StringInfo.ParseCombiningCharacters(line).Skip(1)];
        int fits = 0;
        int tooMany = ends.Length;
        while (tooMany - fits > 1)
        {
            laid.Dispose();
            int middle = (fits + tooMany) / 2;
            laid = new LabelText(line[..ends[middle]] + Ellipsis, size);
            (fits, tooMany) = laid.Width <= widest ? (middle, tooMany) : (fits, middle);
        }

        laid.Dispose();
        return new LabelText(line[..ends[fits]].TrimEnd() + Ellipsis, size);
    }

    /// <summary>Characters of a text that no font has, each once, in the order in which they come.</summary>
    public static string Missing(string text)
    {
        StringBuilder missing = new();
        foreach (string cluster in Clusters(OneLine(text)))
        {
            if (FontFallback.Find(cluster) is null && !missing.ToString().Contains(cluster, StringComparison.Ordinal))
            {
                missing.Append(cluster);
            }
        }

        return missing.ToString();
    }

    /// <summary>Draws the text; <paramref name="y"/> is its base line.</summary>
    public void Draw(SKCanvas canvas, float x, float y, SKPaint paint)
    {
        for (int i = 0; i < parts.Count; i++)
        {
            canvas.DrawText(parts[i], x + starts[i], y, paint);
        }
    }

    public void Dispose() => parts.ForEach(static part => part.Dispose());

    private static string OneLine(string text)
    {
        StringBuilder line = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            bool isSpace = category is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
            line.Append(isSpace ? " " : rune.ToString());
        }

        return line.ToString();
    }

    private static bool IsSimple(string text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Unicode.IsCombining(rune))
            {
                return false;
            }
        }

        return FontFallback.Own.Has(text);
    }

    private static IEnumerable<string> Clusters(string text)
    {
        for (int start = 0; start < text.Length;)
        {
            int length = StringInfo.GetNextTextElementLength(text, start);
            yield return text.Substring(start, length);
            start += length;
        }
    }

    /// <summary>Cuts the text into runs of one font and one direction, and adds them in the order in which they stand.</summary>
    private void AddRuns(string text)
    {
        if (HarfBuzzFailure.Value is Exception error)
        {
            const string Advice = "Publish it with the application: HarfBuzzSharp.NativeAssets.Linux, .Win32 and .macOS hold it.";
            throw new NativeLibraryException("libHarfBuzzSharp", $"cannot be loaded: {(error.InnerException ?? error).Message} {Advice}", error);
        }

        byte[] levels = new byte[text.Length];
        Unicode.GetLevels(text, levels);
        List<(int Start, int Length, LabelFont Font, byte Level)> runs = [];
        int start = 0;
        foreach (string cluster in Clusters(text))
        {
            LabelFont font = FontFallback.Of(cluster) ?? FontFallback.Own;
            if (runs.Count > 0 && ReferenceEquals(runs[^1].Font, font) && runs[^1].Level == levels[start])
            {
                runs[^1] = runs[^1] with { Length = runs[^1].Length + cluster.Length };
            }
            else
            {
                runs.Add((start, cluster.Length, font, levels[start]));
            }

            start += cluster.Length;
        }

        // From the highest level down, what is at it or above is turned around (UAX #9, L2).
        for (int level = 2; level > 0; level--)
        {
            for (int first = 0; first < runs.Count; first++)
            {
                int count = runs.Skip(first).TakeWhile(run => run.Level >= level).Count();
                runs.Reverse(first, count);
                first += count;
            }
        }

        foreach ((int from, int length, LabelFont font, byte level) in runs)
        {
            AddShaped(text.Substring(from, length), font, isRightToLeft: level % 2 != 0);
        }
    }

    private void AddShaped(string text, LabelFont label, bool isRightToLeft)
    {
        Font shaper = label.Shaper;
        using Buffer buffer = new();
        buffer.AddUtf16(text);
        buffer.GuessSegmentProperties();
        buffer.Direction = isRightToLeft ? Direction.RightToLeft : Direction.LeftToRight;
        shaper.Shape(buffer);
        float scale = (float)Size / LabelFont.ShaperUnits;
        ReadOnlySpan<GlyphInfo> infos = buffer.GetGlyphInfoSpan();
        ReadOnlySpan<GlyphPosition> positions = buffer.GetGlyphPositionSpan();
        ushort[] glyphs = new ushort[infos.Length];
        SKPoint[] points = new SKPoint[infos.Length];
        float x = 0;
        for (int i = 0; i < infos.Length; i++)
        {
            glyphs[i] = (ushort)infos[i].Codepoint;
            points[i] = new SKPoint(x + (positions[i].XOffset * scale), -positions[i].YOffset * scale);
            x += positions[i].XAdvance * scale;
        }

        using SKFont font = label.Of(Size);
        float[] widths = new float[glyphs.Length];
        SKRect[] bounds = new SKRect[glyphs.Length];
        font.GetGlyphWidths(glyphs, widths, bounds);
        for (int i = 0; i < glyphs.Length; i++)
        {
            top = Math.Max(top, -(points[i].Y + bounds[i].Top));
            bottom = Math.Max(bottom, points[i].Y + bounds[i].Bottom);
        }

        using SKTextBlobBuilder builder = new();
        builder.AddPositionedRun(glyphs, font, points);
        Add(builder.Build(), x);
    }

    private void Add(SKTextBlob? part, float width)
    {
        if (part is not null)
        {
            parts.Add(part);
            starts.Add(Width);
        }

        Width += width;
    }

    private static Exception? TryHarfBuzz()
    {
        try
        {
            using Buffer buffer = new();
            return null;
        }
        catch (Exception error) when (
            error is DllNotFoundException or TypeInitializationException or EntryPointNotFoundException or BadImageFormatException)
        {
            return error;
        }
    }
}
