namespace YoloZeroCopy;

/// <summary>Does something with what was found in a frame of a source of a <see cref="SourceHub"/>.</summary>
/// <param name="frame">The frame.</param>
/// <param name="result">What was found; valid until the returned task has ended. Not disposed here.</param>
/// <returns>A task that ends when the frame is not needed any more: its memory is used anew then.</returns>
/// <remarks>
/// Called for frames that were detected in, and not for those that were dropped or failed, which the statistics count. In the order of the source,
/// one call at a time for each source; on a thread of the pool, or where <see cref="DetectorOptions.AllowSynchronousContinuations"/> is set, on the
/// one that brings results. A slow one delays its own source only, whose frames are then skipped or wait. What it throws is told to
/// <see cref="DetectorOptions.Warning"/> once, counted, and ends nothing. It may begin to remove its source, and must not wait for that.
/// </remarks>
public delegate ValueTask FrameHandler(SourceFrame frame, DetectionResult result);
