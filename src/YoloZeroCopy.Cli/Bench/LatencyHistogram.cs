using System.Numerics;

namespace YoloZeroCopy.Cli;

/// <summary>Latencies of any number of frames in fixed memory: percentiles to within 0.8 %, and recording allocates nothing.</summary>
/// <remarks>
/// A value of nanoseconds goes into one of 128 equal buckets of its power of two; below 256 ns every value has a bucket of its own.
/// One thread at a time.
/// </remarks>
internal sealed class LatencyHistogram
{
    private const int SubBits = 7;
    private const int SubCount = 1 << SubBits;

    // 64 - SubBits powers of two of SubCount buckets each, and the exact ones below them.
    private readonly long[] counts = new long[(64 - SubBits + 1) * SubCount];

    private long longest;

    public long Count { get; private set; }

    /// <summary>The longest latency, exactly.</summary>
    public double MaxMicroseconds => longest / 1000.0;

    public void Record(TimeSpan latency)
    {
        long nanoseconds = Math.Max(0, latency.Ticks) * TimeSpan.NanosecondsPerTick;
        counts[BucketOf(nanoseconds)]++;
        longest = Math.Max(longest, nanoseconds);
        Count++;
    }

    public void Clear()
    {
        Array.Clear(counts);
        Count = 0;
        longest = 0;
    }

    public LatencyHistogram Copy()
    {
        LatencyHistogram copy = new() { Count = Count, longest = longest };
        counts.CopyTo(copy.counts, 0);
        return copy;
    }

    /// <summary>The latency that a share of all frames does not exceed, in microseconds; 0 when nothing was recorded.</summary>
    /// <param name="share">0 to 1: 0.99 is the 99th percentile, by the nearest rank.</param>
    public double Microseconds(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (int bucket = 0; bucket < counts.Length; bucket++)
        {
            seen += counts[bucket];
            if (seen >= rank)
            {
                return MiddleOf(bucket) / 1000.0;
            }
        }

        return 0;
    }

    private static int BucketOf(long nanoseconds)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)nanoseconds) - SubBits);
        return (shift * SubCount) + (int)(nanoseconds >> shift);
    }

    private static double MiddleOf(int bucket)
    {
        int shift = Math.Max(0, (bucket / SubCount) - 1);
        long first = (long)(bucket - (shift * SubCount)) << shift;
        return first + (((1L << shift) - 1) / 2.0);
    }
}
