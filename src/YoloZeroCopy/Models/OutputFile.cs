using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A file that is being written, under another name beside it until it is complete: its own name never stands for half of it.</summary>
/// <remarks>
/// One thread at a time. Whoever writes <see cref="Stream"/> ends with <see cref="Complete"/>; without it, <see cref="Dispose"/> removes what was
/// written, and a file that was there before is as it was. A symbolic link stays one: what it leads to is replaced. What is no file, as a device or a
/// pipe, is written as it is.
/// </remarks>
internal sealed class OutputFile : IDisposable
{
    private readonly string target;
    private readonly string? partial;

    private OutputFile(string target, string? partial, FileStream stream)
    {
        this.target = target;
        this.partial = partial;
        Stream = stream;
    }

    /// <summary>Takes what the file is to hold. It has no buffer.</summary>
    public FileStream Stream { get; }

    /// <summary>Begins a file.</summary>
    /// <exception cref="IOException">It cannot be written: its folder is missing, it is a folder itself, there is no room.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static OutputFile Create(string path)
    {
        string full = Path.GetFullPath(path);
        if (!IsReplaceable(full))
        {
            return new OutputFile(full, partial: null, Open(full, FileMode.Open));
        }

        full = FileIdentity.Follow(full);
        if (Directory.Exists(full))
        {
            throw new IOException($"'{full}' is a folder; a file is wanted.");
        }

        if (File.Exists(full))
        {
            // To put another file in its place, a right to the folder is enough; but a file that may not be written is not to be replaced, either.
            Open(full, FileMode.Open).Dispose();
        }

        string partial = $"{full}.{Guid.NewGuid():N}.partial";
        return new OutputFile(full, partial, Open(partial, FileMode.CreateNew));
    }

    /// <summary>Fails as <see cref="Create"/> would: before the minutes that the content takes.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void ThrowIfNotWritable(string path)
    {
        // To open a pipe would wait for its reader.
        if (IsReplaceable(Path.GetFullPath(path)))
        {
            Create(path).Dispose();
        }
    }

    /// <summary>Puts the file in its place.</summary>
    /// <param name="toDisk">Whether to wait for the disk first; without it, a machine that stops in between may leave an empty file. For many small
    /// files that are quickly made again.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public void Complete(bool toDisk = true)
    {
        if (partial is null)
        {
            Stream.Dispose();
            return;
        }

        // On the disk before the name is: a machine that stops in between leaves the old file.
        Stream.Flush(flushToDisk: toDisk);
        Stream.Dispose();
        if (!OperatingSystem.IsWindows() && File.Exists(target))
        {
            File.SetUnixFileMode(partial, File.GetUnixFileMode(target));
        }

        File.Move(partial, target, overwrite: true);
    }

    /// <summary>Removes what is not complete.</summary>
    public void Dispose()
    {
        Stream.Dispose();
        if (partial is null)
        {
            return;
        }

        try
        {
            // After Complete there is nothing of that name.
            File.Delete(partial);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // An earlier error is the one to report, and without one there is nothing to remove.
        }
    }

    private static bool IsReplaceable(string full) => !FileStatus.TryRead(full, out FileStatus status) || status.IsRegular || Directory.Exists(full);

    private static FileStream Open(string path, FileMode mode) => new(path, mode, FileAccess.Write, FileShare.Read, bufferSize: 0);
}
