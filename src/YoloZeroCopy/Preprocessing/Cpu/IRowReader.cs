using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>Gives a frame's rows as interleaved 8-bit samples.</summary>
internal unsafe interface IRowReader
{
    /// <summary>
    /// The samples of row <paramref name="y"/>, readable for <see cref="RowResampler.LoadBytes"/> bytes from the last pixel's first one: where they
    /// lie in the frame, or else in <paramref name="buffer"/>.
    /// </summary>
    byte* Read(int y, byte* buffer);
}

/// <summary>
/// Rows that lie in the frame as the resampling wants them. Only where a load could leave the frame, in its last rows, is a row copied.
/// </summary>
internal unsafe struct InterleavedRowReader(byte* frame, in FrameFormat format) : IRowReader
{
    private readonly byte* frame = frame;
    private readonly byte* end = frame + format.ByteCount;
    private readonly int rowBytes = format.RowBytes;
    private readonly int stride = format.Stride;

    public byte* Read(int y, byte* buffer)
    {
        byte* row = frame + ((nint)y * stride);
        if (end - row >= rowBytes + RowResampler.LoadBytes)
        {
            return row;
        }

        Unsafe.CopyBlockUnaligned(buffer, row, (uint)rowBytes);
        return buffer;
    }
}
