using System.Diagnostics;

namespace MultiCamera.Tests.Outlets;

/// <summary>A file system of a few megabytes in memory, which can be filled. Linux, with the right to mount.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string ballast;

    public SmallDisk(int megabytes)
    {
        Path = Directory.CreateTempSubdirectory("yzc-disk-").FullName;
        ballast = System.IO.Path.Combine(Path, "ballast");
        (int code, string error) = Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", Path);
        if (code != 0)
        {
            Directory.Delete(Path);
            Assert.Skip($"a full disk needs the right to mount a small one: {error}");
        }
    }

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Takes all the space there is.</summary>
    public void Fill()
    {
        using FileStream file = new(ballast, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        byte[] page = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(page);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    public void Free() => System.IO.File.Delete(ballast);

    public void Dispose()
    {
        _ = Run("umount", "-l", Path);
        Directory.Delete(Path);
    }

    private static (int Code, string Error) Run(string program, params string[] arguments)
    {
        if (!OperatingSystem.IsLinux())
        {
            return (1, "this is not Linux");
        }

        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error.Trim());
    }
}
