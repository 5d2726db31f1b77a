namespace YoloZeroCopy;

/// <summary>What stands beside the bytes of a packet: one frame, as it was coded.</summary>
/// <param name="Size">Its bytes.</param>
/// <param name="IsKey">True where decoding may begin with it.</param>
/// <param name="IsFirst">True for the first of a connection: a decoder begins anew, with the stream's
/// <see cref="VideoReader.Extradata"/>.</param>
/// <param name="Timestamp">When its frame is shown, by the video's own clock.</param>
/// <param name="DecodeTimestamp">When it is decoded, by the same clock. Null for the first ones of a stream whose frames are shown in another order
/// than they are decoded in.</param>
public readonly record struct VideoPacket(int Size, bool IsKey, bool IsFirst, TimeSpan Timestamp, TimeSpan? DecodeTimestamp);
