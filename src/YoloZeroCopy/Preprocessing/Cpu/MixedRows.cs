namespace YoloZeroCopy;

/// <summary>
/// Two buffers for frame rows whose columns are mixed: even rows share one and odd rows the other, so that two neighbours are there at once.
/// </summary>
internal unsafe struct MixedRows(short* buffers, int bufferLength)
{
    private int evenRow = -1;
    private int oddRow = -1;

    /// <summary>Gives the buffer of row <paramref name="y"/>; true when the row is in it already, otherwise the caller fills it.</summary>
    public bool TryGet(int y, out short* buffer)
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
            buffer = buffers + bufferLength;
        }

        return found;
    }
}
