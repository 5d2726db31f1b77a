using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>What each of several devices did. The engine alone is measured on the first, so that both rates are of different things.</summary>
internal sealed record DevicesSection(IReadOnlyList<DeviceStatistics> Devices, double EndToEndFps, double EngineOnlyFps) : IReportSection
{
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray("devices"u8);
        foreach (DeviceStatistics device in Devices)
        {
            json.WriteStartObject();
            json.WriteString("device"u8, device.Device);
            json.WriteNumber("frames"u8, device.Frames);
            json.WriteNumber("batches"u8, device.Batches);
            json.WriteNumber("share"u8, Math.Round(ShareOf(device), 4));
            json.WriteNumber("frames_lost"u8, device.FramesLost);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        foreach (DeviceStatistics device in Devices)
        {
            string lost = device.Fault is null ? "" : $", lost: {device.Fault.Message}";
            yield return (
                device.Device,
                string.Create(CultureInfo.InvariantCulture,
                    $"{ShareOf(device):P1} of the frames, {device.Frames} in {device.Batches} batches{lost}"));
        }

        yield return (
            "devices",
            string.Create(
                CultureInfo.InvariantCulture,
                $"all {Devices.Count} end to end {EndToEndFps / EngineOnlyFps:F2} times the engine alone on {Devices[0].Device}"));
    }

    private double ShareOf(DeviceStatistics device) => Statistics.Ratio(device.Frames, Devices.Sum(static one => one.Frames));
}
