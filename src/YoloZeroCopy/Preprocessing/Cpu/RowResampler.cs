using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Makes a row of the resized frame from two frame rows, in two steps, and puts its channels apart.</summary>
/// <remarks>
/// The arithmetic of OpenCV's INTER_LINEAR for 8-bit samples. Columns first, in either row: (left * weight + right * weight) >> 4. Then rows:
/// ((upper * weight >> 16) + (lower * weight >> 16) + 2) >> 2. Each product of a row is cut before the sum, which rounding once would not do.
/// A frame row's mixed columns are kept between the steps: resized rows that share it, as those of an enlarged frame do, mix it once.
/// One load holds both pixels of a column, so the number of loads does not depend on the scale.
/// A row must be readable for <see cref="LoadBytes"/> bytes from its last pixel's first one.
/// </remarks>
internal static unsafe class RowResampler
{
    /// <summary>The widest load.</summary>
    public const int LoadBytes = 16;

    /// <summary>Numbers that a column of a mixed row takes at most: three channels and an unused one.</summary>
    public const int MaxColumnNumbers = 4;

    private const int ColumnShift = 4;
    private const int RowShift = 16;

    // What is left of the weights' bits, and half of it.
    private const int LevelShift = (2 * ResamplePlan.WeightBits) - ColumnShift - RowShift;
    private const int Half = 1 << (LevelShift - 1);

    // Four pixels of four bytes to four bytes of each channel.
    private static Vector128<byte> PartChannels => Vector128.Create((byte)0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

    /// <summary>Mixes the columns of a frame row of three channels, or of four without the fourth.</summary>
    /// <param name="row">Samples of the frame row.</param>
    /// <param name="plan">Columns and their weights.</param>
    /// <param name="mixed">Where the mixed columns go, each as four numbers, the fourth unused: four times
    /// <see cref="ResamplePlan.PaddedWidth"/> numbers.</param>
    /// <param name="level">Widest vectors to use.</param>
    public static void MixColor(byte* row, ResamplePlan plan, short* mixed, SimdLevel level)
    {
        Vector128<byte> pairs = PairsOf(plan);
        int* offsets = plan.ColumnOffsets;
        int* weights = plan.ColumnWeights;
        nint count = plan.PaddedWidth;
        nint x = 0;
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            Vector256<byte> pairs256 = Vector256.Create(pairs, pairs);
            for (; x < count; x += 8)
            {
                MixFourColumns(row, offsets, weights, pairs256).Store(mixed);
                MixFourColumns(row, offsets + 4, weights + 16, pairs256).Store(mixed + 16);
                offsets += 8;
                weights += 32;
                mixed += 32;
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            for (; x < count; x += 4)
            {
                MixTwoColumns(row, offsets + x, weights + (4 * x), pairs).Store(mixed + (4 * x));
                MixTwoColumns(row, offsets + x + 2, weights + (4 * x) + 4, pairs).Store(mixed + (4 * x) + 8);
            }
        }

        for (; x < count; x++)
        {
            int both = weights[4 * ResamplePlan.WeightPlaceOf((int)x)];
            byte* left = row + offsets[x];
            for (int channel = 0; channel < 3; channel++)
            {
                mixed[(4 * x) + channel] = Mix(left[channel], left[plan.SamplesPerPixel + channel], both);
            }
        }
    }

    /// <summary>Mixes two frame rows as <see cref="MixColor"/> does one, in a pass that loads places and weights of the columns once.</summary>
    public static void MixColorPair(byte* upper, byte* lower, ResamplePlan plan, short* upperMixed, short* lowerMixed, SimdLevel level)
    {
        if (level < SimdLevel.Vector256 || !Avx2.IsSupported)
        {
            MixColor(upper, plan, upperMixed, level);
            MixColor(lower, plan, lowerMixed, level);
            return;
        }

        Vector128<byte> pairs128 = PairsOf(plan);
        Vector256<byte> pairs = Vector256.Create(pairs128, pairs128);
        int* offsets = plan.ColumnOffsets;
        int* weights = plan.ColumnWeights;
        nint count = plan.PaddedWidth;
        for (nint x = 0; x < count; x += 4)
        {
            (nint first, nint second, nint third, nint fourth) = (offsets[0], offsets[1], offsets[2], offsets[3]);
            Vector256<short> even = Vector256.Load(weights).AsInt16();
            Vector256<short> odd = Vector256.Load(weights + 8).AsInt16();
            Avx2.PackSignedSaturate(
                MixInLanes(upper + first, upper + third, even, pairs), MixInLanes(upper + second, upper + fourth, odd, pairs)).Store(upperMixed);
            Avx2.PackSignedSaturate(
                MixInLanes(lower + first, lower + third, even, pairs), MixInLanes(lower + second, lower + fourth, odd, pairs)).Store(lowerMixed);
            offsets += 4;
            weights += 16;
            upperMixed += 16;
            lowerMixed += 16;
        }
    }

    /// <summary>Mixes the columns of a frame row of one channel.</summary>
    /// <param name="row">Samples of the frame row.</param>
    /// <param name="plan">Columns and their weights.</param>
    /// <param name="mixed">Where the mixed columns go: <see cref="ResamplePlan.PaddedWidth"/> numbers.</param>
    /// <param name="level">Widest vectors to use.</param>
    public static void MixGray(byte* row, ResamplePlan plan, short* mixed, SimdLevel level)
    {
        int* offsets = plan.ColumnOffsets;
        int* weights = plan.ColumnWeights;
        nint count = plan.PaddedWidth;
        nint x = 0;
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            for (; x < count; x += 16)
            {
                // Packing within lanes leaves columns 0 to 3 and 8 to 11 in the lower one.
                Vector256<short> packed = Avx2.PackSignedSaturate(
                    MixEightGrayColumns(row, offsets + x, weights + x), MixEightGrayColumns(row, offsets + x + 8, weights + x + 8));
                Avx2.Permute4x64(packed.AsInt64(), 0b11_01_10_00).AsInt16().Store(mixed + x);
            }
        }

        // Narrower vectors save nothing here: the two samples of a column are one scalar load either way.
        for (; x < count; x++)
        {
            byte* left = row + offsets[x];
            mixed[x] = Mix(left[0], left[1], weights[x]);
        }
    }

    /// <summary>Makes a row of levels from two mixed rows of <see cref="MixColor"/>.</summary>
    /// <param name="upper">The upper frame row, mixed.</param>
    /// <param name="lower">The lower one; any mixed row when its weight is 0.</param>
    /// <param name="row">Weights of the rows.</param>
    /// <param name="count">Columns: <see cref="ResamplePlan.PaddedWidth"/>.</param>
    /// <param name="first">Where the first channel's levels go; likewise the others.</param>
    /// <param name="second">Second channel.</param>
    /// <param name="third">Third channel.</param>
    /// <param name="level">Widest vectors to use.</param>
    public static void BlendColor(
        short* upper, short* lower, in ResampledRow row, nint count, byte* first, byte* second, byte* third, SimdLevel level)
    {
        bool two = row.LowerWeight != 0;
        nint x = 0;
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            Vector256<byte> channels = Vector256.Create(PartChannels, PartChannels);
            Vector256<short> upperWeight = Vector256.Create(row.UpperWeight);
            Vector256<short> lowerWeight = Vector256.Create(row.LowerWeight);
            Vector256<short> half = Vector256.Create((short)Half);
            for (; x < count; x += 8)
            {
                Vector256<short> left = Avx2.MultiplyHigh(Vector256.Load(upper), upperWeight) + half;
                Vector256<short> right = Avx2.MultiplyHigh(Vector256.Load(upper + 16), upperWeight) + half;
                if (two)
                {
                    left += Avx2.MultiplyHigh(Vector256.Load(lower), lowerWeight);
                    right += Avx2.MultiplyHigh(Vector256.Load(lower + 16), lowerWeight);
                }

                // Pixels 0, 1, 4, 5 in the lower lane and 2, 3, 6, 7 in the upper one. Parted, two bytes of a channel are neighbours, and come from
                // the lanes by turns.
                Vector256<byte> pixels = Avx2.PackUnsignedSaturate(left >> LevelShift, right >> LevelShift);
                Vector256<ushort> parted = Avx2.Shuffle(pixels, channels).AsUInt16();
                Vector128<ulong> firstTwo = Sse2.UnpackLow(parted.GetLower(), parted.GetUpper()).AsUInt64();
                *(ulong*)(first + x) = firstTwo.GetElement(0);
                *(ulong*)(second + x) = firstTwo.GetElement(1);
                *(ulong*)(third + x) = Sse2.UnpackHigh(parted.GetLower(), parted.GetUpper()).AsUInt64().GetElement(0);
                upper += 32;
                lower += 32;
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            for (; x < count; x += 4)
            {
                Vector128<byte> pixels = SimdMath.NarrowClamped(
                    BlendEight(upper + (4 * x), lower + (4 * x), row, two), BlendEight(upper + (4 * x) + 8, lower + (4 * x) + 8, row, two));
                Vector128<uint> parted = Vector128.ShuffleNative(pixels, PartChannels).AsUInt32();
                *(uint*)(first + x) = parted.GetElement(0);
                *(uint*)(second + x) = parted.GetElement(1);
                *(uint*)(third + x) = parted.GetElement(2);
            }
        }

        for (; x < count; x++)
        {
            first[x] = Blend(upper[4 * x], lower[4 * x], row);
            second[x] = Blend(upper[(4 * x) + 1], lower[(4 * x) + 1], row);
            third[x] = Blend(upper[(4 * x) + 2], lower[(4 * x) + 2], row);
        }
    }

    /// <summary>Makes a row of levels from two mixed rows of <see cref="MixGray"/>.</summary>
    /// <param name="upper">The upper frame row, mixed.</param>
    /// <param name="lower">The lower one; any mixed row when its weight is 0.</param>
    /// <param name="row">Weights of the rows.</param>
    /// <param name="count">Columns: <see cref="ResamplePlan.PaddedWidth"/>.</param>
    /// <param name="levels">Where the levels go.</param>
    /// <param name="level">Widest vectors to use.</param>
    public static void BlendGray(short* upper, short* lower, in ResampledRow row, nint count, byte* levels, SimdLevel level)
    {
        bool two = row.LowerWeight != 0;
        nint x = 0;
        if (level >= SimdLevel.Vector128)
        {
            for (; x < count; x += 16)
            {
                SimdMath.NarrowClamped(BlendEight(upper + x, lower + x, row, two), BlendEight(upper + x + 8, lower + x + 8, row, two))
                    .Store(levels + x);
            }
        }

        for (; x < count; x++)
        {
            levels[x] = Blend(upper[x], lower[x], row);
        }
    }

    // Each channel's left and right byte as two 16-bit numbers.
    private static Vector128<byte> PairsOf(ResamplePlan plan) => plan.SamplesPerPixel == 3
        ? Vector128.Create((byte)0, 255, 3, 255, 1, 255, 4, 255, 2, 255, 5, 255, 255, 255, 255, 255)
        : Vector128.Create((byte)0, 255, 4, 255, 1, 255, 5, 255, 2, 255, 6, 255, 255, 255, 255, 255);

    private static short Mix(byte left, byte right, int weights) => (short)(((left * (short)weights) + (right * (weights >> 16))) >> ColumnShift);

    private static byte Blend(short upper, short lower, in ResampledRow row) =>
        (byte)((((upper * row.UpperWeight) >> RowShift) + ((lower * row.LowerWeight) >> RowShift) + Half) >> LevelShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> BlendEight(short* upper, short* lower, in ResampledRow row, bool two)
    {
        Vector128<short> sum = SimdMath.MultiplyHigh(Vector128.Load(upper), Vector128.Create(row.UpperWeight)) + Vector128.Create((short)Half);
        if (two)
        {
            sum += SimdMath.MultiplyHigh(Vector128.Load(lower), Vector128.Create(row.LowerWeight));
        }

        return sum >> LevelShift;
    }

    // Columns 0 and 1 come from lower lanes and 2 and 3 from upper ones: packing within lanes keeps their order.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> MixFourColumns(byte* row, int* offsets, int* weights, Vector256<byte> pairs) => Avx2.PackSignedSaturate(
        MixInLanes(row + offsets[0], row + offsets[2], Vector256.Load(weights).AsInt16(), pairs),
        MixInLanes(row + offsets[1], row + offsets[3], Vector256.Load(weights + 8).AsInt16(), pairs));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> MixInLanes(byte* lower, byte* upper, Vector256<short> weights, Vector256<byte> pairs)
    {
        Vector256<byte> pixels = Vector256.Create(Vector128.Load(lower), Vector128.Load(upper));
        return Avx2.MultiplyAddAdjacent(Avx2.Shuffle(pixels, pairs).AsInt16(), weights) >> ColumnShift;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> MixTwoColumns(byte* row, int* offsets, int* weights, Vector128<byte> pairs) =>
        Vector128.Narrow(MixColumn(row + offsets[0], weights, pairs), MixColumn(row + offsets[1], weights + 8, pairs));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> MixColumn(byte* left, int* weights, Vector128<byte> pairs) =>
        SimdMath.MultiplyAddPairs(Vector128.ShuffleNative(Vector128.Load(left), pairs).AsInt16(), Vector128.Load(weights).AsInt16()) >> ColumnShift;

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
