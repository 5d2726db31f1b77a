using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <summary>Finds best scores and values that are no numbers in one pass over the scores.</summary>
/// <remarks>
/// Finiteness costs one multiply-add a value: x * 0 is 0 for every finite x and NaN for NaN and both infinities, and NaN survives every addition.
/// So the maximum may be the processor's own, quick one, which loses NaN.
/// </remarks>
internal static class ScoreScan
{
    /// <summary>Raises every <c>best[i]</c> to the largest of the four rows' <c>[i]</c>. Spans are of one length; a row may be given twice.</summary>
    /// <returns>False when a row holds a value that is not finite; <paramref name="best"/> is then of no use.</returns>
    /// <remarks>Four rows at a time because each reads and writes <paramref name="best"/> once.</remarks>
    public static bool RaiseToBest(
        ReadOnlySpan<float> row0, ReadOnlySpan<float> row1, ReadOnlySpan<float> row2, ReadOnlySpan<float> row3, Span<float> best)
    {
        int count = best.Length;
        if (count < Vector256<float>.Count)
        {
            float sum = 0;
            for (int i = 0; i < count; i++)
            {
                best[i] = Math.Max(best[i], Math.Max(Math.Max(row0[i], row1[i]), Math.Max(row2[i], row3[i])));
                sum += (row0[i] * 0) + (row1[i] * 0) + (row2[i] * 0) + (row3[i] * 0);
            }

            return sum == 0;
        }

        ref float r0 = ref MemoryMarshal.GetReference(row0[..count]);
        ref float r1 = ref MemoryMarshal.GetReference(row1[..count]);
        ref float r2 = ref MemoryMarshal.GetReference(row2[..count]);
        ref float r3 = ref MemoryMarshal.GetReference(row3[..count]);
        ref float b = ref MemoryMarshal.GetReference(best);
        Vector256<float> sum0 = Vector256<float>.Zero;
        Vector256<float> sum1 = Vector256<float>.Zero;
        Vector256<float> sum2 = Vector256<float>.Zero;
        Vector256<float> sum3 = Vector256<float>.Zero;
        int last = count - Vector256<float>.Count;
        for (int i = 0; ; i += Vector256<float>.Count)
        {
            // The last vector overlaps the one before it; a maximum taken twice is the same.
            nuint at = (nuint)Math.Min(i, last);
            Vector256<float> v0 = Vector256.LoadUnsafe(ref r0, at);
            Vector256<float> v1 = Vector256.LoadUnsafe(ref r1, at);
            Vector256<float> v2 = Vector256.LoadUnsafe(ref r2, at);
            Vector256<float> v3 = Vector256.LoadUnsafe(ref r3, at);
            sum0 = Vector256.MultiplyAddEstimate(v0, Vector256<float>.Zero, sum0);
            sum1 = Vector256.MultiplyAddEstimate(v1, Vector256<float>.Zero, sum1);
            sum2 = Vector256.MultiplyAddEstimate(v2, Vector256<float>.Zero, sum2);
            sum3 = Vector256.MultiplyAddEstimate(v3, Vector256<float>.Zero, sum3);
            Vector256<float> largest = Vector256.MaxNative(Vector256.MaxNative(v0, v1), Vector256.MaxNative(v2, v3));
            Vector256.MaxNative(Vector256.LoadUnsafe(ref b, at), largest).StoreUnsafe(ref b, at);
            if (i >= last)
            {
                break;
            }
        }

        return Vector256.EqualsAll((sum0 + sum1) + (sum2 + sum3), Vector256<float>.Zero);
    }

    /// <summary>As the other, on the bits of halves.</summary>
    /// <remarks>
    /// Halves from 0 up order as their bits do. Those below 0 are negative numbers here, too, and which of them is the best does not matter:
    /// no threshold is below 0. Not finite is every half whose bits without the sign are at least infinity's.
    /// </remarks>
    public static bool RaiseToBest(
        ReadOnlySpan<short> row0, ReadOnlySpan<short> row1, ReadOnlySpan<short> row2, ReadOnlySpan<short> row3, Span<short> best)
    {
        const short Magnitude = 0x7FFF;
        const short Infinity = 0x7C00;
        int count = best.Length;
        if (count < Vector256<short>.Count)
        {
            int most = 0;
            for (int i = 0; i < count; i++)
            {
                best[i] = Math.Max(best[i], Math.Max(Math.Max(row0[i], row1[i]), Math.Max(row2[i], row3[i])));
                most = Math.Max(most, Math.Max(row0[i] & Magnitude, row1[i] & Magnitude));
                most = Math.Max(most, Math.Max(row2[i] & Magnitude, row3[i] & Magnitude));
            }

            return most < Infinity;
        }

        ref short r0 = ref MemoryMarshal.GetReference(row0[..count]);
        ref short r1 = ref MemoryMarshal.GetReference(row1[..count]);
        ref short r2 = ref MemoryMarshal.GetReference(row2[..count]);
        ref short r3 = ref MemoryMarshal.GetReference(row3[..count]);
        ref short b = ref MemoryMarshal.GetReference(best);
        Vector256<short> magnitude = Vector256.Create(Magnitude);
        Vector256<short> mostA = Vector256<short>.Zero;
        Vector256<short> mostB = Vector256<short>.Zero;
        int last = count - Vector256<short>.Count;
        for (int i = 0; ; i += Vector256<short>.Count)
        {
            nuint at = (nuint)Math.Min(i, last);
            Vector256<short> v0 = Vector256.LoadUnsafe(ref r0, at);
            Vector256<short> v1 = Vector256.LoadUnsafe(ref r1, at);
            Vector256<short> v2 = Vector256.LoadUnsafe(ref r2, at);
            Vector256<short> v3 = Vector256.LoadUnsafe(ref r3, at);
            mostA = Vector256.Max(mostA, Vector256.Max(v0 & magnitude, v1 & magnitude));
            mostB = Vector256.Max(mostB, Vector256.Max(v2 & magnitude, v3 & magnitude));
            Vector256<short> largest = Vector256.Max(Vector256.Max(v0, v1), Vector256.Max(v2, v3));
            Vector256.Max(Vector256.LoadUnsafe(ref b, at), largest).StoreUnsafe(ref b, at);
            if (i >= last)
            {
                break;
            }
        }

        return Vector256.LessThanAll(Vector256.Max(mostA, mostB), Vector256.Create(Infinity));
    }

    /// <summary>Gives the largest of <paramref name="scores"/>, which are not empty.</summary>
    /// <returns>False when a score is not finite; <paramref name="best"/> is then of no use.</returns>
    public static bool TryBest(ReadOnlySpan<float> scores, out float best)
    {
        int count = scores.Length;
        if (count < Vector256<float>.Count)
        {
            float sum = 0;
            float largest = scores[0];
            foreach (float score in scores)
            {
                largest = Math.Max(largest, score);
                sum += score * 0;
            }

            best = largest;
            return sum == 0;
        }

        ref float first = ref MemoryMarshal.GetReference(scores);
        Vector256<float> largests = Vector256.LoadUnsafe(ref first);
        Vector256<float> sums = Vector256<float>.Zero;
        int last = count - Vector256<float>.Count;
        for (int i = 0; ; i += Vector256<float>.Count)
        {
            Vector256<float> vector = Vector256.LoadUnsafe(ref first, (nuint)Math.Min(i, last));
            sums = Vector256.MultiplyAddEstimate(vector, Vector256<float>.Zero, sums);
            largests = Vector256.MaxNative(largests, vector);
            if (i >= last)
            {
                break;
            }
        }

        Vector128<float> four = Vector128.MaxNative(largests.GetLower(), largests.GetUpper());
        best = Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3]));
        return Vector256.EqualsAll(sums, Vector256<float>.Zero);
    }
}
