namespace YoloZeroCopy.Cli;

/// <summary>The files behind the paths of <c>--input</c>, in the order they are read: paths as given, files of a folder by ordinal name.</summary>
internal static class InputList
{
    private static readonly string[] PictureExtensions = [".jpg", ".jpeg", ".png", ".webp", ".bmp"];
    private static readonly string[] VideoExtensions =
    [
        ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".wmv", ".flv", ".3gp", ".h264", ".264", ".h265", ".hevc",
            ".gif",
    ];

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
                if (KindOf(path) is InputKind kind)
                {
                    files.Add((path, Path.GetFileName(path), kind));
                }
                else
                {
                    failed($"'{path}' is neither a picture (JPEG, PNG, WebP, BMP) nor named like a video ({string.Join(' ', VideoExtensions)}).");
                }
            }
            else
            {
                failed($"input '{path}' does not exist.");
            }
        }

        IEnumerable<IGrouping<string, (string, string, InputKind)>> names = files.GroupBy(static file => file.Name, StringComparer.Ordinal);
        HashSet<string> shared = [.. names.Where(static group => group.Count() > 1).Select(static group => group.Key)];
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
            failed($"folder '{folder}' holds no pictures (JPEG, PNG, WebP, BMP) and no videos.");
            return;
        }

        Array.Sort(names, StringComparer.Ordinal);
        foreach (string name in names)
        {
            files.Add((Path.Combine(folder, name), name, HasExtension(name, VideoExtensions) ? InputKind.Video : InputKind.Picture));
        }
    }

    private static bool IsMedia(string name) => HasExtension(name, PictureExtensions) || HasExtension(name, VideoExtensions);

    private static bool HasExtension(string name, string[] extensions) =>
        extensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    // A file that is named a picture but is none is left to the picture reader, which says what is wrong. What is named like neither must begin like
    // a picture: ffmpeg would make a video of almost anything, of a text file, too.
    private static InputKind? KindOf(string path) =>
        HasExtension(path, PictureExtensions) ? InputKind.Picture
        : HasExtension(path, VideoExtensions) ? InputKind.Video
        : BeginsLikePicture(path) ? InputKind.Picture
        : null;

    private static bool BeginsLikePicture(string path)
    {
        Span<byte> start = stackalloc byte[12];
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        ReadOnlySpan<byte> jpeg = [0xFF, 0xD8, 0xFF];
        ReadOnlySpan<byte> png = [0x89, (byte)'P', (byte)'N', (byte)'G'];
        return start.StartsWith(jpeg) || start.StartsWith(png) || (start.StartsWith("RIFF"u8) && start.EndsWith("WEBP"u8));
    }
}
