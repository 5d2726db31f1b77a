using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>How old the last frames of a source were, and how many came a second. Its owner guards it.</summary>
/// <param name="startedAt">When counting began.</param>
internal sealed class RecentFrames(long startedAt)
{
    private const int Kept = 512;

    private static readonly long RateWindow = SourceSettings.Ticks(TimeSpan.FromSeconds(5));

    private readonly long[] ages = new long[Kept];
    private readonly long[] times = new long[Kept];
    private long count;

    public void Add(long age, long at)
    {
        int place = (int)(count++ % Kept);
        ages[place] = age;
        times[place] = at;
    }

    /// <summary>The ages that half, 99 of 100 and all of the last frames do not exceed; null where there is none. Allocates.</summary>
    public (TimeSpan? P50, TimeSpan? P99, TimeSpan? Max) Ages()
    {
        long[] sorted = ages[..(int)Math.Min(count, Kept)];
        Array.Sort(sorted);
        return (Percentile(sorted, 0.50), Percentile(sorted, 0.99), Percentile(sorted, 1));
    }

    /// <summary>Frames a second, over the last five seconds, or as far back as those that are kept reach.</summary>
    public double Rate(long now)
    {
        long since = Math.Max(startedAt, now - RateWindow);
        if (count >= Kept)
        {
            since = Math.Max(since, times[count % Kept]);
        }

        int recent = 0;
        for (int index = 0; index < Math.Min(count, Kept); index++)
        {
            recent += times[index] > since ? 1 : 0;
        }

        return now > since ? recent / Stopwatch.GetElapsedTime(since, now).TotalSeconds : 0;
    }

    private static TimeSpan? Percentile(long[] sorted, double part) =>
        sorted.Length == 0 ? null : Stopwatch.GetElapsedTime(0, sorted[(int)Math.Ceiling(part * sorted.Length) - 1]);
}
