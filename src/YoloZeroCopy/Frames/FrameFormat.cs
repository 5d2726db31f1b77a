using System.Globalization;

namespace YoloZeroCopy;

/// <summary>Layout of one frame in memory: pixel format, size in pixels and stride in bytes. Checked once, when made.</summary>
/// <remarks>
/// Immutable; any thread. The default value is not a valid format: <see cref="Width"/> is 0 and every method that takes one refuses it.
/// </remarks>
public readonly record struct FrameFormat
{
    /// <summary>Largest width and height of a frame, in pixels.</summary>
    public const int MaxSize = 8192;

    // Bounds the stride so that a frame's size in bytes always fits an int: 8,192 rows (24,576 of three planes) of 64 KiB.
    private const int MaxStride = 65536;

    /// <summary>Describes a frame.</summary>
    /// <param name="pixelFormat">How a pixel is stored.</param>
    /// <param name="width">Width in pixels, 1 to <see cref="MaxSize"/>.</param>
    /// <param name="height">Height in pixels, 1 to <see cref="MaxSize"/>.</param>
    /// <param name="stride">Bytes from one row to the next; 0 means rows without padding.</param>
    /// <exception cref="ArgumentOutOfRangeException">An unknown pixel format, a size outside 1 to <see cref="MaxSize"/>, or a stride shorter than a
    /// row, above 65,536, or odd where samples have two bytes.</exception>
    public FrameFormat(PixelFormat pixelFormat, int width, int height, int stride = 0)
    {
        if ((uint)pixelFormat > (uint)PixelFormat.RgbPlanar)
        {
            throw new ArgumentOutOfRangeException(nameof(pixelFormat), pixelFormat, "Unknown pixel format.");
        }

        if (width is < 1 or > MaxSize)
        {
            throw new ArgumentOutOfRangeException(nameof(width), width, $"A frame is 1 to {MaxSize} pixels wide.");
        }

        if (height is < 1 or > MaxSize)
        {
            throw new ArgumentOutOfRangeException(nameof(height), height, $"A frame is 1 to {MaxSize} pixels high.");
        }

        int rowBytes = RowBytesOf(pixelFormat, width);
        if (stride != 0 && (stride < rowBytes || stride > MaxStride))
        {
            throw new ArgumentOutOfRangeException(
                nameof(stride),
                stride,
                $"A row of {width} pixels of {pixelFormat} takes {rowBytes} bytes; the stride must be that to "
                    + $"{MaxStride}, or 0 for rows without padding.");
        }

        if (pixelFormat == PixelFormat.P010 && stride % 2 != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(stride), stride, "Samples of P010 have two bytes: the stride must be even.");
        }

        PixelFormat = pixelFormat;
        Width = width;
        Height = height;
        Stride = stride == 0 ? rowBytes : stride;
    }

    /// <summary>How a pixel is stored.</summary>
    public PixelFormat PixelFormat { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>Bytes from the start of one row to the start of the next; the same for all planes.</summary>
    public int Stride { get; }

    /// <summary>Matrix and range of an NV12 or P010 frame; other formats ignore it.</summary>
    public YuvColor Color { get; init; }

    /// <summary>Bytes of one row that carry pixels, without padding.</summary>
    public int RowBytes => RowBytesOf(PixelFormat, Width);

    /// <summary>Rows in memory: the height, for NV12 and P010 half as many chroma rows again, rounded up, and three times the height for three
    /// planes.</summary>
    public int Rows => IsYuv ? Height + ((Height + 1) / 2)
        : IsPlanar ? 3 * Height
        : Height;

    /// <summary>Bytes from the first byte to the last one that carries a pixel. The last row needs no padding behind it.</summary>
    public int ByteCount => Width == 0 ? 0 : ((Rows - 1) * Stride) + RowBytes;

    /// <summary>True for the four mosaic formats.</summary>
    internal bool IsBayer => PixelFormat is >= PixelFormat.BayerRggb8 and <= PixelFormat.BayerGbrg8;

    /// <summary>True where a second plane has Cb and Cr.</summary>
    internal bool IsYuv => PixelFormat is PixelFormat.Nv12 or PixelFormat.P010;

    /// <summary>True for planes of blue, green and red in either order.</summary>
    internal bool IsPlanar => PixelFormat is PixelFormat.BgrPlanar or PixelFormat.RgbPlanar;

    /// <summary>For people: <c>Bgr24 1920x1080</c>, with the stride where rows are padded and the colour where it is not OpenCV's.</summary>
    public override string ToString()
    {
        if (Width == 0)
        {
            return "no format";
        }

        string padding = Stride == RowBytes ? "" : string.Create(CultureInfo.InvariantCulture, $", stride {Stride}");
        string color = IsYuv && Color != YuvColor.Bt601Limited ? $" {Color}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{PixelFormat}{color} {Width}x{Height}{padding}");
    }

    /// <summary>
    /// Refuses a default value and memory that is too short for a frame of this format. For code of one's own that reads or writes frames.
    /// </summary>
    /// <param name="available">Bytes of the memory.</param>
    /// <param name="paramName">The caller's parameter to name in the exception.</param>
    /// <exception cref="ArgumentException">The format is the default value, or <paramref name="available"/> is less than <see
    /// cref="ByteCount"/>.</exception>
    public void ThrowIfNotWithin(int available, string paramName)
    {
        ThrowIfDefault(paramName);
        if (available < ByteCount)
        {
            throw new ArgumentException($"A frame of {this} takes {ByteCount} bytes; {available} were given.", paramName);
        }
    }

    internal void ThrowIfDefault(string paramName)
    {
        if (Width == 0)
        {
            throw new ArgumentException("The frame format is the default value; make one with a pixel format and a size.", paramName);
        }
    }

    private static int RowBytesOf(PixelFormat pixelFormat, int width) => pixelFormat switch
    {
        PixelFormat.Bgr24 or PixelFormat.Rgb24 => width * 3,
        PixelFormat.Bgra32 or PixelFormat.Rgba32 => width * 4,
        PixelFormat.Nv12 => (width + 1) & ~1,
        PixelFormat.P010 => 2 * ((width + 1) & ~1),
        _ => width,
    };
}
