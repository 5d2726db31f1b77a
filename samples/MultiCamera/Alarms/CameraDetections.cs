namespace MultiCamera.Alarms;

/// <summary>What one frame of a camera shows.</summary>
/// <param name="Camera">Name of the camera.</param>
/// <param name="Time">When the camera took the frame.</param>
/// <param name="Frame">Number of the frame, from 0.</param>
/// <param name="Objects">What it shows; kept and not copied.</param>
internal sealed record CameraDetections(string Camera, DateTimeOffset Time, long Frame, IReadOnlyList<SeenObject> Objects);
