namespace YoloZeroCopy;

/// <summary>A frame of a source that the detector has, or whose result waits to be handled.</summary>
/// <param name="Run">The call of the producer that it is of.</param>
/// <param name="Number">Its number within that call.</param>
/// <param name="Timestamp">Its time by the producer's clock.</param>
/// <param name="CapturedAt">Time of its capture.</param>
/// <param name="Token">What its owner hears; of one in a slot, the slot's number.</param>
/// <param name="FollowsDamage">Whether it may be predicted from a damaged one.</param>
/// <param name="Ring">The ring that it lies in; null where it lies elsewhere.</param>
/// <param name="Pixels">The frame itself, in the ring.</param>
/// <param name="Result">Its result, awaited once.</param>
internal readonly record struct SubmittedFrame(
    int Run, long Number, TimeSpan Timestamp, long CapturedAt, long Token, bool FollowsDamage, SlotRing? Ring, ReadOnlyMemory<byte> Pixels,
    ValueTask<DetectionResult> Result);
