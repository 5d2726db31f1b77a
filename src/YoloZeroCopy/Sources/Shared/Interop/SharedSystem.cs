using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace YoloZeroCopy.Interop;

/// <summary>What shared frames need of Linux beside sockets: anonymous files, their seals and mappings, descriptors that go over a socket, and who is
/// at its other end.</summary>
/// <remarks>The structs are those of 64-bit Linux, where the C libraries differ only in bytes that are zero here.</remarks>
internal static unsafe partial class SharedSystem
{
    // linux/memfd.h, linux/fcntl.h.
    private const uint CloseOnExec = 1;
    private const uint AllowSealing = 2;
    private const int AddSeals = 1033;
    private const int GetSeals = 1034;
    private const int SealSeal = 1;
    private const int SealShrink = 2;
    private const int SealGrow = 4;
    private const int SealWrite = 8;

    // sys/mman.h.
    private const int ReadWrite = 3;
    private const int MapShared = 1;

    // sys/socket.h.
    private const int SolSocket = 1;
    private const int PassedDescriptors = 1;
    private const int PeerCredentials = 17;
    private const int DoNotWait = 0x40;
    private const int NoSignal = 0x4000;
    private const int CloseOnExecReceived = 0x40000000;
    private const int IsCut = 0x20;
    private const int ControlIsCut = 0x8;
    private const int ControlHeaderBytes = 16;
    private const int ControlBytes = 24;

    private const int End = 2;
    private const int ErrorAgain = 11;

    /// <summary>Refuses other systems.</summary>
    public static void ThrowIfElsewhere()
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess || !BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException(
                "Shared frames need 64-bit Linux: they lie in a sealed memfd, which is passed over a Unix socket.");
        }
    }

    /// <summary>The user that this process acts as.</summary>
    public static uint User => EffectiveUser();

    /// <summary>The user of the process that connected, as the kernel noted it then.</summary>
    public static uint UserOf(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12];
        int length = socket.GetRawSocketOption(SolSocket, PeerCredentials, credentials);
        return length == credentials.Length
            ? BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..])
            : throw new IOException($"The kernel gave {length} bytes of credentials; {credentials.Length} were wanted.");
    }

    /// <summary>An anonymous file of this length whose pages are there, and which nobody can shorten, lengthen or seal further.</summary>
    /// <exception cref="IOException">The system has not so much memory, or no such files.</exception>
    public static SafeFileHandle CreateSealed(long byteCount, string name = "yzc-frames")
    {
        SafeFileHandle file = new(MemfdCreate(name, CloseOnExec | AllowSealing), ownsHandle: true);
        try
        {
            ThrowIf(file.IsInvalid, "memfd_create");

            // Without its pages a write could fail later, as a signal.
            ThrowIf(Fallocate(file, 0, 0, byteCount) != 0, "fallocate");
            ThrowIf(Fcntl(file, AddSeals, SealShrink | SealGrow | SealSeal) != 0, "F_ADD_SEALS");
            ThrowIfNotSealed(file, byteCount);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a file that is shorter, or could become so under who reads it, or cannot be written.</summary>
    public static void ThrowIfNotSealed(SafeFileHandle file, long byteCount)
    {
        int seals = Fcntl(file, GetSeals, 0);
        long length = Seek(file, 0, End);
        if (seals < 0 || (seals & (SealShrink | SealGrow | SealWrite)) != (SealShrink | SealGrow) || length < byteCount)
        {
            throw new IOException(
                $"The shared memory has {length} bytes and seals {seals}; {byteCount} bytes, sealed against "
                    + $"shrinking and growing and not against writing, "
                    + "were wanted.");
        }
    }

    /// <summary>Maps a file for reading and writing.</summary>
    public static nint Map(SafeFileHandle file, long byteCount)
    {
        nint address = Mmap(0, (nuint)byteCount, ReadWrite, MapShared, file, 0);
        ThrowIf(address == -1, "mmap");
        return address;
    }

    /// <summary>Undoes <see cref="Map"/>.</summary>
    public static bool Unmap(nint address, long byteCount) => Munmap(address, (nuint)byteCount) == 0;

    /// <summary>Sends a message with a file, without waiting. False where the other side is gone, or takes nothing.</summary>
    public static bool TrySend(Socket socket, ReadOnlySpan<byte> message, SafeFileHandle file)
    {
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            fixed (byte* bytes = message)
            {
                byte* control = stackalloc byte[ControlBytes];
                new Span<byte>(control, ControlBytes).Clear();
                *(ulong*)control = ControlHeaderBytes + sizeof(int);
                *(int*)(control + 8) = SolSocket;
                *(int*)(control + 12) = PassedDescriptors;
                *(int*)(control + ControlHeaderBytes) = (int)file.DangerousGetHandle();
                Vector vector = new() { Address = bytes, Length = (nuint)message.Length };
                Header header = new() { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = ControlBytes };
                return SendMessage(socket.SafeHandle, &header, DoNotWait | NoSignal) == message.Length;
            }
        }
        finally
        {
            if (held)
            {
                file.DangerousRelease();
            }
        }
    }

    /// <summary>Receives a message that is there.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="buffer">Where to; what is longer is refused.</param>
    /// <param name="file">The file that came with it; null where none did.</param>
    /// <returns>Its length; 0 at the end, -1 where none is there.</returns>
    public static int Receive(Socket socket, Span<byte> buffer, out SafeFileHandle? file)
    {
        file = null;
        fixed (byte* bytes = buffer)
        {
            byte* control = stackalloc byte[ControlBytes];
            Vector vector = new() { Address = bytes, Length = (nuint)buffer.Length };

            // Room for one descriptor: the kernel closes what else was sent.
            Header header = new() { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = ControlHeaderBytes + sizeof(int) };
            nint length = ReceiveMessage(socket.SafeHandle, &header, DoNotWait | CloseOnExecReceived);
            if (length < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                return error == ErrorAgain ? -1 : throw new IOException($"recvmsg failed: {new Win32Exception(error).Message}.");
            }

            if (header.ControlLength >= ControlHeaderBytes + sizeof(int) && *(int*)(control + 8) == SolSocket
                && *(int*)(control + 12) == PassedDescriptors)
            {
                file = new SafeFileHandle(*(int*)(control + ControlHeaderBytes), ownsHandle: true);
            }

            if ((header.Flags & (IsCut | ControlIsCut)) != 0)
            {
                file?.Dispose();
                file = null;
                throw new IOException("A message was longer than any of this protocol.");
            }

            return (int)length;
        }
    }

    private static void ThrowIf(bool failed, string call)
    {
        if (failed)
        {
            throw new IOException($"{call} failed: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}.");
        }
    }

    // int memfd_create(const char *name, unsigned int flags);
    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MemfdCreate(string name, uint flags);

    // int fallocate(int fd, int mode, off_t offset, off_t len);
    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Fallocate(SafeFileHandle file, int mode, long offset, long length);

    // int fcntl(int fd, int cmd, int arg);
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Fcntl(SafeFileHandle file, int command, int argument);

    // off_t lseek(int fd, off_t offset, int whence);
    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial long Seek(SafeFileHandle file, long offset, int from);

    // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Mmap(nint address, nuint length, int protection, int flags, SafeFileHandle file, long offset);

    // int munmap(void *addr, size_t length);
    [LibraryImport("libc", EntryPoint = "munmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Munmap(nint address, nuint length);

    // uid_t geteuid(void);
    [LibraryImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial uint EffectiveUser();

    // ssize_t sendmsg(int sockfd, const struct msghdr *msg, int flags);
    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint SendMessage(SafeHandle socket, Header* message, int flags);

    // ssize_t recvmsg(int sockfd, struct msghdr *msg, int flags);
    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint ReceiveMessage(SafeHandle socket, Header* message, int flags);

    // struct iovec.
    private struct Vector
    {
        public byte* Address;
        public nuint Length;
    }

    // struct msghdr.
    private struct Header
    {
        public void* Name;
        public nuint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
