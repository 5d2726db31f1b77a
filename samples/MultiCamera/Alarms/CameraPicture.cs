namespace MultiCamera.Alarms;

/// <summary>One frame of a camera as a JPEG: clips around alarms are made of them.</summary>
/// <param name="Camera">Name of the camera.</param>
/// <param name="Time">When the camera took the frame.</param>
/// <param name="Jpeg">The picture; all of a camera have one size. Kept and not copied.</param>
internal sealed record CameraPicture(string Camera, DateTimeOffset Time, ReadOnlyMemory<byte> Jpeg);
