namespace MultiCamera.Outlets;

/// <summary>Pictures of alarms and clips around them to a folder.</summary>
internal sealed record MediaOptions
{
    /// <summary>The folder: <c>yyyy-MM-dd/CAMERA/ALARM.jpg</c> and <c>.mp4</c> below it count against the quota.</summary>
    public string Folder { get; init; } = "media";

    /// <summary>Size of all pictures and clips above which the oldest are deleted.</summary>
    public int MaxMegabytes { get; init; } = 10_000;

    /// <summary>Length of a clip, half before the alarm and half after it. 0: no clips.</summary>
    public double ClipSeconds { get; init; } = 10;

    /// <summary>Pictures a second in a clip, at most; what comes faster is left out.</summary>
    public double ClipRate { get; init; } = 10;

    /// <summary>Memory for the pictures before the next alarm, for each camera: the oldest go first.</summary>
    public int MegabytesPerCamera { get; init; } = 32;

    /// <summary>The ffmpeg program; null: as for videos.</summary>
    public string? Ffmpeg { get; init; }

    /// <summary>What is wrong with the options: names of fields as they stand here, and what is wanted.</summary>
    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (string.IsNullOrWhiteSpace(Folder))
        {
            yield return (nameof(Folder), "is empty; wanted is a folder for pictures and clips");
        }

        if (MaxMegabytes < 1)
        {
            yield return (nameof(MaxMegabytes), $"is {MaxMegabytes}; wanted is 1 or more");
        }

        if (!(ClipSeconds >= 0 && ClipSeconds <= 120))
        {
            yield return (nameof(ClipSeconds), FormattableString.Invariant($"is {ClipSeconds}; wanted is 0 (no clips) to 120"));
        }

        if (!(ClipRate >= 0.1 && ClipRate <= 60))
        {
            yield return (nameof(ClipRate), FormattableString.Invariant($"is {ClipRate}; wanted is 0.1 to 60"));
        }

        if (MegabytesPerCamera < 1)
        {
            yield return (nameof(MegabytesPerCamera), $"is {MegabytesPerCamera}; wanted is 1 or more");
        }
    }
}
