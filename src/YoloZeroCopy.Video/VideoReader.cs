using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Reads the frames of a video, in order and each once, straight into the caller's memory.</summary>
/// <remarks>
/// The ffmpeg program decodes in a process of its own; it is a separate program under its own licence, which the user installs, and no part of this
/// library. A frame is read from its pipe into the caller's memory without a copy in between and without managed allocation. One read at a time; any
/// thread. Turning by rotation metadata is done by ffmpeg, and <see cref="Format"/> is the size after it. Exceptions name a URL without its user and
/// password; the process list of the machine shows them, as ffmpeg's argument. What ffmpeg sends is NUT, a container with a time stamp for every
/// frame.
/// </remarks>
public sealed class VideoReader : IAsyncDisposable
{
    // Beyond what any camera sends: a frame of 8K without loss.
    private const int MaxPacketBytes = 1 << 28;

    private readonly VideoSource source;
    private readonly FfmpegProgram program;
    private readonly bool ignoreDecodeErrors;
    private readonly bool readsPackets;
    private readonly FfmpegProcess process;
    private readonly NutReader nut;
    private readonly FrameWorker worker;
    private readonly Lock gate = new();
    private long framesRead;
    private long timestamp;
    private long payloadBytes;
    private bool isOpen;
    private bool hasLengths;
    private bool isPacketBegun;
    private bool ended;
    private volatile bool aborted;
    private Task? disposal;

    private VideoReader(VideoSource source, FfmpegProgram program, VideoReaderOptions options, FfmpegProcess process)
    {
        this.source = source;
        this.program = program;
        this.process = process;
        ignoreDecodeErrors = options.IgnoreDecodeErrors;
        readsPackets = options.ReadsPackets;
        nut = new NutReader(process.Output);
        worker = new FrameWorker("YoloZeroCopy video reader", Read, Abort);
    }

    /// <summary>Width of the frames in pixels.</summary>
    public int Width => nut.Width;

    /// <summary>Height of the frames in pixels.</summary>
    public int Height => nut.Height;

    /// <summary>How packets are coded; other where frames are read.</summary>
    public VideoCodec Codec => nut.Codec;

    /// <summary>What a decoder needs before the first packet: of H.264 and HEVC the parameter sets, each behind a start code. Empty where the packets
    /// have them.</summary>
    public ReadOnlyMemory<byte> Extradata { get; private set; }

    /// <summary>The packet that was read last.</summary>
    public VideoPacket Packet { get; private set; }

    /// <summary>Format of every frame, unset where packets are read; rows without padding. An Nv12 frame carries the video's colour matrix in
    /// <see cref="FrameFormat.Color"/>.</summary>
    public FrameFormat Format { get; private set; }

    /// <summary>Frames a second as the file says; 0 when it does not.</summary>
    public double FrameRate { get; private set; }

    /// <summary>Length as the file says; null when it does not, as live sources do.</summary>
    public TimeSpan? Duration { get; private set; }

    /// <summary>
    /// True for what has no end of its own: a camera, or a stream whose length nobody says and that comes otherwise than by HTTP. Its end is then an
    /// error, since ffmpeg ends the same way when a camera is switched off.
    /// </summary>
    public bool IsLive => Duration is null && !source.EndsByItself;

    /// <summary>Version and path of the ffmpeg that decodes, for a log.</summary>
    public string Ffmpeg => program.ToString();

    /// <summary>Frames or packets read so far.</summary>
    public long FramesRead => Interlocked.Read(ref framesRead);

    /// <summary>
    /// When the frame that was read last is shown, by the video's own clock: its presentation time stamp, to the nearest 100 ns. A file's clock
    /// begins near zero, but not always at it; a camera's may begin anywhere. Until a frame was read, zero.
    /// </summary>
    /// <remarks>Where frames have no time stamps, as in a bare H.264 stream, ffmpeg counts them with the frame rate. Negative ones are moved up, all
    /// by as much, so that the first is zero.</remarks>
    public TimeSpan Timestamp => new(Interlocked.Read(ref timestamp));

    /// <summary>Process id of ffmpeg, for tests.</summary>
    internal int ProcessId => process.Id;

    /// <summary>Starts ffmpeg on a video and waits until the size of its frames is known.</summary>
    /// <param name="path">A file in any format that ffmpeg reads, or on Linux a camera (<c>/dev/video0</c>, also by the links in <c>/dev/v4l</c>);
    /// with <see cref="VideoReaderOptions.AllowUrl"/> also a URL.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="cancellationToken">Ends the attempt; ffmpeg is killed.</param>
    /// <exception cref="MediaException">No such file, not readable, no video stream, no frame, or frames larger than
    /// <see cref="FrameFormat.MaxSize"/>.</exception>
    /// <exception cref="NativeLibraryException">ffmpeg is not found or cannot be started.</exception>
    /// <exception cref="ArgumentException">The pixel format is none of the four.</exception>
    public static async Task<VideoReader> OpenAsync(string path, VideoReaderOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new VideoReaderOptions();
        cancellationToken.ThrowIfCancellationRequested();
        VideoSource source = VideoSource.Of(path, options.AllowUrl);
        string[] pixels = PixelArguments(options.PixelFormat);
        FfmpegProgram program = await FfmpegProgram.OpenAsync(options.FfmpegPath, cancellationToken).ConfigureAwait(false);
        string[] codec = options.ReadsPackets
            ? ["-c:v", "copy", .. program.PacketTimes]
            : [.. program.EveryFrame, .. program.SourceTimeBase, .. pixels, "-c:v", "rawvideo"];
        FfmpegProcess process = FfmpegProcess.Start(
            program.Executable,
            [
                "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info", "-copyts", .. source.Arguments,
                "-map", "0:V:0", "-map_metadata", "-1", "-map_chapters", "-1", .. codec, "-write_index", "0", "-f", "nut", "pipe:1",
            ],
            source.Credentials);
        VideoReader reader = new(source, program, options, process);
        try
        {
            await reader.ReadHeadersAsync(options.PixelFormat, cancellationToken).ConfigureAwait(false);
            return reader;
        }
        catch
        {
            await reader.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Reads the next frame.</summary>
    /// <param name="destination">Takes <see cref="FrameFormat.ByteCount"/> bytes from its first one on. Left alone once the call has ended, however
    /// it ends.</param>
    /// <param name="cancellationToken">Kills ffmpeg: after a cancelled read the reader can only be disposed.</param>
    /// <returns>True for a frame, false at the end of the video. A live source (<see cref="IsLive"/>) ends with an exception.</returns>
    /// <exception cref="ArgumentException">The memory is too short.</exception>
    /// <exception cref="MediaException">The video is damaged or ends in the middle of a frame, or ffmpeg died; the message has its last
    /// words.</exception>
    /// <exception cref="InvalidOperationException">Another read is running.</exception>
    /// <exception cref="OperationCanceledException">The read was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The reader was disposed, or an earlier read was cancelled.</exception>
    public ValueTask<bool> ReadFrameAsync(Memory<byte> destination, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            // First, since a token that fired as a read ended has aborted the reader already.
            return ValueTask.FromCanceled<bool>(cancellationToken);
        }

        ObjectDisposedException.ThrowIf(aborted, this);
        ThrowIfReads(packets: true);
        Format.ThrowIfNotWithin(destination.Length, nameof(destination));
        return worker.RunAsync(destination, 0, cancellationToken);
    }

    /// <summary>Reads the next packet: one coded frame, as <see cref="Packet"/> then describes it. Of H.264 and HEVC every unit is behind a start
    /// code (Annex B), whatever the file has.</summary>
    /// <param name="destination">Takes the packet from its first byte on. Where it is too short (<see cref="VideoPacket.Size"/>), nothing is read,
    /// and the next call reads the same packet. Left alone once the call has ended, however it ends.</param>
    /// <param name="cancellationToken">Kills ffmpeg: after a cancelled read the reader can only be disposed.</param>
    /// <returns>True for a packet, false at the end of the video. A live source (<see cref="IsLive"/>) ends with an exception.</returns>
    /// <exception cref="MediaException">The video is damaged or ends in the middle of a packet, or ffmpeg died; the message has its last
    /// words.</exception>
    /// <exception cref="InvalidOperationException">Another read is running, or <see cref="VideoReaderOptions.ReadsPackets"/> is not set.</exception>
    /// <exception cref="OperationCanceledException">The read was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The reader was disposed, or an earlier read was cancelled.</exception>
    public ValueTask<bool> ReadPacketAsync(Memory<byte> destination, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<bool>(cancellationToken);
        }

        ObjectDisposedException.ThrowIf(aborted, this);
        ThrowIfReads(packets: false);
        return worker.RunAsync(destination, 0, cancellationToken);
    }

    /// <summary>Kills ffmpeg where it still runs and waits until it is gone. A running read fails with
    /// <see cref="ObjectDisposedException"/>.</summary>
    /// <remarks>May be called any number of times and from any thread: every caller waits for the whole disposal.</remarks>
    public ValueTask DisposeAsync()
    {
        lock (gate)
        {
            return new ValueTask(disposal ??= EndAsync());
        }
    }

    private static string[] PixelArguments(PixelFormat pixelFormat) => pixelFormat switch
    {
        PixelFormat.Bgr24 => ["-pix_fmt", "bgr24"],
        PixelFormat.Rgb24 => ["-pix_fmt", "rgb24"],
        PixelFormat.Gray8 => ["-pix_fmt", "gray"],

        // Always luminance 16 to 235, so that the format can say which matrix and range it is.
        PixelFormat.Nv12 => ["-vf", "scale=out_range=tv", "-pix_fmt", "nv12"],
        _ => throw new ArgumentException($"A video is read as Bgr24, Rgb24, Gray8 or Nv12; {pixelFormat} was given."),
    };

    private static string Explain(FfmpegProgram program, int code, string log)
    {
        string reason = log.Contains("matches no streams", StringComparison.Ordinal) ? "the file has no video stream" : "no frame can be read";
        return $"{reason}; {program} ended with exit code {code} and said: {log}";
    }

    private async Task ReadHeadersAsync(PixelFormat pixelFormat, CancellationToken cancellationToken)
    {
        bool isNut = await worker.RunAsync(default, 0, cancellationToken).ConfigureAwait(false);

        // The log says the rest before the first frame leaves, or ends.
        FfmpegHeader? header = await process.Log.Header.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!isNut)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int code = await process.WaitAsync().ConfigureAwait(false);
            throw new MediaException(source.Name, Explain(program, code, process.Log.Tail));
        }

        FrameRate = header?.FrameRate ?? 0;
        Duration = header?.Duration;
        if (readsPackets)
        {
            return;
        }

        try
        {
            YuvColor color = header?.IsBt709 == true ? YuvColor.Bt709Limited : YuvColor.Bt601Limited;
            Format = new FrameFormat(pixelFormat, nut.Width, nut.Height) { Color = color };
        }
        catch (ArgumentOutOfRangeException error)
        {
            throw new MediaException(source.Name, $"the video has frames of {nut.Width}x{nut.Height} pixels; 1x1 to "
                + $"{FrameFormat.MaxSize}x{FrameFormat.MaxSize} are read.", error);
        }

        payloadBytes = FrameSections.TotalBytes(Format);
    }

    private async Task EndAsync()
    {
        Abort();
        await worker.StopAsync().ConfigureAwait(false);
        _ = await process.WaitAsync().ConfigureAwait(false);
        process.Dispose();
    }

    private void Abort()
    {
        aborted = true;
        process.Kill();
    }

    private void ThrowIfReads(bool packets)
    {
        if (readsPackets == packets)
        {
            string name = $"{nameof(VideoReaderOptions)}.{nameof(VideoReaderOptions.ReadsPackets)}";
            throw new InvalidOperationException(packets ? $"This reader reads packets, since {name} is set." : $"{name} is not set.");
        }
    }

    // On the worker's thread: what comes before the first frame, and from then on a frame.
    private bool Read(ReadOnlyMemory<byte> memory, long unused)
    {
        bool isWithin = true;
        try
        {
            if (!isOpen)
            {
                isOpen = true;
                return ReadHeaders();
            }

            if (!ended && TryBegin(out long size))
            {
                Span<byte> destination = MemoryMarshal.AsMemory(memory).Span;
                if (readsPackets)
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
            ended = true;
            process.Kill();
            ObjectDisposedException.ThrowIf(aborted, this);
            throw new MediaException(source.Name, $"frame {framesRead} of what {program} sends cannot be read: {error.Message}.", error);
        }

        if (!ended)
        {
            ended = true;
            ThrowIfNotGoodEnd(isWithin);
        }

        return false;
    }

    private bool ReadHeaders()
    {
        bool isNut = nut.ReadHeaders();
        hasLengths = readsPackets && NalUnits.HasLengths(nut.Codec, nut.Extradata);
        Extradata = hasLengths ? NalUnits.ReadParameterSets(nut.Codec, nut.Extradata) : nut.Extradata;
        return isNut;
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

        Packet = new VideoPacket((int)size, nut.IsKey, framesRead == 0, nut.Timestamp, nut.DecodeTimestamp);
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

    private void CountFrame()
    {
        _ = Interlocked.Exchange(ref timestamp, nut.Timestamp.Ticks);
        _ = Interlocked.Increment(ref framesRead);
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

    private void ThrowIfNotGoodEnd(bool isWithinFrame)
    {
        int code = process.Wait();
        ObjectDisposedException.ThrowIf(aborted, this);
        if (code != 0)
        {
            throw new MediaException(source.Name, $"{program} died with exit code {code} after {framesRead} frames: {process.Log.Tail}");
        }

        if (isWithinFrame)
        {
            throw new MediaException(source.Name, $"the video ends in the middle of frame {framesRead}: {process.Log.Tail}");
        }

        if (!ignoreDecodeErrors && process.Log.ErrorCount > 0)
        {
            throw new MediaException(source.Name,
                $"the video is damaged; {framesRead} frames were read, and ffmpeg reported {process.Log.ErrorCount} errors: {process.Log.Tail}");
        }

        if (IsLive)
        {
            throw new MediaException(source.Name, $"the live source ended after {framesRead} frames: {process.Log.Tail}");
        }
    }
}
