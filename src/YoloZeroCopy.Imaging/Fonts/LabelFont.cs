using System.Text;
using HarfBuzzSharp;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>A font as Skia draws it and as HarfBuzz shapes text with it.</summary>
/// <remarks>Any thread. Lives as long as the process: there is one for each script that labels have needed.</remarks>
internal sealed class LabelFont
{
    /// <summary>HarfBuzz's whole-numbered units in a font's size.</summary>
    public const int ShaperUnits = 1 << 16;

    private readonly SKTypeface typeface;
    private readonly Lazy<Font> shaper;

    public LabelFont(SKTypeface typeface)
    {
        this.typeface = typeface;
        shaper = new Lazy<Font>(OpenShaper);
    }

    /// <summary>HarfBuzz's side.</summary>
    public Font Shaper => shaper.Value;

    /// <summary>Skia's side, in a size; the caller disposes it.</summary>
    public SKFont Of(float size) => new(typeface, size)
    {
        Edging = SKFontEdging.Antialias,
        Hinting = SKFontHinting.None,
        Subpixel = true,
    };

    /// <summary>Whether it has every character of a text that shows.</summary>
    public bool Has(ReadOnlySpan<char> text) => Has(typeface, text);

    /// <summary>Whether a font has every character of a text that shows.</summary>
    public static bool Has(SKTypeface typeface, ReadOnlySpan<char> text)
    {
        using SKFont font = new(typeface, 1);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (!Unicode.IsInvisible(rune) && !font.ContainsGlyph(rune.Value))
            {
                return false;
            }
        }

        return true;
    }

    private Font OpenShaper()
    {
        using SKStreamAsset stream = typeface.OpenStream(out int index)
            ?? throw new InvalidOperationException($"Skia does not give the data of the font '{typeface.FamilyName}'.");
        SKData data = SKData.Create(stream);
        using Blob blob = new(data.Data, checked((int)data.Size), MemoryMode.ReadOnly, data.Dispose);
        using Face face = new(blob, index);
        Font font = new(face);
        font.SetFunctionsOpenType();
        font.SetScale(ShaperUnits, ShaperUnits);
        return font;
    }
}
