using System.Buffers;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>What the files are called that are written for an input.</summary>
internal static class OutputNames
{
    // What some system refuses in a name; also on the others, so that a folder of results can be copied there.
    private static readonly SearchValues<char> Refused =
        SearchValues.Create([.. Enumerable.Range(0, 32).Select(static code => (char)code), .. "\"*/:<>?\\|"]);

    /// <summary>
    /// Gives every input a stem of its own: its name, with <c>-2</c>, <c>-3</c> where two share it. The frames of a video are called by numbers
    /// behind it, and none of them like a picture.
    /// </summary>
    public static List<InputItem> Plan(IEnumerable<InputItem> items)
    {
        List<InputItem> planned = [.. items];
        HashSet<string> taken = new(StringComparer.OrdinalIgnoreCase);
        HashSet<string> numbered = new(StringComparer.OrdinalIgnoreCase);
        foreach (InputKind kind in (ReadOnlySpan<InputKind>)[InputKind.Picture, InputKind.Video])
        {
            for (int index = 0; index < planned.Count; index++)
            {
                if (planned[index].Kind != kind)
                {
                    continue;
                }

                string name = StemOf(planned[index]);
                string stem = name;
                for (int number = 2; (kind == InputKind.Video && numbered.Contains(stem)) || !taken.Add(stem); number++)
                {
                    stem = string.Create(CultureInfo.InvariantCulture, $"{name}-{number}");
                }

                planned[index] = planned[index] with { Stem = stem };
                if (kind == InputKind.Picture && VideoOfFrame(stem) is string video)
                {
                    numbered.Add(video);
                }
            }
        }

        return planned;
    }

    /// <summary>What the files of one frame are called: of a picture its stem, of a video <c>clip_1</c> for the first.</summary>
    public static string OfFrame(FrameWork work) =>
        work.Item.Kind == InputKind.Picture ? work.Item.Stem : string.Create(CultureInfo.InvariantCulture, $"{work.Item.Stem}_{work.Frame + 1}");

    /// <summary>A name that may stand for one file or folder on any system, whatever text it is made of.</summary>
    public static string Safe(string text)
    {
        string name = string.Create(text.Length, text, static (letters, source) =>
        {
            for (int at = 0; at < letters.Length; at++)
            {
                letters[at] = Refused.Contains(source[at]) ? '_' : source[at];
            }
        });
        return name.AsSpan().Trim(". ").IsEmpty ? "_" : name;
    }

    // The video that would have a frame of this name.
    private static string? VideoOfFrame(string stem)
    {
        int mark = stem.LastIndexOf('_');
        ReadOnlySpan<char> number = stem.AsSpan(mark + 1);
        return mark >= 0 && number.Length > 0 && !number.ContainsAnyExceptInRange('0', '9') ? stem[..mark] : null;
    }

    private static string StemOf(InputItem item)
    {
        if (item.Origin == InputOrigin.StandardInput)
        {
            return "stdin";
        }

        // What results call it has no password in it.
        if (item.Origin != InputOrigin.Url || !Uri.TryCreate(item.Source, UriKind.Absolute, out Uri? address))
        {
            return Safe(Path.GetFileNameWithoutExtension(item.Origin == InputOrigin.Url ? item.Source : item.Path));
        }

        string last = Path.GetFileNameWithoutExtension(address.AbsolutePath.TrimEnd('/'));
        return Safe(last.Length == 0 ? address.Host : last);
    }
}
