using System.Diagnostics;
using System.Threading.Channels;
using YoloZeroCopy;

namespace YoloApp1;

/// <summary>Takes the camera's frames as they come, and tells what is in them.</summary>
internal sealed class Worker(DetectorService service, Camera camera, ILogger<Worker> logger) : BackgroundService
{
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // This class is made before the detector is open, so it cannot be injected here.
        YoloDetector detector = await service.GetAsync(stoppingToken);

        // What was submitted and not yet read, in order. When reading is slower than the camera, capturing waits, and the camera drops.
        Channel<ValueTask<DetectionResult>> submitted = Channel.CreateBounded<ValueTask<DetectionResult>>(64);
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        Task capturing = CaptureAsync(detector, submitted.Writer, ending.Token);
        try
        {
            await ReadAsync(submitted.Reader, stoppingToken);
        }
        finally
        {
            // Whichever of the two fails ends the other, and with it the host.
            await ending.CancelAsync();
            await capturing;
        }
    }

    private async Task CaptureAsync(YoloDetector detector, ChannelWriter<ValueTask<DetectionResult>> submitted, CancellationToken ending)
    {
        try
        {
            while (!ending.IsCancellationRequested)
            {
                await camera.WaitAsync(ending);
                long capturedAt = Stopwatch.GetTimestamp();
                if (detector.TryRent(camera.Format, out FrameSlot slot))
                {
                    using (slot)
                    {
                        camera.Read(slot.Span);
                        await submitted.WriteAsync(detector.SubmitAsync(slot, capturedAt: capturedAt, cancellationToken: ending), ending);
                    }
                }
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
        }
        finally
        {
            submitted.Complete();
        }
    }

    private async Task ReadAsync(ChannelReader<ValueTask<DetectionResult>> submitted, CancellationToken stoppingToken)
    {
        long reportedAt = Stopwatch.GetTimestamp();
        int frames = 0;
        int objects = 0;
        await foreach (ValueTask<DetectionResult> frame in submitted.ReadAllAsync(CancellationToken.None))
        {
            try
            {
                using DetectionResult result = await frame;
                if (!result.IsDropped)
                {
                    frames++;
                    objects += result.Detections.Length;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
            }
            catch (InferenceException error)
            {
                // This frame only; the detector goes on.
                logger.LogDebug(error, "A frame has no result");
            }

            if (Stopwatch.GetElapsedTime(reportedAt) > ReportInterval)
            {
                logger.LogInformation("{Frames} frames, {Objects} objects", frames, objects);
                (reportedAt, frames, objects) = (Stopwatch.GetTimestamp(), 0, 0);
            }
        }
    }
}
