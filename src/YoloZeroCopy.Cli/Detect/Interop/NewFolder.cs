using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli.Interop;

/// <summary>Makes a folder for one caller alone, which the framework does not: it takes one that is there for made.</summary>
internal static partial class NewFolder
{
    // What mkdir(1) gives, less the umask.
    private const uint Everybody = 0x1FF;

    /// <summary>Makes a folder in one that exists; false where something of that name is there.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static bool TryMake(string path)
    {
        bool made = OperatingSystem.IsWindows() ? CreateDirectory(path, 0) != 0 : MakeDirectory(path, Everybody) == 0;
        if (made)
        {
            return true;
        }

        int error = Marshal.GetLastPInvokeError();
        return Path.Exists(path) ? false : throw new IOException($"the folder cannot be made: {Marshal.GetPInvokeErrorMessage(error)}.");
    }

    // int mkdir(const char *pathname, mode_t mode);
    [LibraryImport("libc", EntryPoint = "mkdir", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MakeDirectory(string path, uint mode);

    // BOOL CreateDirectoryW(LPCWSTR lpPathName, LPSECURITY_ATTRIBUTES lpSecurityAttributes);
    [LibraryImport("kernel32", EntryPoint = "CreateDirectoryW", StringMarshalling = StringMarshalling.Utf16, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int CreateDirectory(string path, nint security);
}
