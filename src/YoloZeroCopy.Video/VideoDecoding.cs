namespace YoloZeroCopy;

/// <summary>Who decodes a video.</summary>
public enum VideoDecoding
{
    /// <summary>The ffmpeg program, on the processor. Frames go into slots.</summary>
    Cpu,

    /// <summary>The detector's GPU (NVDEC): H.264, HEVC. Frames are read where they were decoded.</summary>
    Nvdec,

    /// <summary><see cref="Nvdec"/> where the detector runs on CUDA and its GPU decodes this video, else <see cref="Cpu"/>.</summary>
    Auto,
}
