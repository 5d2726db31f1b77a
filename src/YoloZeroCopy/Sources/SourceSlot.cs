namespace YoloZeroCopy;

/// <summary>
/// A slot of a source's own: memory for one frame, to be filled and then submitted (<see cref="SourceFeed.Submit"/>). Dispose it, so that it is not
/// lost when something throws before.
/// </summary>
/// <remarks>
/// A value that names one renting of one slot. Once the slot is submitted or disposed every copy of the value is stale: disposing a stale one does
/// nothing, any other use of it is refused.
/// </remarks>
public readonly struct SourceSlot : IDisposable, IEquatable<SourceSlot>
{
    private readonly SlotRing? ring;

    internal SourceSlot(SlotRing ring, int index, int token)
    {
        this.ring = ring;
        Index = index;
        Token = token;
    }

    /// <summary>Layout of the frame that the slot was rented for.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public FrameFormat Format => Ring.FormatOf(this);

    /// <summary>The slot's memory: <see cref="FrameFormat.ByteCount"/> bytes, not cleared between frames.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public Memory<byte> Memory => Ring.MemoryOf(this);

    /// <summary>The same memory.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public Span<byte> Span => Ring.MemoryOf(this).Span;

    internal int Index { get; }

    internal int Token { get; }

    internal SlotRing Ring => ring ?? throw new InvalidOperationException("The slot is the default value; rent one from the source's feed.");

    /// <summary>Gives the slot back unused. Does nothing after submit, after an earlier call, and on the default value.</summary>
    public void Dispose() => ring?.Return(this);

    /// <inheritdoc/>
    public bool Equals(SourceSlot other) => ReferenceEquals(ring, other.ring) && Index == other.Index && Token == other.Token;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SourceSlot other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(ring, Index, Token);

    /// <summary>True when both name the same renting of the same slot.</summary>
    public static bool operator ==(SourceSlot left, SourceSlot right) => left.Equals(right);

    /// <summary>True when they name different slots or different rentings of one slot.</summary>
    public static bool operator !=(SourceSlot left, SourceSlot right) => !left.Equals(right);
}
