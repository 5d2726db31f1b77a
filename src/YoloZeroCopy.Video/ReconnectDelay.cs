namespace YoloZeroCopy;

/// <summary>How long to wait before a camera is tried again: a quarter of a second, then twice as long each time, up to five seconds; a fifth more or
/// less, so that the cameras of a switch that was off do not come back all at once.</summary>
internal sealed class ReconnectDelay
{
    private const double Spread = 0.2;
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(5);

    private TimeSpan next = First;

    /// <summary>The next one.</summary>
    public TimeSpan Next()
    {
        TimeSpan delay = next;
        next = TimeSpan.FromTicks(Math.Min(2 * next.Ticks, Most.Ticks));
        return delay * (1 - Spread + (2 * Spread * Random.Shared.NextDouble()));
    }

    /// <summary>Begins anew, after a time of health.</summary>
    public void Reset() => next = First;
}
