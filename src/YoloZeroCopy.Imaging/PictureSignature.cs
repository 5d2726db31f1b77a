using System.Buffers.Binary;

namespace YoloZeroCopy;

/// <summary>Tells the kinds of pictures apart by their first bytes, and knows how few bytes a picture of a size can have.</summary>
internal static class PictureSignature
{
    // Deflate makes at most 1,032 bytes of one.
    private const int DeflateLimit = 1032;

    /// <exception cref="InvalidDataException">It is none of the kinds that are read.</exception>
    public static PictureKind KindOf(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
        {
            return PictureKind.Jpeg;
        }

        if (file.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]))
        {
            return PictureKind.Png;
        }

        if (file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..12].SequenceEqual("WEBP"u8))
        {
            return PictureKind.WebP;
        }

        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8))
        {
            return PictureKind.Gif;
        }

        if (file.StartsWith("BM"u8))
        {
            return PictureKind.Bmp;
        }

        string beginning = file.Length == 0 ? "nothing" : Convert.ToHexString(file[..Math.Min(8, file.Length)]);
        throw new InvalidDataException($"no picture that can be read: it begins with {beginning}. JPEG, PNG, WebP, BMP and GIF are read.");
    }

    /// <summary>Refuses a file that is shorter than a picture of the size it declares can be, so that a few bytes cannot ask for a large
    /// picture.</summary>
    /// <exception cref="InvalidDataException">It is.</exception>
    public static void ThrowIfTooShort(ReadOnlySpan<byte> file, PictureKind kind, int width, int height)
    {
        long least = kind switch
        {
            // A block of 8 x 8 samples takes one bit or more.
            PictureKind.Jpeg => (long)width * height / 64 / 8,
            PictureKind.Png => (long)width * height * PngPixelBits(file) / 8 / DeflateLimit,
            PictureKind.Bmp => BmpBytes(file, width, height),

            // One run of WebP or GIF can fill any picture.
            _ => 0,
        };
        if (file.Length < least)
        {
            throw new InvalidDataException(
                $"the picture says it is {width}x{height} pixels, which takes {least} bytes or more; the file has {file.Length}.");
        }
    }

    // The header stands first in a PNG, and a file without it does not come so far: bits a sample at 24, kind of pixels at 25.
    private static int PngPixelBits(ReadOnlySpan<byte> file) => file[24] * file[25] switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

    // Only of plain rows something is known. Bits a pixel stand at 28, the compression at 30; the oldest header, of 12 bytes, has them elsewhere.
    private static long BmpBytes(ReadOnlySpan<byte> file, int width, int height) =>
        file.Length > 34 && file[14] >= 40 && BinaryPrimitives.ReadUInt32LittleEndian(file[30..]) == 0
            ? (long)width * height * BinaryPrimitives.ReadUInt16LittleEndian(file[28..]) / 8
            : 0;
}
