using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>The system's fonts on Linux, where Skia's build without libfontconfig knows none: the font files of the usual folders.</summary>
/// <remarks>Any thread. Files are listed once, at the first character that needs them, and opened one by one until one has it.</remarks>
internal static class SystemFontFiles
{
    private const int MaxDepth = 8;

    // Families made for screens and for many scripts come first, and what is hard to read small comes last.
    private static readonly string[] Preferred = ["Noto", "DejaVu", "Liberation", "Droid", "FreeSans", "WenQuanYi", "Arimo"];
    private static readonly string[] Unwanted = ["Italic", "Oblique", "Mono", "Thin", "Light", "Black", "Condensed", "Serif", "Kufi", "Nastaliq"];

    private static readonly Lazy<string[]> Files = new(static () => List(Folders()));

    /// <summary>Opens the first font that has all the characters; null where there is none.</summary>
    public static SKTypeface? Find(ReadOnlySpan<char> text) => Find(Files.Value, text);

    /// <summary>The same among some files.</summary>
    public static SKTypeface? Find(IEnumerable<string> files, ReadOnlySpan<char> text)
    {
        foreach (string file in files)
        {
            // A file that is damaged or gone gives none.
            SKTypeface? typeface = SKTypeface.FromFile(file);
            if (typeface is not null && LabelFont.Has(typeface, text))
            {
                return typeface;
            }

            typeface?.Dispose();
        }

        return null;
    }

    /// <summary>The font files of some folders and of those within, the best for labels first.</summary>
    public static string[] List(IEnumerable<string> folders)
    {
        EnumerationOptions options = new() { RecurseSubdirectories = true, MaxRecursionDepth = MaxDepth, IgnoreInaccessible = true };
        List<string> files = [];
        foreach (string folder in folders.Where(Directory.Exists))
        {
            try
            {
                files.AddRange(Directory.EnumerateFiles(folder, "*", options).Where(IsFont));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // A folder that changes while it is read gives what it gave until then; an empty box is not worth an exception.
            }
        }

        return [.. files.Distinct().OrderBy(Rank).ThenBy(static file => file, StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Folders()
    {
        // Both are empty for a user without a home.
        string own = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        if (own.Length > 0)
        {
            yield return Path.Combine(own, "fonts");
        }

        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (home.Length > 0)
        {
            yield return Path.Combine(home, ".fonts");
        }

        yield return "/usr/local/share/fonts";
        yield return "/usr/share/fonts";
    }

    private static bool IsFont(string file) =>
        Path.GetExtension(file.AsSpan()) is ".ttf" or ".otf" or ".ttc" or ".TTF" or ".OTF" or ".TTC";

    private static int Rank(string file)
    {
        string name = Path.GetFileNameWithoutExtension(file);
        int family = Array.FindIndex(Preferred, word => name.StartsWith(word, StringComparison.OrdinalIgnoreCase));
        int rank = family < 0 ? Preferred.Length : family;
        rank += 100 * Unwanted.Count(word => name.Contains(word, StringComparison.OrdinalIgnoreCase));
        bool isPlain = name.EndsWith("Regular", StringComparison.OrdinalIgnoreCase) || name.EndsWith("Medium", StringComparison.OrdinalIgnoreCase)
            || !name.Contains('-', StringComparison.Ordinal);
        return rank + (isPlain ? 0 : 20);
    }
}
