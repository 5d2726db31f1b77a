using System.IO.Pipes;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>The one call to the C library that video needs.</summary>
internal static partial class Libc
{
    // Linux: fcntl(2), F_SETPIPE_SZ.
    private const int SetPipeSize = 1031;

    // The most that an unprivileged process may ask for by default.
    private const int PipeBytes = 1 << 20;

    /// <summary>Enlarges a pipe from 64 KiB so that a frame crosses it in fewer steps; without effect where that is not possible.</summary>
    public static void EnlargePipe(Stream stream)
    {
        if (OperatingSystem.IsLinux() && stream is PipeStream pipe)
        {
            _ = Fcntl(pipe.SafePipeHandle, SetPipeSize, PipeBytes);
        }
    }

    // int fcntl(int fd, int cmd, int arg);
    [LibraryImport("libc", EntryPoint = "fcntl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Fcntl(SafeHandle file, int command, int argument);
}
