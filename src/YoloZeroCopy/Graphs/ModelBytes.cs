using System.Buffers;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>The bytes of a model in memory that the garbage collector does not see, so that opening leaves nothing of their size behind.</summary>
/// <remarks>The <see cref="MemoryManager{T}.Memory"/> is valid until it is disposed, which may happen twice.</remarks>
internal sealed unsafe class ModelBytes : MemoryManager<byte>
{
    private byte* address;
    private int length;

    private ModelBytes(int length)
    {
        address = (byte*)NativeMemory.Alloc((nuint)Math.Max(1, length));
        this.length = length;
    }

    public Span<byte> Span => GetSpan();

    /// <summary>Makes room.</summary>
    public static ModelBytes Allocate(int length) => new(length);

    /// <summary>Reads a model.</summary>
    /// <exception cref="ModelException">It is missing or cannot be read.</exception>
    public static ModelBytes Read(ModelSource source)
    {
        using ModelContent content = source.OpenOnnx();
        ModelBytes bytes = new((int)content.Length);
        try
        {
            content.ReadAll(bytes.Span, 0);
            return bytes;
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    /// <summary>Leaves out what lies behind.</summary>
    public void Truncate(int newLength)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)newLength, (uint)length, nameof(newLength));
        length = newLength;
    }

    public void Dispose() => Dispose(disposing: true);

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(address is null, this);
        return new Span<byte>(address, length);
    }

    // It does not move.
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ObjectDisposedException.ThrowIf(address is null, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
        return new MemoryHandle(address + elementIndex);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.Free(address);
        address = null;
    }
}
