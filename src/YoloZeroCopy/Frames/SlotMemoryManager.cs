using System.Buffers;

namespace YoloZeroCopy;

/// <summary>Gives <see cref="Memory{T}"/> over one slot. Made once per slot, so that <see cref="FrameSlot.Memory"/> allocates nothing.</summary>
internal sealed unsafe class SlotMemoryManager(FramePool pool, int index) : MemoryManager<byte>
{
    /// <summary>
    /// Refuses memory kept beyond its renting. A later renting of the same slot cannot be told from this one here; the slot itself can.
    /// </summary>
    public override Span<byte> GetSpan() => pool.RentedSpan(index);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        Span<byte> span = GetSpan();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)span.Length, nameof(elementIndex));
        return new MemoryHandle((byte*)pool.AddressOf(index) + elementIndex);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
