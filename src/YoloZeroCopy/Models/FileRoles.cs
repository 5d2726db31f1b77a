namespace YoloZeroCopy;

/// <summary>The files that a piece of work reads and writes. None that it writes may be another of them.</summary>
internal sealed class FileRoles
{
    private readonly Dictionary<FileIdentity, string> files = [];

    /// <summary>Adds a file that is read; one file may be read in several roles. Nothing happens without a path.</summary>
    /// <param name="role">What the file is for, as the caller knows it: an option's name, or "the model".</param>
    /// <param name="path">The file, or null.</param>
    public void Read(string role, string? path)
    {
        if (!string.IsNullOrEmpty(path))
        {
            files.TryAdd(FileIdentity.Of(path), $"{role} '{path}'");
        }
    }

    /// <summary>Adds a file that is written; all that are read must be there before. Nothing happens without a path.</summary>
    /// <param name="role">What the file is for, as the caller knows it.</param>
    /// <param name="path">The file, or null.</param>
    /// <exception cref="ArgumentException">It is one of the others; the message names both.</exception>
    public void Write(string role, string? path)
    {
        if (!string.IsNullOrEmpty(path))
        {
            ThrowIfTaken(role, path);
            files.Add(FileIdentity.Of(path), $"{role} '{path}'");
        }
    }

    /// <summary>Refuses a file that is one of those added before.</summary>
    /// <param name="role">What the file is for, as the caller knows it.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">It is; the message names both.</exception>
    public void ThrowIfTaken(string role, string path)
    {
        if (files.TryGetValue(FileIdentity.Of(path), out string? other))
        {
            throw new ArgumentException($"{role} '{path}' is the same file as {other}, which would be overwritten. Name another file.");
        }
    }
}
