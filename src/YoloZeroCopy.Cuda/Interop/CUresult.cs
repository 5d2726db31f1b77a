namespace YoloZeroCopy.Cuda;

/// <summary>Status of a driver call, with the driver's own names. A status that is not listed here is possible: it is the driver's number.</summary>
public enum CUresult
{
    /// <summary>The call succeeded; for a query: what was asked about is done.</summary>
    CUDA_SUCCESS = 0,

    /// <summary>An argument is out of its range.</summary>
    CUDA_ERROR_INVALID_VALUE = 1,

    /// <summary>Device memory, or host memory to page-lock, is used up.</summary>
    CUDA_ERROR_OUT_OF_MEMORY = 2,

    /// <summary>The driver was not initialised.</summary>
    CUDA_ERROR_NOT_INITIALIZED = 3,

    /// <summary>The driver is shutting down with the process.</summary>
    CUDA_ERROR_DEINITIALIZED = 4,

    /// <summary>The library is the toolkit's stub for linking, not a driver.</summary>
    CUDA_ERROR_STUB_LIBRARY = 34,

    /// <summary>The device is in use exclusively by another process, or is prohibited.</summary>
    CUDA_ERROR_DEVICE_UNAVAILABLE = 46,

    /// <summary>No CUDA device is visible to this process.</summary>
    CUDA_ERROR_NO_DEVICE = 100,

    /// <summary>The device number does not exist.</summary>
    CUDA_ERROR_INVALID_DEVICE = 101,

    /// <summary>The device has no licence for compute.</summary>
    CUDA_ERROR_DEVICE_NOT_LICENSED = 102,

    /// <summary>The module image is not PTX and not a binary for a GPU.</summary>
    CUDA_ERROR_INVALID_IMAGE = 200,

    /// <summary>No context is current on the calling thread, or it is not the right one.</summary>
    CUDA_ERROR_INVALID_CONTEXT = 201,

    /// <summary>Memory could not be mapped.</summary>
    CUDA_ERROR_MAP_FAILED = 205,

    /// <summary>The module holds nothing that runs on this GPU.</summary>
    CUDA_ERROR_NO_BINARY_FOR_GPU = 209,

    /// <summary>An ECC error that cannot be corrected. Sticky.</summary>
    CUDA_ERROR_ECC_UNCORRECTABLE = 214,

    /// <summary>The PTX text does not compile.</summary>
    CUDA_ERROR_INVALID_PTX = 218,

    /// <summary>An NVLink error that cannot be corrected. Sticky.</summary>
    CUDA_ERROR_NVLINK_UNCORRECTABLE = 220,

    /// <summary>The driver's PTX compiler library is not installed.</summary>
    CUDA_ERROR_JIT_COMPILER_NOT_FOUND = 221,

    /// <summary>The PTX is of an ISA version that this driver does not know.</summary>
    CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,

    /// <summary>Compilation of PTX is switched off for this process.</summary>
    CUDA_ERROR_JIT_COMPILATION_DISABLED = 223,

    /// <summary>An exception on the device that the hardware contained. Sticky.</summary>
    CUDA_ERROR_CONTAINED = 226,

    /// <summary>The kernel source is invalid.</summary>
    CUDA_ERROR_INVALID_SOURCE = 300,

    /// <summary>A call of the operating system failed.</summary>
    CUDA_ERROR_OPERATING_SYSTEM = 304,

    /// <summary>A handle is not valid, or of another context.</summary>
    CUDA_ERROR_INVALID_HANDLE = 400,

    /// <summary>A resource is not in the state that the call needs.</summary>
    CUDA_ERROR_ILLEGAL_STATE = 401,

    /// <summary>A name was not found in the module.</summary>
    CUDA_ERROR_NOT_FOUND = 500,

    /// <summary>For a query: what was asked about is not done yet.</summary>
    CUDA_ERROR_NOT_READY = 600,

    /// <summary>A kernel read or wrote memory that is not its own. Sticky.</summary>
    CUDA_ERROR_ILLEGAL_ADDRESS = 700,

    /// <summary>A launch wants more threads, registers or shared memory than there are.</summary>
    CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,

    /// <summary>A kernel ran longer than the system allows. Sticky.</summary>
    CUDA_ERROR_LAUNCH_TIMEOUT = 702,

    /// <summary>The primary context is in use, so that its flags cannot be set.</summary>
    CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE = 708,

    /// <summary>The context was destroyed or reset.</summary>
    CUDA_ERROR_CONTEXT_IS_DESTROYED = 709,

    /// <summary>A device-side assert fired. Sticky.</summary>
    CUDA_ERROR_ASSERT = 710,

    /// <summary>The host memory, or a part of it, is registered already.</summary>
    CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED = 712,

    /// <summary>The host memory is not registered.</summary>
    CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED = 713,

    /// <summary>A kernel's call stack was corrupted or overflowed. Sticky.</summary>
    CUDA_ERROR_HARDWARE_STACK_ERROR = 714,

    /// <summary>A kernel met an illegal instruction. Sticky.</summary>
    CUDA_ERROR_ILLEGAL_INSTRUCTION = 715,

    /// <summary>A kernel used an address that is not aligned for the access. Sticky.</summary>
    CUDA_ERROR_MISALIGNED_ADDRESS = 716,

    /// <summary>A kernel used an address of the wrong memory space. Sticky.</summary>
    CUDA_ERROR_INVALID_ADDRESS_SPACE = 717,

    /// <summary>A kernel's program counter left its code. Sticky.</summary>
    CUDA_ERROR_INVALID_PC = 718,

    /// <summary>A kernel ended with an exception that has no status of its own. Sticky.</summary>
    CUDA_ERROR_LAUNCH_FAILED = 719,

    /// <summary>A kernel ended without giving back tensor memory. Sticky.</summary>
    CUDA_ERROR_TENSOR_MEMORY_LEAK = 721,

    /// <summary>The operation is not permitted to this process.</summary>
    CUDA_ERROR_NOT_PERMITTED = 800,

    /// <summary>The driver, system or device does not support the operation.</summary>
    CUDA_ERROR_NOT_SUPPORTED = 801,

    /// <summary>The system is not ready to start CUDA work, for example because the fabric manager does not run.</summary>
    CUDA_ERROR_SYSTEM_NOT_READY = 802,

    /// <summary>The driver library and the kernel module are of different versions.</summary>
    CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,

    /// <summary>The forward-compatible driver library does not support this device.</summary>
    CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE = 804,

    /// <summary>The operation cannot be captured.</summary>
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,

    /// <summary>The capture was made invalid by an earlier error.</summary>
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,

    /// <summary>The capture was not begun on this stream.</summary>
    CUDA_ERROR_STREAM_CAPTURE_UNMATCHED = 903,

    /// <summary>The capture holds a fork that was not joined to its first stream.</summary>
    CUDA_ERROR_STREAM_CAPTURE_UNJOINED = 904,

    /// <summary>The capture would depend on work outside of it.</summary>
    CUDA_ERROR_STREAM_CAPTURE_ISOLATION = 905,

    /// <summary>The capture would depend on the legacy stream.</summary>
    CUDA_ERROR_STREAM_CAPTURE_IMPLICIT = 906,

    /// <summary>The event was last recorded in a capture, which has no time of its own.</summary>
    CUDA_ERROR_CAPTURED_EVENT = 907,

    /// <summary>The capture was begun on another thread.</summary>
    CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD = 908,

    /// <summary>The graph differs too much to update the executable one.</summary>
    CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE = 910,

    /// <summary>An internal error that has no status of its own.</summary>
    CUDA_ERROR_UNKNOWN = 999,
}
