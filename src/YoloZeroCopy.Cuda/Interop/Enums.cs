namespace YoloZeroCopy.Cuda.Interop;

// Only the values that are used.

internal enum CUmem_advise
{
    CU_MEM_ADVISE_SET_READ_MOSTLY = 1,
    CU_MEM_ADVISE_SET_PREFERRED_LOCATION = 3,
}

internal enum CUmemLocationType
{
    CU_MEM_LOCATION_TYPE_DEVICE = 1,
}

internal enum CUmemAllocationType
{
    CU_MEM_ALLOCATION_TYPE_PINNED = 1,
}

internal enum CUmemAllocationHandleType
{
    CU_MEM_HANDLE_TYPE_NONE = 0,
}

internal enum CUmemPool_attribute
{
    CU_MEMPOOL_ATTR_RELEASE_THRESHOLD = 4,
    CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT = 5,
    CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH = 6,
    CU_MEMPOOL_ATTR_USED_MEM_CURRENT = 7,
    CU_MEMPOOL_ATTR_USED_MEM_HIGH = 8,
}

internal enum CUjit_option
{
    CU_JIT_INFO_LOG_BUFFER = 3,
    CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES = 4,
    CU_JIT_ERROR_LOG_BUFFER = 5,
    CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
}

internal enum CUpointer_attribute
{
    CU_POINTER_ATTRIBUTE_CONTEXT = 1,
    CU_POINTER_ATTRIBUTE_MEMORY_TYPE = 2,
    CU_POINTER_ATTRIBUTE_DEVICE_POINTER = 3,
    CU_POINTER_ATTRIBUTE_HOST_POINTER = 4,
    CU_POINTER_ATTRIBUTE_IS_MANAGED = 8,
    CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9,
    CU_POINTER_ATTRIBUTE_RANGE_START_ADDR = 11,
    CU_POINTER_ATTRIBUTE_RANGE_SIZE = 12,
}

internal enum CUstreamCaptureMode
{
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
}

internal static class CudaFlags
{
    public const uint CU_STREAM_NON_BLOCKING = 1;
    public const uint CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS = 1;
    public const uint CU_CTX_SCHED_MASK = 7;
    public const uint CU_MEMHOSTALLOC_PORTABLE = 1;
    public const uint CU_MEMHOSTALLOC_DEVICEMAP = 2;
    public const uint CU_MEMHOSTALLOC_WRITECOMBINED = 4;
    public const uint CU_MEMHOSTREGISTER_PORTABLE = 1;
    public const uint CU_MEMHOSTREGISTER_DEVICEMAP = 2;
    public const uint CU_MEMHOSTREGISTER_READ_ONLY = 8;
    public const uint CU_MEM_ATTACH_GLOBAL = 1;
    public const int CU_DEVICE_CPU = -1;
    public const uint CU_EVENT_BLOCKING_SYNC = 1;
    public const uint CU_EVENT_DISABLE_TIMING = 2;
    public const uint CU_EVENT_INTERPROCESS = 4;
}
