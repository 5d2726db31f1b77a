using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <summary>
/// Colour conversion of JPEG rows. YCbCr as in JFIF 1.02 (BT.601, full range) with factors of 16 fraction bits and the rounding of libjpeg's tables:
/// R = Y + 1.402 Cr', G = Y - 0.34414 Cb' - 0.71414 Cr', B = Y + 1.772 Cb', where Cb' and Cr' are the samples less 128.
/// </summary>
internal static class JpegColor
{
    private const int CrToR = 91881;
    private const int CbToB = 116130;
    private const int CbToG = -22554;
    private const int CrToG = -46802;
    private const int Half = 1 << 15;

    public static void YCbCrToRgb(ReadOnlySpan<byte> ys, ReadOnlySpan<byte> cbs, ReadOnlySpan<byte> crs, Span<byte> pixels, bool blueFirst)
    {
        int width = ys.Length;
        cbs = cbs[..width];
        crs = crs[..width];
        pixels = pixels[..(3 * width)];
        ref byte yRef = ref MemoryMarshal.GetReference(ys);
        ref byte cbRef = ref MemoryMarshal.GetReference(cbs);
        ref byte crRef = ref MemoryMarshal.GetReference(crs);
        ref byte to = ref MemoryMarshal.GetReference(pixels);
        int x = 0;
        for (; x + 16 <= width; x += 16)
        {
            (Vector128<short> y0, Vector128<short> y1) = Widen(ref Unsafe.Add(ref yRef, x), 0);
            (Vector128<short> cb0, Vector128<short> cb1) = Widen(ref Unsafe.Add(ref cbRef, x), 128);
            (Vector128<short> cr0, Vector128<short> cr1) = Widen(ref Unsafe.Add(ref crRef, x), 128);
            Vector128<byte> r = Pack(y0 + Scale(cr0, CrToR), y1 + Scale(cr1, CrToR));
            Vector128<byte> g = Pack(y0 + Scale(cb0, CbToG, cr0, CrToG), y1 + Scale(cb1, CbToG, cr1, CrToG));
            Vector128<byte> b = Pack(y0 + Scale(cb0, CbToB), y1 + Scale(cb1, CbToB));
            Store(blueFirst ? b : r, g, blueFirst ? r : b, ref Unsafe.Add(ref to, 3 * x));
        }

        int red = blueFirst ? 2 : 0;
        for (; x < width; x++)
        {
            int y = ys[x];
            int cb = cbs[x] - 128;
            int cr = crs[x] - 128;
            Span<byte> pixel = pixels.Slice(3 * x, 3);
            pixel[red] = Clamp(y + (((CrToR * cr) + Half) >> 16));
            pixel[1] = Clamp(y + (((CbToG * cb) + (CrToG * cr) + Half) >> 16));
            pixel[2 - red] = Clamp(y + (((CbToB * cb) + Half) >> 16));
        }
    }

    /// <summary>Rows of an RGB picture into pixels; gray by libjpeg's weights of 16 fraction bits.</summary>
    public static void Interleave(ReadOnlySpan<byte> reds, ReadOnlySpan<byte> greens, ReadOnlySpan<byte> blues, Span<byte> pixels, PixelFormat format)
    {
        for (int x = 0; x < reds.Length; x++)
        {
            if (format == PixelFormat.Gray8)
            {
                pixels[x] = (byte)(((19595 * reds[x]) + (38470 * greens[x]) + (7471 * blues[x]) + Half) >> 16);
                continue;
            }

            Span<byte> pixel = pixels.Slice(3 * x, 3);
            pixel[0] = format == PixelFormat.Bgr24 ? blues[x] : reds[x];
            pixel[1] = greens[x];
            pixel[2] = format == PixelFormat.Bgr24 ? reds[x] : blues[x];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<short> Lower, Vector128<short> Upper) Widen(ref byte from, short offset)
    {
        (Vector128<ushort> lower, Vector128<ushort> upper) = Vector128.Widen(Vector128.LoadUnsafe(ref from));
        Vector128<short> center = Vector128.Create(offset);
        return (lower.AsInt16() - center, upper.AsInt16() - center);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Scale(Vector128<short> values, int factor)
    {
        (Vector128<int> lower, Vector128<int> upper) = Vector128.Widen(values);
        Vector128<int> half = Vector128.Create(Half);
        return Vector128.Narrow(((lower * factor) + half) >> 16, ((upper * factor) + half) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Scale(Vector128<short> values, int factor, Vector128<short> others, int otherFactor)
    {
        (Vector128<int> lower, Vector128<int> upper) = Vector128.Widen(values);
        (Vector128<int> otherLower, Vector128<int> otherUpper) = Vector128.Widen(others);
        Vector128<int> half = Vector128.Create(Half);
        return Vector128.Narrow(
            ((lower * factor) + (otherLower * otherFactor) + half) >> 16,
            ((upper * factor) + (otherUpper * otherFactor) + half) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Pack(Vector128<short> lower, Vector128<short> upper)
    {
        Vector128<short> top = Vector128.Create((short)255);
        lower = Vector128.Min(Vector128.Max(lower, Vector128<short>.Zero), top);
        upper = Vector128.Min(Vector128.Max(upper, Vector128<short>.Zero), top);
        return Vector128.Narrow(lower.AsUInt16(), upper.AsUInt16());
    }

    // 16 pixels: every output byte comes from one of the three vectors; indexes of 255 give zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c, ref byte to)
    {
        const byte No = 255;
        Vector128<byte> first =
            Vector128.Shuffle(a, Vector128.Create(0, No, No, 1, No, No, 2, No, No, 3, No, No, 4, No, No, 5))
            | Vector128.Shuffle(b, Vector128.Create(No, 0, No, No, 1, No, No, 2, No, No, 3, No, No, 4, No, No))
            | Vector128.Shuffle(c, Vector128.Create(No, No, 0, No, No, 1, No, No, 2, No, No, 3, No, No, 4, No));
        Vector128<byte> second =
            Vector128.Shuffle(a, Vector128.Create(No, No, 6, No, No, 7, No, No, 8, No, No, 9, No, No, 10, No))
            | Vector128.Shuffle(b, Vector128.Create(5, No, No, 6, No, No, 7, No, No, 8, No, No, 9, No, No, 10))
            | Vector128.Shuffle(c, Vector128.Create(No, 5, No, No, 6, No, No, 7, No, No, 8, No, No, 9, No, No));
        Vector128<byte> third =
            Vector128.Shuffle(a, Vector128.Create(No, 11, No, No, 12, No, No, 13, No, No, 14, No, No, 15, No, No))
            | Vector128.Shuffle(b, Vector128.Create(No, No, 11, No, No, 12, No, No, 13, No, No, 14, No, No, 15, No))
            | Vector128.Shuffle(c, Vector128.Create(10, No, No, 11, No, No, 12, No, No, 13, No, No, 14, No, No, 15));
        first.StoreUnsafe(ref to);
        second.StoreUnsafe(ref to, 16);
        third.StoreUnsafe(ref to, 32);
    }

    private static byte Clamp(int value) => (byte)Math.Clamp(value, 0, 255);
}
