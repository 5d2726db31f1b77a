using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Vertical half of the resampling: mixes two frame rows into one row of 16-bit samples with <see cref="FractionBits"/> fractional bits.</summary>
/// <remarks>It comes before the horizontal half: when a frame is shrunk, which is the rule, each frame row is then read once, from its first byte to its last.</remarks>
internal static unsafe class RowBlender
{
    /// <summary>Fractional bits of a blended sample: 255 in units of 1/128 just fits a signed 16-bit number.</summary>
    public const int FractionBits = 7;

    /// <summary>Writes upper + (lower - upper) * weight for <paramref name="count"/> samples.</summary>
    /// <param name="upper">Row with weight 1 - weight.</param>
    /// <param name="lower">Row with the weight given; not read when that is 0.</param>
    /// <param name="weight">Weight of the lower row, with 15 fractional bits.</param>
    /// <param name="blended">Where the samples go.</param>
    /// <param name="count">Samples in a row.</param>
    /// <param name="level">Widest vectors to use.</param>
    public static void Blend(byte* upper, byte* lower, short weight, short* blended, int count, SimdLevel level)
    {
        if (weight == 0)
        {
            Widen(upper, blended, count, level);
        }
        else
        {
            Mix(upper, lower, weight, blended, count, level);
        }
    }

    private static void Mix(byte* upper, byte* lower, short weight, short* blended, int count, SimdLevel level)
    {
        int i = 0;
        if (level >= SimdLevel.Vector512 && Avx512BW.IsSupported)
        {
            Vector512<short> weights = Vector512.Create(weight);
            for (; i <= count - Vector512<short>.Count; i += Vector512<short>.Count)
            {
                Vector512<short> a = Avx512BW.ConvertToVector512Int16(Vector256.Load(upper + i)) << FractionBits;
                Vector512<short> b = Avx512BW.ConvertToVector512Int16(Vector256.Load(lower + i)) << FractionBits;
                (a + Avx512BW.MultiplyHighRoundScale(b - a, weights)).Store(blended + i);
            }
        }

        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            Vector256<short> weights = Vector256.Create(weight);
            for (; i <= count - Vector256<short>.Count; i += Vector256<short>.Count)
            {
                Vector256<short> a = Avx2.ConvertToVector256Int16(upper + i) << FractionBits;
                Vector256<short> b = Avx2.ConvertToVector256Int16(lower + i) << FractionBits;
                (a + Avx2.MultiplyHighRoundScale(b - a, weights)).Store(blended + i);
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            Vector128<short> weights = Vector128.Create(weight);
            for (; i <= count - Vector128<byte>.Count; i += Vector128<byte>.Count)
            {
                Vector128<byte> a = Vector128.Load(upper + i);
                Vector128<byte> b = Vector128.Load(lower + i);
                Vector128<short> a0 = Vector128.WidenLower(a).AsInt16() << FractionBits;
                Vector128<short> a1 = Vector128.WidenUpper(a).AsInt16() << FractionBits;
                Vector128<short> b0 = Vector128.WidenLower(b).AsInt16() << FractionBits;
                Vector128<short> b1 = Vector128.WidenUpper(b).AsInt16() << FractionBits;
                (a0 + SimdMath.MultiplyHighRound(b0 - a0, weights)).Store(blended + i);
                (a1 + SimdMath.MultiplyHighRound(b1 - a1, weights)).Store(blended + i + Vector128<short>.Count);
            }
        }

        for (; i < count; i++)
        {
            int a = upper[i] << FractionBits;
            int b = lower[i] << FractionBits;
            blended[i] = (short)(a + SimdMath.MultiplyHighRound(b - a, weight));
        }
    }

    private static void Widen(byte* row, short* widened, int count, SimdLevel level)
    {
        int i = 0;
        if (level >= SimdLevel.Vector512 && Avx512BW.IsSupported)
        {
            for (; i <= count - Vector512<short>.Count; i += Vector512<short>.Count)
            {
                (Avx512BW.ConvertToVector512Int16(Vector256.Load(row + i)) << FractionBits).Store(widened + i);
            }
        }

        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            for (; i <= count - Vector256<short>.Count; i += Vector256<short>.Count)
            {
                (Avx2.ConvertToVector256Int16(row + i) << FractionBits).Store(widened + i);
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            for (; i <= count - Vector128<byte>.Count; i += Vector128<byte>.Count)
            {
                Vector128<byte> samples = Vector128.Load(row + i);
                (Vector128.WidenLower(samples).AsInt16() << FractionBits).Store(widened + i);
                (Vector128.WidenUpper(samples).AsInt16() << FractionBits).Store(widened + i + Vector128<short>.Count);
            }
        }

        for (; i < count; i++)
        {
            widened[i] = (short)(row[i] << FractionBits);
        }
    }
}
