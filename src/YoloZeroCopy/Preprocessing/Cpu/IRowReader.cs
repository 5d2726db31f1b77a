using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>Gives a frame's rows as interleaved 8-bit samples.</summary>
internal unsafe interface IRowReader
{
    /// <summary>
    /// The samples of row <paramref name="y"/>, readable for <see cref="RowResampler.LoadBytes"/> bytes from the last pixel's first one. They stay
    /// valid while that row and a neighbour are used, not longer.
    /// </summary>
    byte* Read(int y);
}

/// <summary>
/// Rows that lie in the frame as the resampling wants them. Only where a load could leave the frame, in its last rows, is a row copied.
/// </summary>
internal unsafe struct InterleavedRowReader(byte* frame, in FrameFormat format, RowBuffers buffers) : IRowReader
{
    private readonly byte* frame = frame;
    private readonly byte* end = frame + format.ByteCount;
    private readonly int rowBytes = format.RowBytes;
    private readonly int stride = format.Stride;
    private RowBuffers buffers = buffers;

    public byte* Read(int y)
    {
        byte* row = frame + ((nint)y * stride);
        if (end - row >= rowBytes + RowResampler.LoadBytes)
        {
            return row;
        }

        if (!buffers.TryGet(y, out byte* copy))
        {
            Unsafe.CopyBlockUnaligned(copy, row, (uint)rowBytes);
        }

        return copy;
    }
}

/// <summary>
/// Two buffers for rows that are converted or copied: even rows share one and odd rows the other, so that two neighbours are there at once.
/// </summary>
internal unsafe struct RowBuffers(byte* buffers, int bufferBytes)
{
    private int evenRow = -1;
    private int oddRow = -1;

    /// <summary>Gives the buffer of row <paramref name="y"/>; true when the row is in it already, otherwise the caller fills it.</summary>
    public bool TryGet(int y, out byte* buffer)
    {
        bool even = (y & 1) == 0;
        bool found = y == (even ? evenRow : oddRow);
        if (even)
        {
            evenRow = y;
            buffer = buffers;
        }
        else
        {
            oddRow = y;
            buffer = buffers + bufferBytes;
        }

        return found;
    }
}
