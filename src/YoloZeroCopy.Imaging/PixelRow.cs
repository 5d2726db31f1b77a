using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <summary>Converts rows of pixels between a frame's format and the four bytes a pixel of Skia: blue, green, red, and a fourth.</summary>
internal static class PixelRow
{
    // OpenCV's weights of BT.601 in units of 1/32,768 (cvtColor, BGR2GRAY).
    private const int Blue = 3735;
    private const int Green = 19235;
    private const int Red = 9798;
    private const int GrayShift = 15;

    /// <summary>Bytes a pixel of the formats that pictures and drawing know; 0 for others.</summary>
    public static int PixelBytes(PixelFormat format) => format switch
    {
        PixelFormat.Bgr24 or PixelFormat.Rgb24 => 3,
        PixelFormat.Bgra32 or PixelFormat.Rgba32 => 4,
        PixelFormat.Gray8 => 1,
        _ => 0,
    };

    /// <summary>Writes pixels of Skia into a row of a frame; those of four bytes are in the frame's order already.</summary>
    public static void FromBgra(ReadOnlySpan<byte> bgra, Span<byte> row, PixelFormat format)
    {
        if (row.Length == bgra.Length)
        {
            bgra.CopyTo(row);
            return;
        }

        if (format == PixelFormat.Gray8)
        {
            ToGray(MemoryMarshal.Cast<byte, uint>(bgra), row);
            return;
        }

        bool isRgb = format == PixelFormat.Rgb24;
        Vector128<byte> order = isRgb
            ? Vector128.Create((byte)2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 0, 0, 0, 0)
            : Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0);
        int from = 0;
        int to = 0;
        ref byte source = ref MemoryMarshal.GetReference(bgra[..(row.Length / 3 * 4)]);
        ref byte target = ref MemoryMarshal.GetReference(row);

        // Four pixels a step; each writes four bytes too many, which the next overwrites.
        for (; to + 16 <= row.Length; from += 16, to += 12)
        {
            Vector128.ShuffleNative(Vector128.LoadUnsafe(ref source, (nuint)from), order).StoreUnsafe(ref target, (nuint)to);
        }

        int red = isRgb ? 0 : 2;
        for (; to + 3 <= row.Length; from += 4, to += 3)
        {
            row[to + 2 - red] = bgra[from];
            row[to + 1] = bgra[from + 1];
            row[to + red] = bgra[from + 2];
        }
    }

    /// <summary>Reads a row of a frame into pixels of Skia; those of four bytes keep their order.</summary>
    public static void ToBgra(ReadOnlySpan<byte> row, Span<byte> bgra, PixelFormat format)
    {
        const uint Opaque = 0xFF000000;
        if (row.Length == bgra.Length)
        {
            row.CopyTo(bgra);
            return;
        }

        if (format == PixelFormat.Gray8)
        {
            Span<uint> pixels = MemoryMarshal.Cast<byte, uint>(bgra);
            for (int i = 0; i < row.Length; i++)
            {
                pixels[i] = Opaque | (row[i] * 0x010101u);
            }

            return;
        }

        bool isRgb = format == PixelFormat.Rgb24;
        Vector128<byte> order = isRgb
            ? Vector128.Create((byte)2, 1, 0, 0, 5, 4, 3, 0, 8, 7, 6, 0, 11, 10, 9, 0)
            : Vector128.Create((byte)0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0);
        Vector128<byte> opaque = Vector128.Create(Opaque).AsByte();
        int from = 0;
        int to = 0;
        ref byte source = ref MemoryMarshal.GetReference(row);
        ref byte target = ref MemoryMarshal.GetReference(bgra[..(row.Length / 3 * 4)]);

        // Four pixels a step, read with four bytes too many.
        for (; from + 16 <= row.Length; from += 12, to += 16)
        {
            (Vector128.ShuffleNative(Vector128.LoadUnsafe(ref source, (nuint)from), order) | opaque).StoreUnsafe(ref target, (nuint)to);
        }

        int red = isRgb ? 0 : 2;
        for (; from + 3 <= row.Length; from += 3, to += 4)
        {
            bgra[to] = row[from + 2 - red];
            bgra[to + 1] = row[from + 1];
            bgra[to + 2] = row[from + red];
            bgra[to + 3] = 255;
        }
    }

    private static void ToGray(ReadOnlySpan<uint> bgra, Span<byte> row)
    {
        int i = 0;
        for (; i + 16 <= row.Length; i += 16)
        {
            Vector128<ushort> low = Vector128.Narrow(Gray(Vector128.Create(bgra.Slice(i, 4))), Gray(Vector128.Create(bgra.Slice(i + 4, 4))));
            Vector128<ushort> high = Vector128.Narrow(Gray(Vector128.Create(bgra.Slice(i + 8, 4))), Gray(Vector128.Create(bgra.Slice(i + 12, 4))));
            Vector128.Narrow(low, high).CopyTo(row[i..]);
        }

        for (; i < row.Length; i++)
        {
            uint pixel = bgra[i];
            uint sum = ((pixel & 255) * Blue) + ((pixel >> 8 & 255) * Green) + ((pixel >> 16 & 255) * Red);
            row[i] = (byte)((sum + (1 << (GrayShift - 1))) >> GrayShift);
        }
    }

    private static Vector128<uint> Gray(Vector128<uint> pixels)
    {
        Vector128<uint> mask = Vector128.Create(255u);
        Vector128<uint> sum = ((pixels & mask) * Blue) + ((pixels >>> 8 & mask) * Green) + ((pixels >>> 16 & mask) * Red);
        return (sum + Vector128.Create(1u << (GrayShift - 1))) >>> GrayShift;
    }
}
