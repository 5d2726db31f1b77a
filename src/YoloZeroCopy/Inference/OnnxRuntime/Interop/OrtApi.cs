using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

// The library fills these fields, never this code.
#pragma warning disable CS0649

/// <summary>What ONNX Runtime's one export, <c>OrtGetApiBase</c>, points to.</summary>
internal unsafe struct OrtApiBase
{
    // const OrtApi* GetApi(uint32_t version): null when the library is older than the version.
    public delegate* unmanaged<uint, OrtApi*> GetApi;

    // const char* GetVersionString(void)
    public delegate* unmanaged<byte*> GetVersionString;
}

/// <summary>ONNX Runtime's C function table. A slot never moves from version to version; new ones are appended.</summary>
/// <remarks>Only what this library calls. Every handle is an opaque pointer. 64-bit processes only, as the offsets are.</remarks>
[StructLayout(LayoutKind.Explicit)]
internal readonly unsafe struct OrtApi
{
    /// <summary>
    /// The version to ask for: the lowest whose table holds all that is used. The CPU engine needs less, but 16 (ONNX Runtime 1.16, 2023) is where
    /// CUDA options that are pointers arrived, and one lower bound for every device is easier to know than two.
    /// </summary>
    public const uint Version = 16;

    /// <summary>The version from which on <see cref="CreateAllocator"/>'s allocators tell what they hold: before it, the table ends
    /// earlier.</summary>
    public const int AllocatorStatsVersion = 23;

    private const int Slot = 8;

    // OrtStatus* CreateStatus(OrtErrorCode, const char* message): for callbacks of ours.
    [FieldOffset(0 * Slot)]
    public readonly delegate* unmanaged<OrtErrorCode, byte*, nint> CreateStatus;

    // OrtErrorCode GetErrorCode(const OrtStatus*)
    [FieldOffset(1 * Slot)]
    public readonly delegate* unmanaged<nint, OrtErrorCode> GetErrorCode;

    // const char* GetErrorMessage(const OrtStatus*)
    [FieldOffset(2 * Slot)]
    public readonly delegate* unmanaged<nint, byte*> GetErrorMessage;

    // CreateEnv(OrtLoggingLevel, const char* logid, OrtEnv** out)
    [FieldOffset(3 * Slot)]
    public readonly delegate* unmanaged<OrtLoggingLevel, byte*, nint*, OrtStatus> CreateEnv;

    // DisableTelemetryEvents(const OrtEnv*)
    [FieldOffset(6 * Slot)]
    public readonly delegate* unmanaged<nint, OrtStatus> DisableTelemetryEvents;

    // CreateSession(const OrtEnv*, const ORTCHAR_T* path, const OrtSessionOptions*, OrtSession** out): the path is UTF-16 on Windows, UTF-8
    // elsewhere.
    [FieldOffset(7 * Slot)]
    public readonly delegate* unmanaged<nint, void*, nint, nint*, OrtStatus> CreateSession;

    // CreateSessionFromArray(const OrtEnv*, const void* model_data, size_t model_data_length, const OrtSessionOptions*, OrtSession** out)
    [FieldOffset(8 * Slot)]
    public readonly delegate* unmanaged<nint, void*, nuint, nint, nint*, OrtStatus> CreateSessionFromArray;

    // CreateSessionOptions(OrtSessionOptions** out)
    [FieldOffset(10 * Slot)]
    public readonly delegate* unmanaged<nint*, OrtStatus> CreateSessionOptions;

    // DisableMemPattern(OrtSessionOptions*)
    [FieldOffset(17 * Slot)]
    public readonly delegate* unmanaged<nint, OrtStatus> DisableMemPattern;

    // SetSessionLogSeverityLevel(OrtSessionOptions*, int)
    [FieldOffset(22 * Slot)]
    public readonly delegate* unmanaged<nint, OrtLoggingLevel, OrtStatus> SetSessionLogSeverityLevel;

    // SetSessionGraphOptimizationLevel(OrtSessionOptions*, GraphOptimizationLevel)
    [FieldOffset(23 * Slot)]
    public readonly delegate* unmanaged<nint, OrtGraphOptimizationLevel, OrtStatus> SetSessionGraphOptimizationLevel;

    // SetIntraOpNumThreads(OrtSessionOptions*, int)
    [FieldOffset(24 * Slot)]
    public readonly delegate* unmanaged<nint, int, OrtStatus> SetIntraOpNumThreads;

    // CreateCustomOpDomain(const char* name, OrtCustomOpDomain** out)
    [FieldOffset(26 * Slot)]
    public readonly delegate* unmanaged<byte*, nint*, OrtStatus> CreateCustomOpDomain;

    // CustomOpDomain_Add(OrtCustomOpDomain*, const OrtCustomOp*): the operator lives at least as long as every session that has it.
    [FieldOffset(27 * Slot)]
    public readonly delegate* unmanaged<nint, OrtCustomOp*, OrtStatus> CustomOpDomainAdd;

    // AddCustomOpDomain(OrtSessionOptions*, OrtCustomOpDomain*): likewise.
    [FieldOffset(28 * Slot)]
    public readonly delegate* unmanaged<nint, nint, OrtStatus> AddCustomOpDomain;

    // SessionGetInputCount(const OrtSession*, size_t* out)
    [FieldOffset(30 * Slot)]
    public readonly delegate* unmanaged<nint, nuint*, OrtStatus> SessionGetInputCount;

    // SessionGetOutputCount(const OrtSession*, size_t* out)
    [FieldOffset(31 * Slot)]
    public readonly delegate* unmanaged<nint, nuint*, OrtStatus> SessionGetOutputCount;

    // SessionGetInputTypeInfo(const OrtSession*, size_t index, OrtTypeInfo** out)
    [FieldOffset(33 * Slot)]
    public readonly delegate* unmanaged<nint, nuint, nint*, OrtStatus> SessionGetInputTypeInfo;

    // SessionGetOutputTypeInfo(const OrtSession*, size_t index, OrtTypeInfo** out)
    [FieldOffset(34 * Slot)]
    public readonly delegate* unmanaged<nint, nuint, nint*, OrtStatus> SessionGetOutputTypeInfo;

    // SessionGetInputName(const OrtSession*, size_t index, OrtAllocator*, char** out)
    [FieldOffset(36 * Slot)]
    public readonly delegate* unmanaged<nint, nuint, nint, byte**, OrtStatus> SessionGetInputName;

    // SessionGetOutputName(const OrtSession*, size_t index, OrtAllocator*, char** out)
    [FieldOffset(37 * Slot)]
    public readonly delegate* unmanaged<nint, nuint, nint, byte**, OrtStatus> SessionGetOutputName;

    // CreateRunOptions(OrtRunOptions** out)
    [FieldOffset(39 * Slot)]
    public readonly delegate* unmanaged<nint*, OrtStatus> CreateRunOptions;

    // CreateTensorWithDataAsOrtValue(const OrtMemoryInfo*, void* data, size_t bytes, const int64_t* shape, size_t rank, ONNXTensorElementDataType,
    // OrtValue** out)
    [FieldOffset(49 * Slot)]
    public readonly delegate* unmanaged<nint, void*, nuint, long*, nuint, OrtElementType, nint*, OrtStatus> CreateTensorWithDataAsOrtValue;

    // GetTensorMutableData(OrtValue*, void** out)
    [FieldOffset(51 * Slot)]
    public readonly delegate* unmanaged<nint, void**, OrtStatus> GetTensorMutableData;

    // CastTypeInfoToTensorInfo(const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo** out): null for what is no tensor; owned by the type info.
    [FieldOffset(55 * Slot)]
    public readonly delegate* unmanaged<nint, nint*, OrtStatus> CastTypeInfoToTensorInfo;

    // GetTensorElementType(const OrtTensorTypeAndShapeInfo*, ONNXTensorElementDataType* out)
    [FieldOffset(60 * Slot)]
    public readonly delegate* unmanaged<nint, OrtElementType*, OrtStatus> GetTensorElementType;

    // GetDimensionsCount(const OrtTensorTypeAndShapeInfo*, size_t* out)
    [FieldOffset(61 * Slot)]
    public readonly delegate* unmanaged<nint, nuint*, OrtStatus> GetDimensionsCount;

    // GetDimensions(const OrtTensorTypeAndShapeInfo*, int64_t* values, size_t length)
    [FieldOffset(62 * Slot)]
    public readonly delegate* unmanaged<nint, long*, nuint, OrtStatus> GetDimensions;

    // GetSymbolicDimensions(const OrtTensorTypeAndShapeInfo*, const char* names[], size_t length): the names belong to the type info.
    [FieldOffset(63 * Slot)]
    public readonly delegate* unmanaged<nint, byte**, nuint, OrtStatus> GetSymbolicDimensions;

    // GetTensorShapeElementCount(const OrtTensorTypeAndShapeInfo*, size_t* out)
    [FieldOffset(64 * Slot)]
    public readonly delegate* unmanaged<nint, nuint*, OrtStatus> GetTensorShapeElementCount;

    // GetTensorTypeAndShape(const OrtValue*, OrtTensorTypeAndShapeInfo** out)
    [FieldOffset(65 * Slot)]
    public readonly delegate* unmanaged<nint, nint*, OrtStatus> GetTensorTypeAndShape;

    // CreateMemoryInfo(const char* name, OrtAllocatorType, int device, OrtMemType, OrtMemoryInfo** out)
    [FieldOffset(68 * Slot)]
    public readonly delegate* unmanaged<byte*, int, int, int, nint*, OrtStatus> CreateMemoryInfo;

    // CreateCpuMemoryInfo(OrtAllocatorType, OrtMemType, OrtMemoryInfo** out)
    [FieldOffset(69 * Slot)]
    public readonly delegate* unmanaged<int, int, nint*, OrtStatus> CreateCpuMemoryInfo;

    // AllocatorFree(OrtAllocator*, void*)
    [FieldOffset(76 * Slot)]
    public readonly delegate* unmanaged<nint, void*, OrtStatus> AllocatorFree;

    // GetAllocatorWithDefaultOptions(OrtAllocator** out): owned by the library.
    [FieldOffset(78 * Slot)]
    public readonly delegate* unmanaged<nint*, OrtStatus> GetAllocatorWithDefaultOptions;

    // KernelInfoGetAttribute_float(const OrtKernelInfo*, const char* name, float* out)
    [FieldOffset(85 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, float*, OrtStatus> KernelInfoGetAttributeFloat;

    // KernelContext_GetInput(const OrtKernelContext*, size_t index, const OrtValue** out)
    [FieldOffset(90 * Slot)]
    public readonly delegate* unmanaged<nint, nuint, nint*, OrtStatus> KernelContextGetInput;

    // KernelContext_GetOutput(OrtKernelContext*, size_t index, const int64_t* shape, size_t rank, OrtValue** out)
    [FieldOffset(91 * Slot)]
    public readonly delegate* unmanaged<nint, nuint, long*, nuint, nint*, OrtStatus> KernelContextGetOutput;

    [FieldOffset(93 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseStatus;

    [FieldOffset(94 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseMemoryInfo;

    [FieldOffset(95 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseSession;

    [FieldOffset(96 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseValue;

    [FieldOffset(97 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseRunOptions;

    [FieldOffset(98 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseTypeInfo;

    [FieldOffset(99 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseTensorTypeAndShapeInfo;

    [FieldOffset(100 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseSessionOptions;

    [FieldOffset(101 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseCustomOpDomain;

    // SessionGetModelMetadata(const OrtSession*, OrtModelMetadata** out)
    [FieldOffset(111 * Slot)]
    public readonly delegate* unmanaged<nint, nint*, OrtStatus> SessionGetModelMetadata;

    // ModelMetadataLookupCustomMetadataMap(const OrtModelMetadata*, OrtAllocator*, const char* key, char** value): null when absent.
    [FieldOffset(116 * Slot)]
    public readonly delegate* unmanaged<nint, nint, byte*, byte**, OrtStatus> ModelMetadataLookupCustomMetadataMap;

    [FieldOffset(118 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseModelMetadata;

    // ModelMetadataGetCustomMetadataMapKeys(const OrtModelMetadata*, OrtAllocator*, char*** keys, int64_t* count): each key and the array are freed
    // by the caller.
    [FieldOffset(123 * Slot)]
    public readonly delegate* unmanaged<nint, nint, byte***, long*, OrtStatus> ModelMetadataGetCustomMetadataMapKeys;

    // AddFreeDimensionOverrideByName(OrtSessionOptions*, const char* name, int64_t value)
    [FieldOffset(124 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, long, OrtStatus> AddFreeDimensionOverrideByName;

    // AddSessionConfigEntry(OrtSessionOptions*, const char* key, const char* value)
    [FieldOffset(130 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, byte*, OrtStatus> AddSessionConfigEntry;

    // CreateAllocator(const OrtSession*, const OrtMemoryInfo*, OrtAllocator** out)
    [FieldOffset(131 * Slot)]
    public readonly delegate* unmanaged<nint, nint, nint*, OrtStatus> CreateAllocator;

    [FieldOffset(132 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseAllocator;

    // RunWithBinding(OrtSession*, const OrtRunOptions*, const OrtIoBinding*)
    [FieldOffset(133 * Slot)]
    public readonly delegate* unmanaged<nint, nint, nint, OrtStatus> RunWithBinding;

    // CreateIoBinding(OrtSession*, OrtIoBinding** out)
    [FieldOffset(134 * Slot)]
    public readonly delegate* unmanaged<nint, nint*, OrtStatus> CreateIoBinding;

    [FieldOffset(135 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseIoBinding;

    // BindInput(OrtIoBinding*, const char* name, const OrtValue*): the binding keeps its own reference to the value.
    [FieldOffset(136 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, nint, OrtStatus> BindInput;

    // BindOutput(OrtIoBinding*, const char* name, const OrtValue*)
    [FieldOffset(137 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, nint, OrtStatus> BindOutput;

    // BindOutputToDevice(OrtIoBinding*, const char* name, const OrtMemoryInfo*)
    [FieldOffset(138 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, nint, OrtStatus> BindOutputToDevice;

    // GetBoundOutputValues(const OrtIoBinding*, OrtAllocator*, OrtValue*** values, size_t* count): each value and the array are freed by the caller.
    [FieldOffset(140 * Slot)]
    public readonly delegate* unmanaged<nint, nint, nint**, nuint*, OrtStatus> GetBoundOutputValues;

    // AddRunConfigEntry(OrtRunOptions*, const char* key, const char* value)
    [FieldOffset(165 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, byte*, OrtStatus> AddRunConfigEntry;

    // KernelContext_GetGPUComputeStream(const OrtKernelContext*, void** out)
    [FieldOffset(193 * Slot)]
    public readonly delegate* unmanaged<nint, nint*, OrtStatus> KernelContextGetGpuComputeStream;

    // SessionOptionsAppendExecutionProvider_CUDA_V2(OrtSessionOptions*, const OrtCUDAProviderOptionsV2*): loads the provider's library.
    [FieldOffset(204 * Slot)]
    public readonly delegate* unmanaged<nint, nint, OrtStatus> AppendCudaProvider;

    // CreateCUDAProviderOptions(OrtCUDAProviderOptionsV2** out)
    [FieldOffset(205 * Slot)]
    public readonly delegate* unmanaged<nint*, OrtStatus> CreateCudaProviderOptions;

    // UpdateCUDAProviderOptions(OrtCUDAProviderOptionsV2*, const char* const* keys, const char* const* values, size_t count): what is not named goes
    // back to its default.
    [FieldOffset(206 * Slot)]
    public readonly delegate* unmanaged<nint, byte**, byte**, nuint, OrtStatus> UpdateCudaProviderOptions;

    [FieldOffset(208 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseCudaProviderOptions;

    // UpdateCUDAProviderOptionsWithValue(OrtCUDAProviderOptionsV2*, const char* key, void* value): the last slot of version 16.
    [FieldOffset(263 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, nint, OrtStatus> UpdateCudaProviderOptionsWithValue;

    // GetKeyValue(const OrtKeyValuePairs*, const char* key): null when there is no such key. Version 23, as the two below.
    [FieldOffset(297 * Slot)]
    public readonly delegate* unmanaged<nint, byte*, byte*> GetKeyValue;

    [FieldOffset(300 * Slot)]
    public readonly delegate* unmanaged<nint, void> ReleaseKeyValuePairs;

    // AllocatorGetStats(const OrtAllocator*, OrtKeyValuePairs** out)
    [FieldOffset(319 * Slot)]
    public readonly delegate* unmanaged<nint, nint*, OrtStatus> AllocatorGetStats;
}
