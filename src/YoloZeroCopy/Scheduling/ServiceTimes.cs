namespace YoloZeroCopy;

/// <summary>How long lanes take for a batch, by its size, as measured lately. Guarded by the pipeline's gate.</summary>
/// <remarks>
/// An estimate errs to the short side: a size that was not seen for a while counts as the next smaller one that was, or as nothing. So a single
/// hiccup is tried again and not believed for ever.
/// </remarks>
internal sealed class ServiceTimes(int maxBatch)
{
    private const int Memory = 4;

    private static readonly long StaleAfter = SourceSettings.Ticks(TimeSpan.FromSeconds(2));

    private readonly long[] ticks = new long[maxBatch + 1];
    private readonly long[] measuredAt = new long[maxBatch + 1];

    public void Add(int size, long taken, long now)
    {
        bool isFresh = ticks[size] > 0 && now - measuredAt[size] <= StaleAfter;
        ticks[size] = Math.Max(1, isFresh ? ticks[size] + ((taken - ticks[size]) / Memory) : taken);
        measuredAt[size] = now;
    }

    /// <summary>Ticks that a batch of this size takes at least; 0 where nothing is known.</summary>
    public long Of(int size, long now)
    {
        long most = 0;
        for (int known = size; known > 0 && most == 0; known--)
        {
            most = ticks[known] > 0 && now - measuredAt[known] <= StaleAfter ? ticks[known] : 0;
        }

        return most;
    }
}
