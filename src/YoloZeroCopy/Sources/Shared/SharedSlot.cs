namespace YoloZeroCopy;

/// <summary>
/// A slot that a <see cref="SharedProducer"/> may write one frame into, which another process's detector reads there. Dispose it, so that it is not
/// lost when something throws before it is submitted.
/// </summary>
/// <remarks>Once it is submitted or disposed every copy of the value is stale: disposing a stale one does nothing, any other use is
/// refused.</remarks>
public readonly struct SharedSlot : IDisposable, IEquatable<SharedSlot>
{
    private readonly SharedProducer? producer;

    internal SharedSlot(SharedProducer producer, int index, long renting)
    {
        this.producer = producer;
        Index = index;
        Renting = renting;
    }

    /// <summary>Bytes from the beginning of the device memory that <see cref="SharedProducer.DeviceHandle"/> opens to the slot's first one.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale, or not on the device.</exception>
    public long DeviceOffset => Producer.DeviceOffsetOf(this);

    /// <summary>Its memory, <see cref="SharedProducer.SlotBytes"/> long and not cleared between frames. Not kept after submit.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale, or on the device.</exception>
    public Memory<byte> Memory => Producer.MemoryOf(this);

    /// <summary>The same memory.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale, or on the device.</exception>
    public Span<byte> Span => Producer.MemoryOf(this).Span;

    internal int Index { get; }

    internal long Renting { get; }

    private SharedProducer Producer => producer ?? throw new InvalidOperationException("The slot is the default value; rent one.");

    /// <summary>Gives the slot back unused. Does nothing after submit, after an earlier call, and on the default value.</summary>
    public void Dispose() => producer?.Return(this);

    /// <inheritdoc/>
    public bool Equals(SharedSlot other) => ReferenceEquals(producer, other.producer) && Index == other.Index && Renting == other.Renting;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SharedSlot other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(producer, Index, Renting);

    /// <summary>True when both name the same renting of the same slot.</summary>
    public static bool operator ==(SharedSlot left, SharedSlot right) => left.Equals(right);

    /// <summary>True when they name different slots or different rentings of one slot.</summary>
    public static bool operator !=(SharedSlot left, SharedSlot right) => !left.Equals(right);
}
