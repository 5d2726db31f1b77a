using System.Security.Cryptography;
using System.Text;

namespace YoloZeroCopy;

/// <summary>A folder of compiled parts of engines, so that the next opening on the same machine does not compile them again.</summary>
/// <remarks>
/// Any thread and any process: files are written beside and renamed. What cannot be read, or is not what was written, is as good as missing, and what
/// cannot be written is left out. The files hold code that runs on the device: who can write to the folder can change it.
/// </remarks>
internal sealed class EngineCache
{
    private const int MaxBytes = 64 << 20;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string folder;
    private readonly string origin;

    private EngineCache(string folder, string origin)
    {
        this.folder = folder;
        this.origin = origin;
    }

    /// <summary>Opens a cache.</summary>
    /// <param name="folder">The folder; null for the user's own, an empty text for none.</param>
    /// <param name="origin">What every part depends on: versions and device.</param>
    /// <returns>The cache, or null where there is none.</returns>
    public static EngineCache? TryOpen(string? folder, string origin)
    {
        string? chosen = folder ?? DefaultFolder();
        if (string.IsNullOrEmpty(chosen))
        {
            return null;
        }

        try
        {
            _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(chosen) : Directory.CreateDirectory(chosen, OwnerOnly);
            return new EngineCache(chosen, origin);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>Whether there is a part, which may still turn out to be damaged.</summary>
    public bool Has(string part) => File.Exists(FileOf(part));

    /// <summary>Reads a part; null where there is none.</summary>
    public byte[]? TryRead(string part)
    {
        try
        {
            using FileStream file = new(FileOf(part), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (file.Length is <= SHA256.HashSizeInBytes or > MaxBytes)
            {
                return null;
            }

            byte[] all = new byte[file.Length];
            file.ReadExactly(all);
            byte[] content = all[SHA256.HashSizeInBytes..];
            return SHA256.HashData(content).AsSpan().SequenceEqual(all.AsSpan(0, SHA256.HashSizeInBytes)) ? content : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Writes a part, if that can be done.</summary>
    public void TryWrite(string part, ReadOnlySpan<byte> content)
    {
        string target = FileOf(part);
        string beside = $"{target}.{Guid.NewGuid():N}";
        try
        {
            using (FileStream file = new(beside, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                file.Write(SHA256.HashData(content));
                file.Write(content);
            }

            File.Move(beside, target, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            TryDelete(beside);
        }
    }

    /// <summary>Removes a part, if there is one and that can be done.</summary>
    public void TryRemove(string part) => TryDelete(FileOf(part));

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What could not be written cannot be removed either, and no one reads it.
        }
    }

    private static string? DefaultFolder()
    {
        string root = OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathRooted(cache) ? cache
                : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? Path.Combine(home, ".cache") : "";
        return root.Length == 0 ? null : Path.Combine(root, "YoloZeroCopy", "engines");
    }

    private string FileOf(string part) =>
        Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{origin}\n{part}"))));
}
