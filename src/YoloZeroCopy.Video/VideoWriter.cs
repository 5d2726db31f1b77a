using System.Globalization;

namespace YoloZeroCopy;

/// <summary>Writes frames to an MP4 file: H.264 where ffmpeg has libx264, else MPEG-4 part 2; 4:2:0, playable while it loads.</summary>
/// <remarks>
/// The ffmpeg program encodes in a process of its own, a separate program under its own licence. One write at a time; any thread. A write ends when
/// ffmpeg has taken the frame, which is the back-pressure. The file appears at its path only when <see cref="CompleteAsync"/> has ended well; until
/// then it is a <c>.partial</c> file beside it, which failure, cancellation and dispose remove. A frame of odd width or height gets a black column or
/// row, since 4:2:0 needs even sizes.
/// </remarks>
public sealed class VideoWriter : IAsyncDisposable
{
    private const string X264 = "libx264";
    private const string Mpeg4 = "mpeg4";

    private readonly string path;
    private readonly string partial;
    private readonly FfmpegProgram program;
    private readonly FfmpegProcess process;
    private readonly FrameWorker worker;
    private readonly Lock gate = new();
    private long framesWritten;
    private bool completing;
    private volatile bool aborted;
    private volatile bool failed;
    private bool completed;
    private Task? disposal;

    private VideoWriter(string path, string partial, FrameFormat format, string encoder, FfmpegProgram program, FfmpegProcess process)
    {
        this.path = path;
        this.partial = partial;
        this.program = program;
        this.process = process;
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

    /// <summary>Process id of ffmpeg, for tests.</summary>
    internal int ProcessId => process.Id;

    /// <summary>Starts ffmpeg for a new file.</summary>
    /// <param name="path">File to write, always MP4; an older one is replaced on completion.</param>
    /// <param name="format">Bgr24, Rgb24 or Gray8, any stride.</param>
    /// <param name="frameRate">Frames a second, above 0 to 1000.</param>
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
        string pixels = format.PixelFormat switch
        {
            PixelFormat.Bgr24 => "bgr24",
            PixelFormat.Rgb24 => "rgb24",
            PixelFormat.Gray8 => "gray",
            _ => throw new ArgumentException($"A video is written from Bgr24, Rgb24 or Gray8; {format.PixelFormat} was given.", nameof(format)),
        };
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
            throw new MediaException(UrlCredentials.Hide(path, UrlCredentials.Of(path)), "the file cannot be written: its folder does not exist.");
        }

        FfmpegProgram program = await FfmpegProgram.OpenAsync(options.FfmpegPath, cancellationToken).ConfigureAwait(false);
        string encoder = await FindEncoderAsync(program, path, cancellationToken).ConfigureAwait(false);
        string partial = $"{full}.{Guid.NewGuid():N}.partial";
        List<string> arguments =
        [
            "-hide_banner", "-nostats", "-loglevel", "level+info",
            "-f", "rawvideo", "-pix_fmt", pixels, "-video_size", $"{format.Width}x{format.Height}", "-framerate", RateText(frameRate), "-i", "pipe:0",
        ];
        if (format.Width % 2 != 0 || format.Height % 2 != 0)
        {
            arguments.AddRange(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]);
        }

        arguments.AddRange(encoder == X264
            ? ["-c:v", X264, "-preset", "veryfast", "-crf", options.Quality.ToString(CultureInfo.InvariantCulture)]
            : ["-c:v", Mpeg4, "-q:v", Math.Clamp(options.Quality / 3, 2, 31).ToString(CultureInfo.InvariantCulture)]);
        arguments.AddRange(["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", "-y", "file:" + partial]);
        return new VideoWriter(path, partial, format, encoder, program, FfmpegProcess.Start(program.Executable, arguments));
    }

    /// <summary>Writes one frame.</summary>
    /// <param name="frame">A frame of <see cref="Format"/>; it must stay as it is until the call has ended.</param>
    /// <param name="cancellationToken">Kills ffmpeg: after a cancelled write the writer can only be disposed, and no file is left.</param>
    /// <exception cref="ArgumentException">The memory is too short.</exception>
    /// <exception cref="MediaException">ffmpeg failed, for example for a full disk; the message has its last words.</exception>
    /// <exception cref="InvalidOperationException">Another write is running, or the video is complete.</exception>
    /// <exception cref="ObjectDisposedException">The writer was disposed, or an earlier write was cancelled.</exception>
    public async ValueTask WriteFrameAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(aborted, this);
        Format.ThrowIfNotWithin(frame.Length, nameof(frame));
        if (completing)
        {
            throw new InvalidOperationException("The video is complete; no frame can be added.");
        }

        _ = await worker.RunAsync(frame, cancellationToken).ConfigureAwait(false);
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
        _ = await worker.RunAsync(default, cancellationToken).ConfigureAwait(false);
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

    // Broadcast rates are fractions; 29.97 is written as 30000/1001.
    private static string RateText(double rate)
    {
        double thousands = Math.Round(rate * 1.001) * 1000;
        bool broadcast = rate != Math.Round(rate) && Math.Abs((thousands / 1001) - rate) < 0.005;
        return broadcast ? string.Create(CultureInfo.InvariantCulture, $"{thousands:F0}/1001")
            : rate.ToString("0.######", CultureInfo.InvariantCulture);
    }

    private async Task EndAsync()
    {
        Abort();
        await worker.StopAsync().ConfigureAwait(false);
        _ = await process.WaitAsync().ConfigureAwait(false);
        process.Dispose();
        RemovePartial();
    }

    private void Abort()
    {
        if (!completed)
        {
            aborted = true;
            process.Kill();
        }
    }

    // On the worker's thread: a frame, or nothing for the end.
    private bool Run(ReadOnlyMemory<byte> frame)
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
                Write(frame.Span);
            }

            return true;
        }
        catch (Exception)
        {
            failed = true;
            process.Kill();
            _ = process.Wait();
            RemovePartial();
            throw;
        }
    }

    private void Write(ReadOnlySpan<byte> frame)
    {
        try
        {
            int sections = FrameSections.Count(Format);
            for (int i = 0; i < sections; i++)
            {
                (int offset, int length) = FrameSections.Get(Format, i);
                process.Input.Write(frame.Slice(offset, length));
            }
        }
        catch (IOException error)
        {
            // The pipe broke because ffmpeg ended; its own words are the reason.
            int code = process.Wait();
            ObjectDisposedException.ThrowIf(aborted, this);
            throw new MediaException(path, $"{program} ended with exit code {code} after {framesWritten} frames: {process.Log.Tail}", error);
        }

        _ = Interlocked.Increment(ref framesWritten);
    }

    private void Finish()
    {
        if (framesWritten == 0)
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
