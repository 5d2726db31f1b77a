using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>The candidates of one frame, added in anchor order and then ranked by score.</summary>
/// <remarks>One thread at a time. Room for every anchor is allocated once.</remarks>
internal sealed class CandidateList
{
    private const int DigitBits = 11;
    private const int Buckets = 1 << DigitBits;

    /// <summary>From here on three passes of counting are quicker than comparing.</summary>
    private const int RadixFrom = 256;

    private readonly Candidate[] candidates;
    private readonly int[] histograms = new int[3 * Buckets];
    private ulong[] keys;
    private ulong[] otherKeys;

    public CandidateList(int capacity)
    {
        candidates = new Candidate[capacity];
        keys = new ulong[capacity];
        otherKeys = new ulong[capacity];
    }

    public int Count { get; private set; }

    public void Clear() => Count = 0;

    /// <summary>Adds a candidate; its score is above 0 and finite.</summary>
    public void Add(in Candidate candidate)
    {
        Debug.Assert(candidate.Score > 0 && float.IsFinite(candidate.Score), "Bits of a float order as the float only from 0 up.");
        int index = Count;
        candidates[index] = candidate;
        // Ascending keys are descending scores, and on equal scores the lower anchor first.
        keys[index] = ((ulong)~BitConverter.SingleToUInt32Bits(candidate.Score) << 32) | (uint)index;
        Count = index + 1;
    }

    /// <summary>The candidate of a rank: 0 is the best once <see cref="Rank"/> has run.</summary>
    public ref readonly Candidate this[int rank] => ref candidates[(int)(uint)keys[rank]];

    /// <summary>Orders the candidates by score, descending, and by anchor where scores are equal.</summary>
    public void Rank()
    {
        if (Count < RadixFrom)
        {
            keys.AsSpan(0, Count).Sort();
            return;
        }

        RadixSort();
    }

    /// <summary>Least significant digit first over the score's bits only: the sort is stable and the keys come in anchor order.</summary>
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
