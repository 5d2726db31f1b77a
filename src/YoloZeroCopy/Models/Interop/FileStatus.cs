using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace YoloZeroCopy.Interop;

/// <summary>What the system says of a file, links followed: numbers that are its own by whatever name it is reached, and whether it is a
/// file with contents, or a socket.</summary>
internal readonly unsafe partial record struct FileStatus(ulong Device, UInt128 Number, bool IsRegular, bool IsSocket)
{
    // linux/stat.h and linux/fcntl.h; the layout is the same on every processor.
    private const int AtCurrentFolder = -100;
    private const uint WantType = 0x1;
    private const uint WantNumber = 0x100;
    private const int StatxBytes = 256;
    private const int ModeOffset = 28;
    private const int NumberOffset = 32;
    private const int DeviceOffset = 136;
    private const int TypeMask = 0xF000;
    private const int Regular = 0x8000;
    private const int UnixSocket = 0xC000;

    // winbase.h: FileIdInfo.
    private const int FileIdInfo = 18;

    /// <summary>Asks; false where there is no such file, or the system has no such numbers for it.</summary>
    public static bool TryRead(string path, out FileStatus status)
    {
        status = default;
        try
        {
            return OperatingSystem.IsLinux() ? TryStatx(path, out status) : OperatingSystem.IsWindows() && TryFileId(path, out status);
        }
        catch (Exception error) when (error is EntryPointNotFoundException or DllNotFoundException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool TryStatx(string path, out FileStatus status)
    {
        byte* result = stackalloc byte[StatxBytes];
        bool found = Statx(AtCurrentFolder, path, 0, WantType | WantNumber, result) == 0;
        int type = *(ushort*)(result + ModeOffset) & TypeMask;
        status = found
            ? new FileStatus(*(ulong*)(result + DeviceOffset), *(ulong*)(result + NumberOffset), type == Regular, type == UnixSocket)
            : default;
        return found;
    }

    private static bool TryFileId(string path, out FileStatus status)
    {
        status = default;
        if (!File.Exists(path))
        {
            return false;
        }

        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        ulong* id = stackalloc ulong[3];
        if (GetFileInformationByHandleEx(file, FileIdInfo, id, 3 * sizeof(ulong)) == 0)
        {
            return false;
        }

        status = new FileStatus(id[0], new UInt128(id[2], id[1]), IsRegular: true, IsSocket: false);
        return true;
    }

    // int statx(int dirfd, const char *pathname, int flags, unsigned int mask, struct statx *statxbuf);
    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Statx(int folder, string path, int flags, uint mask, byte* result);

    // BOOL GetFileInformationByHandleEx(HANDLE hFile, FILE_INFO_BY_HANDLE_CLASS FileInformationClass, LPVOID lpFileInformation, DWORD dwBufferSize);
    [LibraryImport("kernel32")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int GetFileInformationByHandleEx(SafeFileHandle file, int kind, void* information, int length);
}
