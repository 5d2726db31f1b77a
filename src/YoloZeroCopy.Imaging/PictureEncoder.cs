using System.Buffers;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>Encodes frames with Skia.</summary>
internal static unsafe class PictureEncoder
{
    public static byte[] Encode(ReadOnlySpan<byte> pixels, FrameFormat format, SKJpegEncoderOptions options) =>
        Encode(pixels, format, map => map.Encode(options));

    public static byte[] Encode(ReadOnlySpan<byte> pixels, FrameFormat format, SKPngEncoderOptions options) =>
        Encode(pixels, format, map => map.Encode(options));

    private static byte[] Encode(ReadOnlySpan<byte> pixels, FrameFormat format, Func<SKPixmap, SKData?> encode)
    {
        SkiaLibrary.ThrowIfMissing();
        SKColorType color = format.PixelFormat switch
        {
            PixelFormat.Rgba32 => SKColorType.Rgba8888,
            PixelFormat.Gray8 => SKColorType.Gray8,
            _ => SKColorType.Bgra8888,
        };
        if (color == SKColorType.Gray8 || (PixelRow.PixelBytes(format.PixelFormat) == 4 && format.Stride % 4 == 0))
        {
            fixed (byte* memory = pixels)
            {
                return Encode(memory, format, color, format.Stride, encode);
            }
        }

        int rowBytes = format.Width * 4;
        byte[] bgra = ArrayPool<byte>.Shared.Rent(rowBytes * format.Height);
        try
        {
            for (int y = 0; y < format.Height; y++)
            {
                PixelRow.ToBgra(pixels.Slice(y * format.Stride, format.RowBytes), bgra.AsSpan(y * rowBytes, rowBytes), format.PixelFormat);
            }

            fixed (byte* memory = bgra)
            {
                return Encode(memory, format, color, rowBytes, encode);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bgra);
        }
    }

    private static byte[] Encode(byte* memory, FrameFormat format, SKColorType color, int rowBytes, Func<SKPixmap, SKData?> encode)
    {
        // Opaque, so that the fourth byte of a frame is ignored, as everywhere.
        using SKPixmap map = new(new SKImageInfo(format.Width, format.Height, color, SKAlphaType.Opaque, null), (nint)memory, rowBytes);
        using SKData? file = encode(map);
        return file?.ToArray() ?? throw new InvalidOperationException($"Skia could not encode a frame of {format}.");
    }
}
