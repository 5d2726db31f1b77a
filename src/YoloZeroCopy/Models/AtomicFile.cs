namespace YoloZeroCopy;

/// <summary>Writes a file so that its name never stands for half of it: beside it first, then renamed over it.</summary>
internal static unsafe class AtomicFile
{
    private const int BlockBytes = 1 << 24;

    /// <summary>Fails as <see cref="Write"/> would where no file can be made or replaced: before the minutes that its content takes.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void ThrowIfNotWritable(string path)
    {
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full))
        {
            throw new IOException($"'{full}' is a folder; a file is wanted.");
        }

        Create(Temporary(full), FileOptions.DeleteOnClose).Dispose();
    }

    /// <summary>Writes a head and a block of native memory.</summary>
    /// <exception cref="IOException">It cannot be written; nothing remains of the attempt.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void Write(string path, ReadOnlySpan<byte> head, byte* data, long length)
    {
        string full = Path.GetFullPath(path);
        string temporary = Temporary(full);
        try
        {
            using (FileStream file = Create(temporary, FileOptions.None))
            {
                file.Write(head);
                for (long done = 0; done < length; done += BlockBytes)
                {
                    file.Write(new ReadOnlySpan<byte>(data + done, (int)Math.Min(BlockBytes, length - done)));
                }

                // On the disk before the name is: a machine that stops in between leaves the old file.
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    private static string Temporary(string full) => $"{full}.{Environment.ProcessId}-{Guid.NewGuid():N}.tmp";

    private static FileStream Create(string path, FileOptions options) => new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, options);

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
