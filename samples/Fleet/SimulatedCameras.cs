using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using YoloZeroCopy;

namespace Fleet;

/// <summary>Cameras without a picture. Each frame says which incident can be seen, if any; the detector takes the time of a real one to read it,
/// behind the same queues, batches and handlers.</summary>
/// <remarks>Incidents hang on the clock and the camera's name alone, so that whichever node runs a camera sees the same: incident n of a camera
/// begins at (n + phase) * period seconds since 1970.</remarks>
internal sealed class SimulatedCameras(SourceHub hub, SimulationOptions options) : ICameraRunner
{
    private const int Width = 16;
    private const int Height = 2;

    private static readonly FrameFormat Format = new(PixelFormat.Gray8, Width, Height);

    public static YoloDetector OpenDetector(SimulationOptions options)
    {
        long owed = 0;
        long service = (long)(options.ServiceMs / 1000 * Stopwatch.Frequency);
        return YoloDetector.FromFunction(
            ModelInfo.OfClasses("incident"),
            (pixels, _) =>
            {
                // Sleeps are for a millisecond or more: many frames' times are slept at once, and one too long is taken off the next.
                owed += service;
                if (owed > Stopwatch.Frequency / 500)
                {
                    long start = Stopwatch.GetTimestamp();
                    Thread.Sleep((int)(owed * 1000 / Stopwatch.Frequency));
                    owed -= Stopwatch.GetTimestamp() - start;
                }

                return BinaryPrimitives.ReadInt64LittleEndian(pixels) == 0 ? [] : [new Detection(0, 0.9f, 0, 0, Width, Height)];
            },
            new DetectorOptions { Slots = 1, SlotBytes = Width * Height, MaxBatch = 32, Lanes = 1 });
    }

    public async Task RunAsync(FleetCamera camera, CameraOutput output, CancellationToken cancellationToken)
    {
        double phase = Phase(camera.Id);
        HubSource source = hub.Add(
            camera.Id,
            (feed, cancelled) => ProduceAsync(feed, phase, cancelled),
            (frame, result) =>
            {
                output.Report(Stopwatch.GetElapsedTime(frame.CapturedAt), result.Detections);
                if (result.Detections.Length > 0)
                {
                    string incident = BinaryPrimitives.ReadInt64LittleEndian(frame.Pixels.Span).ToString(CultureInfo.InvariantCulture);
                    _ = output.Raise(incident, $"incident {incident} at camera {camera.Id}");
                }

                return default;
            });
        await using (source)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>A camera's own part of the period, 0 to 1.</summary>
    public static double Phase(string camera) => camera.Aggregate(17u, static (hash, letter) => (hash ^ letter) * 16777619u) % 1009 / 1009.0;

    private async Task ProduceAsync(SourceFeed feed, double phase, CancellationToken stop)
    {
        using PeriodicTimer timer = new(TimeSpan.FromSeconds(1 / options.FramesPerSecond));
        while (await timer.WaitForNextTickAsync(stop))
        {
            if (!feed.TryRent(Format, out SourceSlot slot))
            {
                continue;
            }

            double position = (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0 / options.Period) - phase;
            long incident = (long)Math.Floor(position);
            bool isVisible = (position - incident) * options.Period < options.Visible;
            BinaryPrimitives.WriteInt64LittleEndian(slot.Span, isVisible ? incident : 0);
            feed.Submit(slot);
        }
    }
}
