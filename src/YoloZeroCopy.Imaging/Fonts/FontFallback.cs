using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>Chooses the font of a character: Roboto, which the library brings, else one of the system's.</summary>
/// <remarks>Any thread.</remarks>
internal static class FontFallback
{
    // More characters than any set of class names has; beyond it a search is repeated instead of remembered.
    private const int MaxMissing = 4096;

    // Fonts of the system that were needed. A set of names has one or two scripts, so that the list stays short.
    private static readonly ConcurrentQueue<LabelFont> Others = new();
    private static readonly ConcurrentDictionary<string, bool> Missing = new(StringComparer.Ordinal);
    private static int told;

    /// <summary>Roboto.</summary>
    public static LabelFont Own { get; } = Load();

    /// <summary>The font of one character with what is combined with it; null when there is none, and the first time that is told.</summary>
    public static LabelFont? Of(string cluster)
    {
        LabelFont? found = Find(cluster);
        if (found is null && Interlocked.Exchange(ref told, 1) == 0)
        {
            Trace.TraceWarning($"YoloZeroCopy: no font has '{cluster}'; labels show an empty box for what fonts lack. {Advice}");
        }

        return found;
    }

    /// <summary>The same, and nothing is told.</summary>
    public static LabelFont? Find(string cluster)
    {
        if (Own.Has(cluster))
        {
            return Own;
        }

        foreach (LabelFont other in Others)
        {
            if (other.Has(cluster))
            {
                return other;
            }
        }

        if (Missing.ContainsKey(cluster))
        {
            return null;
        }

        if (Search(cluster) is SKTypeface typeface)
        {
            LabelFont found = new(typeface);
            Others.Enqueue(found);
            return found;
        }

        if (Missing.Count < MaxMissing)
        {
            Missing.TryAdd(cluster, true);
        }

        return null;
    }

    /// <summary>What helps against empty boxes.</summary>
    public static string Advice => OperatingSystem.IsLinux()
        ? "Install a font that has it, for example Noto, or put its file into ~/.local/share/fonts."
        : "Install a font that has it, for example Noto.";

    private static SKTypeface? Search(string cluster)
    {
        Rune first = Rune.GetRuneAt(cluster, 0);
        SKTypeface? found = SKFontManager.Default.MatchCharacter(first.Value);
        if (found is not null && LabelFont.Has(found, cluster))
        {
            return found;
        }

        found?.Dispose();
        return OperatingSystem.IsLinux() ? SystemFontFiles.Find(cluster) : null;
    }

    private static LabelFont Load()
    {
        using Stream resource = typeof(FontFallback).Assembly.GetManifestResourceStream("Roboto-Medium.ttf")
            ?? throw new InvalidOperationException("The library's font is not in its assembly.");
        SKTypeface typeface = SKTypeface.FromStream(resource) ?? throw new InvalidOperationException("Skia cannot read the library's font.");
        return new LabelFont(typeface);
    }
}
