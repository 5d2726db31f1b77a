using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Memory that two processes have mapped: a sealed file without a name, of which each has a descriptor.</summary>
internal sealed unsafe class SharedMemory : MemoryManager<byte>
{
    private readonly SafeFileHandle file;
    private readonly Mapping mapping;

    private SharedMemory(SafeFileHandle file, long byteCount, uint user)
    {
        this.file = file;
        mapping = new Mapping(file, byteCount);
        User = user;
    }

    /// <summary>Who may write into it beside this process.</summary>
    public uint User { get; }

    /// <summary>First byte.</summary>
    public nint Address => mapping.DangerousGetHandle();

    /// <summary>The file, to be passed on.</summary>
    public SafeFileHandle File => file;

    /// <summary>Makes memory for processes of a user.</summary>
    /// <exception cref="IOException">There is not so much.</exception>
    public static SharedMemory Create(long byteCount, uint user, string name = "yzc-frames") =>
        Take(SharedSystem.CreateSealed(byteCount, name), byteCount, user);

    /// <summary>Maps memory that another process made; the file is this object's, also where this throws.</summary>
    /// <exception cref="IOException">It is shorter than that, or not sealed: its maker could take it away under who writes.</exception>
    public static SharedMemory Open(SafeFileHandle file, long byteCount)
    {
        try
        {
            SharedSystem.ThrowIfNotSealed(file, byteCount);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        return Take(file, byteCount, SharedSystem.User);
    }

    /// <summary>Frees the mapping: nobody reads or writes it any more.</summary>
    public void Close()
    {
        mapping.Dispose();
        file.Dispose();
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(mapping.IsClosed, this);
        return new Span<byte>((void*)Address, (int)mapping.ByteCount);
    }

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)mapping.ByteCount, nameof(elementIndex));
        ObjectDisposedException.ThrowIf(mapping.IsClosed, this);
        return new MemoryHandle((byte*)Address + elementIndex);
    }

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Close();
        }
    }

    private static SharedMemory Take(SafeFileHandle file, long byteCount, uint user)
    {
        try
        {
            return new SharedMemory(file, byteCount, user);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private sealed class Mapping : SafeHandle
    {
        public Mapping(SafeFileHandle file, long byteCount)
            : base(-1, ownsHandle: true)
        {
            ByteCount = byteCount;
            SetHandle(SharedSystem.Map(file, byteCount));
        }

        public long ByteCount { get; }

        public override bool IsInvalid => handle == -1;

        protected override bool ReleaseHandle() => SharedSystem.Unmap(handle, ByteCount);
    }
}
