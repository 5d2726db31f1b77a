using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>What there is to say of the CUDA driver and of one device.</summary>
internal static class DeviceFindings
{
    // Of a device's best clock. Below it the clocks, and not the program, may be why it is slow.
    private const double LowClock = 0.7;

    // Of a device's memory. The library itself asks for a margin of about this much.
    private const double LowMemory = 0.3;

    private const CudaClockLimits Heat = CudaClockLimits.ThermalSlowdown | CudaClockLimits.HardwareThermalSlowdown;
    private const CudaClockLimits Supply = CudaClockLimits.PowerBrake | CudaClockLimits.HardwareSlowdown;

    public static IEnumerable<Finding> Read(DetectorOptions options)
    {
        if (options.Device == Device.Cpu)
        {
            return [new Finding("cuda driver", FindingVerdict.Good, "not looked at: the detector is to run on the processor")];
        }

        if (!CudaDriver.TryInitialize(out string reason))
        {
            return [WithoutDriver(reason, options.Device)];
        }

        string driver = FormattableString.Invariant($"CUDA {CudaDriver.Version / 1000}.{CudaDriver.Version % 1000 / 10} ({CudaDriver.Library})");
        if (Doctor.DeviceOf(options) is not CudaDevice device)
        {
            string missing = FormattableString.Invariant($"{driver}; there is no {options.Device}, only {CudaDriver.DeviceCount} devices from 0");
            return [new Finding("cuda driver", FindingVerdict.Bad, missing, "DetectorOptions.Device, --device cuda:0")];
        }

        return CudaDeviceMonitor.TryOpen(device.PciBusId, out CudaDeviceMonitor? monitor, out reason)
            ? Of(driver, device.ToString(), device.ComputeCapability, monitor.Read())
            : [.. Of(driver, device.ToString(), device.ComputeCapability, new CudaDeviceReading()), WithoutMonitor(reason)];
    }

    /// <summary>What a driver, a device and a reading of it say. What the reading does not know is left out.</summary>
    public static IEnumerable<Finding> Of(string driver, string device, int computeCapability, CudaDeviceReading reading)
    {
        string version = reading.DriverVersion is null ? "" : $", driver {reading.DriverVersion}";
        yield return new Finding("cuda driver", FindingVerdict.Good, driver + version);
        yield return computeCapability >= 75
            ? new Finding("device", FindingVerdict.Good, Invariant($"{device}, compute capability {computeCapability / 10}.{computeCapability % 10}"))
            : new Finding(
                "device",
                FindingVerdict.Bad,
                Invariant($"{device}, compute capability {computeCapability / 10}.{computeCapability % 10}; 7.5 is the least"),
                "--device cpu, DetectorOptions.Device = Device.Cpu");
        Finding?[] found =
        [
            Link(reading), Clocks(reading), Power(reading), Persistence(reading), Ecc(reading), Mig(reading), Memory(reading), Holders(reading),
        ];
        foreach (Finding? finding in found)
        {
            if (finding is not null)
            {
                yield return finding;
            }
        }
    }

    /// <summary>What holds the clocks down, in words; null where nothing does that somebody could change.</summary>
    public static string? ClockCause(CudaClockLimits limits) =>
        (limits & Heat) != 0 ? "heat"
        : (limits & Supply) != 0 ? "the power supply or the hardware's own protection"
        : (limits & CudaClockLimits.PowerCap) != 0 ? "the power limit"
        : (limits & CudaClockLimits.ApplicationClocks) != 0 ? "clocks that somebody set"
        : null;

    public static string? ClockRemedy(CudaClockLimits limits) =>
        (limits & Heat) != 0 ? "better cooling; `nvidia-smi -q -d TEMPERATURE,PERFORMANCE` shows it"
        : (limits & Supply) != 0 ? "check the power cables and the power supply; `nvidia-smi -q -d POWER,PERFORMANCE` shows it"
        : (limits & CudaClockLimits.PowerCap) != 0 ? "`sudo nvidia-smi -pl WATTS` up to the limit that `nvidia-smi -q -d POWER` shows"
        : (limits & CudaClockLimits.ApplicationClocks) != 0 ? "`sudo nvidia-smi -rgc` and `sudo nvidia-smi -rac` take set clocks back"
        : null;

    private static Finding WithoutDriver(string reason, Device device) => device.IsCuda
        ? new Finding("cuda driver", FindingVerdict.Bad, reason, "install NVIDIA's display driver; in a container, `docker run --gpus all`")
        : new Finding(
            "cuda driver", FindingVerdict.Note, $"{reason} The processor is used", "for a GPU: NVIDIA's display driver; `docker run --gpus all`");

    private static Finding WithoutMonitor(string reason) => new(
        "monitoring",
        FindingVerdict.Unknown,
        $"{reason} Link, clocks, power and memory are not known",
        "in a container, `docker run -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video`; else YZC_NVML names the library");

    private static Finding? Link(CudaDeviceReading reading)
    {
        if (reading.PcieGeneration is not int generation || reading.PcieWidth is not int width)
        {
            return null;
        }

        int bestGeneration = reading.PcieGenerationMax ?? generation;
        int bestWidth = reading.PcieWidthMax ?? width;
        string now = Invariant($"PCIe {generation} x{width}, at best {bestGeneration} x{bestWidth}");
        if (width < bestWidth)
        {
            return new Finding(
                "pcie",
                FindingVerdict.Bad,
                now,
                "seat the card in a slot with all lanes; check risers, and lanes that the BIOS divides (bifurcation)");
        }

        // A device at rest takes its link down.
        bool isIdle = ((reading.ClockLimits ?? CudaClockLimits.None) & CudaClockLimits.Idle) != 0 || reading.KernelUtilization is 0;
        return generation >= bestGeneration ? new Finding("pcie", FindingVerdict.Good, now)
            : isIdle ? new Finding("pcie", FindingVerdict.Good, $"{now}; the device is idle, and its link goes up with work")
            : new Finding("pcie", FindingVerdict.Bad, now, "the BIOS's setting of the slot's PCIe generation; risers");
    }

    private static Finding? Clocks(CudaDeviceReading reading)
    {
        if (reading.SmClock is not int clock)
        {
            return null;
        }

        int best = reading.SmClockMax ?? clock;
        CudaClockLimits limits = reading.ClockLimits ?? CudaClockLimits.None;
        string now = Invariant($"{clock} of {best} MHz");
        return ClockCause(limits) is string cause
            ? new Finding(
                "clocks", clock < LowClock * best ? FindingVerdict.Bad : FindingVerdict.Note, $"{now}, limited by {cause}", ClockRemedy(limits))
            : new Finding("clocks", FindingVerdict.Good, (limits & CudaClockLimits.Idle) != 0 ? $"{now}, idle" : now);
    }

    private static Finding? Power(CudaDeviceReading reading)
    {
        if (reading.PowerLimit is not double limit)
        {
            return null;
        }

        double usual = reading.PowerLimitDefault ?? limit;
        string heat = reading.Temperature is int degrees ? Invariant($", {degrees} °C") : "";
        string now = Invariant($"{reading.Power ?? 0:F0} of {limit:F0} W{heat}");
        return limit < usual
            ? new Finding(
                "power", FindingVerdict.Note, Invariant($"{now}; the device comes with {usual:F0} W"), Invariant($"`sudo nvidia-smi -pl {usual:F0}`"))
            : new Finding("power", FindingVerdict.Good, now);
    }

    private static Finding? Persistence(CudaDeviceReading reading) => reading.IsPersistent switch
    {
        true => new Finding("persistence", FindingVerdict.Good, "on"),
        false => new Finding(
            "persistence", FindingVerdict.Note, "off: the first program that uses the device waits while the driver starts it",
                "`sudo nvidia-smi -pm 1`, or the service nvidia-persistenced"),
        null => null,
    };

    private static Finding? Ecc(CudaDeviceReading reading) =>
        reading.HasEcc is bool on ? new Finding("ecc", FindingVerdict.Good, on ? "on" : "off: a flipped bit is not noticed") : null;

    private static Finding? Mig(CudaDeviceReading reading) => reading.HasMig switch
    {
        true => new Finding(
            "mig",
            FindingVerdict.Note,
            "on: this process has a part of the device, or none",
            "`nvidia-smi -L` lists the parts; `sudo nvidia-smi -mig 0`"),
        false => new Finding("mig", FindingVerdict.Good, "off"),
        null => null,
    };

    private static Finding? Memory(CudaDeviceReading reading)
    {
        if (reading.MemoryTotal is not ulong total || reading.MemoryFree is not ulong free || total == 0)
        {
            return null;
        }

        string now = Invariant($"{free >> 20} of {total >> 20} MiB free");
        return free < LowMemory * total
            ? new Finding(
                "gpu memory", FindingVerdict.Bad, now, "end what holds it (`nvidia-smi` lists the processes); less for this one: --lanes, --batch")
            : new Finding("gpu memory", FindingVerdict.Good, now);
    }

    private static Finding? Holders(CudaDeviceReading reading)
    {
        CudaDeviceProcess[] others = [.. reading.Processes.Where(static one => one.Id != Environment.ProcessId)];
        if (others.Length == 0)
        {
            return null;
        }

        IEnumerable<string> largest = others.OrderByDescending(static one => one.Bytes ?? 0).Take(5).Select(
            static one => one.Bytes is ulong bytes ? Invariant($"process {one.Id} {bytes >> 20} MiB") : Invariant($"process {one.Id}"));
        return new Finding(
            "gpu processes",
            FindingVerdict.Note,
            Invariant($"{others.Length} compute beside this one: {string.Join(", ", largest)}"),
            "they share the device's time; another device: --device cuda:1");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
