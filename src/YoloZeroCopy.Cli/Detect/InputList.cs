namespace YoloZeroCopy.Cli;

/// <summary>The files behind the paths of <c>--input</c>, in the order they are read: paths as given, files of a folder by ordinal name.</summary>
internal static class InputList
{
    private static readonly string[] PictureExtensions = [".jpg", ".jpeg", ".png"];
    private static readonly string[] VideoExtensions =
        [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".wmv", ".flv", ".3gp", ".h264", ".264", ".h265", ".hevc", ".gif"];

    /// <summary>Finds the files. A path that leads to none is told to <paramref name="failed"/>, and the others go on.</summary>
    public static List<InputItem> Expand(IEnumerable<string> paths, Action<string> failed)
    {
        List<(string Path, string Name, InputKind Kind)> files = [];
        foreach (string path in paths)
        {
            if (Directory.Exists(path))
            {
                AddFolder(path, files, failed);
            }
            else if (File.Exists(path))
            {
                files.Add((path, Path.GetFileName(path), KindOf(path)));
            }
            else
            {
                failed($"input '{path}' does not exist.");
            }
        }

        HashSet<string> shared = [.. files.GroupBy(static file => file.Name, StringComparer.Ordinal).Where(static group => group.Count() > 1).Select(static group => group.Key)];
        return [.. files.Select(file => new InputItem(file.Path, shared.Contains(file.Name) ? file.Path : file.Name, file.Kind))];
    }

    private static void AddFolder(string folder, List<(string Path, string Name, InputKind Kind)> files, Action<string> failed)
    {
        string[] names;
        try
        {
            names = [.. Directory.EnumerateFiles(folder).Select(static file => Path.GetFileName(file)).Where(IsMedia)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            failed($"folder '{folder}' cannot be read: {error.Message}");
            return;
        }

        if (names.Length == 0)
        {
            failed($"folder '{folder}' holds no pictures (JPEG, PNG) and no videos.");
            return;
        }

        Array.Sort(names, StringComparer.Ordinal);
        foreach (string name in names)
        {
            string path = Path.Combine(folder, name);
            files.Add((path, name, KindOf(path)));
        }
    }

    private static bool IsMedia(string name) => HasExtension(name, PictureExtensions) || HasExtension(name, VideoExtensions);

    private static bool HasExtension(string name, string[] extensions) => extensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    // The first bytes decide, so that a picture with another name is read as one; a file that only claims to be a picture is left to the picture reader, which says what is wrong.
    private static InputKind KindOf(string path)
    {
        if (HasExtension(path, PictureExtensions))
        {
            return InputKind.Picture;
        }

        Span<byte> start = stackalloc byte[4];
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            start = [];
        }

        return start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) || start.SequenceEqual((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G'])
            ? InputKind.Picture
            : InputKind.Video;
    }
}
