namespace YoloZeroCopy;

/// <summary>What a camera saw since its last such message.</summary>
/// <param name="Frames">Frames that were detected in, since its owner took over.</param>
/// <param name="FramesPerSecond">Of the time since the last message.</param>
/// <param name="AgeMs">Milliseconds from the capture of the newest frame until it was handled.</param>
/// <param name="MaxAgeMs">The same of the oldest frame since the last message.</param>
/// <param name="Detections">What the newest frame shows, at most 100 objects: class, score, x1, y1, x2, y2 in pixels of the frame.</param>
internal sealed record FleetResult(long Frames, double FramesPerSecond, double AgeMs, double MaxAgeMs, float[][] Detections);
