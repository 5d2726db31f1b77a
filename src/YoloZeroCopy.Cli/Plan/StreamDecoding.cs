namespace YoloZeroCopy.Cli;

/// <summary>Who decodes the streams of a plan.</summary>
internal enum StreamDecoding
{
    /// <summary>Frames come into slots from elsewhere.</summary>
    None,

    /// <summary>An ffmpeg program for each.</summary>
    Cpu,

    /// <summary>The GPU.</summary>
    Nvdec,
}
