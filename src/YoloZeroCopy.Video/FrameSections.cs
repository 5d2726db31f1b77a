namespace YoloZeroCopy;

/// <summary>The pieces of a frame in memory that follow each other without gaps in ffmpeg's raw video: the whole frame, or its rows where those are
/// padded.</summary>
internal static class FrameSections
{
    public static int Count(FrameFormat format) => IsPacked(format) ? 1 : format.Rows;

    public static (int Offset, int Length) Get(FrameFormat format, int index)
    {
        if (IsPacked(format))
        {
            return (0, format.ByteCount);
        }

        // A luminance row of an odd width has one byte less than the chroma rows below it.
        bool isLuminance = format.PixelFormat == PixelFormat.Nv12 && index < format.Height;
        return (index * format.Stride, isLuminance ? format.Width : format.RowBytes);
    }

    /// <summary>Bytes of all pieces.</summary>
    public static int TotalBytes(FrameFormat format)
    {
        int chromaRows = format.Rows - format.Height;
        int luminanceBytes = format.PixelFormat == PixelFormat.Nv12 ? format.Width : format.RowBytes;
        return (format.Height * luminanceBytes) + (chromaRows * format.RowBytes);
    }

    private static bool IsPacked(FrameFormat format) =>
        format.Stride == format.RowBytes && (format.PixelFormat != PixelFormat.Nv12 || format.Width % 2 == 0);
}
