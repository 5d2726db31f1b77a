namespace YoloZeroCopy;

/// <summary>Time that one batch spent in each stage of a lane, in <see cref="System.Diagnostics.Stopwatch"/> ticks.</summary>
internal readonly record struct StageTimes(long Upload, long Preprocess, long Inference, long Decode);
