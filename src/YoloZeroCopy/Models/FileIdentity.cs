using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Which file a path leads to: equal for two paths of one file, whether they differ by spelling, symbolic links, linked folders or hard
/// links.</summary>
/// <remarks>
/// A file that is not there yet is told by its folder and its name. Where the system gives files no numbers, the path decides, with the links in it
/// followed: two hard links are two files then.
/// </remarks>
/// <param name="Device">The system's number of the disk.</param>
/// <param name="Number">The file's number on it.</param>
/// <param name="Missing">What of the path is not there; null for a file that is.</param>
internal readonly record struct FileIdentity(ulong Device, UInt128 Number, string? Missing)
{
    /// <summary>Looks a path up, now.</summary>
    public static FileIdentity Of(string path)
    {
        string full = Path.GetFullPath(path);
        if (FileStatus.TryRead(full, out FileStatus status))
        {
            return new FileIdentity(status.Device, status.Number, Missing: null);
        }

        full = Follow(full);
        string? folder = Path.GetDirectoryName(full);
        string name = Path.GetFileName(full);
        FileIdentity parent = folder is null ? new FileIdentity(0, 0, full) : Of(folder);
        return parent with { Missing = $"{parent.Missing}/{(OperatingSystem.IsWindows() ? name.ToUpperInvariant() : name)}" };
    }

    /// <summary>The file behind a symbolic link, also one that is not there; any other path as it is.</summary>
    public static string Follow(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A circle of links, for one. Whoever opens it says so.
            return path;
        }
    }
}
