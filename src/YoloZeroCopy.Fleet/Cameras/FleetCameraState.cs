using System.Text.Json.Serialization;

namespace YoloZeroCopy;

/// <summary>How it stands with a camera on its node.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FleetCameraState>))]
internal enum FleetCameraState
{
    /// <summary>It takes its epoch from Redis, and its subjects in NATS over.</summary>
    TakingOver,

    /// <summary>Its runner runs.</summary>
    Running,

    /// <summary>Its runner ended or failed, and is run again after a while.</summary>
    Failed,

    /// <summary>It stops: it moves, was removed, or another node has taken it over.</summary>
    Stopping,
}
