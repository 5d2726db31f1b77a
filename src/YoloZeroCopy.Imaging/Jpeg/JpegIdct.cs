using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>
/// Inverse 8x8 DCT after Loeffler, Ligtenberg and Moschytz (ICASSP 1989) in 32-bit integers: 13 fraction bits in the constants, 2 more kept between the passes, the same
/// rounding as libjpeg's accurate integer method, so that the samples are those OpenCV gets.
/// </summary>
internal static class JpegIdct
{
    private const int ConstantBits = 13;
    private const int PassBits = 2;

    /// <summary>Dequantises a block, transforms it and writes 8x8 samples.</summary>
    /// <param name="coefficients">64 coefficients, natural order.</param>
    /// <param name="quant">64 quantiser steps, natural order.</param>
    /// <param name="samples">First sample of the block; 7 strides and 8 bytes are written.</param>
    /// <param name="stride">Bytes from one row of samples to the next.</param>
    public static void Transform(ReadOnlySpan<short> coefficients, ReadOnlySpan<int> quant, Span<byte> samples, int stride)
    {
        // One check for all that is read and written below.
        _ = coefficients[63];
        _ = quant[63];
        _ = samples[(7 * stride) + 7];
        ref short c = ref MemoryMarshal.GetReference(coefficients);
        ref int q = ref MemoryMarshal.GetReference(quant);

        Vector256<int> r0 = Load(ref c, ref q, 0);
        Vector256<int> r1 = Load(ref c, ref q, 1);
        Vector256<int> r2 = Load(ref c, ref q, 2);
        Vector256<int> r3 = Load(ref c, ref q, 3);
        Vector256<int> r4 = Load(ref c, ref q, 4);
        Vector256<int> r5 = Load(ref c, ref q, 5);
        Vector256<int> r6 = Load(ref c, ref q, 6);
        Vector256<int> r7 = Load(ref c, ref q, 7);
        Pass(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7, ConstantBits - PassBits);
        Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);
        Pass(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7, ConstantBits + PassBits + 3);
        Transpose(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);
        ref byte to = ref MemoryMarshal.GetReference(samples);
        Store(r0, r1, ref to, stride);
        Store(r2, r3, ref Unsafe.Add(ref to, 2 * stride), stride);
        Store(r4, r5, ref Unsafe.Add(ref to, 4 * stride), stride);
        Store(r6, r7, ref Unsafe.Add(ref to, 6 * stride), stride);
    }

    /// <summary>The same for a block that has only its DC coefficient.</summary>
    public static void TransformDc(short dc, int quant, Span<byte> samples, int stride)
    {
        int value = (((dc * quant) << PassBits) + (1 << (PassBits + 2))) >> (PassBits + 3);
        byte sample = (byte)Math.Clamp(value + 128, 0, 255);
        for (int row = 0; row < 8; row++)
        {
            samples.Slice(row * stride, 8).Fill(sample);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Load(ref short coefficients, ref int quant, int row)
    {
        Vector128<short> values = Vector128.LoadUnsafe(ref coefficients, (nuint)(row * 8));
        (Vector128<int> lower, Vector128<int> upper) = Vector128.Widen(values);
        return Vector256.Create(lower, upper) * Vector256.LoadUnsafe(ref quant, (nuint)(row * 8));
    }

    // One dimension of the transform, eight at a time; each result is rounded and shifted right by `shift`.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pass(
        ref Vector256<int> r0,
        ref Vector256<int> r1,
        ref Vector256<int> r2,
        ref Vector256<int> r3,
        ref Vector256<int> r4,
        ref Vector256<int> r5,
        ref Vector256<int> r6,
        ref Vector256<int> r7,
        int shift)
    {
        // Even half: a rotation of 2 and 6 by 3 pi / 8, a butterfly of 0 and 4.
        Vector256<int> shared = (r2 + r6) * 4433;
        Vector256<int> low = shared - (r6 * 15137);
        Vector256<int> high = shared + (r2 * 6270);
        Vector256<int> sum = (r0 + r4) << ConstantBits;
        Vector256<int> difference = (r0 - r4) << ConstantBits;
        Vector256<int> rounding = Vector256.Create(1 << (shift - 1));
        Vector256<int> even0 = sum + high + rounding;
        Vector256<int> even3 = sum - high + rounding;
        Vector256<int> even1 = difference + low + rounding;
        Vector256<int> even2 = difference - low + rounding;

        // Odd half: the sums share their multiplications.
        Vector256<int> both = (r7 + r3 + r5 + r1) * 9633;
        Vector256<int> z1 = (r7 + r1) * -7373;
        Vector256<int> z2 = (r5 + r3) * -20995;
        Vector256<int> z3 = both - ((r7 + r3) * 16069);
        Vector256<int> z4 = both - ((r5 + r1) * 3196);
        Vector256<int> odd3 = (r7 * 2446) + z1 + z3;
        Vector256<int> odd2 = (r5 * 16819) + z2 + z4;
        Vector256<int> odd1 = (r3 * 25172) + z2 + z3;
        Vector256<int> odd0 = (r1 * 12299) + z1 + z4;

        r0 = (even0 + odd0) >> shift;
        r7 = (even0 - odd0) >> shift;
        r1 = (even1 + odd1) >> shift;
        r6 = (even1 - odd1) >> shift;
        r2 = (even2 + odd2) >> shift;
        r5 = (even2 - odd2) >> shift;
        r3 = (even3 + odd3) >> shift;
        r4 = (even3 - odd3) >> shift;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(
        ref Vector256<int> r0,
        ref Vector256<int> r1,
        ref Vector256<int> r2,
        ref Vector256<int> r3,
        ref Vector256<int> r4,
        ref Vector256<int> r5,
        ref Vector256<int> r6,
        ref Vector256<int> r7)
    {
        if (!Avx2.IsSupported)
        {
            TransposeByElement(ref r0, ref r1, ref r2, ref r3, ref r4, ref r5, ref r6, ref r7);
            return;
        }

        Vector256<int> a0 = Avx2.UnpackLow(r0, r1);
        Vector256<int> a1 = Avx2.UnpackHigh(r0, r1);
        Vector256<int> a2 = Avx2.UnpackLow(r2, r3);
        Vector256<int> a3 = Avx2.UnpackHigh(r2, r3);
        Vector256<int> a4 = Avx2.UnpackLow(r4, r5);
        Vector256<int> a5 = Avx2.UnpackHigh(r4, r5);
        Vector256<int> a6 = Avx2.UnpackLow(r6, r7);
        Vector256<int> a7 = Avx2.UnpackHigh(r6, r7);
        Vector256<int> b0 = Avx2.UnpackLow(a0.AsInt64(), a2.AsInt64()).AsInt32();
        Vector256<int> b1 = Avx2.UnpackHigh(a0.AsInt64(), a2.AsInt64()).AsInt32();
        Vector256<int> b2 = Avx2.UnpackLow(a1.AsInt64(), a3.AsInt64()).AsInt32();
        Vector256<int> b3 = Avx2.UnpackHigh(a1.AsInt64(), a3.AsInt64()).AsInt32();
        Vector256<int> b4 = Avx2.UnpackLow(a4.AsInt64(), a6.AsInt64()).AsInt32();
        Vector256<int> b5 = Avx2.UnpackHigh(a4.AsInt64(), a6.AsInt64()).AsInt32();
        Vector256<int> b6 = Avx2.UnpackLow(a5.AsInt64(), a7.AsInt64()).AsInt32();
        Vector256<int> b7 = Avx2.UnpackHigh(a5.AsInt64(), a7.AsInt64()).AsInt32();
        r0 = Avx2.Permute2x128(b0, b4, 0x20);
        r1 = Avx2.Permute2x128(b1, b5, 0x20);
        r2 = Avx2.Permute2x128(b2, b6, 0x20);
        r3 = Avx2.Permute2x128(b3, b7, 0x20);
        r4 = Avx2.Permute2x128(b0, b4, 0x31);
        r5 = Avx2.Permute2x128(b1, b5, 0x31);
        r6 = Avx2.Permute2x128(b2, b6, 0x31);
        r7 = Avx2.Permute2x128(b3, b7, 0x31);
    }

    private static void TransposeByElement(
        ref Vector256<int> r0,
        ref Vector256<int> r1,
        ref Vector256<int> r2,
        ref Vector256<int> r3,
        ref Vector256<int> r4,
        ref Vector256<int> r5,
        ref Vector256<int> r6,
        ref Vector256<int> r7)
    {
        Span<Vector256<int>> rows = [r0, r1, r2, r3, r4, r5, r6, r7];
        Span<int> values = MemoryMarshal.Cast<Vector256<int>, int>(rows);
        for (int y = 0; y < 8; y++)
        {
            for (int x = y + 1; x < 8; x++)
            {
                (values[(y * 8) + x], values[(x * 8) + y]) = (values[(x * 8) + y], values[(y * 8) + x]);
            }
        }

        (r0, r1, r2, r3) = (rows[0], rows[1], rows[2], rows[3]);
        (r4, r5, r6, r7) = (rows[4], rows[5], rows[6], rows[7]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> row, Vector256<int> next, ref byte to, int stride)
    {
        Vector256<int> middle = Vector256.Create(128);
        Vector256<int> top = Vector256.Create(255);
        row = Vector256.Min(Vector256.Max(row + middle, Vector256<int>.Zero), top);
        next = Vector256.Min(Vector256.Max(next + middle, Vector256<int>.Zero), top);
        Vector128<ushort> shortRow = Vector128.Narrow(row.GetLower().AsUInt32(), row.GetUpper().AsUInt32());
        Vector128<ushort> shortNext = Vector128.Narrow(next.GetLower().AsUInt32(), next.GetUpper().AsUInt32());
        Vector128<byte> bytes = Vector128.Narrow(shortRow, shortNext);
        Unsafe.WriteUnaligned(ref to, bytes.AsUInt64().GetElement(0));
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref to, stride), bytes.AsUInt64().GetElement(1));
    }
}
