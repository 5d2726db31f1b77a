using MultiCamera.Alarms;

namespace MultiCamera.Cameras;

/// <summary>The latest alarms with their pictures, for the page. Any thread.</summary>
internal sealed class AlarmLog
{
    private const int Length = 100;

    private readonly Lock gate = new();
    private readonly LinkedList<Alarm> latest = new();

    /// <summary>The newest first.</summary>
    public IReadOnlyList<Alarm> Latest
    {
        get
        {
            lock (gate)
            {
                return [.. latest];
            }
        }
    }

    public void Add(Alarm alarm)
    {
        lock (gate)
        {
            _ = latest.AddFirst(alarm);
            if (latest.Count > Length)
            {
                latest.RemoveLast();
            }
        }
    }
}
