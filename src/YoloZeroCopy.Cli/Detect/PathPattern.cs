namespace YoloZeroCopy.Cli;

/// <summary>
/// Finds files by a pattern, for shells that do not and for more files than a command line holds: <c>*</c> and <c>?</c> within a name, <c>[a-z]</c>
/// and <c>[!a-z]</c> for one letter, <c>**</c> for any number of folders.
/// </summary>
/// <remarks>As in a shell, what begins with a dot is found only by a pattern that does, and <c>**</c> follows no linked folders.</remarks>
internal sealed class PathPattern
{
    private const string AnyFolders = "**";

    private static readonly char[] Separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];

    private readonly string[] parts;
    private readonly Action<string> failed;
    private readonly SortedSet<string> found = new(StringComparer.Ordinal);

    private PathPattern(string[] parts, Action<string> failed)
    {
        this.parts = parts;
        this.failed = failed;
    }

    public static bool IsPattern(string path) => path.AsSpan().ContainsAny("*?[");

    /// <summary>The files, by ordinal path. A folder that cannot be read is told to <paramref name="failed"/>.</summary>
    public static IReadOnlyCollection<string> Find(string pattern, Action<string> failed)
    {
        string root = Path.GetPathRoot(pattern) ?? string.Empty;
        string[] parts = pattern[root.Length..].Split(Separators, StringSplitOptions.RemoveEmptyEntries);
        PathPattern search = new(parts, failed);
        search.Find(root, 0);
        return search.found;
    }

    /// <summary>Whether a name without folders is one of a pattern.</summary>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        while (pattern.Length > 0)
        {
            if (pattern[0] == '*')
            {
                for (int skip = 0; skip <= name.Length; skip++)
                {
                    if (Matches(pattern[1..], name[skip..]))
                    {
                        return true;
                    }
                }

                return false;
            }

            // A set has one letter or more, so that a bracket right behind the first one is such a letter.
            int least = pattern.StartsWith("[!") ? 3 : 2;
            int close = pattern[0] == '[' && pattern.Length > least ? pattern[least..].IndexOf(']') + least : 0;
            bool isSet = close >= least;
            if (name.IsEmpty || !(isSet ? IsIn(pattern[1..close], name[0]) : pattern[0] == '?' || IsSame(pattern[0], name[0])))
            {
                return false;
            }

            pattern = pattern[(isSet ? close + 1 : 1)..];
            name = name[1..];
        }

        return name.IsEmpty;
    }

    private static bool IsIn(ReadOnlySpan<char> set, char letter)
    {
        bool isNot = set.Length > 1 && set[0] == '!';
        set = isNot ? set[1..] : set;
        for (int at = 0; at < set.Length; at++)
        {
            bool isRange = at + 2 < set.Length && set[at + 1] == '-';
            if (isRange ? letter >= set[at] && letter <= set[at + 2] : IsSame(letter, set[at]))
            {
                return !isNot;
            }

            at += isRange ? 2 : 0;
        }

        return isNot;
    }

    private static bool IsSame(char one, char other) =>
        one == other || (OperatingSystem.IsWindows() && char.ToUpperInvariant(one) == char.ToUpperInvariant(other));

    private void Find(string folder, int part)
    {
        string name = parts[part];
        bool isLast = part == parts.Length - 1;
        if (name == AnyFolders)
        {
            // No folder between, or one, and then the same again.
            if (isLast)
            {
                found.UnionWith(Entries(folder, files: true, "*"));
            }
            else
            {
                Find(folder, part + 1);
            }

            foreach (string inner in Entries(folder, files: false, "*").Where(static inner => new DirectoryInfo(inner).LinkTarget is null))
            {
                Find(inner, part);
            }
        }
        else if (IsPattern(name))
        {
            foreach (string entry in Entries(folder, isLast, name))
            {
                Take(entry, part);
            }
        }
        else
        {
            Take(Path.Join(folder, name), part);
        }
    }

    private void Take(string path, int part)
    {
        if (part < parts.Length - 1)
        {
            if (Directory.Exists(path))
            {
                Find(path, part + 1);
            }
        }
        else if (File.Exists(path))
        {
            found.Add(path);
        }
    }

    private IEnumerable<string> Entries(string folder, bool files, string pattern)
    {
        string real = folder.Length == 0 ? "." : folder;
        if (!Directory.Exists(real))
        {
            return [];
        }

        try
        {
            IEnumerable<string> entries = files ? Directory.GetFiles(real) : Directory.GetDirectories(real);
            return entries
                .Select(static entry => Path.GetFileName(entry))
                .Where(name => (name[0] != '.' || pattern[0] == '.') && Matches(pattern, name))
                .Select(name => Path.Join(folder, name));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            failed($"folder '{folder}' cannot be read: {error.Message}");
            return [];
        }
    }
}
