namespace YoloZeroCopy.Cuda;

/// <summary>A number that describes a device. Values are those of the driver; others of its list can be cast to this type.</summary>
public enum CudaDeviceAttribute
{
    /// <summary>Most threads in a block.</summary>
    MaxThreadsPerBlock = 1,

    /// <summary>Most shared memory in bytes that a block gets without asking for more.</summary>
    MaxSharedMemoryPerBlock = 8,

    /// <summary>Threads in a warp.</summary>
    WarpSize = 10,

    /// <summary>Peak clock in kHz. Drivers of CUDA 13 may answer 0.</summary>
    ClockRate = 13,

    /// <summary>Number of multiprocessors.</summary>
    MultiprocessorCount = 16,

    /// <summary>1 when the device shares memory with the host.</summary>
    Integrated = 18,

    /// <summary>1 when kernels can read page-locked host memory over the bus.</summary>
    CanMapHostMemory = 19,

    /// <summary>1 when ECC is on.</summary>
    EccEnabled = 32,

    /// <summary>Peak memory clock in kHz. Drivers of CUDA 13 may answer 0.</summary>
    MemoryClockRate = 36,

    /// <summary>Width of the memory bus in bits.</summary>
    GlobalMemoryBusWidth = 37,

    /// <summary>Size of the L2 cache in bytes.</summary>
    L2CacheSize = 38,

    /// <summary>Most resident threads on a multiprocessor.</summary>
    MaxThreadsPerMultiprocessor = 39,

    /// <summary>Number of copy engines that work beside kernels.</summary>
    AsyncEngineCount = 40,

    /// <summary>Major part of the compute capability.</summary>
    ComputeCapabilityMajor = 75,

    /// <summary>Minor part of the compute capability.</summary>
    ComputeCapabilityMinor = 76,

    /// <summary>Shared memory in bytes of a multiprocessor.</summary>
    MaxSharedMemoryPerMultiprocessor = 81,

    /// <summary>1 when kernels can read pageable host memory.</summary>
    PageableMemoryAccess = 88,

    /// <summary>1 when the host may use managed memory while kernels run.</summary>
    ConcurrentManagedAccess = 89,

    /// <summary>Most shared memory in bytes that a block can get when its kernel asks for it.</summary>
    MaxSharedMemoryPerBlockOptIn = 97,

    /// <summary>1 when caller's host memory can be registered.</summary>
    HostRegisterSupported = 99,

    /// <summary>1 when the device uses the host's page tables; page-locking then pins nothing.</summary>
    PageableMemoryAccessUsesHostPageTables = 100,

    /// <summary>1 when read-only host memory can be registered.</summary>
    ReadOnlyHostRegisterSupported = 113,

    /// <summary>1 when stream-ordered allocation and pools are there.</summary>
    MemoryPoolsSupported = 115,

    /// <summary>1 when events can be shared between processes.</summary>
    IpcEventSupported = 125,

    /// <summary>NUMA node of the host that is closest to the device; -1 without NUMA. Drivers before CUDA 12.2 refuse the question.</summary>
    HostNumaId = 134,
}
