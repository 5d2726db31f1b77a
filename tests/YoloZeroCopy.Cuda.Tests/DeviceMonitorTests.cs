using System.Runtime.InteropServices;
using System.Text;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>What is read of a device, on a stand-in for NVML.</summary>
[Collection(CudaTests.Name)]
public class DeviceMonitorTests(CompiledSources sources)
{
    private const string Address = "0000:01:00.0";

    [Fact]
    public void Everything_that_is_said_arrives()
    {
        NvmlOpening opening = Open(out Action<string, long> set);
        set("nvmlDeviceGetCurrPcieLinkGeneration", 4);
        set("nvmlDeviceGetMaxPcieLinkGeneration", 5);
        set("nvmlDeviceGetCurrPcieLinkWidth", 8);
        set("nvmlDeviceGetMaxPcieLinkWidth", 16);
        set("nvmlDeviceGetClockInfo 1", 345);
        set("nvmlDeviceGetMaxClockInfo 1", 1980);
        set("nvmlDeviceGetClockInfo 2", 2619);
        set("nvmlDeviceGetMaxClockInfo 2", 3201);
        set("nvmlDeviceGetTemperature 0", 41);
        set("nvmlDeviceGetPowerUsage", 123_500);
        set("nvmlDeviceGetPowerManagementLimit", 600_000);
        set("nvmlDeviceGetPowerManagementDefaultLimit", 700_000);
        set("nvmlDeviceGetPersistenceMode", 1);
        set("nvmlDeviceGetEccMode", 1);
        set("nvmlDeviceGetMigMode", 0);
        set("nvmlDeviceGetDecoderUtilization", 97);
        set("clock reasons", 0x44);
        set("kernels", 12);
        set("memory total", 150_000_000_000);
        set("memory free", 20_000_000_000);
        set("processes", 3);

        Assert.True(CudaDeviceMonitor.TryOpen(opening, Address, out CudaDeviceMonitor? monitor, out string reason), reason);
        CudaDeviceReading reading = monitor.Read();
        Assert.Equal("580.65.06", reading.DriverVersion);
        Assert.Equal((4, 5, 8, 16), (reading.PcieGeneration, reading.PcieGenerationMax, reading.PcieWidth, reading.PcieWidthMax));
        Assert.Equal((345, 1980, 2619, 3201), (reading.SmClock, reading.SmClockMax, reading.MemoryClock, reading.MemoryClockMax));
        Assert.Equal(CudaClockLimits.PowerCap | CudaClockLimits.HardwareThermalSlowdown, reading.ClockLimits);
        Assert.Equal((123.5, 600.0, 700.0, 41), (reading.Power, reading.PowerLimit, reading.PowerLimitDefault, reading.Temperature));
        Assert.Equal((true, true, false), (reading.IsPersistent, reading.HasEcc, reading.HasMig));
        Assert.Equal((150_000_000_000ul, 20_000_000_000ul), (reading.MemoryTotal, reading.MemoryFree));
        Assert.Equal((12, 97), (reading.KernelUtilization, reading.DecoderUtilization));
        Assert.Equal(
            [new CudaDeviceProcess(1000, 1ul << 30), new CudaDeviceProcess(1001, 2ul << 30), new CudaDeviceProcess(1002, null)], reading.Processes);
    }

    [Fact]
    public void What_a_device_does_not_say_is_unknown_and_no_zero()
    {
        NvmlOpening opening = Open(out Action<string, long> set);
        set("nvmlDeviceGetPersistenceMode", 1);
        set("fail nvmlDeviceGetPersistenceMode", (long)NvmlStatus.NVML_ERROR_NO_PERMISSION);
        Assert.True(CudaDeviceMonitor.TryOpen(opening, Address, out CudaDeviceMonitor? monitor, out string reason), reason);
        CudaDeviceReading reading = monitor.Read();
        Assert.Null(reading.PcieGeneration);
        Assert.Null(reading.SmClock);
        Assert.Null(reading.ClockLimits);
        Assert.Null(reading.Power);
        Assert.Null(reading.IsPersistent);
        Assert.Null(reading.HasMig);
        Assert.Null(reading.DecoderUtilization);
        Assert.Empty(reading.Processes);
    }

    [Fact]
    public void A_process_that_comes_while_it_asks_is_counted()
    {
        NvmlOpening opening = Open(out Action<string, long> set);
        set("processes", 1);
        set("one more", 1);
        Assert.True(CudaDeviceMonitor.TryOpen(opening, Address, out CudaDeviceMonitor? monitor, out string reason), reason);
        Assert.Equal(2, monitor.Read().Processes.Length);
    }

    [Fact]
    public void An_older_library_is_asked_by_the_older_name()
    {
        NvmlOpening opening = Open(out Action<string, long> set, "-DYZC_DOUBLE_OLD");
        set("clock reasons", 1);
        Assert.True(CudaDeviceMonitor.TryOpen(opening, Address, out CudaDeviceMonitor? monitor, out string reason), reason);
        CudaDeviceReading reading = monitor.Read();
        Assert.Equal(CudaClockLimits.Idle, reading.ClockLimits);
        Assert.Empty(reading.Processes);
    }

    [Fact]
    public void What_is_absent_is_a_reason()
    {
        Assert.False(CudaDeviceMonitor.TryOpen(NvmlApi.Open(["/nowhere/libnvidia-ml.so"]), Address, out _, out string reason));
        Assert.Contains("/nowhere/libnvidia-ml.so", reason, StringComparison.Ordinal);
        Assert.Contains("utility", reason, StringComparison.Ordinal);
        Assert.False(CudaDeviceMonitor.TryOpen(Open(out _, "-DYZC_DOUBLE_LACKS"), Address, out _, out reason));
        Assert.Contains("nvmlDeviceGetHandleByPciBusId_v2", reason, StringComparison.Ordinal);
        Assert.False(CudaDeviceMonitor.TryOpen(Open(out _), "0000:02:00.0", out _, out reason));
        Assert.Contains("Not Found", reason, StringComparison.Ordinal);
        Assert.Equal(["other.so"], NvmlApi.Candidates("other.so", isWindows: false));
        Assert.Equal(["nvml.dll"], NvmlApi.Candidates(null, isWindows: true));
    }

    [Fact]
    public void A_library_that_does_not_start_says_why()
    {
        string library = sources.Library("nvml_double/nvml_double.c");
        Setter(library)("fail nvmlInit_v2", 9);
        Assert.False(CudaDeviceMonitor.TryOpen(NvmlApi.Open([library]), Address, out _, out string reason));
        Assert.Contains("Driver Not Loaded", reason, StringComparison.Ordinal);
    }

    private NvmlOpening Open(out Action<string, long> set, params string[] options)
    {
        string library = sources.Library("nvml_double/nvml_double.c", options);
        set = Setter(library);
        return NvmlApi.Open([library]);
    }

    private static unsafe Action<string, long> Setter(string library)
    {
        nint function = NativeLibrary.GetExport(NativeLibrary.Load(library), "yzc_set");
        return (name, value) =>
        {
            fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
            {
                ((delegate* unmanaged<byte*, long, void>)function)(text, value);
            }
        };
    }
}
