namespace YoloZeroCopy.Cuda;

/// <summary>How a video is compressed. Which of them a device decodes, it says itself: <see cref="CudaVideoDecoder.GetLimits"/>.</summary>
public enum CudaVideoCodec
{
    /// <summary>H.264, also called AVC.</summary>
    H264 = 4,

    /// <summary>HEVC, also called H.265.</summary>
    Hevc = 8,

    /// <summary>AV1. Data-centre devices up to H200 do not decode it.</summary>
    Av1 = 11,
}
