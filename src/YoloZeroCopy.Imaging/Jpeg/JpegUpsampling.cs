using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <summary>
/// Enlarges rows of chroma samples. "Fancy" (triangle) filters: a sample's half nearer to its neighbour takes 1/4 of that, as libjpeg does it, with its alternating rounding.
/// </summary>
internal static class JpegUpsampling
{
    /// <summary>Twice as wide. <paramref name="samples"/> has at least 2 samples; <paramref name="row"/> takes twice as many.</summary>
    public static void Horizontal(ReadOnlySpan<byte> samples, Span<byte> row)
    {
        int count = samples.Length;
        _ = row[(2 * count) - 1];
        row[0] = samples[0];
        row[1] = (byte)(((samples[0] * 3) + samples[1] + 2) >> 2);
        int i = 1;
        ref byte from = ref MemoryMarshal.GetReference(samples);
        ref byte to = ref MemoryMarshal.GetReference(row);
        Vector128<ushort> three = Vector128.Create((ushort)3);
        for (; i + 9 <= count; i += 8)
        {
            Vector128<ushort> middle = Load8(ref Unsafe.Add(ref from, i)) * three;
            Vector128<ushort> even = (middle + Load8(ref Unsafe.Add(ref from, i - 1)) + Vector128<ushort>.One) >> 2;
            Vector128<ushort> odd = (middle + Load8(ref Unsafe.Add(ref from, i + 1)) + Vector128.Create((ushort)2)) >> 2;
            (even | (odd << 8)).AsByte().StoreUnsafe(ref to, (nuint)(2 * i));
        }

        for (; i < count - 1; i++)
        {
            int middle = samples[i] * 3;
            row[2 * i] = (byte)((middle + samples[i - 1] + 1) >> 2);
            row[(2 * i) + 1] = (byte)((middle + samples[i + 1] + 2) >> 2);
        }

        row[2 * i] = (byte)(((samples[i] * 3) + samples[i - 1] + 1) >> 2);
        row[(2 * i) + 1] = samples[i];
    }

    /// <summary>Twice as high: one of the two rows that come from <paramref name="near"/>.</summary>
    /// <param name="near">The row that weighs 3/4.</param>
    /// <param name="far">The row above or below it.</param>
    /// <param name="row">Takes as many samples.</param>
    /// <param name="rounding">1 for the upper row of the two, 2 for the lower.</param>
    public static void Vertical(ReadOnlySpan<byte> near, ReadOnlySpan<byte> far, Span<byte> row, int rounding)
    {
        for (int i = 0; i < near.Length; i++)
        {
            row[i] = (byte)(((near[i] * 3) + far[i] + rounding) >> 2);
        }
    }

    /// <summary>Twice as wide and high: one of the two rows that come from <paramref name="near"/>.</summary>
    /// <param name="near">The row that weighs 3/4, at least 2 samples.</param>
    /// <param name="far">The row above or below it.</param>
    /// <param name="row">Takes twice as many samples.</param>
    /// <param name="sums">Scratch of as many numbers.</param>
    public static void Both(ReadOnlySpan<byte> near, ReadOnlySpan<byte> far, Span<byte> row, Span<ushort> sums)
    {
        int count = near.Length;
        _ = row[(2 * count) - 1];
        sums = sums[..count];
        far = far[..count];
        ref byte nearRef = ref MemoryMarshal.GetReference(near);
        ref byte farRef = ref MemoryMarshal.GetReference(far);
        ref ushort sum = ref MemoryMarshal.GetReference(sums);
        Vector128<ushort> three = Vector128.Create((ushort)3);
        int i = 0;
        for (; i + 8 <= count; i += 8)
        {
            ((Load8(ref Unsafe.Add(ref nearRef, i)) * three) + Load8(ref Unsafe.Add(ref farRef, i))).StoreUnsafe(ref sum, (nuint)i);
        }

        for (; i < count; i++)
        {
            sums[i] = (ushort)((near[i] * 3) + far[i]);
        }

        row[0] = (byte)(((sums[0] * 4) + 8) >> 4);
        row[1] = (byte)(((sums[0] * 3) + sums[1] + 7) >> 4);
        ref byte to = ref MemoryMarshal.GetReference(row);
        for (i = 1; i + 9 <= count; i += 8)
        {
            Vector128<ushort> middle = Vector128.LoadUnsafe(ref sum, (nuint)i) * three;
            Vector128<ushort> even = (middle + Vector128.LoadUnsafe(ref sum, (nuint)(i - 1)) + Vector128.Create((ushort)8)) >> 4;
            Vector128<ushort> odd = (middle + Vector128.LoadUnsafe(ref sum, (nuint)(i + 1)) + Vector128.Create((ushort)7)) >> 4;
            (even | (odd << 8)).AsByte().StoreUnsafe(ref to, (nuint)(2 * i));
        }

        for (; i < count - 1; i++)
        {
            int middle = sums[i] * 3;
            row[2 * i] = (byte)((middle + sums[i - 1] + 8) >> 4);
            row[(2 * i) + 1] = (byte)((middle + sums[i + 1] + 7) >> 4);
        }

        row[2 * i] = (byte)(((sums[i] * 3) + sums[i - 1] + 8) >> 4);
        row[(2 * i) + 1] = (byte)(((sums[i] * 4) + 7) >> 4);
    }

    /// <summary>Every sample <paramref name="times"/> times, until the row is full.</summary>
    public static void Repeat(ReadOnlySpan<byte> samples, Span<byte> row, int times)
    {
        int x = 0;
        foreach (byte sample in samples)
        {
            for (int i = 0; i < times && x < row.Length; i++)
            {
                row[x++] = sample;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Load8(ref byte from) => Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref from)).AsByte());
}
