namespace YoloZeroCopy;

/// <summary>How the packets of a video are coded.</summary>
public enum VideoCodec
{
    /// <summary>None of the others.</summary>
    Other,

    /// <summary>H.264 (AVC).</summary>
    H264,

    /// <summary>H.265 (HEVC).</summary>
    Hevc,

    /// <summary>Every frame is a JPEG file.</summary>
    Mjpeg,

    /// <summary>AV1.</summary>
    Av1,
}
