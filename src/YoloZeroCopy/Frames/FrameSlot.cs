namespace YoloZeroCopy;

/// <summary>
/// A rented slot: preallocated memory for one frame, to be filled and then submitted. Dispose it, so that it is not lost when something throws before
/// the submit.
/// </summary>
/// <remarks>
/// A value that names one renting of one slot. Once the slot is submitted or disposed every copy of the value is stale: disposing a stale one does
/// nothing, any other use of it is refused. Any thread may use it, one at a time. Memory reached through <see cref="Span"/> or <see cref="Memory"/>
/// must not be touched after submitting or disposing the slot.
/// </remarks>
public readonly struct FrameSlot : IDisposable, IEquatable<FrameSlot>
{
    private readonly FramePool? pool;

    internal FrameSlot(FramePool pool, int index, int token)
    {
        this.pool = pool;
        Index = index;
        Token = token;
    }

    /// <summary>Layout of the frame that the slot was rented for.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public FrameFormat Format => Pool.FormatOf(this);

    /// <summary>The slot's memory: <see cref="FrameFormat.ByteCount"/> bytes, not cleared between frames.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public Span<byte> Span => Pool.SpanOf(this);

    /// <summary>The same memory for asynchronous readers such as streams. No allocation.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public Memory<byte> Memory => Pool.MemoryOf(this);

    internal int Index { get; }

    internal int Token { get; }

    private FramePool Pool => pool ?? throw new InvalidOperationException("The slot is the default value; rent one from a detector.");

    /// <summary>Gives the slot back unused. Does nothing after submit, after an earlier call, and on the default value. Any thread.</summary>
    public void Dispose()
    {
        if (pool is not null)
        {
            bool returned = pool.TryReturn(this);
            _ = returned;
        }
    }

    /// <inheritdoc/>
    public bool Equals(FrameSlot other) => ReferenceEquals(pool, other.pool) && Index == other.Index && Token == other.Token;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is FrameSlot other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(pool, Index, Token);

    /// <summary>True when both name the same renting of the same slot.</summary>
    public static bool operator ==(FrameSlot left, FrameSlot right) => left.Equals(right);

    /// <summary>True when they name different slots or different rentings of one slot.</summary>
    public static bool operator !=(FrameSlot left, FrameSlot right) => !left.Equals(right);

    internal bool BelongsTo(FramePool other) => ReferenceEquals(pool, other);
}
