namespace YoloZeroCopy;

/// <summary>Where a decoder puts its rows: the caller's frame, turned as the Exif orientation says.</summary>
internal readonly ref struct PictureRows
{
    private readonly Span<byte> destination;
    private readonly int origin;
    private readonly int columnStep;
    private readonly int rowStep;

    /// <param name="destination">The caller's frame.</param>
    /// <param name="format">Its format; the size is that after turning.</param>
    /// <param name="orientation">Exif orientation, 1 to 8.</param>
    public PictureRows(Span<byte> destination, FrameFormat format, int orientation)
    {
        this.destination = destination;
        PixelFormat = format.PixelFormat;
        PixelBytes = format.PixelFormat == PixelFormat.Gray8 ? 1 : 3;
        int right = (format.Width - 1) * PixelBytes;
        int bottom = (format.Height - 1) * format.Stride;

        // Offset of the stored picture's first pixel in the frame, and the steps of its columns and rows there (Exif 2.3, table of tag 0112).
        (origin, columnStep, rowStep) = orientation switch
        {
            2 => (right, -PixelBytes, format.Stride),
            3 => (right + bottom, -PixelBytes, -format.Stride),
            4 => (bottom, PixelBytes, -format.Stride),
            5 => (0, format.Stride, PixelBytes),
            6 => (right, format.Stride, -PixelBytes),
            7 => (right + bottom, -format.Stride, -PixelBytes),
            8 => (bottom, -format.Stride, PixelBytes),
            _ => (0, PixelBytes, format.Stride),
        };
    }

    public PixelFormat PixelFormat { get; }

    public int PixelBytes { get; }

    /// <summary>True when a row of the file lies in the frame as it is, so that a decoder may write there through <see cref="Row"/>.</summary>
    public bool IsDirect => columnStep == PixelBytes;

    public Span<byte> Row(int y, int width) => destination.Slice(origin + (y * rowStep), width * PixelBytes);

    /// <summary>Copies one row of finished pixels to its place.</summary>
    public void Write(int y, ReadOnlySpan<byte> pixels)
    {
        if (IsDirect)
        {
            pixels.CopyTo(Row(y, pixels.Length / PixelBytes));
            return;
        }

        int to = origin + (y * rowStep);
        if (PixelBytes == 1)
        {
            for (int i = 0; i < pixels.Length; i++, to += columnStep)
            {
                destination[to] = pixels[i];
            }

            return;
        }

        for (int i = 0; i + 2 < pixels.Length; i += 3, to += columnStep)
        {
            destination[to] = pixels[i];
            destination[to + 1] = pixels[i + 1];
            destination[to + 2] = pixels[i + 2];
        }
    }

    /// <summary>Puts pixels of an interlaced row to every <paramref name="step"/>th column.</summary>
    public void WriteSpread(int y, int firstColumn, int step, ReadOnlySpan<byte> pixels)
    {
        int to = origin + (y * rowStep) + (firstColumn * columnStep);
        for (int i = 0; i < pixels.Length; i += PixelBytes, to += step * columnStep)
        {
            pixels.Slice(i, PixelBytes).CopyTo(destination[to..]);
        }
    }
}
