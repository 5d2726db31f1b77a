namespace YoloZeroCopy.Cuda;

/// <summary>What keeps a device's clocks below their best. Values are those of NVML.</summary>
[Flags]
public enum CudaClockLimits : ulong
{
    /// <summary>Nothing does.</summary>
    None = 0,

    /// <summary>Nothing runs, and the clocks go down.</summary>
    Idle = 1,

    /// <summary>Somebody set the clocks.</summary>
    ApplicationClocks = 2,

    /// <summary>The power limit.</summary>
    PowerCap = 4,

    /// <summary>The hardware halved the clocks or more: heat, power or a power brake.</summary>
    HardwareSlowdown = 8,

    /// <summary>Another device of the same group.</summary>
    SyncBoost = 16,

    /// <summary>Heat, told by the driver.</summary>
    ThermalSlowdown = 32,

    /// <summary>Heat, told by the hardware.</summary>
    HardwareThermalSlowdown = 64,

    /// <summary>The machine's power supply.</summary>
    PowerBrake = 128,

    /// <summary>The clocks of a display.</summary>
    DisplayClocks = 256,
}
