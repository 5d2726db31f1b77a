using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

/// <summary>Statuses of NVML that are told apart; its own text names the others.</summary>
internal enum NvmlStatus
{
    NVML_SUCCESS = 0,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NO_PERMISSION = 4,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
}

/// <summary>The clocks that are read.</summary>
internal enum NvmlClock
{
    NVML_CLOCK_SM = 1,
    NVML_CLOCK_MEM = 2,
}

/// <summary>nvmlMemory_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NvmlMemory
{
    public ulong total;
    public ulong free;
    public ulong used;
}

/// <summary>nvmlUtilization_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NvmlUtilization
{
    public uint gpu;
    public uint memory;
}

/// <summary>nvmlProcessInfo_t of nvmlDeviceGetComputeRunningProcesses_v3.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NvmlProcess
{
    public uint pid;
    public ulong usedGpuMemory;
    public uint gpuInstanceId;
    public uint computeInstanceId;
}

/// <summary>The outcome of opening NVML: its function table, or the reason that there is none. Opening never throws.</summary>
internal sealed record NvmlOpening(NvmlApi? Api, string Reason);

/// <summary>The functions of one NVML, which comes with the display driver. They only read.</summary>
/// <remarks>
/// A table of function pointers for the same reason as <see cref="DriverApi"/>: tests play several libraries in one process. What a driver lacks is
/// 0, and read as unknown.
/// </remarks>
internal sealed unsafe class NvmlApi
{
    /// <summary>Environment variable that names another library than the system's.</summary>
    public const string LibraryVariable = "YZC_NVML";

    private static readonly Lazy<NvmlOpening> Opening = new(static () =>
        Open(Candidates(Environment.GetEnvironmentVariable(LibraryVariable), OperatingSystem.IsWindows())));

    private NvmlApi(string library, DriverExports exports)
    {
        Library = library;
        nvmlInit_v2 = (delegate* unmanaged<NvmlStatus>)exports.Required(nameof(nvmlInit_v2));
        nvmlErrorString = (delegate* unmanaged<NvmlStatus, byte*>)exports.Required(nameof(nvmlErrorString));
        nvmlDeviceGetHandleByPciBusId_v2 =
            (delegate* unmanaged<byte*, nint*, NvmlStatus>)exports.Required(nameof(nvmlDeviceGetHandleByPciBusId_v2));
        nvmlSystemGetDriverVersion = (delegate* unmanaged<byte*, uint, NvmlStatus>)exports.Optional(nameof(nvmlSystemGetDriverVersion));
        nvmlDeviceGetCurrPcieLinkGeneration = Number(exports, nameof(nvmlDeviceGetCurrPcieLinkGeneration));
        nvmlDeviceGetMaxPcieLinkGeneration = Number(exports, nameof(nvmlDeviceGetMaxPcieLinkGeneration));
        nvmlDeviceGetCurrPcieLinkWidth = Number(exports, nameof(nvmlDeviceGetCurrPcieLinkWidth));
        nvmlDeviceGetMaxPcieLinkWidth = Number(exports, nameof(nvmlDeviceGetMaxPcieLinkWidth));
        nvmlDeviceGetPowerUsage = Number(exports, nameof(nvmlDeviceGetPowerUsage));
        nvmlDeviceGetPowerManagementLimit = Number(exports, nameof(nvmlDeviceGetPowerManagementLimit));
        nvmlDeviceGetPowerManagementDefaultLimit = Number(exports, nameof(nvmlDeviceGetPowerManagementDefaultLimit));
        nvmlDeviceGetPersistenceMode = Number(exports, nameof(nvmlDeviceGetPersistenceMode));
        nvmlDeviceGetClockInfo = Choice(exports, nameof(nvmlDeviceGetClockInfo));
        nvmlDeviceGetMaxClockInfo = Choice(exports, nameof(nvmlDeviceGetMaxClockInfo));
        nvmlDeviceGetTemperature = Choice(exports, nameof(nvmlDeviceGetTemperature));
        nvmlDeviceGetPcieThroughput = Choice(exports, nameof(nvmlDeviceGetPcieThroughput));
        nvmlDeviceGetEccMode = Pair(exports, nameof(nvmlDeviceGetEccMode));
        nvmlDeviceGetMigMode = Pair(exports, nameof(nvmlDeviceGetMigMode));
        nvmlDeviceGetDecoderUtilization = Pair(exports, nameof(nvmlDeviceGetDecoderUtilization));

        // Its name until drivers of 2023, and the same question.
        nint reasons = exports.Optional("nvmlDeviceGetCurrentClocksEventReasons");
        nvmlDeviceGetCurrentClocksEventReasons = (delegate* unmanaged<nint, ulong*, NvmlStatus>)(
            reasons != 0 ? reasons : exports.Optional("nvmlDeviceGetCurrentClocksThrottleReasons"));
        nvmlDeviceGetMemoryInfo = (delegate* unmanaged<nint, NvmlMemory*, NvmlStatus>)exports.Optional(nameof(nvmlDeviceGetMemoryInfo));
        nvmlDeviceGetUtilizationRates =
            (delegate* unmanaged<nint, NvmlUtilization*, NvmlStatus>)exports.Optional(nameof(nvmlDeviceGetUtilizationRates));
        nvmlDeviceGetComputeRunningProcesses_v3 =
            (delegate* unmanaged<nint, uint*, NvmlProcess*, NvmlStatus>)exports.Optional(nameof(nvmlDeviceGetComputeRunningProcesses_v3));
    }

    /// <summary>The system's library, looked for once in a process.</summary>
    public static NvmlOpening Opened => Opening.Value;

    /// <summary>Library as it was asked for: a file, or a bare name that the system's loader found.</summary>
    public string Library { get; }

    // nvmlReturn_t nvmlInit_v2(void)
    public readonly delegate* unmanaged<NvmlStatus> nvmlInit_v2;

    // const char* nvmlErrorString(nvmlReturn_t result)
    public readonly delegate* unmanaged<NvmlStatus, byte*> nvmlErrorString;

    // nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length)
    public readonly delegate* unmanaged<byte*, uint, NvmlStatus> nvmlSystemGetDriverVersion;

    // nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *pciBusId, nvmlDevice_t *device)
    public readonly delegate* unmanaged<byte*, nint*, NvmlStatus> nvmlDeviceGetHandleByPciBusId_v2;

    // nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t device, unsigned int *currLinkGen)
    public readonly delegate* unmanaged<nint, uint*, NvmlStatus> nvmlDeviceGetCurrPcieLinkGeneration;

    // nvmlReturn_t nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t device, unsigned int *maxLinkGen)
    public readonly delegate* unmanaged<nint, uint*, NvmlStatus> nvmlDeviceGetMaxPcieLinkGeneration;

    // nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t device, unsigned int *currLinkWidth)
    public readonly delegate* unmanaged<nint, uint*, NvmlStatus> nvmlDeviceGetCurrPcieLinkWidth;

    // nvmlReturn_t nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t device, unsigned int *maxLinkWidth)
    public readonly delegate* unmanaged<nint, uint*, NvmlStatus> nvmlDeviceGetMaxPcieLinkWidth;

    // nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *power)
    public readonly delegate* unmanaged<nint, uint*, NvmlStatus> nvmlDeviceGetPowerUsage;

    // nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int *limit)
    public readonly delegate* unmanaged<nint, uint*, NvmlStatus> nvmlDeviceGetPowerManagementLimit;

    // nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned int *defaultLimit)
    public readonly delegate* unmanaged<nint, uint*, NvmlStatus> nvmlDeviceGetPowerManagementDefaultLimit;

    // nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, nvmlEnableState_t *mode)
    public readonly delegate* unmanaged<nint, uint*, NvmlStatus> nvmlDeviceGetPersistenceMode;

    // nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *clock)
    public readonly delegate* unmanaged<nint, int, uint*, NvmlStatus> nvmlDeviceGetClockInfo;

    // nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *clock)
    public readonly delegate* unmanaged<nint, int, uint*, NvmlStatus> nvmlDeviceGetMaxClockInfo;

    // nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensorType, unsigned int *temp)
    public readonly delegate* unmanaged<nint, int, uint*, NvmlStatus> nvmlDeviceGetTemperature;

    // nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, nvmlPcieUtilCounter_t counter, unsigned int *value)
    public readonly delegate* unmanaged<nint, int, uint*, NvmlStatus> nvmlDeviceGetPcieThroughput;

    // nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, nvmlEnableState_t *current, nvmlEnableState_t *pending)
    public readonly delegate* unmanaged<nint, uint*, uint*, NvmlStatus> nvmlDeviceGetEccMode;

    // nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *currentMode, unsigned int *pendingMode)
    public readonly delegate* unmanaged<nint, uint*, uint*, NvmlStatus> nvmlDeviceGetMigMode;

    // nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t device, unsigned int *utilization, unsigned int *samplingPeriodUs)
    public readonly delegate* unmanaged<nint, uint*, uint*, NvmlStatus> nvmlDeviceGetDecoderUtilization;

    // nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *clocksEventReasons)
    public readonly delegate* unmanaged<nint, ulong*, NvmlStatus> nvmlDeviceGetCurrentClocksEventReasons;

    // nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
    public readonly delegate* unmanaged<nint, NvmlMemory*, NvmlStatus> nvmlDeviceGetMemoryInfo;

    // nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilization)
    public readonly delegate* unmanaged<nint, NvmlUtilization*, NvmlStatus> nvmlDeviceGetUtilizationRates;

    // nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *infoCount, nvmlProcessInfo_t *infos)
    public readonly delegate* unmanaged<nint, uint*, NvmlProcess*, NvmlStatus> nvmlDeviceGetComputeRunningProcesses_v3;

    /// <summary>What to try, in this order.</summary>
    public static string[] Candidates(string? named, bool isWindows) => !string.IsNullOrEmpty(named)
        ? [named]
        : isWindows ? ["nvml.dll"] : ["libnvidia-ml.so.1", "libnvidia-ml.so"];

    /// <summary>Opens the first library that loads, and starts it. It stays loaded and started.</summary>
    public static NvmlOpening Open(string[] candidates)
    {
        foreach (string candidate in candidates)
        {
            if (!NativeLibrary.TryLoad(candidate, out nint module))
            {
                continue;
            }

            DriverExports exports = new(module);
            NvmlApi api = new(candidate, exports);
            if (exports.Missing.Count > 0)
            {
                return new NvmlOpening(null, $"'{candidate}' lacks functions that are needed of NVML: {string.Join(", ", exports.Missing)}.");
            }

            NvmlStatus status = api.nvmlInit_v2();
            return status == NvmlStatus.NVML_SUCCESS
                ? new NvmlOpening(api, "")
                : new NvmlOpening(null, $"NVML, '{candidate}', did not start: {api.TextOf(status)}.");
        }

        return new NvmlOpening(
            null,
            $"NVIDIA's library for monitoring, NVML, was not found: tried were {string.Join(", ", candidates)}. It comes with the display driver; in "
            + "a container, the driver capability 'utility' must be asked for (NVIDIA_DRIVER_CAPABILITIES=compute,utility,video).");
    }

    /// <summary>The library's own words for a status, without a full stop.</summary>
    public string TextOf(NvmlStatus status) =>
        Marshal.PtrToStringUTF8((nint)nvmlErrorString(status)) is { Length: > 0 } text ? text : FormattableString.Invariant($"status {(int)status}");

    private static delegate* unmanaged<nint, uint*, NvmlStatus> Number(DriverExports exports, string name) =>
        (delegate* unmanaged<nint, uint*, NvmlStatus>)exports.Optional(name);

    private static delegate* unmanaged<nint, int, uint*, NvmlStatus> Choice(DriverExports exports, string name) =>
        (delegate* unmanaged<nint, int, uint*, NvmlStatus>)exports.Optional(name);

    private static delegate* unmanaged<nint, uint*, uint*, NvmlStatus> Pair(DriverExports exports, string name) =>
        (delegate* unmanaged<nint, uint*, uint*, NvmlStatus>)exports.Optional(name);
}
