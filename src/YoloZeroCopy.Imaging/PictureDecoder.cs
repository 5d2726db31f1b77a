using System.Buffers;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>Decodes a picture with Skia's codecs. It wraps memory that the caller keeps pinned and alive.</summary>
/// <remarks>
/// Pixels are those of the file: no colour space is converted, and transparency is not multiplied in. Formats of four bytes a pixel, and gray
/// pictures into a gray frame, are decoded straight into the frame. For the others Skia, which has no format of three bytes a pixel, decodes into a
/// pooled buffer from which the rows are converted: for a JPEG a few rows at a time, for other kinds the whole picture.
/// </remarks>
internal sealed unsafe class PictureDecoder : IDisposable
{
    // Rows of a JPEG that are decoded before they are converted: few enough to stay in a core's cache.
    private const int StripBytes = 256 << 10;

    private readonly SKData data;
    private readonly SKCodec codec;
    private readonly int orientation;

    private PictureDecoder(SKData data, SKCodec codec, PictureKind kind, int orientation)
    {
        this.data = data;
        this.codec = codec;
        this.orientation = orientation;
        bool turned = ExifOrientation.SwapsAxes(orientation);
        Info = new PictureInfo(kind, turned ? codec.Info.Height : codec.Info.Width, turned ? codec.Info.Width : codec.Info.Height);
    }

    public PictureInfo Info { get; }

    /// <summary>Reads the header; no memory is taken for pixels.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="length">Its length.</param>
    /// <exception cref="InvalidDataException">It is no picture that can be read, or says that it has a size that is not read.</exception>
    /// <exception cref="NativeLibraryException">Skia's library is missing.</exception>
    public static PictureDecoder Open(byte* bytes, int length)
    {
        ReadOnlySpan<byte> file = new(bytes, length);
        PictureKind kind = PictureSignature.KindOf(file);
        SkiaLibrary.ThrowIfMissing();
        SKData data = SKData.Create((nint)bytes, length);
        SKCodec? codec = null;
        try
        {
            codec = SKCodec.Create(data)
                ?? throw new InvalidDataException($"the header of the {kind} is damaged, truncated or of a kind that is not read.");
            (int width, int height) = (codec.Info.Width, codec.Info.Height);
            if (width is < 1 or > FrameFormat.MaxSize || height is < 1 or > FrameFormat.MaxSize)
            {
                throw new InvalidDataException(
                    $"the picture says it is {width}x{height} pixels; 1x1 to {FrameFormat.MaxSize}x{FrameFormat.MaxSize} are read.");
            }

            PictureSignature.ThrowIfTooShort(file, kind, width, height);
            return new PictureDecoder(data, codec, kind, kind == PictureKind.Png ? ExifOrientation.OfPng(file) : (int)codec.EncodedOrigin);
        }
        catch
        {
            codec?.Dispose();
            data.Dispose();
            throw;
        }
    }

    /// <summary>Decodes into a frame of the picture's size.</summary>
    /// <exception cref="InvalidDataException">The picture is damaged or truncated.</exception>
    public void Decode(Span<byte> destination, FrameFormat format)
    {
        (int width, int height) = (codec.Info.Width, codec.Info.Height);
        PictureRows rows = new(destination, format, orientation);
        SKColorType color = format.PixelFormat switch
        {
            PixelFormat.Rgba32 => SKColorType.Rgba8888,
            PixelFormat.Gray8 when codec.Info.ColorType == SKColorType.Gray8 => SKColorType.Gray8,
            _ => SKColorType.Bgra8888,
        };
        SKAlphaType alpha = codec.Info.AlphaType == SKAlphaType.Opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul;
        SKImageInfo stored = new(width, height, color, alpha, null);
        bool isSame = stored.BytesPerPixel == PixelRow.PixelBytes(format.PixelFormat);

        // Skia asks for rows of whole pixels.
        if (isSame && orientation == ExifOrientation.Upright && format.Stride % stored.BytesPerPixel == 0)
        {
            fixed (byte* pixels = destination)
            {
                ThrowIfFailed(codec.GetPixels(stored, (nint)pixels, format.Stride, SKCodecOptions.Default));
            }

            return;
        }

        // A frame's row for pixels that are converted and then turned.
        byte[]? turned = rows.IsDirect || isSame ? null : ArrayPool<byte>.Shared.Rent(width * PixelRow.PixelBytes(format.PixelFormat));
        bool hasStrips = Info.Kind == PictureKind.Jpeg && codec.StartScanlineDecode(stored) == SKCodecResult.Success;
        int stripRows = hasStrips ? Math.Clamp(StripBytes / stored.RowBytes, 1, height) : height;
        byte[] strip = ArrayPool<byte>.Shared.Rent(stripRows * stored.RowBytes);
        try
        {
            fixed (byte* pixels = strip)
            {
                for (int y = 0; y < height; y += stripRows)
                {
                    int count = Math.Min(stripRows, height - y);
                    ThrowIfFailed(hasStrips
                        ? ReadStrip((nint)pixels, count, stored.RowBytes)
                        : codec.GetPixels(stored, (nint)pixels, stored.RowBytes, SKCodecOptions.Default));
                    for (int row = 0; row < count; row++)
                    {
                        Span<byte> from = strip.AsSpan(row * stored.RowBytes, stored.RowBytes);
                        if (isSame)
                        {
                            rows.Write(y + row, from);
                        }
                        else if (turned is null)
                        {
                            PixelRow.FromBgra(from, rows.Row(y + row, width), format.PixelFormat);
                        }
                        else
                        {
                            Span<byte> converted = turned.AsSpan(0, width * PixelRow.PixelBytes(format.PixelFormat));
                            PixelRow.FromBgra(from, converted, format.PixelFormat);
                            rows.Write(y + row, converted);
                        }
                    }
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(strip);
            if (turned is not null)
            {
                ArrayPool<byte>.Shared.Return(turned);
            }
        }
    }

    public void Dispose()
    {
        codec.Dispose();
        data.Dispose();
    }

    private SKCodecResult ReadStrip(nint pixels, int count, int rowBytes) =>
        codec.GetScanlines(pixels, count, rowBytes) == count ? SKCodecResult.Success : SKCodecResult.IncompleteInput;

    private static void ThrowIfFailed(SKCodecResult result)
    {
        if (result != SKCodecResult.Success)
        {
            throw new InvalidDataException(result switch
            {
                SKCodecResult.IncompleteInput => "the picture is truncated, or its data end early.",
                SKCodecResult.ErrorInInput or SKCodecResult.InvalidInput => "the picture's data are damaged.",
                _ => $"the picture cannot be decoded ({result}).",
            });
        }
    }
}
