using System.Text.Json;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>The CUDA device that the detector runs on, for measuring its parts alone, with a thread that uses it.</summary>
internal sealed class BenchDevice : IDisposable
{
    private BenchDevice(CudaContext context)
    {
        Context = context;
        Thread = new DeviceThread(context, "yzc bench");
    }

    public CudaContext Context { get; }

    public DeviceThread Thread { get; }

    /// <summary>Null when the detector does not run on CUDA.</summary>
    public static BenchDevice? Open(YoloDetector detector, Device device)
    {
        if (detector.Inspection.Cuda is null)
        {
            return null;
        }

        CudaContext context = CudaDevice.Get(device.IsCuda ? device.CudaOrdinal : 0).OpenContext();
        try
        {
            return new BenchDevice(context);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Thread.Dispose();
        Context.Dispose();
    }
}

/// <summary>What the device is and which driver it has: without them a number says nothing.</summary>
internal sealed record DeviceSection(
    string Name, string Bus, int CudaVersion, string? DriverVersion, WaitMode Wait, long DeviceBytesTaken, long Frames) : IReportSection
{
    private const string DriverFile = "/sys/module/nvidia/version";

    /// <summary>Device memory that went while frames were handled, for each frame: 0 unless something is allocated for each.</summary>
    public double DeviceBytesPerFrame => Statistics.Ratio(DeviceBytesTaken, Frames);

    public static DeviceSection Of(CudaContext context, WaitMode wait, long deviceBytesTaken, long frames) =>
        new(context.Device.Name, context.Device.PciBusId, CudaDriver.Version, ReadDriverVersion(), wait, deviceBytesTaken, frames);

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("cuda"u8);
        json.WriteString("device"u8, Name);
        json.WriteString("bus"u8, Bus);
        json.WriteNumber("cuda_version"u8, CudaVersion);
        json.WriteString("driver"u8, DriverVersion);
        json.WriteString("wait"u8, WaitText());
        json.WriteNumber("device_bytes_taken"u8, DeviceBytesTaken);
        json.WriteNumber("device_bytes_per_frame"u8, Math.Round(DeviceBytesPerFrame, 3));
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("device", FormattableString.Invariant(
            $"{Name}, {Bus}, CUDA {CudaVersion / 1000}.{CudaVersion % 1000 / 10}, driver {DriverVersion ?? "unknown"}, wait {WaitText()}"));
        yield return ("device memory", FormattableString.Invariant($"{DeviceBytesPerFrame:F3} bytes a frame ({DeviceBytesTaken} in all)"));
    }

    private static string? ReadDriverVersion()
    {
        try
        {
            return File.Exists(DriverFile) ? File.ReadAllText(DriverFile).Trim() : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A description is not worth a failure.
            return null;
        }
    }

    private string WaitText() => Wait.ToString().ToLowerInvariant();
}
