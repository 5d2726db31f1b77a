using System.ComponentModel;

namespace YoloZeroCopy;

/// <summary>
/// How the detector's threads wait for a GPU. docs/performance.md has what each costs. On the CPU nothing waits for a device, and the mode is
/// ignored.
/// </summary>
[TypeConverter(typeof(NamedValueConverter<WaitMode>))]
public enum WaitMode
{
    /// <summary>Threads sleep until the device wakes them: the least processor time, some tens of microseconds later.</summary>
    Block,

    /// <summary>
    /// Threads ask and yield while a batch is in flight: close to <see cref="Spin"/> on an idle machine, and gives way to other work on a busy one.
    /// </summary>
    Yield,

    /// <summary>Threads ask without a pause while a batch is in flight: the lowest latency, for two cores at full load.</summary>
    Spin,
}
