namespace YoloZeroCopy;

/// <summary>Who decodes a video.</summary>
public enum VideoDecoding
{
    /// <summary>The ffmpeg program, on the processor. Frames go into slots.</summary>
    Cpu,

    /// <summary>The detector's GPU: H.264 and HEVC by NVDEC, MJPEG by nvJPEG. Frames are read where they were decoded.</summary>
    Gpu,

    /// <summary><see cref="Gpu"/> where the detector runs on CUDA and its GPU decodes this video, else <see cref="Cpu"/>.</summary>
    Auto,
}
