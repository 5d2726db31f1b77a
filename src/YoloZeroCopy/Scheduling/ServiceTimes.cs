namespace YoloZeroCopy;

/// <summary>How long lanes take for a batch, by its size, as measured lately. Guarded by the pipeline's gate.</summary>
/// <remarks>
/// What was not seen for a while is forgotten, so that a single hiccup is tried again and not believed for ever. Of a size that is not known, the
/// next smaller and larger ones that are tell what it takes at least, and at most.
/// </remarks>
internal sealed class ServiceTimes(int maxBatch)
{
    private const int Memory = 4;

    private static readonly long StaleAfter = SourceSettings.Ticks(TimeSpan.FromSeconds(2));

    private readonly long[] ticks = new long[maxBatch + 1];
    private readonly long[] measuredAt = new long[maxBatch + 1];

    public void Add(int size, long taken, long now)
    {
        ticks[size] = Math.Max(1, IsKnown(size, now) ? ticks[size] + ((taken - ticks[size]) / Memory) : taken);
        measuredAt[size] = now;
    }

    /// <summary>Ticks that a batch of this size takes at least; 0 where nothing is known.</summary>
    public long Of(int size, long now)
    {
        long least = 0;
        for (int known = size; known > 0 && least == 0; known--)
        {
            least = IsKnown(known, now) ? ticks[known] : 0;
        }

        return least;
    }

    /// <summary>The same where only larger sizes are known: of their time at least what it has of their frames.</summary>
    public long AtLeast(int size, long now)
    {
        long least = Of(size, now);
        for (int larger = size + 1; larger <= maxBatch && least == 0; larger++)
        {
            least = IsKnown(larger, now) ? Math.Max(1, ticks[larger] * size / larger) : 0;
        }

        return least;
    }

    /// <summary>
    /// Ticks that a batch of each size takes at most: as long for each frame as the next smaller one, and no longer than the next larger one; the end
    /// of time where nothing is known.
    /// </summary>
    public void AtMost(Span<long> most, long now)
    {
        long next = long.MaxValue;
        for (int size = maxBatch; size > 0; size--)
        {
            most[size] = next = IsKnown(size, now) ? Math.Min(next, ticks[size]) : next;
        }

        int smaller = 0;
        for (int size = 1; size <= maxBatch; size++)
        {
            smaller = IsKnown(size, now) ? size : smaller;
            most[size] = smaller == 0 ? most[size] : Math.Min(most[size], ticks[smaller] / smaller * size);
        }
    }

    /// <summary>The size with which lanes do most frames in a time; one that is not known may be it, and is tried.</summary>
    public int Fastest(long now)
    {
        int best = maxBatch;
        long least = 0;
        long bestTime = 0;
        for (int size = 1; size <= maxBatch; size++)
        {
            least = IsKnown(size, now) ? ticks[size] : least;
            if (least == 0 || size * (double)bestTime >= best * (double)least)
            {
                best = size;
                bestTime = least;
            }
        }

        return best;
    }

    private bool IsKnown(int size, long now) => ticks[size] > 0 && now - measuredAt[size] <= StaleAfter;
}
