namespace YoloZeroCopy.Cli;

/// <summary>How the streams of a plan are compressed.</summary>
internal enum StreamCodec
{
    H264,
    Hevc,
    Av1,
    Mjpeg,
}
