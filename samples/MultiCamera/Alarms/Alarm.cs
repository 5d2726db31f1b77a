using System.Text.Json.Serialization;

namespace MultiCamera.Alarms;

/// <summary>What a rule has seen: one alarm, which every outlet hands on once.</summary>
/// <remarks>Immutable; any thread.</remarks>
internal sealed record Alarm
{
    /// <summary>Names the alarm for ever, 32 hexadecimal digits. Receivers know by it what they were sent twice.</summary>
    public string Id { get; init; } = Guid.CreateVersion7().ToString("N");

    /// <summary>When the camera took the frame.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Name of the camera, as it stands in topics and names of files: <see cref="Names.IsValid"/>.</summary>
    public required string Camera { get; init; }

    /// <summary>Name of the rule.</summary>
    public required string Rule { get; init; }

    public required AlarmKind Kind { get; init; }

    /// <summary>Name of the zone or the line.</summary>
    public required string Place { get; init; }

    /// <summary>Seconds in the zone, objects in it, or 1 or -1 for the direction of a crossing.</summary>
    public required double Value { get; init; }

    /// <summary>One sentence for people.</summary>
    public required string Text { get; init; }

    /// <summary>Whom it is about.</summary>
    public IReadOnlyList<SeenObject> Objects { get; init; } = [];

    /// <summary>JPEG of the frame with its boxes; empty where there is none. The alarm owns it.</summary>
    [JsonIgnore]
    public ReadOnlyMemory<byte> Jpeg { get; init; }

    /// <summary>Where its picture lies below the folder of pictures and clips, as long as the quota lets it.</summary>
    public string Picture => FormattableString.Invariant($"{Time.UtcDateTime:yyyy-MM-dd}/{Camera}/{Id}.jpg");

    /// <summary>Where its clip lies below the folder of pictures and clips, as long as the quota lets it.</summary>
    public string Clip => FormattableString.Invariant($"{Time.UtcDateTime:yyyy-MM-dd}/{Camera}/{Id}.mp4");
}
