using System.Globalization;

namespace YoloZeroCopy;

/// <summary>Writes frames to an MP4 file: H.264 where ffmpeg has libx264, else MPEG-4 part 2; 4:2:0, playable while it loads.</summary>
/// <remarks>
/// The ffmpeg program encodes in a process of its own, a separate program under its own licence. One write at a time; any thread. A write ends when
/// ffmpeg has taken the frame, which is the back-pressure. The file appears at its path only when <see cref="CompleteAsync"/> has ended well; until
/// then it is a <c>.partial</c> file beside it, which failure, cancellation and dispose remove. A frame of odd width or height gets a black column or
/// row, since 4:2:0 needs even sizes. The frames of a video either all have a time stamp, and so a rate of their own, or none has one; ffmpeg
/// starts with the first.
/// </remarks>
public sealed class VideoWriter : IAsyncDisposable
{
    private const long Untimed = -1;
    private const string X264 = "libx264";
    private const string Mpeg4 = "mpeg4";

    // Units of time in a second, in which time stamps are kept: MPEG's clock, in which the frames of most rates take a whole number; and one that
    // MPEG-4 part 2 has, whose finest is 1/65,535 s. With a clock of 1,000 or more older releases give the last frame no duration.
    private const int X264Clock = 90_000;
    private const int Mpeg4Clock = 60_000;
    private const int OldClock = 900;

    private readonly string path;
    private readonly string partial;
    private readonly Fraction frameRate;
    private readonly int quality;
    private readonly FfmpegProgram program;
    private readonly FrameWorker worker;
    private FfmpegProcess? process;
    private NutWriter? nut;
    private readonly Lock gate = new();
    private long framesWritten;
    private long lastTime = Untimed;
    private bool isBegun;
    private bool completing;
    private volatile bool aborted;
    private volatile bool failed;
    private bool completed;
    private Task? disposal;

    private VideoWriter(string path, FrameFormat format, Fraction frameRate, int quality, string encoder, FfmpegProgram program)
    {
        this.path = path;
        this.program = program;
        this.frameRate = frameRate;
        this.quality = quality;
        partial = $"{Path.GetFullPath(path)}.{Guid.NewGuid():N}.partial";
        Format = format;
        Encoder = encoder;
        worker = new FrameWorker("YoloZeroCopy video writer", Run, Abort);
    }

    /// <summary>Format of the frames that are written.</summary>
    public FrameFormat Format { get; }

    /// <summary>ffmpeg's name of the encoder: <c>libx264</c> or <c>mpeg4</c>.</summary>
    public string Encoder { get; }

    /// <summary>Version and path of the ffmpeg that encodes, for a log.</summary>
    public string Ffmpeg => program.ToString();

    /// <summary>Frames that ffmpeg has taken.</summary>
    public long FramesWritten => Interlocked.Read(ref framesWritten);

    /// <summary>Process id of ffmpeg, for tests; once a frame was written.</summary>
    internal int ProcessId => process!.Id;

    /// <summary>Units of time in a second, in which time stamps are kept.</summary>
    internal int Clock => !program.KeepsLastFrame ? OldClock : Encoder == X264 ? X264Clock : Mpeg4Clock;

    /// <summary>Prepares a new file.</summary>
    /// <param name="path">File to write, always MP4; an older one is replaced on completion.</param>
    /// <param name="format">Bgr24, Rgb24 or Gray8, any stride.</param>
    /// <param name="frameRate">Frames a second, above 0 to 1000; about as many where frames have time stamps.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="MediaException">The folder does not exist, or ffmpeg has neither encoder.</exception>
    /// <exception cref="NativeLibraryException">ffmpeg is not found or cannot be started.</exception>
    /// <exception cref="ArgumentException">The format is none of the three or a default value.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Rate or quality outside their range.</exception>
    public static async Task<VideoWriter> OpenAsync(
        string path, FrameFormat format, double frameRate, VideoWriterOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new VideoWriterOptions();
        format.ThrowIfNotWithin(format.ByteCount, nameof(format));
        if (format.PixelFormat is not (PixelFormat.Bgr24 or PixelFormat.Rgb24 or PixelFormat.Gray8))
        {
            throw new ArgumentException($"A video is written from Bgr24, Rgb24 or Gray8; {format.PixelFormat} was given.", nameof(format));
        }

        if (!(frameRate is > 0 and <= 1000))
        {
            throw new ArgumentOutOfRangeException(nameof(frameRate), frameRate, "A frame rate is above 0 to 1000.");
        }

        if (options.Quality is < 0 or > 51)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Quality, "The quality of a video is 0 to 51.");
        }

        string full = Path.GetFullPath(path);
        if (!Directory.Exists(Path.GetDirectoryName(full)))
        {
            // A URL is no file; where one was given, its credentials are nobody's business.
            throw new MediaException(UrlCredentials.Name(path), "the file cannot be written: its folder does not exist.");
        }

        FfmpegProgram program = await FfmpegProgram.OpenAsync(options.FfmpegPath, cancellationToken).ConfigureAwait(false);
        string encoder = await FindEncoderAsync(program, path, cancellationToken).ConfigureAwait(false);
        return new VideoWriter(path, format, RateOf(frameRate), options.Quality, encoder, program);
    }

    /// <summary>Writes one frame.</summary>
    /// <param name="frame">A frame of <see cref="Format"/>; it must stay as it is until the call has ended.</param>
    /// <param name="cancellationToken">Kills ffmpeg: after a cancelled write the writer can only be disposed, and no file is left.</param>
    /// <exception cref="ArgumentException">The memory is too short.</exception>
    /// <exception cref="MediaException">ffmpeg failed, for example for a full disk; the message has its last words.</exception>
    /// <exception cref="InvalidOperationException">Another write is running, the video is complete, or its frames have time stamps.</exception>
    /// <exception cref="ObjectDisposedException">The writer was disposed, or an earlier write was cancelled.</exception>
    public ValueTask WriteFrameAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken = default) =>
        WriteAsync(frame, Untimed, cancellationToken);

    /// <summary>Writes one frame that is shown from a time on, so that a video keeps a rate that varies.</summary>
    /// <param name="frame">A frame of <see cref="Format"/>; it must stay as it is until the call has ended.</param>
    /// <param name="timestamp">
    /// When it is shown, such as <see cref="VideoReader.Timestamp"/>; later than the frame before. The file has it to the nearest 1/90,000 s, with
    /// the encoder mpeg4 1/60,000 s, and with an ffmpeg before 5.1 1/900 s. The file's clock begins at zero: subtract the time of the first frame
    /// for a video without a pause before it.
    /// </param>
    /// <param name="cancellationToken">Kills ffmpeg: after a cancelled write the writer can only be disposed, and no file is left.</param>
    /// <exception cref="ArgumentException">The memory is too short.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative, or not later than that of the frame before.</exception>
    /// <exception cref="MediaException">ffmpeg failed, for example for a full disk; the message has its last words.</exception>
    /// <exception cref="InvalidOperationException">Another write is running, the video is complete, or its frames have no time stamps.</exception>
    /// <exception cref="ObjectDisposedException">The writer was disposed, or an earlier write was cancelled.</exception>
    public ValueTask WriteFrameAsync(ReadOnlyMemory<byte> frame, TimeSpan timestamp, CancellationToken cancellationToken = default)
    {
        long time = (long)Math.Round((decimal)timestamp.Ticks * Clock / TimeSpan.TicksPerSecond);
        if (timestamp < TimeSpan.Zero || (lastTime != Untimed && time <= lastTime))
        {
            throw new ArgumentOutOfRangeException(nameof(timestamp), timestamp, lastTime == Untimed
                ? "The time of a frame is not negative."
                : $"A frame is shown at least 1/{Clock} s later than the one before it, at {TimeSpan.FromSeconds((double)lastTime / Clock)}.");
        }

        return WriteAsync(frame, time, cancellationToken);
    }

    /// <summary>Finishes the file and puts it at its path.</summary>
    /// <param name="cancellationToken">Kills ffmpeg; no file is left.</param>
    /// <exception cref="MediaException">ffmpeg failed, the file cannot be put at its path, or no frame was written.</exception>
    /// <exception cref="InvalidOperationException">A write is running.</exception>
    /// <exception cref="ObjectDisposedException">The writer was disposed or cancelled.</exception>
    public async Task CompleteAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(aborted, this);
        if (completing)
        {
            return;
        }

        completing = true;
        _ = await worker.RunAsync(default, Untimed, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Without a successful <see cref="CompleteAsync"/>: kills ffmpeg and removes the partial file. Waits until ffmpeg is gone.</summary>
    /// <remarks>May be called any number of times and from any thread: every caller waits for the whole disposal.</remarks>
    public ValueTask DisposeAsync()
    {
        lock (gate)
        {
            return new ValueTask(disposal ??= EndAsync());
        }
    }

    private static async Task<string> FindEncoderAsync(FfmpegProgram program, string path, CancellationToken cancellationToken)
    {
        FfmpegProcess process = FfmpegProcess.Start(program.Executable, ["-hide_banner", "-encoders"]);
        try
        {
            using StreamReader reader = new(process.Output);
            string text = await reader.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
            foreach (string encoder in (ReadOnlySpan<string>)[X264, Mpeg4])
            {
                if (text.Contains($" {encoder} ", StringComparison.Ordinal))
                {
                    return encoder;
                }
            }

            int code = await process.WaitAsync().ConfigureAwait(false);
            throw new MediaException(path, $"{program} (exit code {code}) has neither the encoder {X264} nor {Mpeg4}: {process.Log.Tail}");
        }
        finally
        {
            process.Kill();
            _ = await process.WaitAsync().ConfigureAwait(false);
            process.Dispose();
        }
    }

    // Broadcast rates are fractions; 29.97 is written as 30000/1001. Of others six digits are kept.
    private static Fraction RateOf(double rate)
    {
        const int Digits = 1_000_000;
        double thousands = Math.Round(rate * 1.001) * 1000;
        bool broadcast = rate != Math.Round(rate) && Math.Abs((thousands / 1001) - rate) < 0.005;
        return broadcast ? new Fraction((int)thousands, 1001) : new Fraction(Math.Max(1, (int)Math.Round(rate * Digits)), Digits);
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> frame, long time, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(aborted, this);
        Format.ThrowIfNotWithin(frame.Length, nameof(frame));
        if (completing)
        {
            throw new InvalidOperationException("The video is complete; no frame can be added.");
        }

        if (isBegun && (time == Untimed) != (lastTime == Untimed))
        {
            throw new InvalidOperationException("The frames of a video either all have a time stamp or none has one.");
        }

        ValueTask<bool> written = worker.RunAsync(frame, time, cancellationToken);
        isBegun = true;
        lastTime = time;
        _ = await written.ConfigureAwait(false);
    }

    private List<string> Arguments(bool isTimed)
    {
        string pixels = Format.PixelFormat switch
        {
            PixelFormat.Bgr24 => "bgr24",
            PixelFormat.Rgb24 => "rgb24",
            _ => "gray",
        };
        List<string> arguments = ["-hide_banner", "-nostats", "-loglevel", "level+info"];

        // The rate of frames with time stamps is named to ffmpeg, so that it need not wait for some to tell.
        arguments.AddRange(isTimed
            ? ["-copyts", "-fpsprobesize", "0", "-f", "nut", "-i", "pipe:0", .. program.EveryFrame, .. program.SourceTimeBase]
            : ["-f", "rawvideo", "-pix_fmt", pixels, "-video_size", $"{Format.Width}x{Format.Height}", "-framerate", $"{frameRate}", "-i", "pipe:0"]);
        if (Format.Width % 2 != 0 || Format.Height % 2 != 0)
        {
            arguments.AddRange(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]);
        }

        arguments.AddRange(Encoder == X264
            ? ["-c:v", X264, "-preset", "veryfast", "-crf", quality.ToString(CultureInfo.InvariantCulture)]
            : ["-c:v", Mpeg4, "-q:v", Math.Clamp(quality / 3, 2, 31).ToString(CultureInfo.InvariantCulture)]);
        if (isTimed && !program.KeepsLastFrame)
        {
            arguments.AddRange(["-bf", "0"]);
        }

        arguments.AddRange(["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", "-y", "file:" + partial]);
        return arguments;
    }

    private async Task EndAsync()
    {
        Abort();
        await worker.StopAsync().ConfigureAwait(false);
        if (process is not null)
        {
            _ = await process.WaitAsync().ConfigureAwait(false);
            process.Dispose();
        }

        RemovePartial();
    }

    // Whoever comes second, this or the start of ffmpeg, sees the other and kills.
    private void Abort()
    {
        if (!completed)
        {
            aborted = true;
            Interlocked.MemoryBarrier();
            process?.Kill();
        }
    }

    // On the worker's thread: a frame, or nothing for the end.
    private bool Run(ReadOnlyMemory<byte> frame, long time)
    {
        if (failed)
        {
            throw new MediaException(path, "an earlier write failed.");
        }

        try
        {
            if (frame.IsEmpty)
            {
                Finish();
            }
            else
            {
                Write(process ?? Start(isTimed: time != Untimed), frame.Span, time);
            }

            return true;
        }
        catch (Exception)
        {
            failed = true;
            process?.Kill();
            _ = process?.Wait();
            RemovePartial();
            throw;
        }
    }

    private FfmpegProcess Start(bool isTimed)
    {
        FfmpegProcess started = FfmpegProcess.Start(program.Executable, Arguments(isTimed));
        _ = Interlocked.Exchange(ref process, started);
        if (aborted)
        {
            started.Kill();
        }

        nut = isTimed ? new NutWriter(started.Input) : null;
        return started;
    }

    private void Write(FfmpegProcess ffmpeg, ReadOnlySpan<byte> frame, long time)
    {
        try
        {
            if (nut is not null)
            {
                if (framesWritten == 0)
                {
                    nut.WriteHeaders(FourCc(Format.PixelFormat), Format.Width, Format.Height, new Fraction(1, Clock), frameRate);
                }

                nut.BeginFrame(time, FrameSections.TotalBytes(Format));
            }

            int sections = FrameSections.Count(Format);
            for (int i = 0; i < sections; i++)
            {
                (int offset, int length) = FrameSections.Get(Format, i);
                ffmpeg.Input.Write(frame.Slice(offset, length));
            }
        }
        catch (IOException error)
        {
            // The pipe broke because ffmpeg ended; its own words are the reason.
            int code = ffmpeg.Wait();
            ObjectDisposedException.ThrowIf(aborted, this);
            throw new MediaException(path, $"{program} ended with exit code {code} after {framesWritten} frames: {ffmpeg.Log.Tail}", error);
        }

        _ = Interlocked.Increment(ref framesWritten);
    }

    // What ffmpeg calls them in NUT.
    private static ReadOnlySpan<byte> FourCc(PixelFormat pixelFormat) => pixelFormat switch
    {
        PixelFormat.Bgr24 => "BGR\u0018"u8,
        PixelFormat.Rgb24 => "RGB\u0018"u8,
        _ => "Y800"u8,
    };

    private void Finish()
    {
        if (process is null)
        {
            throw new MediaException(path, "no frame was written, so there is no video.");
        }

        try
        {
            process.Input.Close();
        }
        catch (IOException)
        {
            // ffmpeg has ended already; its exit code tells below.
        }

        int code = process.Wait();
        ObjectDisposedException.ThrowIf(aborted, this);
        if (code != 0 || process.Log.ErrorCount > 0)
        {
            throw new MediaException(path, $"{program} ended with exit code {code} after {framesWritten} frames: {process.Log.Tail}");
        }

        try
        {
            File.Move(partial, path, overwrite: true);
            completed = true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new MediaException(path, $"the file cannot be written: {error.Message}", error);
        }
    }

    private void RemovePartial()
    {
        try
        {
            File.Delete(partial);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Nothing more can be done here, and the reason for being here is reported.
        }
    }
}
