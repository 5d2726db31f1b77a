using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>Keeps and logs how an outlet is. Any thread.</summary>
internal sealed partial class OutletHealth(string name, ILogger log, TimeProvider clock)
{
    private readonly Lock gate = new();
    private OutletStatus status = new(name, OutletState.Starting, clock.GetUtcNow(), Problem: null, Delivered: 0, Waiting: 0, Dropped: 0);

    /// <summary>How it is, with the number of alarms that wait.</summary>
    public OutletStatus Status(long waiting)
    {
        lock (gate)
        {
            return status with { Waiting = waiting };
        }
    }

    public void Works()
    {
        if (Change(OutletState.Working, problem: null))
        {
            LogWorks(name);
        }
    }

    /// <param name="problem">Why, for people.</param>
    public void Fails(string problem)
    {
        if (Change(OutletState.Failing, problem))
        {
            LogFails(name, problem);
        }
    }

    public void Stopped() => _ = Change(OutletState.Stopped, problem: null);

    public void Delivered(long alarms)
    {
        lock (gate)
        {
            status = status with { Delivered = status.Delivered + alarms };
        }
    }

    /// <param name="alarms">How many.</param>
    /// <param name="reason">Why, for the log.</param>
    public void Dropped(long alarms, string reason)
    {
        if (alarms == 0)
        {
            return;
        }

        lock (gate)
        {
            status = status with { Dropped = status.Dropped + alarms };
        }

        LogDropped(name, alarms, reason);
    }

    // True when it is news: a failing outlet that tries again every second is logged once.
    private bool Change(OutletState state, string? problem)
    {
        lock (gate)
        {
            if ((status.State == state && status.Problem == problem) || status.State == OutletState.Stopped)
            {
                return false;
            }

            DateTimeOffset since = status.State == state ? status.Since : clock.GetUtcNow();
            status = status with { State = state, Problem = problem, Since = since };
            return true;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Outlet {Name} works.")]
    private partial void LogWorks(string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Outlet {Name} fails: {Problem}")]
    private partial void LogFails(string name, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "Outlet {Name} dropped {Alarms} alarms: {Reason}")]
    private partial void LogDropped(string name, long alarms, string reason);
}
