using System.Buffers;

namespace YoloZeroCopy.Server;

/// <summary>Bytes of a request in a buffer that is given back when they are read. It grows as they come, not by what is announced.</summary>
internal sealed class PooledBytes : IDisposable
{
    private const int FirstBytes = 64 << 10;
    private byte[] buffer = [];
    private int length;

    public ReadOnlyMemory<byte> Memory => buffer.AsMemory(0, length);

    public static PooledBytes Copy(ReadOnlySequence<byte> bytes)
    {
        PooledBytes copy = new();
        bytes.CopyTo(copy.Next((int)bytes.Length).Span);
        return copy;
    }

    /// <summary>Reads a stream to its end.</summary>
    /// <exception cref="RequestException">It has more than <paramref name="limit"/> bytes.</exception>
    public static async ValueTask<PooledBytes> ReadAsync(Stream stream, long? announced, int limit, CancellationToken cancellationToken)
    {
        if (announced > limit)
        {
            throw TooLarge(limit);
        }

        PooledBytes read = new();
        try
        {
            // One byte more, so that the end shows without growing.
            read.Grow((int)Math.Min((announced ?? FirstBytes) + 1, 16 * FirstBytes));
            while (true)
            {
                int count = await stream.ReadAsync(read.buffer.AsMemory(read.length), cancellationToken).ConfigureAwait(false);
                if (count == 0)
                {
                    return read;
                }

                read.length += count;
                if (read.length > limit)
                {
                    throw TooLarge(limit);
                }

                if (read.length == read.buffer.Length)
                {
                    read.Grow((int)Math.Min(4L * read.length, limit + 1L));
                }
            }
        }
        catch
        {
            read.Dispose();
            throw;
        }
    }

    /// <summary>Room for bytes behind those that are there; they count as written.</summary>
    public Memory<byte> Next(int count)
    {
        int needed = checked(length + count);
        if (needed > buffer.Length)
        {
            Grow((int)Math.Max(needed, Math.Min(2L * length, Array.MaxLength)));
        }

        Memory<byte> next = buffer.AsMemory(length, count);
        length = needed;
        return next;
    }

    public void Dispose()
    {
        byte[] last = Interlocked.Exchange(ref buffer, []);
        if (last.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(last);
        }
    }

    private static RequestException TooLarge(int limit) =>
        new(Refusal.TooLarge, $"The request has more than {limit} bytes, the most that this server takes.");

    private void Grow(int wanted)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(wanted);
        buffer.AsSpan(0, length).CopyTo(larger);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        buffer = larger;
    }
}
