using System.Diagnostics;
using MultiCamera.Alarms;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Cameras;

/// <summary>One camera on its way from frames to alarms: a source of the site's hub, whose results <see cref="CameraWatch"/> gets.</summary>
internal sealed partial class Camera
{
    private readonly CameraWatch watch;
    private readonly OutletSet outlets;
    private readonly ILogger log;
    private readonly HubSource source;
    private readonly Lock gate = new();
    private CameraStatus status;
    private int run;
    private DateTimeOffset? begin;

    /// <summary>Begins to read.</summary>
    /// <param name="settings">Its settings, checked.</param>
    /// <param name="hub">Of all cameras.</param>
    /// <param name="watch">What is done with its results.</param>
    /// <param name="outlets">Where its status goes.</param>
    /// <param name="log">Told of its states.</param>
    /// <exception cref="DetectorFaultedException">The detector has failed for good.</exception>
    public Camera(CameraSettings settings, SourceHub hub, CameraWatch watch, OutletSet outlets, ILogger log)
    {
        (Settings, this.watch, this.outlets, this.log) = (settings, watch, outlets, log);
        status = new CameraStatus(settings.Name, DateTimeOffset.UtcNow, Lower(SourceState.Connecting), null);
        outlets.Add(status);
        source = hub.AddVideo(settings.Name, settings.Source, TakeAsync, settings.ToVideo(), settings.ToSource() with { StateChanged = Tell });
    }

    public CameraSettings Settings { get; }

    /// <summary>Its newest picture as a JPEG; empty before the first.</summary>
    public ReadOnlyMemory<byte> Picture => watch.Picture;

    public CameraStatistics Statistics
    {
        get
        {
            HubSourceStatistics now = source.Statistics;
            SourceStatistics frames = now.Frames;
            lock (gate)
            {
                return new CameraStatistics(
                    Settings.Name, VideoReader.NameOf(Settings.Source), status.State, status.Problem, status.Time, now.Format?.Width ?? 0,
                    now.Format?.Height ?? 0, now.HandledPerSecond, now.AgeP50?.TotalSeconds, now.AgeP99?.TotalSeconds,
                    frames.AgeMax?.TotalSeconds, now.FramesHandled, now.FramesSkipped, frames.FramesDropped, frames.DroppedTooOld, frames.DroppedLate,
                    frames.DeadlinesMissed,
                    frames.FramesFailed + now.HandlerFailures, now.DecodeErrors, now.Faults, watch.Alarms);
            }
        }
    }

    /// <summary>Stops the camera. Alarms that were raised are with the outlets.</summary>
    public Task RemoveAsync() => source.RemoveAsync();

    private ValueTask TakeAsync(SourceFrame frame, DetectionResult result)
    {
        if (frame.Run != run)
        {
            // A file that failed begins anew, and its clock with it.
            run = frame.Run;
            begin = null;
            watch.Restart();
        }

        DateTimeOffset captured = DateTimeOffset.UtcNow - Stopwatch.GetElapsedTime(frame.CapturedAt);
        begin ??= captured - frame.Timestamp;
        DateTimeOffset taken = Settings.IsUrl ? captured : begin.Value + frame.Timestamp;
        watch.Take(new CameraFrame(frame.Number, frame.Timestamp, taken), result.Detections, result.Format, frame.Pixels.Span);
        return default;
    }

    private void Tell(SourceState state, string? problem)
    {
        // The site tells of a camera that is gone, as one that is only changed is not.
        if (state == SourceState.Removed)
        {
            return;
        }

        CameraStatus next = new(Settings.Name, DateTimeOffset.UtcNow, Lower(state), problem);
        lock (gate)
        {
            status = next;
        }

        outlets.Add(next);
        LogState(Settings.Name, next.State, problem ?? "");
    }

    private static string Lower(SourceState state) => state.ToString().ToLowerInvariant();

    [LoggerMessage(Level = LogLevel.Information, Message = "Camera {Name} is {State}. {Problem}")]
    private partial void LogState(string name, string state, string problem);
}
