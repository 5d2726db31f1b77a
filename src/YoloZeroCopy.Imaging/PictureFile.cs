using System.Buffers;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>Reads picture files, JPEG, PNG, WebP, BMP and the first frame of a GIF, with Skia's codecs, and writes JPEG and PNG.</summary>
/// <remarks>
/// Any thread; nothing is kept between calls. Pixels equal those of OpenCV's imread with IMREAD_COLOR: Exif orientation applied, 16-bit samples cut
/// to their high byte, no colour space converted, transparency dropped (formats of four bytes a pixel keep it, not multiplied in). CMYK may differ
/// from OpenCV by two levels. Gray8 of a picture in colour is OpenCV's cvtColor with BGR2GRAY of those pixels.
/// <para>
/// Files are not trusted. Their declared size is checked before memory is taken, and is bounded by <see cref="FrameFormat.MaxSize"/>. A picture whose
/// data end early is an error, never half a picture. A JPEG has no check sums, so that a damaged byte within its data may show as wrong pixels; a PNG
/// has them.
/// </para>
/// </remarks>
public static class PictureFile
{
    private const string DefaultName = "picture";

    // libjpeg reads up to a word ahead of the code that it decodes.
    private const int JpegLookahead = 8;

    /// <summary>Reads the header of a picture file.</summary>
    /// <param name="path">A picture file; its kind is told by content.</param>
    /// <exception cref="MediaException">The file cannot be read or is no picture that can be decoded.</exception>
    public static PictureInfo ReadInfo(string path) => ReadInfo(ReadAll(path), path);

    /// <summary>Reads the header of a picture.</summary>
    /// <param name="file">Bytes of the file, from its first one.</param>
    /// <param name="name">What error messages call the picture.</param>
    /// <exception cref="MediaException">The bytes are no picture that can be decoded.</exception>
    public static unsafe PictureInfo ReadInfo(ReadOnlySpan<byte> file, string name = DefaultName)
    {
        try
        {
            fixed (byte* bytes = file)
            {
                using PictureDecoder decoder = PictureDecoder.Open(bytes, file.Length);
                return decoder.Info;
            }
        }
        catch (InvalidDataException error)
        {
            throw new MediaException(name, error.Message, error);
        }
    }

    /// <summary>Decodes a picture straight into the caller's memory, for example a rented slot.</summary>
    /// <param name="file">Bytes of the whole file.</param>
    /// <param name="destination">Takes the pixels. Undefined when the call throws.</param>
    /// <param name="format">Bgr24, Rgb24, Bgra32, Rgba32 or Gray8, of exactly the size that <see cref="ReadInfo(ReadOnlySpan{byte}, string)"/> tells;
    /// any stride.</param>
    /// <param name="name">What error messages call the picture.</param>
    /// <exception cref="ArgumentException">The format is none of the five, is not of the picture's size, or <paramref name="destination"/> is too
    /// short for it.</exception>
    /// <exception cref="MediaException">The picture is damaged, truncated or of a kind that is not read.</exception>
    public static void Decode(ReadOnlySpan<byte> file, Span<byte> destination, FrameFormat format, string name = DefaultName)
    {
        format.ThrowIfNotWithin(destination.Length, nameof(destination));
        ThrowIfNotPictureFormat(format);
        try
        {
            if (PictureSignature.KindOf(file) == PictureKind.Jpeg && JpegStructure.FindEnd(file, out bool isSingleScan) is int end && isSingleScan)
            {
                DecodeScan(file[..end], destination, format, name);
            }
            else
            {
                DecodeWhole(file, destination, format, name);
            }
        }
        catch (InvalidDataException error)
        {
            throw new MediaException(name, error.Message, error);
        }
    }

    /// <summary>Reads and decodes a picture file into new memory.</summary>
    /// <param name="path">A picture file; its kind is told by content.</param>
    /// <param name="format">Format of the returned pixels, rows without padding.</param>
    /// <param name="pixelFormat">Bgr24, Rgb24, Bgra32, Rgba32 or Gray8.</param>
    /// <returns>The pixels.</returns>
    /// <exception cref="MediaException">The file cannot be read, is damaged, truncated or of a kind that is not read.</exception>
    public static byte[] Read(string path, out FrameFormat format, PixelFormat pixelFormat = PixelFormat.Bgr24)
    {
        byte[] file = ReadAll(path);
        PictureInfo info = ReadInfo(file, path);
        format = new FrameFormat(pixelFormat, info.Width, info.Height);
        ThrowIfNotPictureFormat(format);
        byte[] pixels = GC.AllocateUninitializedArray<byte>(format.ByteCount);
        Decode(file, pixels, format, path);
        return pixels;
    }

    /// <summary>Makes a baseline JPEG: 4:2:0 chroma, or gray for Gray8.</summary>
    /// <param name="pixels">The picture.</param>
    /// <param name="format">Its format: Bgr24, Rgb24, Bgra32, Rgba32 or Gray8, any stride.</param>
    /// <param name="quality">1 (smallest file) to 100 (best), on the scale of libjpeg.</param>
    /// <returns>Bytes of the file.</returns>
    /// <exception cref="ArgumentException">The format is none of the five or <paramref name="pixels"/> is too short for it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The quality is outside 1 to 100.</exception>
    public static byte[] EncodeJpeg(ReadOnlySpan<byte> pixels, FrameFormat format, int quality = 90)
    {
        format.ThrowIfNotWithin(pixels.Length, nameof(pixels));
        ThrowIfNotPictureFormat(format);
        if (quality is < 1 or > 100)
        {
            throw new ArgumentOutOfRangeException(nameof(quality), quality, "The quality of a JPEG is 1 to 100.");
        }

        SKJpegEncoderOptions options = new(quality, SKJpegEncoderDownsample.Downsample420, SKJpegEncoderAlphaOption.Ignore);
        return PictureEncoder.Encode(pixels, format, options);
    }

    /// <summary>Makes a PNG of exactly the given pixels.</summary>
    /// <param name="pixels">The picture.</param>
    /// <param name="format">Its format: Bgr24, Rgb24, Bgra32, Rgba32 or Gray8, any stride.</param>
    /// <returns>Bytes of the file.</returns>
    /// <exception cref="ArgumentException">The format is none of the five or <paramref name="pixels"/> is too short for it.</exception>
    public static byte[] EncodePng(ReadOnlySpan<byte> pixels, FrameFormat format)
    {
        format.ThrowIfNotWithin(pixels.Length, nameof(pixels));
        ThrowIfNotPictureFormat(format);
        return PictureEncoder.Encode(pixels, format, SKPngEncoderOptions.Default);
    }

    /// <summary>Writes <see cref="EncodeJpeg"/>'s picture to a file: the whole file or none.</summary>
    /// <inheritdoc cref="EncodeJpeg"/>
    /// <param name="path">File to write; an older one is replaced once the new one is complete.</param>
    /// <param name="pixels">The picture.</param>
    /// <param name="format">Its format.</param>
    /// <param name="quality">1 to 100.</param>
    /// <exception cref="MediaException">The file cannot be written: no such folder, no right, full disk.</exception>
    public static void WriteJpeg(string path, ReadOnlySpan<byte> pixels, FrameFormat format, int quality = 90) =>
        WriteAll(path, EncodeJpeg(pixels, format, quality));

    /// <summary>Writes <see cref="EncodePng"/>'s picture to a file: the whole file or none.</summary>
    /// <inheritdoc cref="EncodePng"/>
    /// <param name="path">File to write; an older one is replaced once the new one is complete.</param>
    /// <param name="pixels">The picture.</param>
    /// <param name="format">Its format.</param>
    /// <exception cref="MediaException">The file cannot be written: no such folder, no right, full disk.</exception>
    public static void WritePng(string path, ReadOnlySpan<byte> pixels, FrameFormat format) => WriteAll(path, EncodePng(pixels, format));

    private static unsafe void DecodeWhole(ReadOnlySpan<byte> file, Span<byte> destination, FrameFormat format, string name)
    {
        fixed (byte* bytes = file)
        {
            using PictureDecoder decoder = PictureDecoder.Open(bytes, file.Length);
            ThrowIfOtherSize(decoder.Info, format, name);
            decoder.Decode(destination, format);
        }
    }

    /// <summary>Decodes a JPEG of one scan without its end marker: at the marker libjpeg would fill what is missing with gray, at the end of the file
    /// it says so.</summary>
    private static void DecodeScan(ReadOnlySpan<byte> file, Span<byte> destination, FrameFormat format, string name)
    {
        byte[] open = ArrayPool<byte>.Shared.Rent(file.Length + JpegLookahead);
        try
        {
            file.CopyTo(open);
            open.AsSpan(file.Length, JpegLookahead).Clear();
            DecodeWhole(open.AsSpan(0, file.Length + JpegLookahead), destination, format, name);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(open);
        }
    }

    private static void ThrowIfNotPictureFormat(FrameFormat format)
    {
        if (PixelRow.PixelBytes(format.PixelFormat) == 0)
        {
            throw new ArgumentException($"Pictures are Bgr24, Rgb24, Bgra32, Rgba32 or Gray8; {format.PixelFormat} was given.", nameof(format));
        }
    }

    private static void ThrowIfOtherSize(PictureInfo info, FrameFormat format, string name)
    {
        if (info.Width != format.Width || info.Height != format.Height)
        {
            throw new ArgumentException($"'{name}' is {info.Width}x{info.Height} pixels; the frame format is {format}.", nameof(format));
        }
    }

    private static byte[] ReadAll(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new MediaException(path, $"the file cannot be read: {error.Message}", error);
        }
    }

    private static void WriteAll(string path, byte[] file)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string partial = $"{path}.{Guid.NewGuid():N}.partial";
        try
        {
            File.WriteAllBytes(partial, file);
            File.Move(partial, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            TryDelete(partial);
            throw new MediaException(path, $"the file cannot be written: {error.Message}", error);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
