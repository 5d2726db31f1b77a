namespace YoloZeroCopy;

/// <summary>One run of ffmpeg on a video, from its first frame to its end or failure.</summary>
/// <remarks>A frame is read from ffmpeg's pipe into the caller's memory without a copy in between and without managed allocation. For one thread,
/// which it blocks; <see cref="Abort"/> by any.</remarks>
internal sealed class VideoConnection : IAsyncDisposable
{
    // Beyond what any camera sends: a frame of 8K without loss.
    private const int MaxPacketBytes = 1 << 28;

    private readonly FfmpegInput input;
    private readonly FfmpegProgram program;
    private readonly VideoReaderOptions options;
    private readonly FfmpegProcess process;
    private readonly NutReader nut;
    private readonly Task script;
    private readonly bool endsByItself;
    private long payloadBytes;
    private bool hasLengths;
    private bool isPacketBegun;
    private bool ended;
    private volatile bool aborted;

    /// <summary>Starts ffmpeg.</summary>
    /// <param name="input">What it reads.</param>
    /// <param name="program">It.</param>
    /// <param name="options">What is wanted of it.</param>
    /// <param name="endsByItself">Whether the video has an end even where nobody says how long it is.</param>
    /// <param name="size">What size frames shall have; null for the video's own.</param>
    /// <exception cref="NativeLibraryException">It cannot be started.</exception>
    public VideoConnection(FfmpegInput input, FfmpegProgram program, VideoReaderOptions options, bool endsByItself, (int Width, int Height)? size)
    {
        this.input = input;
        this.program = program;
        this.options = options;
        this.endsByItself = endsByItself;
        string[] codec = options.ReadsPackets
            ? ["-c:v", "copy", .. program.PacketTimes]
            : [.. program.EveryFrame, .. program.SourceTimeBase, .. PixelArguments(options.PixelFormat, size), "-c:v", "rawvideo"];
        process = FfmpegProcess.Start(
            program.Executable,
            [
                "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info", "-copyts", .. input.Arguments,
                "-map", "0:V:0", "-map_metadata", "-1", "-map_chapters", "-1", .. codec, "-write_index", "0", "-f", "nut", "pipe:1",
            ],
            input.Url,
            diesWithUs: true);
        script = input.Script is null ? Task.CompletedTask : process.WriteInputAsync(input.Script);
        nut = new NutReader(process.Output);
    }

    public int Width => nut.Width;

    public int Height => nut.Height;

    public VideoCodec Codec => nut.Codec;

    public ReadOnlyMemory<byte> Extradata { get; private set; }

    public VideoPacket Packet { get; private set; }

    public FrameFormat Format { get; private set; }

    public double FrameRate { get; private set; }

    public TimeSpan? Duration { get; private set; }

    public bool IsLive => options.IsLive ?? (Duration is null && !endsByItself);

    /// <summary>Whether the server answered that it will not.</summary>
    public bool IsRefused => process.Log.IsRefused;

    /// <summary>Frames or packets read so far.</summary>
    public long FramesRead { get; private set; }

    /// <summary>Of the frame that was read last.</summary>
    public TimeSpan Timestamp { get; private set; }

    /// <summary>Errors that ffmpeg told of so far.</summary>
    public int ErrorCount => process.Log.ErrorCount;

    /// <summary>The last words of ffmpeg.</summary>
    public string LogTail => process.Log.Tail;

    public int ProcessId => process.Id;

    /// <summary>Whether the pixel format is one of those that ffmpeg is asked for.</summary>
    /// <exception cref="ArgumentException">It is not.</exception>
    public static void ThrowIfNotRead(PixelFormat pixelFormat) => _ = PixelArguments(pixelFormat, size: null);

    /// <summary>Waits until the video's first frame has come and is known.</summary>
    /// <exception cref="MediaException">It is not readable, has no video stream, no frame, or frames larger than
    /// <see cref="FrameFormat.MaxSize"/>.</exception>
    /// <exception cref="ObjectDisposedException">The connection was aborted.</exception>
    public void Open()
    {
        bool isNut = ReadHeaders();

        // The log says the rest before the first frame leaves, or ends.
        FfmpegHeader? header = process.Log.Header.GetAwaiter().GetResult();
        if (!isNut)
        {
            int code = process.Wait();
            ObjectDisposedException.ThrowIf(aborted, this);
            throw new MediaException(input.Name, Explain(program, code, process.Log.Tail));
        }

        FrameRate = input.FrameRate > 0 ? input.FrameRate : header?.FrameRate ?? 0;
        Duration = header?.Duration;
        if (options.ReadsPackets)
        {
            return;
        }

        try
        {
            YuvColor color = header?.IsBt709 == true ? YuvColor.Bt709Limited : YuvColor.Bt601Limited;
            Format = new FrameFormat(options.PixelFormat, nut.Width, nut.Height) { Color = color };
        }
        catch (ArgumentOutOfRangeException error)
        {
            throw new MediaException(input.Name, $"the video has frames of {nut.Width}x{nut.Height} pixels; 1x1 to "
                + $"{FrameFormat.MaxSize}x{FrameFormat.MaxSize} are read.", error);
        }

        payloadBytes = FrameSections.TotalBytes(Format);
    }

    /// <summary>Reads the next frame, or the next packet, as the options have it.</summary>
    /// <param name="destination">Takes it. Where it is too short for a packet, nothing is read, and the next call reads the same packet.</param>
    /// <returns>False at the end of the video.</returns>
    /// <exception cref="MediaException">The video is damaged, ends where it must not, or ffmpeg died.</exception>
    /// <exception cref="ObjectDisposedException">The connection was aborted.</exception>
    public bool Read(Span<byte> destination)
    {
        bool isWithin = true;
        try
        {
            if (!ended && TryBegin(out long size))
            {
                if (options.ReadsPackets)
                {
                    ReadPacket(destination, size);
                }
                else
                {
                    ReadFrame(destination, size);
                }

                return true;
            }

            isWithin = false;
        }
        catch (EndOfStreamException)
        {
            // The reason is ffmpeg's to tell, below.
        }
        catch (InvalidDataException error)
        {
            throw NotNut(error);
        }

        if (!ended)
        {
            ended = true;
            ThrowIfNotGoodEnd(isWithin);
        }

        return false;
    }

    /// <summary>Kills ffmpeg; a running call fails. Any thread, any time.</summary>
    public void Abort()
    {
        aborted = true;
        process.Kill();
    }

    /// <summary>Kills ffmpeg where it still runs and waits until it is gone. When no call is running any more.</summary>
    public async ValueTask DisposeAsync()
    {
        Abort();
        await script.ConfigureAwait(false);
        _ = await process.WaitAsync().ConfigureAwait(false);
        process.Dispose();
    }

    private static string[] PixelArguments(PixelFormat pixelFormat, (int Width, int Height)? size)
    {
        string? scale = size is (int width, int height) ? FormattableString.Invariant($"scale={width}:{height}") : null;
        return pixelFormat switch
        {
            // Always luminance 16 to 235, so that the format can say which matrix and range it is.
            PixelFormat.Nv12 => ["-vf", scale is null ? "scale=out_range=tv" : scale + ":out_range=tv", "-pix_fmt", "nv12"],
            PixelFormat.Bgr24 => [.. Scaled(), "bgr24"],
            PixelFormat.Rgb24 => [.. Scaled(), "rgb24"],
            PixelFormat.Gray8 => [.. Scaled(), "gray"],
            _ => throw new ArgumentException($"A video is read as Bgr24, Rgb24, Gray8 or Nv12; {pixelFormat} was given."),
        };

        string[] Scaled() => scale is null ? ["-pix_fmt"] : ["-vf", scale, "-pix_fmt"];
    }

    private static string Explain(FfmpegProgram program, int code, string log)
    {
        string reason = log.Contains("matches no streams", StringComparison.Ordinal) ? "the file has no video stream" : "no frame can be read";
        return $"{reason}; {program} ended with exit code {code} and said: {log}";
    }

    // False where ffmpeg ended before.
    private bool ReadHeaders()
    {
        try
        {
            bool isNut = nut.ReadHeaders();
            hasLengths = options.ReadsPackets && NalUnits.HasLengths(nut.Codec, nut.Extradata);
            Extradata = hasLengths ? NalUnits.ReadParameterSets(nut.Codec, nut.Extradata) : nut.Extradata;
            return isNut;
        }
        catch (EndOfStreamException)
        {
            return false;
        }
        catch (InvalidDataException error)
        {
            throw NotNut(error);
        }
    }

    private MediaException NotNut(InvalidDataException error)
    {
        ended = true;
        process.Kill();
        ObjectDisposedException.ThrowIf(aborted, this);
        return new MediaException(input.Name, $"frame {FramesRead} of what {program} sends cannot be read: {error.Message}.", error);
    }

    private bool TryBegin(out long size)
    {
        size = Packet.Size;
        return isPacketBegun || nut.TryBeginFrame(out size);
    }

    private void ReadPacket(Span<byte> destination, long size)
    {
        if (size > MaxPacketBytes)
        {
            throw new InvalidDataException($"it has {size} bytes; up to {MaxPacketBytes} are read");
        }

        Packet = new VideoPacket((int)size, nut.IsKey, FramesRead == 0, nut.Timestamp, nut.DecodeTimestamp);
        isPacketBegun = size > destination.Length;
        if (isPacketBegun)
        {
            return;
        }

        destination = destination[..(int)size];
        nut.ReadPayload(destination);
        if (hasLengths)
        {
            NalUnits.MakeStartCodes(destination);
        }

        CountFrame();
    }

    private void ReadFrame(Span<byte> destination, long size)
    {
        if (size != payloadBytes)
        {
            throw new InvalidDataException($"it has {size} bytes, and those before had {payloadBytes}; the size of a video's frames must not change");
        }

        int sections = FrameSections.Count(Format);
        for (int i = 0; i < sections; i++)
        {
            (int offset, int length) = FrameSections.Get(Format, i);
            nut.ReadPayload(destination.Slice(offset, length));
        }

        CountFrame();
    }

    private void CountFrame()
    {
        Timestamp = nut.Timestamp;
        FramesRead++;
    }

    private void ThrowIfNotGoodEnd(bool isWithinFrame)
    {
        int code = process.Wait();
        ObjectDisposedException.ThrowIf(aborted, this);
        if (code != 0)
        {
            throw new MediaException(input.Name, $"{program} died with exit code {code} after {FramesRead} frames: {process.Log.Tail}");
        }

        if (isWithinFrame)
        {
            throw new MediaException(input.Name, $"the video ends in the middle of frame {FramesRead}: {process.Log.Tail}");
        }

        if (!options.IgnoreDecodeErrors && process.Log.ErrorCount > 0)
        {
            throw new MediaException(input.Name,
                $"the video is damaged; {FramesRead} frames were read, and ffmpeg reported {process.Log.ErrorCount} errors: {process.Log.Tail}");
        }

        if (IsLive)
        {
            throw new MediaException(input.Name, $"the live source ended after {FramesRead} frames: {process.Log.Tail}");
        }
    }
}
