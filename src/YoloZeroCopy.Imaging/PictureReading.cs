using System.Buffers;

namespace YoloZeroCopy;

/// <summary>Bytes of a picture's file in a pooled buffer. Dispose it, once, when they are decoded.</summary>
internal readonly struct PictureReading : IDisposable
{
    // Enough for most pictures at once, where the stream does not tell its length.
    private const int FirstBytes = 256 << 10;

    private readonly byte[] buffer;
    private readonly int length;

    private PictureReading(byte[] buffer, int length)
    {
        this.buffer = buffer;
        this.length = length;
    }

    public ReadOnlySpan<byte> Bytes => buffer.AsSpan(0, length);

    /// <summary>Reads a file.</summary>
    /// <exception cref="MediaException">It cannot be read, or has more than <paramref name="limit"/> bytes.</exception>
    public static async ValueTask<PictureReading> OfFileAsync(string path, int limit, CancellationToken cancellationToken)
    {
        try
        {
            // Unbuffered: it is read in as few calls as can be.
            FileStream file = new(
                path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
            await using (file.ConfigureAwait(false))
            {
                return await ReadAsync(file, path, limit, isLengthSure: true, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new MediaException(path, $"the file cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Reads to the end of a stream, which stays open. However long it says it is, no more than the limit is kept.</summary>
    /// <exception cref="MediaException">It has more than <paramref name="limit"/> bytes.</exception>
    public static ValueTask<PictureReading> OfStreamAsync(Stream stream, string name, int limit, CancellationToken cancellationToken) =>
        ReadAsync(stream, name, limit, isLengthSure: false, cancellationToken);

    public void Dispose() => ArrayPool<byte>.Shared.Return(buffer);

    // A file's length is believed once it is read, which saves a read that finds nothing; devices and pipes tell none.
    private static async ValueTask<PictureReading> ReadAsync(
        Stream stream, string name, int limit, bool isLengthSure, CancellationToken cancellationToken)
    {
        long told = stream.CanSeek ? stream.Length - stream.Position : 0;
        ThrowIfAbove(told, limit, name);

        // One byte more, so that the end shows without growing.
        byte[] buffer = ArrayPool<byte>.Shared.Rent((told > 0 ? (int)told : Math.Min(FirstBytes, limit)) + 1);
        int length = 0;
        try
        {
            while (true)
            {
                int count = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
                length += count;
                ThrowIfAbove(length, limit, name);
                if (count == 0 || (isLengthSure && length == told))
                {
                    return new PictureReading(buffer, length);
                }

                if (length == buffer.Length)
                {
                    byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * length, limit + 1L));
                    buffer.CopyTo(larger, 0);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
            }
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    private static void ThrowIfAbove(long bytes, int limit, string name)
    {
        if (bytes > limit)
        {
            throw new MediaException(
                name, $"it has more than {limit} bytes, which no picture that fits into a slot of this detector needs; "
                    + $"open the detector with larger {nameof(DetectorOptions.SlotBytes)}.");
        }
    }
}
