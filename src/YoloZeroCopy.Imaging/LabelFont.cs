using System.Text;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>The font of labels: Roboto, which the library brings, and for characters that it lacks one of the system's, where Skia finds
/// one.</summary>
/// <remarks>Any thread. Text is set character by character from left to right; scripts that need shaping look as their single letters.</remarks>
internal static class LabelFont
{
    private static readonly SKTypeface Own = Load();

    // The system's font that was used last: the next character that Roboto lacks is most often of the same script.
    private static volatile SKTypeface? other;

    /// <summary>Height of a capital letter of a font of one pixel.</summary>
    public static float CapHeight { get; } = MeasureCapital();

    /// <summary>Width in pixels of a line of text.</summary>
    public static float Measure(string text, float size)
    {
        float width = 0;
        Walk(text, size, (part, font) => width += font.MeasureText(part));
        return width;
    }

    /// <summary>Draws a line of text; <paramref name="y"/> is its base line.</summary>
    public static void Draw(SKCanvas canvas, string text, float x, float y, float size, SKPaint paint) => Walk(text, size, (part, font) =>
    {
        canvas.DrawText(part, x, y, SKTextAlign.Left, font, paint);
        x += font.MeasureText(part);
    });

    /// <summary>Cuts the text into parts of one font each.</summary>
    private static void Walk(string text, float size, Action<string, SKFont> take)
    {
        using (SKFont own = Make(Own, size))
        {
            if (own.ContainsGlyphs(text))
            {
                take(text, own);
                return;
            }
        }

        int start = 0;
        SKTypeface? current = null;
        int position = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            SKTypeface wanted = FontOf(rune.Value);
            if (current is not null && !ReferenceEquals(wanted, current))
            {
                using SKFont font = Make(current, size);
                take(text[start..position], font);
                start = position;
            }

            current = wanted;
            position += rune.Utf16SequenceLength;
        }

        if (current is not null)
        {
            using SKFont font = Make(current, size);
            take(text[start..], font);
        }
    }

    private static SKTypeface FontOf(int character)
    {
        if (Has(Own, character))
        {
            return Own;
        }

        if (other is SKTypeface last && Has(last, character))
        {
            return last;
        }

        SKTypeface? found = SKFontManager.Default.MatchCharacter(character);
        if (found is null || !Has(found, character))
        {
            // An empty box stands for what no font has.
            found?.Dispose();
            return Own;
        }

        other = found;
        return found;
    }

    private static bool Has(SKTypeface typeface, int character)
    {
        using SKFont font = new(typeface, 1);
        return font.ContainsGlyph(character);
    }

    private static SKFont Make(SKTypeface typeface, float size) => new(typeface, size)
    {
        Edging = SKFontEdging.Antialias,
        Hinting = SKFontHinting.None,
        Subpixel = true,
    };

    private static SKTypeface Load()
    {
        using Stream resource = typeof(LabelFont).Assembly.GetManifestResourceStream("Roboto-Medium.ttf")
            ?? throw new InvalidOperationException("The library's font is not in its assembly.");
        return SKTypeface.FromStream(resource) ?? throw new InvalidOperationException("Skia cannot read the library's font.");
    }

    private static float MeasureCapital()
    {
        using SKFont font = Make(Own, 1000);
        return font.Metrics.CapHeight / 1000;
    }
}
