using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Reads a video, in order and each frame once, straight into the caller's memory: a file, a folder of pictures, a camera, a stream. One
/// that is live is watched, and comes back by itself when it was lost.</summary>
/// <remarks>
/// <para>
/// The ffmpeg program reads and decodes in a process of its own; it is a separate program under its own licence, which the user installs, and no part
/// of this library. A frame is read from its pipe into the caller's memory without a copy in between and without managed allocation. One read at a
/// time; any thread. Turning by rotation metadata is done by ffmpeg, and <see cref="Format"/> is the size after it. What ffmpeg sends is NUT, a
/// container with a time stamp for every frame.
/// </para>
/// <para>
/// A live video (<see cref="IsLive"/>) is lost when it ends, when ffmpeg ends, however that may be, when no frame comes for
/// <see cref="VideoReaderOptions.StallLimit"/> or five frame times, when the same packet comes again and again for five times as long, and when far
/// more frames come than the rate it says. ffmpeg is then killed, and the video tried again after a quarter of a second, then after twice as long
/// each time, up to five seconds, a fifth more or less; after ten seconds with frames it begins at a quarter again. Meanwhile a read waits. For a
/// camera over RTSP that was there, no program is started as long as nobody answers at its port.
/// </para>
/// <para>
/// Exceptions, states and logs name a URL without its user and password. They are no argument of ffmpeg, which every user of the machine can see,
/// where ffmpeg can be told them otherwise: for RTSP and for HTTP that is live, with release 5.1 or later. Of files over HTTP, and with earlier
/// releases, the list of processes shows them.
/// </para>
/// </remarks>
public sealed partial class VideoReader : IAsyncDisposable
{
    private const int FrameTimesToStall = 5;
    private const int LooksAtStall = 4;

    // A camera may have a key frame only every ten seconds.
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Health = TimeSpan.FromSeconds(10);

    private readonly string path;
    private readonly VideoReaderOptions options;
    private readonly TimeProvider time;
    private readonly bool endsByItself;
    private readonly bool canBeQuick;
    private readonly ReconnectDelay delay = new();
    private readonly FrameWorker worker;
    private readonly ITimer watchdog;

    // Holds nothing to be disposed, and a token may fire late.
#pragma warning disable CA2213
    private readonly CancellationTokenSource stop = new();
#pragma warning restore CA2213
    private readonly Lock gate = new();

    // What follows is of the worker's thread, and read by others.
    private VideoConnection? connection;
    private FrameWatch watch;
    private bool isQuick;
    private bool isFirst;
    private bool isLost;
    private long liveSince;
    private long lastFrame;
    private TimeSpan shift;
    private long frames;
    private long connections;
    private long faults;
    private long timestamp;
    private long lastRecovery;
    private long errorsBefore;
    private long errors;
    private volatile string? fault;
    private volatile VideoState state;
    private volatile bool aborted;

    // When the wait for ffmpeg began, 0 while there is none, and how long it may be: the watchdog's.
    private long waitingSince;
    private TimeSpan waitLimit;
    private volatile bool isStalled;
    private Task? disposal;

    /// <summary>Makes a reader, and starts nothing: <see cref="ConnectAsync"/> does.</summary>
    /// <param name="path">A file in any format that ffmpeg reads, a folder of pictures of one kind, or on Linux a camera (<c>/dev/video0</c>, also by
    /// the links in <c>/dev/v4l</c>); with <see cref="VideoReaderOptions.AllowUrl"/> also a URL.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="ArgumentException">The pixel format is none of the four, or the stall limit is not above zero or beyond a day.</exception>
    public VideoReader(string path, VideoReaderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        this.options = options ?? new VideoReaderOptions();
        this.options.Validate();
        this.path = path;
        time = this.options.Time;
        Name = NameOf(path);
        endsByItself = FfmpegInput.EndsByItself(path, this.options);
        canBeQuick = FfmpegInput.IsRtsp(path, this.options);
        isQuick = canBeQuick && this.options.ReadsPackets;
        watch = new FrameWatch(time, this.options.StallLimit, 0);
        worker = new FrameWorker("YoloZeroCopy video reader", Run, Abort);
        watchdog = time.CreateTimer(
            static reader => ((VideoReader)reader!).Watch(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The path or URL, without user and password.</summary>
    public string Name { get; }

    /// <summary>How it stands with the video. Any thread.</summary>
    /// <remarks>After a fault its state stays until the video is live again, while it is tried again and again.</remarks>
    public VideoState State => state;

    /// <summary>What is wrong with the video; null where it is live, has ended well or was not reached yet. Any thread.</summary>
    public string? Fault => fault;

    /// <summary>What became of the video so far. Any thread.</summary>
    public VideoStatistics Statistics => new(
        FramesRead,
        Interlocked.Read(ref connections),
        Interlocked.Read(ref faults),
        new TimeSpan(Interlocked.Read(ref lastRecovery)),
        Interlocked.Read(ref errors));

    /// <summary>Width of the frames in pixels; of packets, it may change with a new connection.</summary>
    public int Width { get; private set; }

    /// <summary>Height of the frames in pixels.</summary>
    public int Height { get; private set; }

    /// <summary>How packets are coded; other where frames are read. It may change with a new connection.</summary>
    public VideoCodec Codec { get; private set; }

    /// <summary>What a decoder needs before the first packet of a connection: of H.264 and HEVC the parameter sets, each behind a start code. Empty
    /// where the packets have them.</summary>
    public ReadOnlyMemory<byte> Extradata { get; private set; }

    /// <summary>The packet that was read last.</summary>
    public VideoPacket Packet { get; private set; }

    /// <summary>Format of every frame, unset where packets are read; rows without padding. An Nv12 frame carries the video's colour matrix in
    /// <see cref="FrameFormat.Color"/>. It is that of the first connection, to whose size ffmpeg brings the frames of later ones.</summary>
    public FrameFormat Format { get; private set; }

    /// <summary>Frames a second as the video says; 0 when it does not.</summary>
    public double FrameRate { get; private set; }

    /// <summary>Length as the file says; null when it does not, as live sources do.</summary>
    public TimeSpan? Duration { get; private set; }

    /// <summary>
    /// True for what has no end of its own: a camera, or a stream whose length nobody says and that comes otherwise than by HTTP; or as
    /// <see cref="VideoReaderOptions.IsLive"/> says. Its end is then a fault, since ffmpeg ends the same way when a camera is switched off.
    /// </summary>
    public bool IsLive => options.IsLive ?? (Duration is null && !endsByItself);

    /// <summary>Version and path of the ffmpeg that decodes, for a log.</summary>
    public string Ffmpeg { get; private set; } = "";

    /// <summary>Frames or packets read so far.</summary>
    public long FramesRead => Interlocked.Read(ref frames);

    /// <summary>
    /// When the frame that was read last is shown, by the video's own clock: its presentation time stamp, to the nearest 100 ns. A file's clock
    /// begins near zero, but not always at it; a camera's may begin anywhere. Until a frame was read, zero.
    /// </summary>
    /// <remarks>Where frames have no time stamps, as in a bare H.264 stream, ffmpeg counts them with the frame rate, packets in the order of
    /// decoding. Negative ones are moved up, all by as much, so that the first is zero. After a new connection, whose clock begins anywhere, times go
    /// on from the last frame before by the time that passed.</remarks>
    public TimeSpan Timestamp => new(Interlocked.Read(ref timestamp));

    /// <summary>Whether it waits for ffmpeg now, for tests that move the clock.</summary>
    internal bool IsWaiting => Interlocked.Read(ref waitingSince) != 0;

    /// <summary>Process id of ffmpeg, for tests.</summary>
    internal int ProcessId => connection!.ProcessId;

    /// <summary>What <see cref="Name"/> a video has.</summary>
    /// <param name="path">As the constructor takes it.</param>
    public static string NameOf(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return UrlCredentials.Name(path);
    }

    /// <summary>Makes a reader and connects it, once: what cannot be reached now is an exception.</summary>
    /// <param name="path">As the constructor takes it.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="cancellationToken">Ends the attempt; ffmpeg is killed.</param>
    /// <exception cref="MediaException">No such file, not readable, no video stream, no frame, or frames larger than
    /// <see cref="FrameFormat.MaxSize"/>.</exception>
    /// <exception cref="NativeLibraryException">ffmpeg is not found or cannot be started.</exception>
    /// <exception cref="ArgumentException">The pixel format is none of the four, or the stall limit is not above zero or beyond a day.</exception>
    public static async Task<VideoReader> OpenAsync(string path, VideoReaderOptions? options = null, CancellationToken cancellationToken = default)
    {
        VideoReader reader = new(path, options);
        try
        {
            _ = await reader.RunAsync(default, Work.ConnectOnce, cancellationToken).ConfigureAwait(false);
            return reader;
        }
        catch
        {
            await reader.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Waits until the video is reached, and its format known. What may be live is tried again and again, as after a fault; where
    /// <see cref="VideoReaderOptions.Reconnects"/> is off, once.</summary>
    /// <param name="cancellationToken">Ends the attempts; ffmpeg is killed, and the reader can only be disposed.</param>
    /// <exception cref="MediaException">As of <see cref="OpenAsync"/>; of a file, or without attempts.</exception>
    /// <exception cref="NativeLibraryException">ffmpeg is not found or cannot be started.</exception>
    /// <exception cref="InvalidOperationException">A read or another connect is running.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The reader was disposed, or an earlier call was cancelled.</exception>
    public async Task ConnectAsync(CancellationToken cancellationToken = default) =>
        _ = await RunAsync(default, Work.Connect, cancellationToken).ConfigureAwait(false);

    /// <summary>Reads the next frame.</summary>
    /// <param name="destination">Takes <see cref="FrameFormat.ByteCount"/> bytes from its first one on. Left alone once the call has ended, however
    /// it ends.</param>
    /// <param name="cancellationToken">Kills ffmpeg: after a cancelled read the reader can only be disposed.</param>
    /// <returns>True for a frame, false at the end of the video. A live one (<see cref="IsLive"/>) has no end.</returns>
    /// <exception cref="ArgumentException">The memory is too short.</exception>
    /// <exception cref="MediaException">The video is damaged or ends in the middle of a frame, or ffmpeg died; the message has its last words. Of a
    /// live one only where <see cref="VideoReaderOptions.Reconnects"/> is off.</exception>
    /// <exception cref="InvalidOperationException">Another read is running, the reader is not connected, or it reads packets.</exception>
    /// <exception cref="OperationCanceledException">The read was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The reader was disposed, or an earlier read was cancelled.</exception>
    public ValueTask<bool> ReadFrameAsync(Memory<byte> destination, CancellationToken cancellationToken = default)
    {
        if (options.ReadsPackets)
        {
            throw new InvalidOperationException(
                $"This reader reads packets, since {nameof(VideoReaderOptions)}.{nameof(VideoReaderOptions.ReadsPackets)} is set.");
        }

        if (Interlocked.Read(ref connections) > 0)
        {
            Format.ThrowIfNotWithin(destination.Length, nameof(destination));
        }

        return RunAsync(destination, Work.Read, cancellationToken);
    }

    /// <summary>Reads the next packet: one coded frame, as <see cref="Packet"/> then describes it. Of H.264 and HEVC every unit is behind a start
    /// code (Annex B), whatever the file has.</summary>
    /// <param name="destination">Takes the packet from its first byte on. Where it is too short (<see cref="VideoPacket.Size"/>), nothing is read,
    /// and the next call reads the same packet. Left alone once the call has ended, however it ends.</param>
    /// <param name="cancellationToken">Kills ffmpeg: after a cancelled read the reader can only be disposed.</param>
    /// <returns>True for a packet, false at the end of the video. A live one (<see cref="IsLive"/>) has no end.</returns>
    /// <exception cref="MediaException">The video is damaged or ends in the middle of a packet, or ffmpeg died; the message has its last words. Of a
    /// live one only where <see cref="VideoReaderOptions.Reconnects"/> is off.</exception>
    /// <exception cref="InvalidOperationException">Another read is running, the reader is not connected, or
    /// <see cref="VideoReaderOptions.ReadsPackets"/> is not set.</exception>
    /// <exception cref="OperationCanceledException">The read was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The reader was disposed, or an earlier read was cancelled.</exception>
    public ValueTask<bool> ReadPacketAsync(Memory<byte> destination, CancellationToken cancellationToken = default) => options.ReadsPackets
        ? RunAsync(destination, Work.Read, cancellationToken)
        : throw new InvalidOperationException($"{nameof(VideoReaderOptions)}.{nameof(VideoReaderOptions.ReadsPackets)} is not set.");

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

    private enum Work
    {
        Read,
        Connect,
        ConnectOnce,
    }

    // As far as is known before it is reached.
    private bool MayBeLive => options.IsLive ?? !endsByItself;

    // The longest time without a frame.
    private TimeSpan StallLimit => FrameRate > 0
        ? TimeSpan.FromTicks(Math.Max(options.StallLimit.Ticks, (long)(FrameTimesToStall * TimeSpan.TicksPerSecond / FrameRate)))
        : options.StallLimit;

    private async Task EndAsync()
    {
        Abort();
        await worker.StopAsync().ConfigureAwait(false);
        await watchdog.DisposeAsync().ConfigureAwait(false);
        await DropConnectionAsync().ConfigureAwait(false);
        await DropAheadAsync().ConfigureAwait(false);
    }

    // By whoever cancels or disposes.
    private void Abort()
    {
        aborted = true;
        stop.Cancel();
        Volatile.Read(ref connection)?.Abort();
        Volatile.Read(ref ahead)?.Abort();
    }

    private ValueTask<bool> RunAsync(Memory<byte> destination, Work work, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            // First, since a token that fired as a read ended has aborted the reader already.
            return ValueTask.FromCanceled<bool>(cancellationToken);
        }

        ObjectDisposedException.ThrowIf(aborted, this);
        return worker.RunAsync(destination, (long)work, cancellationToken);
    }

    // On the worker's thread.
    private bool Run(ReadOnlyMemory<byte> memory, long work)
    {
        if ((Work)work != Work.Read)
        {
            if (connections == 0)
            {
                Connect(isTriedAgain: (Work)work == Work.Connect && options.Reconnects && MayBeLive);
            }

            return true;
        }

        if (connections == 0)
        {
            throw new InvalidOperationException($"The reader is not connected; {nameof(ConnectAsync)} does that.");
        }

        while (true)
        {
            if (connection is null)
            {
                Connect(isTriedAgain: true);
            }

            if (TryRead(connection!, MemoryMarshal.AsMemory(memory).Span) is bool isFrame)
            {
                return isFrame;
            }
        }
    }

    // Null where the video was lost or begins anew, and is to be tried again.
    private bool? TryRead(VideoConnection current, Span<byte> destination)
    {
        MediaException? error;
        VideoState cause = VideoState.Failed;
        BeginWait(StallLimit);
        try
        {
            bool isFrame = current.Read(destination);
            EndWait();

            // Those that come with the end of a connection are no damage.
            _ = Interlocked.Exchange(ref errors, errorsBefore + current.ErrorCount);
            if (!isFrame && options.Repeats && !IsLive && current.FramesRead > 0)
            {
                Repeat();
                return null;
            }

            if (!isFrame)
            {
                SetState(VideoState.Ended, null);
                return false;
            }

            if (Take(current, destination, out cause) is not string wrong)
            {
                StartAheadWhereDue();
                return true;
            }

            error = new MediaException(Name, wrong);
        }
        catch (MediaException failure)
        {
            error = failure;
        }
        catch (ObjectDisposedException) when (isStalled && !aborted)
        {
            (error, cause) = (Stalled(current), VideoState.Stalled);
        }

        EndWait();
        ObjectDisposedException.ThrowIf(aborted, this);
        bool isTriedAgain = IsLive && options.Reconnects;
        Lose(error, cause);
        if (!isTriedAgain)
        {
            ExceptionDispatchInfo.Throw(error);
        }

        if (time.GetElapsedTime(liveSince) >= Health)
        {
            delay.Reset();
        }

        isQuick = canBeQuick;
        DropConnection();
        return null;
    }

    // What is wrong with a frame that was read; null for nothing.
    private string? Take(VideoConnection current, ReadOnlySpan<byte> destination, out VideoState cause)
    {
        cause = VideoState.Failed;
        VideoPacket packet = current.Packet;
        long now = time.GetTimestamp();
        if (isFirst && frames > 0)
        {
            TimeSpan begin = options.ReadsPackets ? packet.Timestamp : current.Timestamp;
            shift = (IsLive ? Timestamp + time.GetElapsedTime(lastFrame, now) : passEnd) - begin;
        }

        isFirst = false;
        Packet = packet with { Timestamp = packet.Timestamp + shift, DecodeTimestamp = packet.DecodeTimestamp + shift };
        if (packet.Size > destination.Length)
        {
            return null;
        }

        if (isLost)
        {
            isLost = false;
            _ = Interlocked.Exchange(ref lastRecovery, time.GetElapsedTime(lastFrame, now).Ticks);
        }

        lastFrame = now;
        TimeSpan shown = current.Timestamp + shift;
        NotePass(shown);
        _ = Interlocked.Exchange(ref timestamp, shown.Ticks);
        _ = Interlocked.Increment(ref frames);
        return IsLive ? watch.Take(destination[..packet.Size], out cause) : null;
    }

    private void Connect(bool isTriedAgain)
    {
        for (bool isFirstTry = connections == 0; ; isFirstTry = false)
        {
            if (!isFirstTry)
            {
                WaitDelay();
            }

            if (TryConnect(out VideoState cause) is not MediaException error)
            {
                return;
            }

            ObjectDisposedException.ThrowIf(aborted, this);
            Lose(error, cause);

            // A camera that does not say what size its frames are is looked into.
            bool isSecondLook = isFirstTry && isQuick && cause != VideoState.Refused;
            if (!isTriedAgain && !isSecondLook)
            {
                ExceptionDispatchInfo.Throw(error);
            }

            isQuick = canBeQuick && !isQuick;
        }
    }

    private void WaitDelay()
    {
        try
        {
            Task.Delay(delay.Next(), time, stop.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            throw new ObjectDisposedException(nameof(VideoReader));
        }
    }

    private MediaException? TryConnect(out VideoState cause)
    {
        cause = VideoState.Failed;
        VideoConnection? next = null;
        bool isConnected = false;
        isStalled = false;
        try
        {
            if (canBeQuick && connections > 0)
            {
                CameraPort.ThrowIfSilentAsync(Name, stop.Token).GetAwaiter().GetResult();
            }

            next = ahead ?? Start();
            _ = Interlocked.Exchange(ref connection, next);
            Volatile.Write(ref ahead, null);
            if (aborted)
            {
                next.Abort();
            }

            if (MayBeLive)
            {
                BeginWait(ConnectLimit);
            }

            next.Open();
            EndWait();
            Accept(next);
            isConnected = true;
            return null;
        }
        catch (MediaException error)
        {
            cause = next is { IsRefused: true } ? VideoState.Refused : VideoState.Failed;
            return error;
        }
        catch (TimeoutException error)
        {
            cause = VideoState.Stalled;
            return new MediaException(Name, error.Message, error);
        }
        catch (ObjectDisposedException) when (isStalled && !aborted)
        {
            cause = VideoState.Stalled;
            return Stalled(next!);
        }
        catch (OperationCanceledException)
        {
            throw new ObjectDisposedException(nameof(VideoReader));
        }
        finally
        {
            EndWait();
            if (!isConnected)
            {
                DropConnection();
            }
        }
    }

    private VideoConnection Start()
    {
        FfmpegProgram program = FfmpegProgram.OpenAsync(options.FfmpegPath, stop.Token).GetAwaiter().GetResult();
        Ffmpeg = program.ToString();
        return new VideoConnection(
            FfmpegInput.Of(path, options, program, isQuick), program, options, endsByItself, connections > 0 ? (Width, Height) : null);
    }

    private void Accept(VideoConnection next)
    {
        if (connections == 0)
        {
            Format = next.Format;
            FrameRate = next.FrameRate;
            Duration = next.Duration;
        }

        Width = next.Width;
        Height = next.Height;
        Codec = next.Codec;
        Extradata = next.Extradata;
        watch = new FrameWatch(time, StallLimit, FrameRate);
        isFirst = true;
        passBegin = null;

        // A pass that was started ahead is decoded already.
        errorsBefore = errors - (isRepeat ? 0 : next.ErrorCount);
        isLost = frames > 0 && !isRepeat;
        liveSince = time.GetTimestamp();
        _ = Interlocked.Increment(ref connections);
        SetState(VideoState.Live, null);
    }

    private void Lose(MediaException error, VideoState cause)
    {
        _ = Interlocked.Increment(ref faults);
        SetState(cause, error.Message);
    }

    private MediaException Stalled(VideoConnection current) =>
        new(Name, $"no frame came for {waitLimit.TotalSeconds:0.#} s: {current.LogTail}");

    private void DropConnection() => DropConnectionAsync().AsTask().GetAwaiter().GetResult();

    private async ValueTask DropConnectionAsync()
    {
        if (connection is VideoConnection last)
        {
            await last.DisposeAsync().ConfigureAwait(false);
            Volatile.Write(ref connection, null);
        }
    }

    // Only what is live is watched. A camera's timer goes on between reads, so that a read costs it nothing.
    private void BeginWait(TimeSpan limit)
    {
        if (limit != waitLimit && MayBeLive)
        {
            waitLimit = limit;
            _ = watchdog.Change(limit / LooksAtStall, limit / LooksAtStall);
        }

        _ = Interlocked.Exchange(ref waitingSince, time.GetTimestamp());
    }

    private void EndWait() => Interlocked.Exchange(ref waitingSince, 0);

    // On a thread of the timer. Whoever sets the time back to 0 has it: the read that ended, or this.
    private void Watch()
    {
        long since = Interlocked.Read(ref waitingSince);
        if (since != 0 && Volatile.Read(ref connection) is VideoConnection current && time.GetElapsedTime(since) >= waitLimit
            && Interlocked.CompareExchange(ref waitingSince, 0, since) == since)
        {
            isStalled = true;
            current.Abort();
        }
    }

    private void SetState(VideoState next, string? reason)
    {
        fault = reason;
        if (state == next || (next == VideoState.Ended && reason is null && state == VideoState.Failed))
        {
            return;
        }

        state = next;
        try
        {
            options.StateChanged?.Invoke(next, reason);
        }
#pragma warning disable CA1031 // The caller's own; it must not end the video.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
