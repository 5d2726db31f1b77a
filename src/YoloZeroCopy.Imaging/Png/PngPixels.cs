using System.Buffers.Binary;

namespace YoloZeroCopy;

/// <summary>Turns a PNG row into Bgr24, Rgb24 or Gray8: low depths scaled to 0 to 255, 16 bits cut to the high byte, alpha dropped.</summary>
internal static class PngPixels
{
    // libpng's weights of 15 fraction bits for OpenCV's 0.299 and 0.587; the third is the rest.
    private const int RedWeight = 9797;
    private const int GreenWeight = 19234;
    private const int BlueWeight = 32768 - RedWeight - GreenWeight;

    public static void Convert(in PngHeader header, ReadOnlySpan<byte> palette, ReadOnlySpan<byte> row, Span<byte> pixels, PixelFormat format)
    {
        int sampleBytes = header.BitDepth == 16 ? 2 : 1;
        int pixelBytes = header.Channels * sampleBytes;
        int width = format == PixelFormat.Gray8 ? pixels.Length : pixels.Length / 3;
        switch (header.ColorType)
        {
            case PngColorType.Rgb or PngColorType.Rgba:
                for (int x = 0; x < width; x++)
                {
                    ReadOnlySpan<byte> from = row.Slice(x * pixelBytes, pixelBytes);
                    if (sampleBytes == 2 && format == PixelFormat.Gray8)
                    {
                        pixels[x] = GrayOf16(from);
                        continue;
                    }

                    Put(pixels, x, format, from[0], from[sampleBytes], from[2 * sampleBytes]);
                }

                break;
            case PngColorType.Palette:
                for (int x = 0; x < width; x++)
                {
                    int index = Sample(row, x, header.BitDepth) * 3;
                    if (index >= palette.Length)
                    {
                        throw new InvalidDataException($"damaged PNG: palette index {index / 3} of {palette.Length / 3}.");
                    }

                    Put(pixels, x, format, palette[index], palette[index + 1], palette[index + 2]);
                }

                break;
            default:
                int scale = header.BitDepth < 8 ? 255 / ((1 << header.BitDepth) - 1) : 1;
                for (int x = 0; x < width; x++)
                {
                    byte value = header.BitDepth < 8 ? (byte)(Sample(row, x, header.BitDepth) * scale) : row[x * pixelBytes];
                    Put(pixels, x, format, value, value, value);
                }

                break;
        }
    }

    // libpng weighs whole 16-bit samples and cuts the low byte off afterwards.
    private static byte GrayOf16(ReadOnlySpan<byte> from)
    {
        uint red = BinaryPrimitives.ReadUInt16BigEndian(from);
        uint green = BinaryPrimitives.ReadUInt16BigEndian(from[2..]);
        uint blue = BinaryPrimitives.ReadUInt16BigEndian(from[4..]);
        uint gray = red == green && red == blue ? red : ((RedWeight * red) + (GreenWeight * green) + (BlueWeight * blue) + 16384) >> 15;
        return (byte)(gray >> 8);
    }

    private static int Sample(ReadOnlySpan<byte> row, int x, int depth)
    {
        int bit = x * depth;
        return (row[bit >> 3] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
    }

    private static void Put(Span<byte> pixels, int x, PixelFormat format, byte red, byte green, byte blue)
    {
        if (format == PixelFormat.Gray8)
        {
            pixels[x] = red == green && red == blue ? red : (byte)(((RedWeight * red) + (GreenWeight * green) + (BlueWeight * blue)) >> 15);
            return;
        }

        Span<byte> pixel = pixels.Slice(3 * x, 3);
        bool blueFirst = format == PixelFormat.Bgr24;
        pixel[0] = blueFirst ? blue : red;
        pixel[1] = green;
        pixel[2] = blueFirst ? red : blue;
    }
}
