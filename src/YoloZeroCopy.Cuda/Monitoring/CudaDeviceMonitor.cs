using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Reads what a device does, through NVML: link, clocks and what limits them, power, memory, who holds it. Changes nothing.</summary>
/// <remarks>
/// Any thread. A reading takes some milliseconds and no context. The library is <c>libnvidia-ml.so.1</c>, or <c>nvml.dll</c> on Windows; the
/// environment variable <c>YZC_NVML</c> names another one.
/// </remarks>
public sealed unsafe class CudaDeviceMonitor
{
    private const int VersionBytes = 80;
    private const int TemperatureOfGpu = 0;
    private const int CounterOfReceived = 1;

    // More than this is a device with other worries.
    private const int MaxProcesses = 1024;

    private readonly NvmlApi api;
    private readonly nint device;

    private CudaDeviceMonitor(NvmlApi api, nint device)
    {
        this.api = api;
        this.device = device;
    }

    /// <summary>Finds a device in NVML. Never throws for what is absent.</summary>
    /// <param name="pciBusId">Its PCI address, as <see cref="CudaDevice.PciBusId"/>.</param>
    /// <param name="monitor">The monitor; nothing is to be disposed.</param>
    /// <param name="reason">Empty on success, otherwise one sentence for a user.</param>
    public static bool TryOpen(string pciBusId, [NotNullWhen(true)] out CudaDeviceMonitor? monitor, out string reason) =>
        TryOpen(NvmlApi.Opened, pciBusId, out monitor, out reason);

    internal static bool TryOpen(NvmlOpening opening, string pciBusId, [NotNullWhen(true)] out CudaDeviceMonitor? monitor, out string reason)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(pciBusId);
        monitor = null;
        reason = opening.Reason;
        if (opening.Api is not NvmlApi api)
        {
            return false;
        }

        nint device;
        NvmlStatus status;
        fixed (byte* text = Encoding.UTF8.GetBytes(pciBusId + '\0'))
        {
            status = api.nvmlDeviceGetHandleByPciBusId_v2(text, &device);
        }

        if (status != NvmlStatus.NVML_SUCCESS)
        {
            reason = $"NVML does not give device {pciBusId}: {api.TextOf(status)}.";
            return false;
        }

        monitor = new CudaDeviceMonitor(api, device);
        return true;
    }

    /// <summary>Asks everything.</summary>
    public CudaDeviceReading Read() => new()
    {
        DriverVersion = DriverVersion(),
        PcieGeneration = Number(api.nvmlDeviceGetCurrPcieLinkGeneration),
        PcieGenerationMax = Number(api.nvmlDeviceGetMaxPcieLinkGeneration),
        PcieWidth = Number(api.nvmlDeviceGetCurrPcieLinkWidth),
        PcieWidthMax = Number(api.nvmlDeviceGetMaxPcieLinkWidth),
        SmClock = Choice(api.nvmlDeviceGetClockInfo, (int)NvmlClock.NVML_CLOCK_SM),
        SmClockMax = Choice(api.nvmlDeviceGetMaxClockInfo, (int)NvmlClock.NVML_CLOCK_SM),
        MemoryClock = Choice(api.nvmlDeviceGetClockInfo, (int)NvmlClock.NVML_CLOCK_MEM),
        MemoryClockMax = Choice(api.nvmlDeviceGetMaxClockInfo, (int)NvmlClock.NVML_CLOCK_MEM),
        ClockLimits = ClockLimits(),
        Power = Number(api.nvmlDeviceGetPowerUsage) / 1000.0,
        PowerLimit = Number(api.nvmlDeviceGetPowerManagementLimit) / 1000.0,
        PowerLimitDefault = Number(api.nvmlDeviceGetPowerManagementDefaultLimit) / 1000.0,
        Temperature = Choice(api.nvmlDeviceGetTemperature, TemperatureOfGpu),
        IsPersistent = IsOn(Number(api.nvmlDeviceGetPersistenceMode)),
        HasEcc = IsOn(First(api.nvmlDeviceGetEccMode)),
        HasMig = IsOn(First(api.nvmlDeviceGetMigMode)),
        MemoryTotal = Memory()?.total,
        MemoryFree = Memory()?.free,
        KernelUtilization = KernelUtilization(),
        DecoderUtilization = First(api.nvmlDeviceGetDecoderUtilization),
        Processes = Processes(),
    };

    /// <summary>
    /// Bytes a second that the device receives over PCI Express, by its own counters over about 20 ms, which the call takes; null where the device or
    /// the system does not say.
    /// </summary>
    public long? ReadReceivedBytesPerSecond() =>
        Choice(api.nvmlDeviceGetPcieThroughput, CounterOfReceived) is int kibibytes ? (long)(uint)kibibytes << 10 : null;

    private static bool? IsOn(int? value) => value is int known ? known != 0 : null;

    private string? DriverVersion()
    {
        if (api.nvmlSystemGetDriverVersion == null)
        {
            return null;
        }

        byte* text = stackalloc byte[VersionBytes];
        return api.nvmlSystemGetDriverVersion(text, VersionBytes) == NvmlStatus.NVML_SUCCESS ? Marshal.PtrToStringUTF8((nint)text) : null;
    }

    private int? Number(delegate* unmanaged<nint, uint*, NvmlStatus> ask)
    {
        uint value;
        return ask != null && ask(device, &value) == NvmlStatus.NVML_SUCCESS ? (int)value : null;
    }

    private int? Choice(delegate* unmanaged<nint, int, uint*, NvmlStatus> ask, int which)
    {
        uint value;
        return ask != null && ask(device, which, &value) == NvmlStatus.NVML_SUCCESS ? (int)value : null;
    }

    private int? First(delegate* unmanaged<nint, uint*, uint*, NvmlStatus> ask)
    {
        uint first, second;
        return ask != null && ask(device, &first, &second) == NvmlStatus.NVML_SUCCESS ? (int)first : null;
    }

    private CudaClockLimits? ClockLimits()
    {
        ulong reasons;
        return api.nvmlDeviceGetCurrentClocksEventReasons != null
            && api.nvmlDeviceGetCurrentClocksEventReasons(device, &reasons) == NvmlStatus.NVML_SUCCESS ? (CudaClockLimits)reasons : null;
    }

    private NvmlMemory? Memory()
    {
        NvmlMemory memory;
        return api.nvmlDeviceGetMemoryInfo != null && api.nvmlDeviceGetMemoryInfo(device, &memory) == NvmlStatus.NVML_SUCCESS ? memory : null;
    }

    private int? KernelUtilization()
    {
        NvmlUtilization use;
        return api.nvmlDeviceGetUtilizationRates != null && api.nvmlDeviceGetUtilizationRates(device, &use) == NvmlStatus.NVML_SUCCESS
            ? (int)use.gpu : null;
    }

    private ImmutableArray<CudaDeviceProcess> Processes()
    {
        if (api.nvmlDeviceGetComputeRunningProcesses_v3 == null)
        {
            return [];
        }

        // The number is asked first; a process may come in between.
        uint count = 0;
        NvmlStatus status = api.nvmlDeviceGetComputeRunningProcesses_v3(device, &count, null);
        while (status == NvmlStatus.NVML_ERROR_INSUFFICIENT_SIZE && count is > 0 and <= MaxProcesses)
        {
            NvmlProcess[] found = new NvmlProcess[count];
            uint room = count;
            fixed (NvmlProcess* first = found)
            {
                status = api.nvmlDeviceGetComputeRunningProcesses_v3(device, &count, first);
            }

            if (status == NvmlStatus.NVML_SUCCESS)
            {
                return [.. found.Take((int)Math.Min(room, count)).Select(static one => new CudaDeviceProcess(
                    (int)one.pid, one.usedGpuMemory == ulong.MaxValue ? null : one.usedGpuMemory))];
            }

            if (count <= room)
            {
                break;
            }
        }

        return [];
    }
}
