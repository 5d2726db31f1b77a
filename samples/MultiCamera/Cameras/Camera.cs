using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using MultiCamera.Alarms;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Cameras;

/// <summary>One camera on its way from frames to alarms. Whatever happens to it, the others go on.</summary>
/// <remarks>
/// Two loops run side by side. One reads frames into the camera's ring and submits them; the other takes the results, in order. A camera has only as
/// many frames on their way as its ring holds, so that a fast one cannot take the detector from the others.
/// </remarks>
internal sealed partial class Camera : IAsyncDisposable
{
    // One is read, one waits and one is detected or drawn.
    private const int RingFrames = 3;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    private readonly YoloDetector detector;
    private readonly int number;
    private readonly CameraWatch watch;
    private readonly OutletSet outlets;
    private readonly ILogger log;
    private readonly CancellationTokenSource stop = new();
    private readonly Lock gate = new();
    private readonly Task running;

    // What the statistics say, under the gate.
    private CameraStatus status;
    private string sourceName = "";
    private FrameFormat format;
    private long faults;

    private long busy;
    private long dropped;
    private long failed;

    /// <summary>Begins to read.</summary>
    /// <param name="settings">Its settings, checked.</param>
    /// <param name="detector">Shared by all cameras.</param>
    /// <param name="number">A number that no other camera has: the detector's source.</param>
    /// <param name="watch">What is done with its results.</param>
    /// <param name="outlets">Where its status goes.</param>
    /// <param name="log">Told of its states.</param>
    public Camera(CameraSettings settings, YoloDetector detector, int number, CameraWatch watch, OutletSet outlets, ILogger log)
    {
        (Settings, this.detector, this.number, this.watch, this.outlets, this.log) = (settings, detector, number, watch, outlets, log);
        status = new CameraStatus(settings.Name, DateTimeOffset.UtcNow, "connecting", null);
        outlets.Add(status);
        running = Task.Run(RunAsync);
    }

    public CameraSettings Settings { get; }

    /// <summary>Its newest picture as a JPEG; empty before the first.</summary>
    public ReadOnlyMemory<byte> Picture => watch.Picture;

    public int Number => number;

    public CameraStatistics Statistics
    {
        get
        {
            (double rate, double? p50, double? p99) = watch.Ages.Read();
            lock (gate)
            {
                return new CameraStatistics(
                    Settings.Name, sourceName, status.State, status.Problem, status.Time, format.Width, format.Height, rate, p50, p99, watch.Frames,
                    Interlocked.Read(ref busy), Interlocked.Read(ref dropped), Interlocked.Read(ref failed), faults, watch.Alarms);
            }
        }
    }

    /// <summary>Stops the camera. Alarms that were raised are with the outlets.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (await RunOnceAsync())
        {
            watch.Restart();
        }
    }

    /// <summary>Runs the video to its end.</summary>
    /// <returns>Whether it is to be run again.</returns>
    private async Task<bool> RunOnceAsync()
    {
        try
        {
            VideoReaderOptions options = new()
            {
                AllowUrl = Settings.IsUrl,
                PixelFormat = PixelFormat.Nv12,
                IgnoreDecodeErrors = true,
                // Whatever a server says of a length: a camera has none, and its end is a fault that it comes back from.
                IsLive = Settings.IsUrl ? true : null,
                StateChanged = Tell,
            };
            await using VideoReader video = new(Settings.Source, options);
            lock (gate)
            {
                sourceName = video.Name;
            }

            if (Settings.Decoding == VideoDecoding.Cpu)
            {
                await video.ConnectAsync(stop.Token);
                await RunAsync(video);
            }
            else
            {
                await RunOnDeviceAsync(options);
            }

            return Settings.Repeat;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception error)
        {
            // A file that is not there, frames larger than the detector takes: told, and tried again, as it may be mended meanwhile.
            // Where the detector has failed, the site ends.
            Tell("failed", error.Message);
            LogFailed(error, Settings.Name);
        }

        await Task.Delay(RetryDelay, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !stop.IsCancellationRequested;
    }

    // The GPU decodes: frames never come to this side of the bus.
    private async Task RunOnDeviceAsync(VideoReaderOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        await foreach (VideoDetections found in detector.DetectVideoAsync(Settings.Source, Settings.Decoding, options, number, stop.Token))
        {
            if (!Settings.IsUrl && !Settings.EveryFrame)
            {
                await WaitAsync(found.Timestamp - Stopwatch.GetElapsedTime(start), stop.Token);
            }

            lock (gate)
            {
                format = found.Format;
            }

            if (found.IsDropped)
            {
                _ = Interlocked.Increment(ref dropped);
                continue;
            }

            DateTimeOffset taken = Settings.IsUrl ? DateTimeOffset.UtcNow - found.Latency : begin + found.Timestamp;
            long captured = Stopwatch.GetTimestamp() - (long)(found.Latency.TotalSeconds * Stopwatch.Frequency);
            watch.Take(new CameraFrame(found.FrameNumber, found.Timestamp, taken, captured), [.. found.Detections], found.Format, []);
        }
    }

    private async Task RunAsync(VideoReader video)
    {
        lock (gate)
        {
            format = video.Format;
        }

        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        using FrameRing ring = new(detector, video.Format, RingFrames);
        Channel<PendingFrame> pending = Channel.CreateBounded<PendingFrame>(RingFrames);
        Task reading = ReadAsync(video, ring, pending.Writer, end.Token);
        try
        {
            await foreach (PendingFrame frame in pending.Reader.ReadAllAsync(CancellationToken.None))
            {
                await TakeAsync(frame, ring);
            }
        }
        finally
        {
            await end.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (pending.Reader.TryRead(out PendingFrame frame))
            {
                await DiscardAsync(frame);
            }
        }

        await reading;
    }

    private async Task ReadAsync(VideoReader video, FrameRing ring, ChannelWriter<PendingFrame> pending, CancellationToken end)
    {
        try
        {
            long start = Stopwatch.GetTimestamp();
            DateTimeOffset begin = DateTimeOffset.UtcNow;
            int frame = await ring.TakeAsync(end);
            while (await video.ReadFrameAsync(ring[frame], end))
            {
                TimeSpan time = video.Timestamp;
                if (!video.IsLive && !Settings.EveryFrame)
                {
                    await WaitAsync(time - Stopwatch.GetElapsedTime(start), end);
                }

                int next;
                if (Settings.EveryFrame)
                {
                    next = await ring.TakeAsync(end);
                }
                else if (!ring.TryTake(out next))
                {
                    _ = Interlocked.Increment(ref busy);
                    continue;
                }

                DateTimeOffset taken = video.IsLive ? DateTimeOffset.UtcNow : begin + time;
                Submit(new CameraFrame(video.FramesRead - 1, time, taken, Stopwatch.GetTimestamp()), frame, ring, pending, end);
                frame = next;
            }
        }
        finally
        {
            pending.Complete();
        }
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "The channel hands each task to the one loop that awaits it, once.")]
    private void Submit(CameraFrame frame, int index, FrameRing ring, ChannelWriter<PendingFrame> pending, CancellationToken end)
    {
        // There is room: the channel holds as many frames as the ring.
        ValueTask<DetectionResult> result = detector.SubmitAsync(ring.Lend(index), number, frame.Captured, end);
        _ = pending.TryWrite(new PendingFrame(frame, index, result));
    }

    private async Task TakeAsync(PendingFrame pending, FrameRing ring)
    {
        try
        {
            using DetectionResult result = await pending.Result;
            if (result.IsDropped)
            {
                _ = Interlocked.Increment(ref dropped);
            }
            else
            {
                watch.Take(pending.Frame, result.Detections, result.Format, ring[pending.Index].Span);
            }
        }
        catch (InferenceException error)
        {
            _ = Interlocked.Increment(ref failed);
            LogFrameFailed(error, Settings.Name, pending.Frame.Number);
        }
        finally
        {
            ring.Release(pending.Index);
        }
    }

    private static async Task DiscardAsync(PendingFrame pending)
    {
        try
        {
            (await pending.Result).Dispose();
        }
        catch (Exception)
        {
            // Nobody waits for this frame any more, and what ended the camera is on its way.
        }
    }

    private static async Task WaitAsync(TimeSpan wait, CancellationToken end)
    {
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, end);
        }
    }

    private void Tell(VideoState state, string? problem)
    {
        // It begins again at once.
        if (state == VideoState.Ended && Settings.Repeat)
        {
            return;
        }

        if (state is not (VideoState.Live or VideoState.Connecting or VideoState.Ended))
        {
            lock (gate)
            {
                faults++;
            }
        }

        Tell(state.ToString().ToLowerInvariant(), problem);
    }

    private void Tell(string state, string? problem)
    {
        CameraStatus next = new(Settings.Name, DateTimeOffset.UtcNow, state, problem);
        lock (gate)
        {
            if (status.State == state && status.Problem == problem)
            {
                return;
            }

            status = next;
        }

        outlets.Add(next);
        LogState(Settings.Name, state, problem ?? "");
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Camera {Name} is {State}. {Problem}")]
    private partial void LogState(string name, string state, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Camera {Name} has failed and is tried again.")]
    private partial void LogFailed(Exception error, string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Camera {Name}: frame {Number} could not be detected in.")]
    private partial void LogFrameFailed(Exception error, string name, long number);

    private readonly record struct PendingFrame(CameraFrame Frame, int Index, ValueTask<DetectionResult> Result);
}
