using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>Rates of frames in registered memory and on the device beside those in slots, measured by turns.</summary>
/// <param name="SlotsFps">Frames a second in slots.</param>
/// <param name="RegisteredFps">Frames a second in registered memory.</param>
/// <param name="DeviceFps">Frames a second on the device, where no link is in the way; null on the processor.</param>
internal sealed record ExternalSection(double SlotsFps, double RegisteredFps, double? DeviceFps) : IReportSection
{
    private const int Slices = 6;

    public double RegisteredShare => Statistics.Ratio(RegisteredFps, SlotsFps);

    public static async Task<ExternalSection> MeasureAsync(
        YoloDetector detector, BenchDevice? device, BenchSettings settings, int batch, CancellationToken stop)
    {
        using ExternalRing registered = ExternalRing.Registered(detector, settings.Format, detector.SlotCount);
        using ExternalRing? onDevice = device is null ? null : ExternalRing.OnDevice(device, settings.Format, detector.SlotCount);
        List<EndToEndBenchmark> ways =
        [
            new EndToEndBenchmark(detector, settings.Format, batch), new EndToEndBenchmark(detector, settings.Format, batch, registered),
        ];
        if (onDevice is not null)
        {
            ways.Add(new EndToEndBenchmark(detector, settings.Format, batch, onDevice));
        }

        long[] frames = new long[ways.Count];
        TimeSpan[] times = new TimeSpan[ways.Count];
        foreach (EndToEndBenchmark way in ways)
        {
            _ = await way.RunAsync(settings.PartTime / 2, stop);
        }

        for (int turn = 0; turn < Slices; turn++)
        {
            for (int place = 0; place < ways.Count; place++)
            {
                // Forth and back, so that none is always the first.
                int way = turn % 2 == 0 ? place : ways.Count - 1 - place;
                stop.ThrowIfCancellationRequested();
                EndToEndSlice slice = await ways[way].RunAsync(settings.Time / Slices, stop);
                frames[way] += slice.Frames;
                times[way] += slice.Elapsed;
            }
        }

        double Rate(int way) => frames[way] / times[way].TotalSeconds;
        return new ExternalSection(Rate(0), Rate(1), onDevice is null ? null : Rate(2));
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("external"u8);
        json.WriteNumber("slots_fps"u8, Math.Round(SlotsFps, 2));
        json.WriteNumber("registered_fps"u8, Math.Round(RegisteredFps, 2));
        json.WriteNumber("registered_pct_of_slots"u8, Math.Round(100 * RegisteredShare, 2));
        if (DeviceFps is double fps)
        {
            json.WriteNumber("device_fps"u8, Math.Round(fps, 2));
        }

        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("frames in slots", FormattableString.Invariant($"{SlotsFps:F1} frames/s, by turns with the next"));
        yield return ("in registered memory", FormattableString.Invariant($"{RegisteredFps:F1} frames/s, {100 * RegisteredShare:F1} % of slots"));
        if (DeviceFps is double fps)
        {
            yield return ("on the device", FormattableString.Invariant($"{fps:F1} frames/s"));
        }
    }
}
