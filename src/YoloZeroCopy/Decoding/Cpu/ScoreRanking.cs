using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>Scores, added one by one and then ranked.</summary>
/// <remarks>One thread at a time. All room is allocated once.</remarks>
internal sealed class ScoreRanking
{
    private const int DigitBits = 11;
    private const int Buckets = 1 << DigitBits;

    /// <summary>From here on three passes of counting are quicker than comparing.</summary>
    private const int RadixFrom = 256;

    private readonly int[] histograms = new int[3 * Buckets];
    private ulong[] keys;
    private ulong[] otherKeys;

    public ScoreRanking(int capacity)
    {
        keys = new ulong[capacity];
        otherKeys = new ulong[capacity];
    }

    public int Count { get; private set; }

    public void Clear() => Count = 0;

    /// <summary>Adds a score, above 0 and finite; gives its number, which counts from 0.</summary>
    public int Add(float score)
    {
        Debug.Assert(score > 0 && float.IsFinite(score), "Bits of a float order as the float only from 0 up.");
        int index = Count;
        // Ascending keys are descending scores, and on equal scores the lower number first.
        keys[index] = ((ulong)~BitConverter.SingleToUInt32Bits(score) << 32) | (uint)index;
        Count = index + 1;
        return index;
    }

    /// <summary>The number of the score of a rank: 0 is the best once <see cref="Rank"/> has run.</summary>
    public int this[int rank] => (int)(uint)keys[rank];

    /// <summary>Orders by score, descending, and by number where scores are equal.</summary>
    public void Rank()
    {
        if (Count < RadixFrom)
        {
            keys.AsSpan(0, Count).Sort();
            return;
        }

        RadixSort();
    }

    /// <summary>Least significant digit first over the score's bits only: the sort is stable and the keys come by their numbers.</summary>
    private void RadixSort()
    {
        Span<int> histogram = histograms;
        histogram.Clear();
        foreach (ulong key in keys.AsSpan(0, Count))
        {
            histogram[Digit(key, 0)]++;
            histogram[Buckets + Digit(key, 1)]++;
            histogram[(2 * Buckets) + Digit(key, 2)]++;
        }

        for (int pass = 0; pass < 3; pass++)
        {
            Span<int> starts = histogram.Slice(pass * Buckets, Buckets);
            if (starts[Digit(keys[0], pass)] == Count)
            {
                continue;
            }

            int start = 0;
            for (int bucket = 0; bucket < starts.Length; bucket++)
            {
                int size = starts[bucket];
                starts[bucket] = start;
                start += size;
            }

            Span<ulong> target = otherKeys;
            foreach (ulong key in keys.AsSpan(0, Count))
            {
                target[starts[Digit(key, pass)]++] = key;
            }

            (keys, otherKeys) = (otherKeys, keys);
        }
    }

    private static int Digit(ulong key, int pass) => (int)(key >> (32 + (pass * DigitBits))) & (Buckets - 1);
}
