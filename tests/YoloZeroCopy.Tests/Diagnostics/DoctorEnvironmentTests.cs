using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Tests;

/// <summary>What is said of a machine: each thing that is not as it should be is named with a remedy, and what is unknown is not called
/// bad.</summary>
public sealed class DoctorEnvironmentTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("yzc-doctor-").FullName;

    private static CudaDeviceReading GoodReading { get; } = new()
    {
        DriverVersion = "580.65.06",
        PcieGeneration = 5,
        PcieGenerationMax = 5,
        PcieWidth = 16,
        PcieWidthMax = 16,
        SmClock = 1900,
        SmClockMax = 1980,
        ClockLimits = CudaClockLimits.None,
        Power = 210,
        PowerLimit = 700,
        PowerLimitDefault = 700,
        Temperature = 41,
        IsPersistent = true,
        HasEcc = true,
        HasMig = false,
        MemoryTotal = 140ul << 30,
        MemoryFree = 130ul << 30,
        KernelUtilization = 80,
    };

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void A_device_as_it_should_be_has_nothing_to_mend() =>
        Assert.All(Of(GoodReading), static finding => Assert.Equal((FindingVerdict.Good, null), (finding.Verdict, finding.Remedy)));

    [Fact]
    public void What_a_reading_does_not_know_is_left_out() =>
        Assert.Equal(["cuda driver", "device"], Of(new CudaDeviceReading()).Select(static finding => finding.Name));

    [Fact]
    public void A_narrow_link_is_bad_and_a_slow_one_only_while_it_works()
    {
        Assert.Equal(FindingVerdict.Bad, Of(GoodReading with { PcieWidth = 8 }, "pcie").Verdict);
        Assert.Equal(FindingVerdict.Bad, Of(GoodReading with { PcieGeneration = 3 }, "pcie").Verdict);
        Assert.Equal(FindingVerdict.Good, Of(GoodReading with { PcieGeneration = 1, KernelUtilization = 0 }, "pcie").Verdict);
        Assert.Equal(FindingVerdict.Good, Of(GoodReading with { PcieGeneration = 1, ClockLimits = CudaClockLimits.Idle }, "pcie").Verdict);
    }

    [Theory]
    [InlineData(CudaClockLimits.None, 1900, FindingVerdict.Good, "1900 of 1980")]
    [InlineData(CudaClockLimits.Idle, 345, FindingVerdict.Good, "idle")]
    [InlineData(CudaClockLimits.PowerCap, 1500, FindingVerdict.Note, "power limit")]
    [InlineData(CudaClockLimits.PowerCap, 900, FindingVerdict.Bad, "power limit")]
    [InlineData(CudaClockLimits.HardwareThermalSlowdown | CudaClockLimits.PowerCap, 900, FindingVerdict.Bad, "heat")]
    [InlineData(CudaClockLimits.PowerBrake, 900, FindingVerdict.Bad, "power supply")]
    [InlineData(CudaClockLimits.ApplicationClocks, 1200, FindingVerdict.Bad, "somebody set")]
    public void Clocks_name_what_holds_them_down(CudaClockLimits limits, int clock, FindingVerdict verdict, string words)
    {
        Finding finding = Of(GoodReading with { ClockLimits = limits, SmClock = clock }, "clocks");
        Assert.Equal(verdict, finding.Verdict);
        Assert.Contains(words, finding.Found, StringComparison.Ordinal);
        Assert.Equal(verdict == FindingVerdict.Good, finding.Remedy is null);
    }

    [Fact]
    public void Power_persistence_parts_memory_and_other_processes_have_their_lines()
    {
        CudaDeviceReading reading = GoodReading with
        {
            PowerLimit = 300,
            IsPersistent = false,
            HasMig = true,
            MemoryFree = 10ul << 30,
            Processes = [new CudaDeviceProcess(Environment.ProcessId, 1ul << 30), new CudaDeviceProcess(1, 100ul << 30),
                new CudaDeviceProcess(2, null)],
        };
        Assert.Equal("`sudo nvidia-smi -pl 700`", Of(reading, "power").Remedy);
        Assert.Equal(FindingVerdict.Note, Of(reading, "persistence").Verdict);
        Assert.Equal(FindingVerdict.Note, Of(reading, "mig").Verdict);
        Assert.Equal(FindingVerdict.Bad, Of(reading, "gpu memory").Verdict);
        Finding holders = Of(reading, "gpu processes");
        Assert.Contains("2 compute beside this one: process 1 102400 MiB, process 2", holders.Found, StringComparison.Ordinal);
        Assert.Equal(FindingVerdict.Bad, DeviceFindings.Of("CUDA 13.0", "old", 61, GoodReading).Single(static f => f.Name == "device").Verdict);
    }

    [Fact]
    public void A_system_without_limits_is_good()
    {
        Write("/proc/self/limits",
            "Limit  Soft Limit  Hard Limit  Units\nMax locked memory         unlimited            unlimited            bytes\n");
        Write("/proc/self/cgroup", "0::/\n");
        Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
        Write("/sys/fs/cgroup/memory.max", "max\n");
        Write("/proc/meminfo", "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:   8000000 kB\n");
        Write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
        Finding[] findings = [.. SystemFindings.Read(new SystemFiles(root))];
        Assert.Equal(
            ["processor", "cpu governor", "memlock", "cgroup cpu", "cgroup memory", "memory"], findings.Select(static finding => finding.Name));
        Assert.All(findings, static finding => Assert.Equal(FindingVerdict.Good, finding.Verdict));
    }

    [Fact]
    public void Limits_of_the_own_group_are_named_with_what_they_cost()
    {
        Write("/proc/self/limits", "Max locked memory         67108864             67108864             bytes\n");
        Write("/proc/self/cgroup", "0::/line/detector\n");
        Write("/sys/fs/cgroup/line/detector/cpu.max", "150000 100000\n");
        Write("/sys/fs/cgroup/line/detector/cpu.stat", "usage_usec 5\nnr_periods 1000\nnr_throttled 400\n");
        Write("/sys/fs/cgroup/line/detector/memory.max", "1073741824\n");
        Write("/sys/fs/cgroup/line/detector/memory.current", "1063741824\n");
        Write("/proc/meminfo", "MemTotal:       16000000 kB\nMemAvailable:   80000 kB\n");
        Write("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
        Dictionary<string, Finding> findings = SystemFindings.Read(new SystemFiles(root)).ToDictionary(static finding => finding.Name);
        Assert.Contains("65536 KiB", findings["memlock"].Found, StringComparison.Ordinal);
        Assert.Equal(FindingVerdict.Bad, findings["cgroup cpu"].Verdict);
        Assert.Contains("1.5 cores", findings["cgroup cpu"].Found, StringComparison.Ordinal);
        Assert.Contains("40", findings["cgroup cpu"].Found, StringComparison.Ordinal);
        Assert.Equal(FindingVerdict.Bad, findings["cgroup memory"].Verdict);
        Assert.Equal(FindingVerdict.Bad, findings["memory"].Verdict);
        Assert.Equal(FindingVerdict.Note, findings["cpu governor"].Verdict);
        Assert.All(findings.Values.Where(static finding => finding.Verdict != FindingVerdict.Good), static finding => Assert.NotNull(finding.Remedy));
    }

    [Fact]
    public void Files_that_are_absent_or_damaged_say_nothing()
    {
        Write("/proc/self/limits", "Max locked memory   much\n");
        Write("/proc/self/cgroup", "\0\0");
        Write("/sys/fs/cgroup/cpu.max", "many\n");
        Write("/proc/meminfo", "MemTotal: none\nMemAvailable:\n");
        Assert.Equal(["processor", "cgroup cpu"], SystemFindings.Read(new SystemFiles(root)).Select(static finding => finding.Name));
    }

    [Fact]
    public void A_missing_device_or_library_is_a_finding_and_no_exception()
    {
        EnvironmentReport report = Doctor.ExamineEnvironment(
            new DetectorOptions { Device = Device.Cuda(63), OnnxRuntimePath = "/nowhere/libonnxruntime.so" });
        Assert.Equal(FindingVerdict.Bad, report.Findings.Single(static finding => finding.Name == "cuda driver").Verdict);
        Finding runtime = report.Findings.Single(static finding => finding.Name == "onnx runtime");
        Assert.Equal(FindingVerdict.Bad, runtime.Verdict);
        Assert.Contains("/nowhere/libonnxruntime.so", runtime.Found, StringComparison.Ordinal);
        Assert.True(report.HasBad);
        Assert.Contains($"-> {runtime.Remedy}", report.ToString(), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(static () => Doctor.ExamineEnvironment(new DetectorOptions { ScoreThreshold = 2 }));
    }

    [Fact]
    public void On_the_processor_nothing_is_asked_of_a_GPU()
    {
        EnvironmentReport report = Doctor.ExamineEnvironment(new DetectorOptions { Device = Device.Cpu });
        Assert.DoesNotContain(report.Findings, static finding => finding.Name is "cudnn" or "tensorrt" or "pcie");
        Assert.Equal(FindingVerdict.Good, report.Findings.Single(static finding => finding.Name == "onnx runtime").Verdict);
    }

    private static Finding[] Of(CudaDeviceReading reading) => [.. DeviceFindings.Of("CUDA 13.0", "CUDA device 0: NVIDIA H200", 90, reading)];

    private static Finding Of(CudaDeviceReading reading, string name) => Of(reading).Single(finding => finding.Name == name);

    private void Write(string path, string text)
    {
        string file = Path.Combine(root, path.TrimStart('/'));
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
