namespace YoloZeroCopy;

/// <summary>Where a decoder puts its rows: the caller's frame, turned as the Exif orientation says.</summary>
internal readonly ref struct PictureRows
{
    private readonly Span<byte> destination;
    private readonly int pixelBytes;
    private readonly int origin;
    private readonly int columnStep;
    private readonly int rowStep;

    /// <param name="destination">The caller's frame.</param>
    /// <param name="format">Its format; the size is that after turning.</param>
    /// <param name="orientation">Exif orientation, 1 to 8.</param>
    public PictureRows(Span<byte> destination, FrameFormat format, int orientation)
    {
        this.destination = destination;
        pixelBytes = PixelRow.PixelBytes(format.PixelFormat);
        int right = (format.Width - 1) * pixelBytes;
        int bottom = (format.Height - 1) * format.Stride;

        // Offset of the stored picture's first pixel in the frame, and the steps of its columns and rows there (Exif 2.3, table of tag 0112).
        (origin, columnStep, rowStep) = orientation switch
        {
            2 => (right, -pixelBytes, format.Stride),
            3 => (right + bottom, -pixelBytes, -format.Stride),
            4 => (bottom, pixelBytes, -format.Stride),
            5 => (0, format.Stride, pixelBytes),
            6 => (right, format.Stride, -pixelBytes),
            7 => (right + bottom, -format.Stride, -pixelBytes),
            8 => (bottom, -format.Stride, pixelBytes),
            _ => (0, pixelBytes, format.Stride),
        };
    }

    /// <summary>True when a row of the file is a row of the frame, and may be written there through <see cref="Row"/>.</summary>
    public bool IsDirect => columnStep == pixelBytes;

    public Span<byte> Row(int y, int width) => destination.Slice(origin + (y * rowStep), width * pixelBytes);

    /// <summary>Puts the pixels of a row of the file, already in the frame's format, to their places.</summary>
    public void Write(int y, ReadOnlySpan<byte> pixels)
    {
        int to = origin + (y * rowStep);
        for (int i = 0; i < pixels.Length; i += pixelBytes, to += columnStep)
        {
            for (int k = 0; k < pixelBytes; k++)
            {
                destination[to + k] = pixels[i + k];
            }
        }
    }
}
