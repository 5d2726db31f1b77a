namespace YoloZeroCopy;

/// <summary>A frame whose result was not ready in time.</summary>
/// <param name="Source">Number of its source.</param>
/// <param name="Sequence">Number of the frame among all submitted to the detector.</param>
/// <param name="CapturedAt"><see cref="System.Diagnostics.Stopwatch"/> time of its capture.</param>
/// <param name="Status">Whether its result came too late, or it was dropped before it was computed.</param>
/// <param name="Age">Time from its capture until it was done or dropped.</param>
public readonly record struct DeadlineMiss(int Source, long Sequence, long CapturedAt, FrameStatus Status, TimeSpan Age);
