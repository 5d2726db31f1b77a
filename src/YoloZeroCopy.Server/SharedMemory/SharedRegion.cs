namespace YoloZeroCopy.Server;

/// <summary>Memory of this machine that a client has registered under a name. Closed when it is unregistered and nobody uses it.</summary>
internal abstract class SharedRegion(string name, long byteCount)
{
    private readonly Lock gate = new();
    private int users;
    private bool isClosing;

    public string Name { get; } = name;

    public long ByteCount { get; } = byteCount;

    /// <summary>Holds it until <see cref="Leave"/>.</summary>
    public bool TryEnter()
    {
        lock (gate)
        {
            users += isClosing ? 0 : 1;
            return !isClosing;
        }
    }

    public void Leave()
    {
        bool isLast;
        lock (gate)
        {
            users--;
            isLast = isClosing && users == 0;
        }

        if (isLast)
        {
            Close();
        }
    }

    /// <summary>Closes it as soon as nobody uses it.</summary>
    public void Unregister()
    {
        bool isLast;
        lock (gate)
        {
            isLast = !isClosing && users == 0;
            isClosing = true;
        }

        if (isLast)
        {
            Close();
        }
    }

    /// <summary>Refuses a part that is not within what was registered.</summary>
    public void ThrowIfNotWithin(long offset, long count)
    {
        if (offset < 0 || count < 0 || offset > ByteCount || count > ByteCount - offset)
        {
            throw RequestException.Invalid($"Bytes {offset} to {offset + (decimal)count} were asked for of region '{Name}', which has {ByteCount}.");
        }
    }

    /// <summary>Copies from it.</summary>
    /// <exception cref="RequestException">The memory is not as long any more as it was when it was registered.</exception>
    public abstract void Read(long offset, Span<byte> destination);

    /// <summary>Copies into it.</summary>
    public abstract void Write(long offset, ReadOnlySpan<byte> source);

    protected abstract void Close();
}
