using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Fixed-point steps that the portable vector API lacks, with the same result on every machine.</summary>
internal static class SimdMath
{
    /// <summary>a * b / 2^16, rounded down.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> MultiplyHigh(Vector128<short> a, Vector128<short> b)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.MultiplyHigh(a, b);
        }

        Vector128<int> lower = (Vector128.WidenLower(a) * Vector128.WidenLower(b)) >> 16;
        Vector128<int> upper = (Vector128.WidenUpper(a) * Vector128.WidenUpper(b)) >> 16;
        return Vector128.Narrow(lower, upper);
    }

    /// <summary>a[0] * b[0] + a[1] * b[1], and so on for every pair of neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MultiplyAddPairs(Vector128<short> a, Vector128<short> b)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.MultiplyAddAdjacent(a, b);
        }

        Vector128<int> even = ((a.AsInt32() << 16) >> 16) * ((b.AsInt32() << 16) >> 16);
        Vector128<int> odd = (a.AsInt32() >> 16) * (b.AsInt32() >> 16);
        return even + odd;
    }

    /// <summary>Both vectors' numbers as bytes, those outside 0 to 255 clamped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> NarrowClamped(Vector128<short> lower, Vector128<short> upper)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.PackUnsignedSaturate(lower, upper);
        }

        Vector128<short> most = Vector128.Create((short)255);
        lower = Vector128.Min(Vector128.Max(lower, Vector128<short>.Zero), most);
        upper = Vector128.Min(Vector128.Max(upper, Vector128<short>.Zero), most);
        return Vector128.Narrow(lower.AsUInt16(), upper.AsUInt16());
    }

    /// <summary>(a + b + 1) / 2, rounded down.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Mean(Vector128<byte> a, Vector128<byte> b)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.Average(a, b);
        }

        if (AdvSimd.IsSupported)
        {
            return AdvSimd.FusedAddRoundedHalving(a, b);
        }

        // a + b = 2 (a & b) + (a ^ b), without leaving 8 bits.
        return (a & b) + ((a ^ b) >> 1) + ((a ^ b) & Vector128<byte>.One);
    }

    /// <summary>Stores 16 pixels as red, green, blue and an unused byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void StoreRgbx(byte* destination, Vector128<byte> red, Vector128<byte> green, Vector128<byte> blue)
    {
        (Vector128<ushort> lower, Vector128<ushort> upper) = Interleave(red, green);
        (Vector128<ushort> lowerBlue, Vector128<ushort> upperBlue) = Vector128.Widen(blue);
        (Vector128<uint> first, Vector128<uint> second) = Interleave(lower, lowerBlue);
        (Vector128<uint> third, Vector128<uint> fourth) = Interleave(upper, upperBlue);
        first.Store((uint*)destination);
        second.Store((uint*)destination + 4);
        third.Store((uint*)destination + 8);
        fourth.Store((uint*)destination + 12);
    }

    /// <summary>Stores 32 pixels as red, green, blue and an unused byte. Needs AVX2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void StoreRgbx(byte* destination, Vector256<byte> red, Vector256<byte> green, Vector256<byte> blue)
    {
        // Interleaving stays within lanes: each result holds four pixels of the first 16 and four of the last.
        Vector256<ushort> lower = Avx2.UnpackLow(red, green).AsUInt16();
        Vector256<ushort> upper = Avx2.UnpackHigh(red, green).AsUInt16();
        Vector256<ushort> lowerBlue = Avx2.UnpackLow(blue, Vector256<byte>.Zero).AsUInt16();
        Vector256<ushort> upperBlue = Avx2.UnpackHigh(blue, Vector256<byte>.Zero).AsUInt16();
        Vector256<byte> first = Avx2.UnpackLow(lower, lowerBlue).AsByte();
        Vector256<byte> second = Avx2.UnpackHigh(lower, lowerBlue).AsByte();
        Vector256<byte> third = Avx2.UnpackLow(upper, upperBlue).AsByte();
        Vector256<byte> fourth = Avx2.UnpackHigh(upper, upperBlue).AsByte();
        Avx2.Permute2x128(first, second, 0x20).Store(destination);
        Avx2.Permute2x128(third, fourth, 0x20).Store(destination + 32);
        Avx2.Permute2x128(first, second, 0x31).Store(destination + 64);
        Avx2.Permute2x128(third, fourth, 0x31).Store(destination + 96);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<ushort> Lower, Vector128<ushort> Upper) Interleave(Vector128<byte> low, Vector128<byte> high) => Sse2.IsSupported
        ? (Sse2.UnpackLow(low, high).AsUInt16(), Sse2.UnpackHigh(low, high).AsUInt16())
        : (Vector128.WidenLower(low) | (Vector128.WidenLower(high) << 8), Vector128.WidenUpper(low) | (Vector128.WidenUpper(high) << 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<uint> Lower, Vector128<uint> Upper) Interleave(Vector128<ushort> low, Vector128<ushort> high) => Sse2.IsSupported
        ? (Sse2.UnpackLow(low, high).AsUInt32(), Sse2.UnpackHigh(low, high).AsUInt32())
        : (Vector128.WidenLower(low) | (Vector128.WidenLower(high) << 16), Vector128.WidenUpper(low) | (Vector128.WidenUpper(high) << 16));
}
