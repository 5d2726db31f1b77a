namespace YoloZeroCopy;

/// <summary>
/// Time that one batch spent in a lane, in <see cref="System.Diagnostics.Stopwatch"/> ticks. Where a lane cannot tell a part apart it leaves it at
/// zero (<see cref="Lane.IsOnDevice"/>).
/// </summary>
/// <param name="Compute">Everything between frame and detections: preprocessing, inference, decoding.</param>
/// <param name="Upload">Copying the frames to the device.</param>
/// <param name="Preprocess">Preprocessing alone.</param>
/// <param name="Inference">The engine alone.</param>
/// <param name="Decode">Decoding alone.</param>
internal readonly record struct StageTimes(long Compute, long Upload = 0, long Preprocess = 0, long Inference = 0, long Decode = 0)
{
    public static StageTimes operator +(in StageTimes one, in StageTimes other) => new(
        one.Compute + other.Compute, one.Upload + other.Upload, one.Preprocess + other.Preprocess, one.Inference + other.Inference,
            one.Decode + other.Decode);
}
