using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Horizontal half of the resampling: takes each column's two pixels from a blended row, mixes them, rounds to whole levels and puts the channels apart.</summary>
/// <remarks>
/// One 16-byte load holds both pixels of a column, so there is no gather and the number of loads does not depend on the scale.
/// 64-byte vectors were measured to save only 3 %: the loads set the pace.
/// The blended row must be readable for 8 samples from the first sample of its last pixel.
/// </remarks>
internal static unsafe class ColumnResampler
{
    private const int Shift = RowBlender.FractionBits + ResamplePlan.ColumnWeightBits;
    private const int Half = 1 << (Shift - 1);

    // Four pixels of four bytes to four bytes of each channel.
    private static Vector128<byte> PartChannels => Vector128.Create((byte)0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

    /// <summary>Resamples a row of three-channel pixels, or four-channel ones without the fourth.</summary>
    /// <param name="blended">Row of interleaved samples from <see cref="RowBlender"/>.</param>
    /// <param name="plan">Columns and weights.</param>
    /// <param name="first">Where the first channel's levels go: <see cref="ResamplePlan.PaddedWidth"/> bytes; likewise the others.</param>
    /// <param name="second">Second channel.</param>
    /// <param name="third">Third channel.</param>
    /// <param name="level">Widest vectors to use.</param>
    public static void Resample(short* blended, ResamplePlan plan, byte* first, byte* second, byte* third, SimdLevel level)
    {
        int* offsets = plan.ColumnOffsets;
        int* weights = plan.ColumnWeights;
        int samplesPerPixel = plan.SamplesPerPixel;
        int count = plan.PaddedWidth;
        Vector128<byte> pairs = samplesPerPixel == 3
            ? Vector128.Create((byte)0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 255, 255, 255, 255)
            : Vector128.Create((byte)0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 255, 255, 255, 255);
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            Resample256(blended, offsets, weights, pairs, count, first, second, third);
        }
        else if (level >= SimdLevel.Vector128)
        {
            Resample128(blended, offsets, weights, pairs, count, first, second, third);
        }
        else
        {
            for (int x = 0; x < count; x++)
            {
                short* left = blended + offsets[x];
                short* right = left + samplesPerPixel;
                first[x] = Mix(left[0], right[0], weights[x]);
                second[x] = Mix(left[1], right[1], weights[x]);
                third[x] = Mix(left[2], right[2], weights[x]);
            }
        }
    }

    /// <summary>Resamples a row of one-channel pixels.</summary>
    /// <inheritdoc cref="Resample"/>
    public static void ResampleGray(short* blended, ResamplePlan plan, byte* levels, SimdLevel level)
    {
        int* offsets = plan.ColumnOffsets;
        int* weights = plan.ColumnWeights;
        int count = plan.PaddedWidth;
        int x = 0;
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            for (; x < count; x += 16)
            {
                Vector256<int> lower = MixGray256(blended, offsets + x, weights + x);
                Vector256<int> upper = MixGray256(blended, offsets + x + 8, weights + x + 8);
                Vector256<short> both = Vector256.Narrow(lower, upper);
                SimdMath.NarrowClamped(both.GetLower(), both.GetUpper()).Store(levels + x);
            }
        }

        // Narrower vectors save nothing here: the two samples of a column are one scalar load either way.
        for (; x < count; x++)
        {
            short* left = blended + offsets[x];
            levels[x] = Mix(left[0], left[1], weights[x]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte Mix(int left, int right, int weights) => (byte)(((left * (short)weights) + (right * (weights >> 16)) + Half) >> Shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> MixGray256(short* blended, int* offsets, int* weights)
    {
        // A column's two samples are one 32-bit number.
        Vector256<int> samples = Avx2.GatherVector256((int*)blended, Vector256.Load(offsets), sizeof(short));
        return (Avx2.MultiplyAddAdjacent(samples.AsInt16(), Vector256.Load(weights).AsInt16()) + Vector256.Create(Half)) >> Shift;
    }

    private static void Resample256(
        short* blended, int* offsets, int* weights, Vector128<byte> pairs128, int count, byte* first, byte* second, byte* third)
    {
        Vector256<byte> pairs = Vector256.Create(pairs128, pairs128);
        Vector256<byte> planar = Vector256.Create(PartChannels, PartChannels);
        Vector256<int> joined = Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7);
        for (int x = 0; x < count; x += 8)
        {
            // The lower lane holds columns 0 to 3, the upper one 4 to 7, so that packing within lanes keeps their order.
            Vector256<short> columnWeights = Vector256.Load(weights + x).AsInt16();
            Vector256<int> c04 = Mix256(blended, offsets[x], offsets[x + 4], pairs, Avx2.Shuffle(columnWeights.AsInt32(), 0x00));
            Vector256<int> c15 = Mix256(blended, offsets[x + 1], offsets[x + 5], pairs, Avx2.Shuffle(columnWeights.AsInt32(), 0x55));
            Vector256<int> c26 = Mix256(blended, offsets[x + 2], offsets[x + 6], pairs, Avx2.Shuffle(columnWeights.AsInt32(), 0xAA));
            Vector256<int> c37 = Mix256(blended, offsets[x + 3], offsets[x + 7], pairs, Avx2.Shuffle(columnWeights.AsInt32(), 0xFF));
            Vector256<byte> pixels = Avx2.PackUnsignedSaturate(Avx2.PackSignedSaturate(c04, c15), Avx2.PackSignedSaturate(c26, c37));
            Vector256<ulong> channels = Avx2.PermuteVar8x32(Avx2.Shuffle(pixels, planar).AsInt32(), joined).AsUInt64();
            *(ulong*)(first + x) = channels.GetElement(0);
            *(ulong*)(second + x) = channels.GetElement(1);
            *(ulong*)(third + x) = channels.GetElement(2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Mix256(short* blended, int lowerOffset, int upperOffset, Vector256<byte> pairs, Vector256<int> weights)
    {
        Vector256<short> pixels = Vector256.Create(Vector128.Load(blended + lowerOffset), Vector128.Load(blended + upperOffset));
        Vector256<short> paired = Avx2.Shuffle(pixels.AsByte(), pairs).AsInt16();
        return (Avx2.MultiplyAddAdjacent(paired, weights.AsInt16()) + Vector256.Create(Half)) >> Shift;
    }

    private static void Resample128(
        short* blended, int* offsets, int* weights, Vector128<byte> pairs, int count, byte* first, byte* second, byte* third)
    {
        Vector128<byte> planar = PartChannels;
        for (int x = 0; x < count; x += 4)
        {
            Vector128<short> lower = Vector128.Narrow(
                Mix128(blended + offsets[x], pairs, weights[x]),
                Mix128(blended + offsets[x + 1], pairs, weights[x + 1]));
            Vector128<short> upper = Vector128.Narrow(
                Mix128(blended + offsets[x + 2], pairs, weights[x + 2]),
                Mix128(blended + offsets[x + 3], pairs, weights[x + 3]));
            Vector128<uint> channels = Vector128.ShuffleNative(SimdMath.NarrowClamped(lower, upper), planar).AsUInt32();
            *(uint*)(first + x) = channels.GetElement(0);
            *(uint*)(second + x) = channels.GetElement(1);
            *(uint*)(third + x) = channels.GetElement(2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Mix128(short* pixels, Vector128<byte> pairs, int weights)
    {
        Vector128<short> paired = Vector128.ShuffleNative(Vector128.Load(pixels).AsByte(), pairs).AsInt16();
        return (SimdMath.MultiplyAddPairs(paired, Vector128.Create(weights).AsInt16()) + Vector128.Create(Half)) >> Shift;
    }
}
