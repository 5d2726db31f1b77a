namespace YoloZeroCopy;

/// <summary>Gives a frame's rows as interleaved 8-bit samples, top to bottom.</summary>
internal unsafe interface IRowReader
{
    /// <summary>The samples of row <paramref name="y"/>. The pointer stays valid while that row and the next one are read, not longer.</summary>
    byte* Read(int y);
}

/// <summary>Rows that lie in the frame as the resampling wants them: nothing to convert, nothing copied.</summary>
internal readonly unsafe struct InterleavedRowReader(byte* frame, int stride) : IRowReader
{
    public byte* Read(int y) => frame + ((nint)y * stride);
}

/// <summary>Two buffers for converted rows: even rows share one and odd rows the other, so that two neighbours are there at once.</summary>
internal unsafe struct ConvertedRows(byte* buffers, int bufferBytes)
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
