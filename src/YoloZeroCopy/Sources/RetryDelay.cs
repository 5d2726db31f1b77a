namespace YoloZeroCopy;

/// <summary>How long to wait before a producer that failed is called again: twice as long each time, a fifth more or less, so that sources that
/// failed together do not come back all at once.</summary>
internal sealed class RetryDelay
{
    private const double Spread = 0.2;

    private readonly TimeSpan first;
    private readonly TimeSpan most;
    private TimeSpan next;

    public RetryDelay(TimeSpan first, TimeSpan most) => (this.first, this.most, next) = (first, most, first);

    public TimeSpan Next()
    {
        TimeSpan delay = next;
        next = TimeSpan.FromTicks(Math.Min(2 * next.Ticks, most.Ticks));
        return delay * (1 - Spread + (2 * Spread * Random.Shared.NextDouble()));
    }

    /// <summary>Begins anew, after a time of health.</summary>
    public void Reset() => next = first;
}
