using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace YoloZeroCopy.Server.Interop;

/// <summary>Opens shared memory by its name, as <c>shm_open</c> does on Linux: a file of one folder.</summary>
internal static partial class PosixSharedMemory
{
    private const string Folder = "/dev/shm/";
    private const int MaxNameLength = 255;

    // asm-generic/fcntl.h: the same on x64 and, but for the last, on arm64.
    private const int ReadWrite = 2;
    private const int DoNotBlock = 0x800;
    private const int CloseOnExec = 0x80000;
    private static readonly int DoNotFollow = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    /// <summary>Opens it for reading and writing.</summary>
    /// <exception cref="RequestException">The name is none of shared memory, there is none, or it is not this process's to use.</exception>
    public static SafeFileHandle Open(string key)
    {
        // One file of the folder and nothing else; a slash at the beginning is part of the convention.
        string name = key.StartsWith('/') ? key[1..] : key;
        if (name.Length is 0 or > MaxNameLength || name is "." or ".." || name.AsSpan().IndexOfAny('/', '\0') >= 0)
        {
            throw RequestException.Invalid(
                "The key is no name of shared memory: 1 to 255 characters without a slash, but for the first, are wanted.");
        }

        // A link could lead out of the folder, and a pipe would be waited for.
        SafeFileHandle file = new(Open(Folder + name, ReadWrite | DoNotBlock | CloseOnExec | DoNotFollow), ownsHandle: true);
        if (file.IsInvalid)
        {
            string reason = new Win32Exception(Marshal.GetLastPInvokeError()).Message;
            throw RequestException.Invalid($"Shared memory '{ModelRepository.Echo(key)}' cannot be opened: {reason}.");
        }

        return file;
    }

    // int open(const char *pathname, int flags);
    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);
}
