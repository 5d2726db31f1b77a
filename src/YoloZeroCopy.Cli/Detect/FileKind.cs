using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Cli;

/// <summary>Tells what a file is: by its name, and where that says nothing by its first bytes.</summary>
internal static class FileKind
{
    /// <summary>The pictures that are read, for messages.</summary>
    public const string Pictures = "JPEG, PNG, WebP, BMP, GIF";

    private const int HeadBytes = 12;

    private static readonly string[] PictureExtensions = [".jpg", ".jpeg", ".png", ".webp", ".bmp"];
    private static readonly string[] VideoExtensions =
    [
        ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".wmv", ".asf", ".flv", ".3gp", ".h264", ".264", ".h265",
            ".hevc",
    ];

    // Pictures that nothing here decodes. They are named so that nobody misses them.
    private static readonly Dictionary<string, string> UnreadPictures = new(StringComparer.OrdinalIgnoreCase)
    {
        [".tif"] = "TIFF",
        [".tiff"] = "TIFF",
        [".heic"] = "HEIC",
        [".heif"] = "HEIF",
        [".avif"] = "AVIF",
        [".jp2"] = "JPEG 2000",
        [".jxl"] = "JPEG XL",
        [".dng"] = "DNG",
    };

    /// <summary>The endings of videos, for messages.</summary>
    public static string Videos => string.Join(' ', VideoExtensions);

    /// <summary>What a file is; null for what is neither a picture nor a video.</summary>
    /// <exception cref="MediaException">It is a picture of a kind that is not read.</exception>
    /// <remarks>
    /// A file that is named a picture but is none is left to the picture reader, which says what is wrong. What is named like neither must begin like
    /// a picture: ffmpeg would make a video of almost anything, of a text file, too.
    /// </remarks>
    public static InputKind? Of(string path)
    {
        string extension = Path.GetExtension(path);
        if (IsPictureName(path))
        {
            return InputKind.Picture;
        }

        if (VideoExtensions.Contains(extension, StringComparer.OrdinalIgnoreCase))
        {
            return InputKind.Video;
        }

        if (extension.Equals(".gif", StringComparison.OrdinalIgnoreCase))
        {
            return GifFrames.AreSeveral(path) ? InputKind.Video : InputKind.Picture;
        }

        return UnreadPictures.TryGetValue(extension, out string? name) ? throw Unread(path, name) : OfContent(path);
    }

    /// <summary>Whether a name is that of a picture that is read.</summary>
    public static bool IsPictureName(string name) => PictureExtensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    private static InputKind? OfContent(string path)
    {
        Span<byte> start = stackalloc byte[HeadBytes];

        // To open a pipe would wait for whoever writes to it.
        if (FileStatus.TryRead(path, out FileStatus status) && !status.IsRegular)
        {
            return null;
        }

        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        ReadOnlySpan<byte> jpeg = [0xFF, 0xD8, 0xFF];
        ReadOnlySpan<byte> png = [0x89, (byte)'P', (byte)'N', (byte)'G'];
        if (start.StartsWith("II*\0"u8) || start.StartsWith("MM\0*"u8))
        {
            throw Unread(path, "TIFF");
        }

        return start.StartsWith(jpeg) || start.StartsWith(png) || (start.StartsWith("RIFF"u8) && start.EndsWith("WEBP"u8)) ? InputKind.Picture : null;
    }

    private static MediaException Unread(string path, string name) => new(path, $"{name} pictures are not read; {Pictures} are.");
}
