namespace YoloZeroCopy;

/// <summary>
/// Messages of one length from one process to another, in memory that both have mapped. One thread at a time writes, one at a time reads.
/// </summary>
/// <remarks>
/// There is no count of what was read: no more messages are on their way than slots allow, so that the writer meets none that was not read. Who
/// finds nothing says that he sleeps, looks once more, and waits for a packet on the socket; who writes sends one only then. Of the other side's
/// words none is used but to compare it: a reader's place is its own, and a message is looked at in a copy.
/// </remarks>
internal sealed unsafe class SharedRing
{
    // Apart, so that two processes do not take lines of the cache from each other.
    private const int SleepsAt = 64;

    private readonly uint* written;
    private readonly uint* sleeps;
    private readonly byte* messages;
    private readonly int messageBytes;
    private readonly uint capacity;
    private readonly byte* results;
    private readonly Lock sync = new();
    private uint place;
    private bool isClosed;

    /// <param name="words">Where the count of messages written and the word of the sleeper lie.</param>
    /// <param name="messages">Where the messages lie.</param>
    /// <param name="messageBytes">Bytes of each.</param>
    /// <param name="capacity">How many there is room for: a power of two.</param>
    /// <param name="results">Where each slot's result lies; null where there are none.</param>
    public SharedRing(byte* words, byte* messages, int messageBytes, uint capacity, byte* results = null)
    {
        written = (uint*)words;
        sleeps = (uint*)(words + SleepsAt);
        this.messages = messages;
        this.messageBytes = messageBytes;
        this.capacity = capacity;
        this.results = results;
    }

    /// <summary>Writes a message, and what belongs to it.</summary>
    /// <param name="message">The message.</param>
    /// <param name="result">What goes to the slot's place of results first.</param>
    /// <param name="slot">Which slot.</param>
    /// <returns>Whether who reads sleeps, and is to be woken by the caller.</returns>
    public bool Write(ReadOnlySpan<byte> message, ReadOnlySpan<byte> result = default, int slot = 0)
    {
        lock (sync)
        {
            if (isClosed)
            {
                return false;
            }

            result.CopyTo(new Span<byte>(results + (slot * (long)SharedMessage.MaxResultBytes), result.Length));
            message.CopyTo(new Span<byte>(messages + (place % capacity * messageBytes), messageBytes));
            Volatile.Write(ref *written, ++place);

            // Either this side sees that the other sleeps, or the other sees the message.
            Interlocked.MemoryBarrier();
            return Volatile.Read(ref *sleeps) != 0 && Interlocked.Exchange(ref *sleeps, 0) != 0;
        }
    }

    /// <summary>Copies the next message.</summary>
    /// <param name="message">Where to.</param>
    /// <param name="isBroken">Whether the writer says that more are there than can be.</param>
    /// <returns>False where none is there.</returns>
    public bool TryRead(Span<byte> message, out bool isBroken)
    {
        lock (sync)
        {
            uint count = isClosed ? 0 : Volatile.Read(ref *written) - place;
            isBroken = count > capacity;
            if (count == 0 || isBroken)
            {
                return false;
            }

            new ReadOnlySpan<byte>(messages + (place % capacity * messageBytes), message.Length).CopyTo(message);
            place++;
            return true;
        }
    }

    /// <summary>Copies the result of a slot whose message says that it is there.</summary>
    public void ReadResult(int slot, Span<byte> result)
    {
        lock (sync)
        {
            if (!isClosed)
            {
                new ReadOnlySpan<byte>(results + (slot * (long)SharedMessage.MaxResultBytes), result.Length).CopyTo(result);
            }
        }
    }

    /// <summary>Who reads asks to be woken by the next message. What came until now is to be looked for after it.</summary>
    public void AskForWaking()
    {
        lock (sync)
        {
            if (!isClosed)
            {
                Volatile.Write(ref *sleeps, 1);
                Interlocked.MemoryBarrier();
            }
        }
    }

    /// <summary>Takes that back; false where the other side has taken it, and a packet is there or on its way.</summary>
    public bool TryTakeBack()
    {
        lock (sync)
        {
            return !isClosed && Interlocked.Exchange(ref *sleeps, 0) != 0;
        }
    }

    /// <summary>Neither reads nor writes any more, so that the memory may go.</summary>
    /// <param name="asksForWaking">Whether a writer on the other side is to use the socket, where it finds that nobody is there.</param>
    public void Close(bool asksForWaking)
    {
        lock (sync)
        {
            if (!isClosed && asksForWaking)
            {
                Volatile.Write(ref *sleeps, 1);
            }

            isClosed = true;
        }
    }
}
