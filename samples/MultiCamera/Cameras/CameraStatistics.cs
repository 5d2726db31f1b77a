namespace MultiCamera.Cameras;

/// <summary>How a camera is, at one moment.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Source">Where its frames come from, without user and password.</param>
/// <param name="State">One word: connecting, live, stalled, refused, failed, ended.</param>
/// <param name="Problem">Why, for people; null where all is well.</param>
/// <param name="Since">Since when it is in that state.</param>
/// <param name="Width">Of its frames, in pixels; 0 before the first.</param>
/// <param name="Height">Of its frames, in pixels; 0 before the first.</param>
/// <param name="Rate">Frames a second of late that were looked at.</param>
/// <param name="AgeP50">Seconds from a frame's arrival until the rules had seen it, half of the frames below; null before the first.</param>
/// <param name="AgeP99">The same, 99 of 100 below.</param>
/// <param name="OldestResult">Seconds from a frame's arrival until its result was given, of the oldest of late: never above the camera's
/// <c>maxAgeSeconds</c>. Null before the first.</param>
/// <param name="Detected">Frames that were looked at.</param>
/// <param name="Busy">Frames left out because those before them were still on their way.</param>
/// <param name="Dropped">Frames that the detector dropped.</param>
/// <param name="TooOld">Those of them that were too old.</param>
/// <param name="Late">Those of them that could not make their deadline.</param>
/// <param name="DeadlinesMissed">Frames that missed their deadline, dropped or looked at too late.</param>
/// <param name="Failed">Frames that the detector or the rules failed on.</param>
/// <param name="DecodeErrors">Errors in decoding its video.</param>
/// <param name="Faults">Times that the video was lost.</param>
/// <param name="Alarms">Alarms raised.</param>
internal sealed record CameraStatistics(
    string Name, string Source, string State, string? Problem, DateTimeOffset Since, int Width, int Height,
    double Rate, double? AgeP50, double? AgeP99, double? OldestResult, long Detected, long Busy, long Dropped, long TooOld, long Late,
    long DeadlinesMissed, long Failed, long DecodeErrors, long Faults, long Alarms);
