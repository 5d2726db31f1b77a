namespace MultiCamera.Cameras;

/// <summary>A frame of a camera.</summary>
/// <param name="Number">Its number since the video began, from 0; those left out count.</param>
/// <param name="Time">When it is shown, by the video's clock.</param>
/// <param name="Taken">When it was taken, by the machine's clock.</param>
internal readonly record struct CameraFrame(long Number, TimeSpan Time, DateTimeOffset Taken);
