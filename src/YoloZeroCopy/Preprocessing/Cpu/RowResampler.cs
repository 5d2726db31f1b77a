using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Makes a row of the resized frame from two frame rows, and puts its channels apart.</summary>
/// <remarks>
/// The arithmetic of OpenCV's INTER_LINEAR for 8-bit samples. Columns first, in either row: (left * weight + right * weight) >> 4. Then rows:
/// ((upper * weight >> 16) + (lower * weight >> 16) + 2) >> 2. Each product of a row is cut before the sum, which rounding once would not do.
/// One load holds both pixels of a column, so the number of loads does not depend on the scale.
/// A row must be readable for <see cref="LoadBytes"/> bytes from its last pixel's first one.
/// </remarks>
internal static unsafe class RowResampler
{
    /// <summary>The widest load.</summary>
    public const int LoadBytes = 16;

    private const int ColumnShift = 4;
    private const int RowShift = 16;

    // What is left of the weights' bits, and half of it.
    private const int LevelShift = (2 * ResamplePlan.WeightBits) - ColumnShift - RowShift;
    private const int Half = 1 << (LevelShift - 1);

    // Four pixels of four bytes to four bytes of each channel.
    private static Vector128<byte> PartChannels => Vector128.Create((byte)0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

    /// <summary>Resamples pixels of three channels, or of four without the fourth.</summary>
    /// <param name="upper">Samples of the upper frame row.</param>
    /// <param name="lower">Samples of the lower one; not read when its weight is 0.</param>
    /// <param name="row">Weights of the rows.</param>
    /// <param name="plan">Columns and their weights.</param>
    /// <param name="first">Where the first channel's levels go: <see cref="ResamplePlan.PaddedWidth"/> bytes; likewise the others.</param>
    /// <param name="second">Second channel.</param>
    /// <param name="third">Third channel.</param>
    /// <param name="level">Widest vectors to use.</param>
    public static void ResampleColor(
        byte* upper, byte* lower, in ResampledRow row, ResamplePlan plan, byte* first, byte* second, byte* third, SimdLevel level)
    {
        // Each channel's left and right byte as two 16-bit numbers.
        Vector128<byte> pairs = plan.SamplesPerPixel == 3
            ? Vector128.Create((byte)0, 255, 3, 255, 1, 255, 4, 255, 2, 255, 5, 255, 255, 255, 255, 255)
            : Vector128.Create((byte)0, 255, 4, 255, 1, 255, 5, 255, 2, 255, 6, 255, 255, 255, 255, 255);
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            ResampleColor256(upper, lower, row, plan, pairs, first, second, third);
        }
        else if (level >= SimdLevel.Vector128)
        {
            ResampleColor128(upper, lower, row, plan, pairs, first, second, third);
        }
        else
        {
            for (int x = 0; x < plan.PaddedWidth; x++)
            {
                int weights = plan.ColumnWeights[4 * ResamplePlan.WeightPlaceOf(x)];
                byte* at = upper + plan.ColumnOffsets[x];
                byte* below = row.LowerWeight == 0 ? at : lower + plan.ColumnOffsets[x];
                first[x] = Mix(at, below, plan.SamplesPerPixel, weights, row);
                second[x] = Mix(at + 1, below + 1, plan.SamplesPerPixel, weights, row);
                third[x] = Mix(at + 2, below + 2, plan.SamplesPerPixel, weights, row);
            }
        }
    }

    /// <summary>Resamples pixels of one channel.</summary>
    /// <param name="upper">Samples of the upper frame row.</param>
    /// <param name="lower">Samples of the lower one; not read when its weight is 0.</param>
    /// <param name="row">Weights of the rows.</param>
    /// <param name="plan">Columns and their weights.</param>
    /// <param name="levels">Where the levels go: <see cref="ResamplePlan.PaddedWidth"/> bytes.</param>
    /// <param name="level">Widest vectors to use.</param>
    public static void ResampleGray(byte* upper, byte* lower, in ResampledRow row, ResamplePlan plan, byte* levels, SimdLevel level)
    {
        int* offsets = plan.ColumnOffsets;
        int* weights = plan.ColumnWeights;
        nint count = plan.PaddedWidth;
        nint x = 0;
        bool two = row.LowerWeight != 0;
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            Vector256<short> upperWeight = Vector256.Create(row.UpperWeight);
            Vector256<short> lowerWeight = Vector256.Create(row.LowerWeight);
            for (; x < count; x += 16)
            {
                Vector256<short> sum = Avx2.MultiplyHigh(MixGrayColumns(upper, offsets + x, weights + x), upperWeight);
                if (two)
                {
                    sum += Avx2.MultiplyHigh(MixGrayColumns(lower, offsets + x, weights + x), lowerWeight);
                }

                // Columns 0 to 3 and 8 to 11 are in the lower lane.
                sum = (sum + Vector256.Create((short)Half)) >> LevelShift;
                Sse2.Shuffle(Sse2.PackUnsignedSaturate(sum.GetLower(), sum.GetUpper()).AsInt32(), 0b11_01_10_00).Store((int*)(levels + x));
            }
        }

        // Narrower vectors save nothing here: the two samples of a column are one scalar load either way.
        for (; x < count; x++)
        {
            byte* upperLeft = upper + offsets[x];
            levels[x] = Mix(upperLeft, two ? lower + offsets[x] : upperLeft, 1, weights[x], row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte Mix(byte* upper, byte* lower, nint next, int columnWeights, in ResampledRow row)
    {
        int upperMixed = ((upper[0] * (short)columnWeights) + (upper[next] * (columnWeights >> 16))) >> ColumnShift;
        int lowerMixed = ((lower[0] * (short)columnWeights) + (lower[next] * (columnWeights >> 16))) >> ColumnShift;
        int sum = ((upperMixed * row.UpperWeight) >> RowShift) + ((lowerMixed * row.LowerWeight) >> RowShift);
        return (byte)((sum + Half) >> LevelShift);
    }

    private static void ResampleColor256(
        byte* upper, byte* lower, in ResampledRow row, ResamplePlan plan, Vector128<byte> pairs128, byte* first, byte* second, byte* third)
    {
        int* offsets = plan.ColumnOffsets;
        int* weights = plan.ColumnWeights;
        nint count = plan.PaddedWidth;
        bool two = row.LowerWeight != 0;
        Vector256<byte> pairs = Vector256.Create(pairs128, pairs128);
        Vector256<byte> channels = Vector256.Create(PartChannels, PartChannels);
        Vector256<short> upperWeight = Vector256.Create(row.UpperWeight);
        Vector256<short> lowerWeight = Vector256.Create(row.LowerWeight);
        Vector256<short> half = Vector256.Create((short)Half);
        for (nint x = 0; x < count; x += 8)
        {
            Vector256<short> left = Avx2.MultiplyHigh(MixColumns(upper, offsets, weights, pairs), upperWeight) + half;
            Vector256<short> right = Avx2.MultiplyHigh(MixColumns(upper, offsets + 4, weights + 16, pairs), upperWeight) + half;
            if (two)
            {
                left += Avx2.MultiplyHigh(MixColumns(lower, offsets, weights, pairs), lowerWeight);
                right += Avx2.MultiplyHigh(MixColumns(lower, offsets + 4, weights + 16, pairs), lowerWeight);
            }

            // Pixels 0, 1, 4, 5 in the lower lane and 2, 3, 6, 7 in the upper one. Parted, two bytes of a channel are neighbours, and come from the
            // lanes by turns.
            Vector256<byte> pixels = Avx2.PackUnsignedSaturate(left >> LevelShift, right >> LevelShift);
            Vector256<ushort> parted = Avx2.Shuffle(pixels, channels).AsUInt16();
            Vector128<ulong> firstTwo = Sse2.UnpackLow(parted.GetLower(), parted.GetUpper()).AsUInt64();
            *(ulong*)(first + x) = firstTwo.GetElement(0);
            *(ulong*)(second + x) = firstTwo.GetElement(1);
            *(ulong*)(third + x) = Sse2.UnpackHigh(parted.GetLower(), parted.GetUpper()).AsUInt64().GetElement(0);
            offsets += 8;
            weights += 32;
        }
    }

    // Four columns of a row. 0 and 1 come from lower lanes and 2 and 3 from upper ones: packing within lanes keeps their order.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> MixColumns(byte* row, int* offsets, int* weights, Vector256<byte> pairs) => Avx2.PackSignedSaturate(
        MixTwoColumns(row + offsets[0], row + offsets[2], weights, pairs),
        MixTwoColumns(row + offsets[1], row + offsets[3], weights + 8, pairs));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> MixTwoColumns(byte* lower, byte* upper, int* weights, Vector256<byte> pairs)
    {
        Vector256<byte> pixels = Vector256.Create(Vector128.Load(lower), Vector128.Load(upper));
        return Avx2.MultiplyAddAdjacent(Avx2.Shuffle(pixels, pairs).AsInt16(), Vector256.Load(weights).AsInt16()) >> ColumnShift;
    }

    private static void ResampleColor128(
        byte* upper, byte* lower, in ResampledRow row, ResamplePlan plan, Vector128<byte> pairs, byte* first, byte* second, byte* third)
    {
        int* offsets = plan.ColumnOffsets;
        int* weights = plan.ColumnWeights;
        nint count = plan.PaddedWidth;
        bool two = row.LowerWeight != 0;
        Vector128<short> upperWeight = Vector128.Create(row.UpperWeight);
        Vector128<short> lowerWeight = Vector128.Create(row.LowerWeight);
        Vector128<short> half = Vector128.Create((short)Half);
        for (nint x = 0; x < count; x += 4)
        {
            Vector128<short> left = SimdMath.MultiplyHigh(MixColumns(upper, offsets, weights, pairs), upperWeight) + half;
            Vector128<short> right = SimdMath.MultiplyHigh(MixColumns(upper, offsets + 2, weights + 4, pairs), upperWeight) + half;
            if (two)
            {
                left += SimdMath.MultiplyHigh(MixColumns(lower, offsets, weights, pairs), lowerWeight);
                right += SimdMath.MultiplyHigh(MixColumns(lower, offsets + 2, weights + 4, pairs), lowerWeight);
            }

            Vector128<byte> pixels = SimdMath.NarrowClamped(left >> LevelShift, right >> LevelShift);
            Vector128<uint> parted = Vector128.ShuffleNative(pixels, PartChannels).AsUInt32();
            *(uint*)(first + x) = parted.GetElement(0);
            *(uint*)(second + x) = parted.GetElement(1);
            *(uint*)(third + x) = parted.GetElement(2);
            offsets += 4;
            weights += 16;
        }
    }

    // Two columns of a row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> MixColumns(byte* row, int* offsets, int* weights, Vector128<byte> pairs) =>
        Vector128.Narrow(MixColumn(row + offsets[0], weights, pairs), MixColumn(row + offsets[1], weights + 8, pairs));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> MixColumn(byte* left, int* weights, Vector128<byte> pairs) =>
        SimdMath.MultiplyAddPairs(Vector128.ShuffleNative(Vector128.Load(left), pairs).AsInt16(), Vector128.Load(weights).AsInt16()) >> ColumnShift;

    // Sixteen columns of a row; packing within lanes leaves 0 to 3 and 8 to 11 in the lower one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> MixGrayColumns(byte* row, int* offsets, int* weights) =>
        Avx2.PackSignedSaturate(MixEightGrayColumns(row, offsets, weights), MixEightGrayColumns(row, offsets + 8, weights + 8));

    // A column's two samples are one load of 16 bits. A gather would load more, and is slow on many processors.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> MixEightGrayColumns(byte* row, int* offsets, int* weights)
    {
        Vector128<ushort> pairs = Vector128.CreateScalarUnsafe(*(ushort*)(row + offsets[0]));
        pairs = Sse2.Insert(pairs, *(ushort*)(row + offsets[1]), 1);
        pairs = Sse2.Insert(pairs, *(ushort*)(row + offsets[2]), 2);
        pairs = Sse2.Insert(pairs, *(ushort*)(row + offsets[3]), 3);
        pairs = Sse2.Insert(pairs, *(ushort*)(row + offsets[4]), 4);
        pairs = Sse2.Insert(pairs, *(ushort*)(row + offsets[5]), 5);
        pairs = Sse2.Insert(pairs, *(ushort*)(row + offsets[6]), 6);
        pairs = Sse2.Insert(pairs, *(ushort*)(row + offsets[7]), 7);
        return Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(pairs.AsByte()), Vector256.Load(weights).AsInt16()) >> ColumnShift;
    }
}
