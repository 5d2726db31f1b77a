namespace YoloZeroCopy;

/// <summary>What became of a video so far.</summary>
/// <param name="Frames">Frames or packets read.</param>
/// <param name="Connections">How often it was reached.</param>
/// <param name="Faults">How often it was lost, or could not be reached.</param>
/// <param name="LastRecovery">From the last loss to the first frame after it; zero when there was none.</param>
/// <param name="DecodeErrors">Errors that ffmpeg told of while frames came, such as damage in them. Of packets, which it does not decode,
/// few.</param>
public readonly record struct VideoStatistics(long Frames, long Connections, long Faults, TimeSpan LastRecovery, long DecodeErrors);
