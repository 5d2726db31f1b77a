namespace YoloZeroCopy;

/// <summary>How a <see cref="VideoReader"/> opens and decodes a video.</summary>
public sealed record VideoReaderOptions
{
    /// <summary>Format of the frames: Bgr24, Rgb24, Gray8 or Nv12.</summary>
    public PixelFormat PixelFormat { get; init; } = PixelFormat.Bgr24;

    /// <summary>True: the coded frames are read (<see cref="VideoReader.ReadPacketAsync"/>), for a decoder elsewhere, and ffmpeg decodes
    /// nothing.</summary>
    public bool ReadsPackets { get; init; }

    /// <summary>The ffmpeg program. Null: the variable <c>YZC_FFMPEG</c>, else PATH, else the application's
    /// <c>runtimes/&lt;rid&gt;/native/ffmpeg</c>.</summary>
    public string? FfmpegPath { get; init; }

    /// <summary>
    /// True: a source with <c>://</c> in it is a URL, such as <c>rtsp://</c> of a camera, and ffmpeg may reach the network. False: every source is a
    /// file, whatever its name looks like, and what the file says cannot make ffmpeg open anything but files.
    /// </summary>
    public bool AllowUrl { get; init; }

    /// <summary>
    /// False: when ffmpeg reported damage, the video ends with a <see cref="MediaException"/> after its last frame. True: it ends as if it were
    /// whole; right for live sources, which lose packets.
    /// </summary>
    public bool IgnoreDecodeErrors { get; init; }
}
