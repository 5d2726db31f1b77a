using System.Globalization;
using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>A folder of pictures and clips, <c>yyyy-MM-dd/CAMERA/ID.jpg</c> and <c>.mp4</c>, with a quota: the oldest files go first.</summary>
/// <remarks>What does not have such a name is neither counted nor touched. Any thread; a lock is held while files are looked at and
/// deleted.</remarks>
internal sealed class MediaFolder(string folder, long quota)
{
    private const string Picture = ".jpg";
    private const string Clip = ".mp4";
    // Left by a program that was killed while it wrote.
    private const string Unfinished = ".partial";

    private readonly Lock gate = new();
    // Files of the oldest day, the oldest first, as they were when they were listed.
    private readonly Queue<(string Path, long Length)> oldest = [];
    private readonly string root = Path.GetFullPath(folder);
    private bool isOpen;
    private long total;

    /// <summary>Bytes of all files.</summary>
    public long Total
    {
        get
        {
            lock (gate)
            {
                return total;
            }
        }
    }

    /// <summary>Makes the folder where there is none, counts what is in it and removes what was not finished.</summary>
    /// <exception cref="IOException">It cannot be made or read.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public void Open()
    {
        lock (gate)
        {
            if (isOpen)
            {
                return;
            }

            _ = Directory.CreateDirectory(root);
            total = 0;
            foreach (FileInfo file in Days().SelectMany(Files))
            {
                if (file.Extension == Unfinished)
                {
                    file.Delete();
                }
                else
                {
                    total += Length(file);
                }
            }

            isOpen = true;
            Trim();
        }
    }

    /// <summary>Writes a file. It appears under its name only when it is on the disk as a whole.</summary>
    /// <param name="name">Its name below the folder.</param>
    /// <param name="content">What is written.</param>
    /// <exception cref="IOException">It cannot be written; nothing is left of it.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public void Write(string name, ReadOnlySpan<byte> content)
    {
        string path = Prepare(name);
        string partial = path + Unfinished;
        try
        {
            using (FileStream file = new(partial, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(partial, path, overwrite: true);
        }
        catch
        {
            Remove(partial);
            throw;
        }

        Add(name);
    }

    /// <summary>Makes the folder of a file that somebody else writes, and then tells with <see cref="Add"/>.</summary>
    /// <returns>Where to write it.</returns>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public string Prepare(string name)
    {
        string path = Path.Combine(root, name);
        _ = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    /// <summary>Counts a file that was written, and makes room for it.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public void Add(string name)
    {
        lock (gate)
        {
            if (isOpen)
            {
                total += Length(new FileInfo(Path.Combine(root, name)));
                Trim();
                return;
            }
        }

        // It could not be read when the program started; now the new file is counted with the others.
        Open();
    }

    /// <summary>The path of a file of this folder; null where there is none of this name, or the name is none of this folder's.</summary>
    public string? Find(string name)
    {
        string[] parts = name.Split('/');
        if (parts.Length != 3 || !IsDay(parts[0]) || !Names.IsValid(parts[1]) || !IsFile(parts[2]))
        {
            return null;
        }

        string path = Path.Combine(root, parts[0], parts[1], parts[2]);
        return File.Exists(path) ? path : null;
    }

    private static bool IsDay(string name) =>
        DateOnly.TryParseExact(name, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static bool IsFile(string name) => Names.IsValid(name) && Path.GetExtension(name) is Picture or Clip;

    private IEnumerable<DirectoryInfo> Days() =>
        new DirectoryInfo(root).EnumerateDirectories().Where(day => IsDay(day.Name)).OrderBy(day => day.Name, StringComparer.Ordinal);

    private static IEnumerable<FileInfo> Files(DirectoryInfo day) =>
        day.EnumerateDirectories().SelectMany(camera => camera.EnumerateFiles()).Where(file => IsFile(file.Name) || file.Extension == Unfinished);

    // Both of one look at it: somebody else may delete it now.
    private static long Length(FileInfo file) => file.Exists ? file.Length : 0;

    private void Trim()
    {
        while (total > quota && (oldest.Count > 0 || ListOldest()))
        {
            (string path, long length) = oldest.Dequeue();
            // Somebody else may have deleted it.
            File.Delete(path);
            total -= length;
        }
    }

    // Of one day only: a list of everything would be long.
    private bool ListOldest()
    {
        foreach (DirectoryInfo day in Days())
        {
            foreach (FileInfo file in Files(day).Where(file => file.Extension != Unfinished).OrderBy(file => file.LastWriteTimeUtc))
            {
                oldest.Enqueue((file.FullName, Length(file)));
            }

            if (oldest.Count > 0)
            {
                return true;
            }

            RemoveEmpty(day);
        }

        return false;
    }

    // Not of the last two days, in which something may be about to be written.
    private static void RemoveEmpty(DirectoryInfo day)
    {
        if (DateOnly.ParseExact(day.Name, "yyyy-MM-dd", CultureInfo.InvariantCulture) >= DateOnly.FromDateTime(DateTime.UtcNow).AddDays(-1))
        {
            return;
        }

        try
        {
            foreach (DirectoryInfo camera in day.EnumerateDirectories())
            {
                camera.Delete();
            }

            day.Delete();
        }
        catch (IOException)
        {
            // Something else lies in it, which is not ours to delete.
        }
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The reason for being here is reported; the rest goes when the program starts again.
        }
    }
}
