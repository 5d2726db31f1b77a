namespace MultiCamera.Alarms;

/// <summary>How a camera is.</summary>
/// <param name="Camera">Name of the camera.</param>
/// <param name="Time">Since when.</param>
/// <param name="State">One word, for example "live" or "stalled".</param>
/// <param name="Problem">Why, for people; null where all is well.</param>
internal sealed record CameraStatus(string Camera, DateTimeOffset Time, string State, string? Problem)
{
    /// <summary>State of a camera that was taken out of the site: outlets forget it.</summary>
    public const string Removed = "removed";
}
