namespace YoloZeroCopy;

/// <summary>Reads what Linux says of itself in small text files. Tests give it a folder of their own.</summary>
internal sealed class SystemFiles(string root)
{
    // None of these files is longer; one that is, is no such file.
    private const int Longest = 65536;

    public static SystemFiles OfThisMachine { get; } = new("/");

    /// <summary>The text of a file without blanks around it; null where it cannot be read.</summary>
    public string? Read(string path)
    {
        try
        {
            using StreamReader reader = new(Path.Combine(root, path.TrimStart('/')));
            char[] text = new char[Longest];
            int length = reader.ReadBlock(text);
            return length == Longest ? null : new string(text, 0, length).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The value behind a word at the beginning of a line; null where there is none.</summary>
    public string? Value(string path, string word) => ValueIn(Read(path), word);

    /// <summary>The text of a file of the process's control group, of version 2; null where there is none.</summary>
    /// <remarks>Inside a container its own group is the root of what is seen.</remarks>
    public string? GroupFile(string name)
    {
        string group = Value("/proc/self/cgroup", "0::") ?? "/";
        return Read($"/sys/fs/cgroup{group.TrimEnd('/')}/{name}") ?? Read($"/sys/fs/cgroup/{name}");
    }

    /// <summary>As <see cref="Value"/>, of a file of the process's control group.</summary>
    public string? GroupValue(string name, string word) => ValueIn(GroupFile(name), word);

    private static string? ValueIn(string? text, string word)
    {
        foreach (string line in (text ?? "").Split('\n'))
        {
            if (line.StartsWith(word, StringComparison.Ordinal))
            {
                return line[word.Length..].Trim();
            }
        }

        return null;
    }
}
