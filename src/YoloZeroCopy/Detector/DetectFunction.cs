namespace YoloZeroCopy;

/// <summary>Finds what a frame shows, in place of a model: <see cref="YoloDetector.FromFunction"/>.</summary>
/// <param name="pixels">The frame, in its slot; not kept after the call.</param>
/// <param name="format">Its layout.</param>
/// <returns>
/// What it shows, in any order, with boxes in pixels of the frame; read before the function is called again on this lane.
/// </returns>
/// <remarks>
/// Called on threads of the detector: one for each lane, so that with one lane no two calls are at the same time. What it throws is the frame's
/// error: an <see cref="InferenceException"/> as it is, others inside of one. A <see cref="DetectorFaultedException"/> faults the detector, as an
/// error of a device would.
/// </remarks>
public delegate IReadOnlyList<Detection> DetectFunction(ReadOnlySpan<byte> pixels, FrameFormat format);
