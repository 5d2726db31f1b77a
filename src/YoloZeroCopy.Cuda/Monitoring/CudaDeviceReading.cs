using System.Collections.Immutable;

namespace YoloZeroCopy.Cuda;

/// <summary>What NVML said of a device at one moment. What the device, the driver or a missing right keeps back is null.</summary>
public sealed record CudaDeviceReading
{
    /// <summary>Version of the display driver: <c>580.65.06</c>.</summary>
    public string? DriverVersion { get; init; }

    /// <summary>Generation of the PCIe link now. An idle device may have gone down.</summary>
    public int? PcieGeneration { get; init; }

    /// <summary>Best generation that this device has in this machine.</summary>
    public int? PcieGenerationMax { get; init; }

    /// <summary>Lanes of the PCIe link now.</summary>
    public int? PcieWidth { get; init; }

    /// <summary>Most lanes that this device has in this machine.</summary>
    public int? PcieWidthMax { get; init; }

    /// <summary>Clock of the multiprocessors in MHz.</summary>
    public int? SmClock { get; init; }

    /// <summary>Their best clock in MHz.</summary>
    public int? SmClockMax { get; init; }

    /// <summary>Clock of the memory in MHz.</summary>
    public int? MemoryClock { get; init; }

    /// <summary>Its best clock in MHz.</summary>
    public int? MemoryClockMax { get; init; }

    /// <summary>What keeps the clocks down.</summary>
    public CudaClockLimits? ClockLimits { get; init; }

    /// <summary>Power in watts.</summary>
    public double? Power { get; init; }

    /// <summary>Power limit that is set, in watts.</summary>
    public double? PowerLimit { get; init; }

    /// <summary>Power limit that the device comes with, in watts.</summary>
    public double? PowerLimitDefault { get; init; }

    /// <summary>Temperature in degrees Celsius.</summary>
    public int? Temperature { get; init; }

    /// <summary>Whether the driver stays loaded while nothing uses the device.</summary>
    public bool? IsPersistent { get; init; }

    /// <summary>Whether memory is checked and corrected.</summary>
    public bool? HasEcc { get; init; }

    /// <summary>Whether the device is divided into instances (MIG).</summary>
    public bool? HasMig { get; init; }

    /// <summary>Memory of the whole device in bytes.</summary>
    public ulong? MemoryTotal { get; init; }

    /// <summary>Memory that nobody holds, in bytes.</summary>
    public ulong? MemoryFree { get; init; }

    /// <summary>Share of the last sample period in which a kernel ran, in percent.</summary>
    public int? KernelUtilization { get; init; }

    /// <summary>Share of the last sample period in which the video decoders worked, in percent.</summary>
    public int? DecoderUtilization { get; init; }

    /// <summary>Processes that compute on the device.</summary>
    public ImmutableArray<CudaDeviceProcess> Processes { get; init; } = [];
}
