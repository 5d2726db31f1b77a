namespace MultiCamera.Cameras;

/// <summary>Ages of the latest frames when their results were used, and how many came. Any thread.</summary>
internal sealed class AgeWindow(TimeProvider time)
{
    private const int Length = 512;

    // Long enough for a steady figure, short enough to follow a change.
    private static readonly TimeSpan RateSpan = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly (long When, double Seconds)[] latest = new (long, double)[Length];
    private int next;
    private int count;

    public void Add(TimeSpan age)
    {
        lock (gate)
        {
            latest[next] = (time.GetTimestamp(), age.TotalSeconds);
            next = (next + 1) % Length;
            count = Math.Min(count + 1, Length);
        }
    }

    /// <summary>Frames a second of late, and the ages in seconds that half and 99 of 100 frames were not above; null where there are none.</summary>
    public (double Rate, double? P50, double? P99) Read()
    {
        (long When, double Seconds)[] copy;
        lock (gate)
        {
            copy = latest[..count];
        }

        long now = time.GetTimestamp();
        (long When, double Seconds)[] recent = [.. copy.Where(frame => time.GetElapsedTime(frame.When, now) <= RateSpan)];
        if (recent.Length == 0)
        {
            return (0, null, null);
        }

        // A window that overflows within the span says how long it took to fill.
        double span = recent.Length == Length ? time.GetElapsedTime(recent.Min(frame => frame.When), now).TotalSeconds : RateSpan.TotalSeconds;
        double[] ages = [.. copy.Select(frame => frame.Seconds).Order()];
        return (recent.Length / Math.Max(span, 1e-3), Percentile(ages, 0.5), Percentile(ages, 0.99));
    }

    private static double Percentile(double[] sorted, double part) => sorted[Math.Max(0, (int)Math.Ceiling(part * sorted.Length) - 1)];
}
