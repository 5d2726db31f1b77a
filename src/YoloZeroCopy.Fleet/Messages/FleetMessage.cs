using System.Text.Json.Serialization;

namespace YoloZeroCopy;

/// <summary>What goes to NATS, and into the queue on disk. Its id, which NATS knows it again by, is camera, epoch and number.</summary>
internal sealed record FleetMessage
{
    public const string OwnerKind = "owner";
    public const string AlarmKind = "alarm";
    public const string ResultKind = "result";

    public required string Kind { get; init; }

    public required string Camera { get; init; }

    public required long Epoch { get; init; }

    /// <summary>Counted by the owner of this epoch from 0, which is its taking over.</summary>
    public required long Number { get; init; }

    public required string Node { get; init; }

    public required DateTimeOffset At { get; init; }

    public string? Key { get; init; }

    public string? Text { get; init; }

    /// <summary>Keys of the camera's newest alarms, oldest first, this one's included: whoever takes over reads them here.</summary>
    public string[]? Recent { get; init; }

    public FleetResult? Result { get; init; }

    [JsonIgnore]
    public string Id => $"{Camera}:{Epoch}:{Number}";
}
