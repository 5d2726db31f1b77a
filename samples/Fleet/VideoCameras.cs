using System.Diagnostics;
using System.Globalization;
using YoloZeroCopy;

namespace Fleet;

/// <summary>Real cameras: what ffmpeg or the GPU decodes, on the node's detector, as on a single machine.</summary>
internal sealed class VideoCameras(SourceHub hub, AlarmRule rule) : ICameraRunner
{
    public async Task RunAsync(FleetCamera camera, CameraOutput output, CancellationToken cancellationToken)
    {
        int wanted = hub.Detector.Model.Names.IndexOf(rule.ClassName);
        // What the node before this one raised last is still in view, perhaps: what is seen at once is no new alarm then.
        bool isInView = output.RecentKeys.Count > 0;
        long seenAt = Stopwatch.GetTimestamp();
        HubSource source = hub.AddVideo(
            camera.Id,
            camera.Source,
            (frame, result) =>
            {
                output.Report(Stopwatch.GetElapsedTime(frame.CapturedAt), result.Detections);
                bool isSeen = false;
                foreach (Detection detection in result.Detections)
                {
                    isSeen |= detection.ClassId == wanted;
                }

                if (isSeen)
                {
                    if (!isInView)
                    {
                        string at = DateTimeOffset.UtcNow.ToString("O", CultureInfo.InvariantCulture);
                        _ = output.Raise($"{rule.ClassName} {at}", $"{rule.ClassName} came into view of camera {camera.Id}");
                    }

                    (isInView, seenAt) = (true, Stopwatch.GetTimestamp());
                }
                else if (Stopwatch.GetElapsedTime(seenAt) > AlarmRule.GoneAfter)
                {
                    isInView = false;
                }

                return default;
            },
            new VideoSourceOptions { Reader = new() { AllowUrl = true }, InRealTime = true },
            new HubSourceOptions { Repeats = true });
        await using (source)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }
}
