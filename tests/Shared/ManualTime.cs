namespace YoloZeroCopy.Tests;

/// <summary>A clock that a test moves. Timers run within the move.</summary>
internal sealed class ManualTime : TimeProvider
{
    // Delays before a new connection are shorter, the limit of connecting is longer.
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(7);

    private readonly Lock gate = new();
    private readonly List<ManualTimer> timers = [];
    private TimeSpan now = TimeSpan.FromHours(1);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (gate)
        {
            return now.Ticks;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ManualTimer timer = new(this, () => callback(state));
        lock (gate)
        {
            timer.Change(dueTime, period);
            timers.Add(timer);
        }

        return timer;
    }

    /// <summary>Moves the clock, and runs what is due on the way: no further than to what a test waits for, since the reader goes on meanwhile, and
    /// what it begins would be due, too.</summary>
    public void Advance(TimeSpan by)
    {
        TimeSpan end;
        lock (gate)
        {
            end = now + by;
        }

        while (true)
        {
            Action action;
            lock (gate)
            {
                ManualTimer? next = timers.Where(timer => timer.Due <= end).MinBy(static timer => timer.Due);
                if (next is null)
                {
                    now = end;
                    return;
                }

                now = next.Due!.Value;
                next.Due = next.Period > TimeSpan.Zero ? now + next.Period : null;
                action = next.Callback;
            }

            action();
        }
    }

    /// <summary>Waits until a delay is begun, and moves the clock to its end.</summary>
    /// <returns>The delay.</returns>
    public async Task<TimeSpan> PassDelayAsync()
    {
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        while (true)
        {
            TimeSpan? left;
            lock (gate)
            {
                left = timers.Where(timer => timer.Period <= TimeSpan.Zero && timer.Due is TimeSpan due && due - now < LongestDelay)
                    .Min(timer => timer.Due - now);
            }

            if (left is TimeSpan delay)
            {
                Advance(delay);
                return delay;
            }

            await Task.Delay(5, limit.Token);
        }
    }

    private sealed class ManualTimer(ManualTime time, Action callback) : ITimer
    {
        public Action Callback => callback;

        public TimeSpan? Due { get; set; }

        public TimeSpan Period { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time.gate)
            {
                Due = dueTime < TimeSpan.Zero ? null : time.now + dueTime;
                Period = period;
            }

            return true;
        }

        public void Dispose()
        {
            lock (time.gate)
            {
                _ = time.timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
