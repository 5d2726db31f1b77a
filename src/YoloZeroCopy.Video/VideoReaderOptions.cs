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

    /// <summary>Whether the video is live, so that its end is a fault (<see cref="VideoReader.IsLive"/>). Null: as its kind and its length tell; a
    /// camera's MJPEG over HTTP needs true, since nobody can tell it from a file, and a recording over RTSP false where its URL has a password, since
    /// its length is not known then.</summary>
    public bool? IsLive { get; init; }

    /// <summary>True: a live video that was lost is tried again until it is back, and a read waits for it. False: the read has the
    /// exception.</summary>
    public bool Reconnects { get; init; } = true;

    /// <summary>How long a live video may give no frame, where five times the time of a frame are no longer.</summary>
    public TimeSpan StallLimit { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Told of every new <see cref="VideoReader.State"/>, with what is wrong (<see cref="VideoReader.Fault"/>). Called within a read or
    /// connect, which waits for it; what it throws is dropped.</summary>
    public Action<VideoState, string?>? StateChanged { get; init; }

    /// <summary>Whether a video that is not live begins anew at its end, as <see cref="HubSourceOptions.Repeats"/> has it: numbers and times go
    /// on.</summary>
    internal bool Repeats { get; init; }

    /// <summary>The clock of limits and delays; a test's own.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>
    /// False: when ffmpeg reported damage, the video ends with a <see cref="MediaException"/> after its last frame. True: it ends as if it were
    /// whole; right for live sources, which lose packets.
    /// </summary>
    public bool IgnoreDecodeErrors { get; init; }

    /// <exception cref="ArgumentException">The pixel format is none of the four, or the stall limit is not above zero or beyond a day.</exception>
    internal void Validate()
    {
        VideoConnection.ThrowIfNotRead(PixelFormat);
        if (StallLimit <= TimeSpan.Zero || StallLimit > TimeSpan.FromDays(1))
        {
            throw new ArgumentException($"{nameof(StallLimit)} is {StallLimit}; it must be above zero, and a day at most.");
        }
    }
}
