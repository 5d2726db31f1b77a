namespace YoloZeroCopy.Cuda;

/// <summary>How a thread waits for the device in the synchronising calls.</summary>
public enum CudaSchedule
{
    /// <summary>The driver's choice: it spins where there are at least as many processors as contexts, and yields otherwise.</summary>
    Auto = 0,

    /// <summary>Spins: the shortest wait, and a processor that is fully busy meanwhile.</summary>
    Spin = 1,

    /// <summary>Spins, but offers the processor to other threads between looks.</summary>
    Yield = 2,

    /// <summary>Sleeps until the device signals: the least processor time, and some tens of microseconds more for each wait.</summary>
    BlockingSync = 4,
}
