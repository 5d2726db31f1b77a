using MultiCamera.Alarms;

namespace MultiCamera.Settings;

/// <summary>What a camera raises an alarm for.</summary>
internal sealed record RuleSettings
{
    public string Name { get; init; } = "";

    public AlarmKind? Kind { get; init; }

    /// <summary>Names of the model's classes that count; empty for all.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>Of dwell and count: the zone. Without one, the whole picture.</summary>
    public string? Zone { get; init; }

    /// <summary>Of crossing: the line.</summary>
    public string? Line { get; init; }

    /// <summary>Of dwell: how long an object may stay.</summary>
    public double? Seconds { get; init; }

    /// <summary>Of count: how many objects may be there.</summary>
    public int? Over { get; init; }

    /// <summary>Of crossing: which way.</summary>
    public Direction? Direction { get; init; }

    public IEnumerable<(string Field, string Problem)> Check(CameraSettings camera)
    {
        if (Kind is null)
        {
            yield return ("kind", "is missing; wanted is dwell, count or crossing");
            yield break;
        }

        if (Zone is not null && camera.Zones.All(zone => zone.Name != Zone))
        {
            yield return ("zone", $"is '{Zone}'; the camera has no such zone");
        }

        if (Line is not null && camera.Lines.All(line => line.Name != Line))
        {
            yield return ("line", $"is '{Line}'; the camera has no such line");
        }

        foreach ((string field, bool isGiven, AlarmKind kind, bool isNeeded) in new[]
        {
            ("seconds", Seconds is not null, AlarmKind.Dwell, true), ("over", Over is not null, AlarmKind.Count, true),
            ("line", Line is not null, AlarmKind.Crossing, true), ("direction", Direction is not null, AlarmKind.Crossing, false),
        })
        {
            if (isNeeded && Kind == kind && !isGiven)
            {
                yield return (field, $"is missing; a rule of kind {Lower(kind)} needs it");
            }

            if (Kind != kind && isGiven)
            {
                yield return (field, $"is for rules of kind {Lower(kind)}; this one's is {Lower(Kind.Value)}");
            }
        }

        if (Zone is not null && Kind == AlarmKind.Crossing)
        {
            yield return ("zone", "is for rules of kind dwell and count; this one's is crossing");
        }

        if (Seconds is double seconds && !(seconds > 0 && seconds <= 86_400))
        {
            yield return ("seconds", FormattableString.Invariant($"is {seconds}; wanted is more than 0, to 86400"));
        }

        if (Over < 0)
        {
            yield return ("over", $"is {Over}; wanted is 0 or more");
        }
    }

    private static string Lower(AlarmKind kind) => kind.ToString().ToLowerInvariant();
}
