namespace MultiCamera.Outlets;

/// <summary>Alarms and detections to a SQLite database.</summary>
internal sealed record HistoryOptions
{
    /// <summary>The database. Two files lie beside it while the program runs.</summary>
    public string File { get; init; } = "history.db";

    /// <summary>Days after which alarms and detections are deleted.</summary>
    public double KeepDays { get; init; } = 30;

    /// <summary>Size of the database above which the oldest detections, and then the oldest alarms, are deleted.</summary>
    public int MaxMegabytes { get; init; } = 2000;

    /// <summary>Frames a second of each camera, at most, whose detections are kept. 0: alarms only.</summary>
    public double DetectionRate { get; init; } = 1;

    /// <summary>What is wrong with the options: names of fields as they stand here, and what is wanted.</summary>
    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (string.IsNullOrWhiteSpace(File))
        {
            yield return (nameof(File), "is empty; wanted is the database's file");
        }

        if (!(KeepDays > 0 && KeepDays <= 36_500))
        {
            yield return (nameof(KeepDays), FormattableString.Invariant($"is {KeepDays}; wanted is more than 0, to 36500"));
        }

        if (!(DetectionRate >= 0 && DetectionRate <= 1000))
        {
            yield return (nameof(DetectionRate), FormattableString.Invariant($"is {DetectionRate}; wanted is 0 (alarms only) to 1000"));
        }

        if (MaxMegabytes < 1)
        {
            yield return (nameof(MaxMegabytes), $"is {MaxMegabytes}; wanted is 1 or more");
        }
    }
}
