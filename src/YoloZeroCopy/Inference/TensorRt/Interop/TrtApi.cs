using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>Functions of the shim, as native/trt/include/yzc_trt.h declares them. Only those that are called.</summary>
internal sealed unsafe class TrtApi
{
    /// <summary><c>YZC_TRT_ABI_VERSION</c> that these bindings are written for.</summary>
    public const int AbiVersion = 2;

    private const int MaxMessageLength = 16384;
    private const int MaxTextLength = 4096;

    private readonly delegate* unmanaged<byte*, int, int*, TrtStatus> lastMessage;

    /// <summary>Takes the functions of an opened library.</summary>
    /// <exception cref="EntryPointNotFoundException">It lacks one.</exception>
    public TrtApi(nint module)
    {
        lastMessage = (delegate* unmanaged<byte*, int, int*, TrtStatus>)Export(module, "yzc_trt_last_message");
        BlobData = (delegate* unmanaged<ulong, void**, ulong*, TrtStatus>)Export(module, "yzc_trt_blob_data");
        BlobFree = (delegate* unmanaged<ulong, TrtStatus>)Export(module, "yzc_trt_blob_free");
        LibraryOpen = (delegate* unmanaged<TrtLibraryOptions*, ulong*, TrtStatus>)Export(module, "yzc_trt_library_open");
        LibraryInfoGet = (delegate* unmanaged<ulong, TrtLibraryInfo*, TrtStatus>)Export(module, "yzc_trt_library_info_get");
        LibraryFree = (delegate* unmanaged<ulong, TrtStatus>)Export(module, "yzc_trt_library_free");
        RuntimeCreate = (delegate* unmanaged<ulong, TrtRuntimeOptions*, ulong*, TrtStatus>)Export(module, "yzc_trt_runtime_create");
        RuntimeFree = (delegate* unmanaged<ulong, TrtStatus>)Export(module, "yzc_trt_runtime_free");
        EngineLoad = (delegate* unmanaged<ulong, void*, ulong, ulong*, TrtStatus>)Export(module, "yzc_trt_engine_load");
        EngineFree = (delegate* unmanaged<ulong, TrtStatus>)Export(module, "yzc_trt_engine_free");
        EngineInfoGet = (delegate* unmanaged<ulong, TrtEngineInfo*, TrtStatus>)Export(module, "yzc_trt_engine_info_get");
        EngineTensor = (delegate* unmanaged<ulong, int, int, TrtTensorInfo*, TrtStatus>)Export(module, "yzc_trt_engine_tensor");
        EngineProfileShape = (delegate* unmanaged<ulong, byte*, int, TrtSelect, TrtShape*, TrtStatus>)Export(module, "yzc_trt_engine_profile_shape");
        EngineProfileMemory = (delegate* unmanaged<ulong, int, long*, TrtStatus>)Export(module, "yzc_trt_engine_profile_memory");
        ContextCreate = (delegate* unmanaged<ulong, ulong*, TrtStatus>)Export(module, "yzc_trt_context_create");
        ContextFree = (delegate* unmanaged<ulong, TrtStatus>)Export(module, "yzc_trt_context_free");
        ContextSetProfile = (delegate* unmanaged<ulong, int, nint, TrtStatus>)Export(module, "yzc_trt_context_set_profile");
        ContextSetInputShape = (delegate* unmanaged<ulong, byte*, TrtShape*, TrtStatus>)Export(module, "yzc_trt_context_set_input_shape");
        ContextTensorShape = (delegate* unmanaged<ulong, byte*, TrtShape*, TrtStatus>)Export(module, "yzc_trt_context_tensor_shape");
        ContextRequiredMemory = (delegate* unmanaged<ulong, ulong*, TrtStatus>)Export(module, "yzc_trt_context_required_memory");
        ContextSetMemory = (delegate* unmanaged<ulong, nint, ulong, TrtStatus>)Export(module, "yzc_trt_context_set_memory");
        ContextSetAddress = (delegate* unmanaged<ulong, byte*, nint, TrtStatus>)Export(module, "yzc_trt_context_set_address");
        ContextEnqueue = (delegate* unmanaged<ulong, nint, TrtStatus>)Export(module, "yzc_trt_context_enqueue");
        ContextCapturable = (delegate* unmanaged<ulong, int*, byte*, int, int*, TrtStatus>)Export(module, "yzc_trt_context_capturable");
        BuilderCreate = (delegate* unmanaged<ulong, TrtBuilderOptions*, ulong*, TrtStatus>)Export(module, "yzc_trt_builder_create");
        BuilderFree = (delegate* unmanaged<ulong, TrtStatus>)Export(module, "yzc_trt_builder_free");
        BuilderParseFile = (delegate* unmanaged<ulong, byte*, TrtStatus>)Export(module, "yzc_trt_builder_parse_file");
        BuilderIssueCount = (delegate* unmanaged<ulong, int*, TrtStatus>)Export(module, "yzc_trt_builder_issue_count");
        BuilderIssue = (delegate* unmanaged<ulong, int, TrtIssue*, TrtStatus>)Export(module, "yzc_trt_builder_issue");
        BuilderAddProfile = (delegate* unmanaged<ulong, TrtProfileInput*, int, TrtStatus>)Export(module, "yzc_trt_builder_add_profile");
        BuilderBuild = (delegate* unmanaged<ulong, ulong*, TrtStatus>)Export(module, "yzc_trt_builder_build");
        BuilderCancel = (delegate* unmanaged<ulong, TrtStatus>)Export(module, "yzc_trt_builder_cancel");
        BuilderTimingCache = (delegate* unmanaged<ulong, ulong*, TrtStatus>)Export(module, "yzc_trt_builder_timing_cache");
    }

    public delegate* unmanaged<ulong, void**, ulong*, TrtStatus> BlobData { get; }

    public delegate* unmanaged<ulong, TrtStatus> BlobFree { get; }

    public delegate* unmanaged<TrtLibraryOptions*, ulong*, TrtStatus> LibraryOpen { get; }

    public delegate* unmanaged<ulong, TrtLibraryInfo*, TrtStatus> LibraryInfoGet { get; }

    public delegate* unmanaged<ulong, TrtStatus> LibraryFree { get; }

    public delegate* unmanaged<ulong, TrtRuntimeOptions*, ulong*, TrtStatus> RuntimeCreate { get; }

    public delegate* unmanaged<ulong, TrtStatus> RuntimeFree { get; }

    public delegate* unmanaged<ulong, void*, ulong, ulong*, TrtStatus> EngineLoad { get; }

    public delegate* unmanaged<ulong, TrtStatus> EngineFree { get; }

    public delegate* unmanaged<ulong, TrtEngineInfo*, TrtStatus> EngineInfoGet { get; }

    public delegate* unmanaged<ulong, int, int, TrtTensorInfo*, TrtStatus> EngineTensor { get; }

    public delegate* unmanaged<ulong, byte*, int, TrtSelect, TrtShape*, TrtStatus> EngineProfileShape { get; }

    public delegate* unmanaged<ulong, int, long*, TrtStatus> EngineProfileMemory { get; }

    public delegate* unmanaged<ulong, ulong*, TrtStatus> ContextCreate { get; }

    public delegate* unmanaged<ulong, TrtStatus> ContextFree { get; }

    public delegate* unmanaged<ulong, int, nint, TrtStatus> ContextSetProfile { get; }

    public delegate* unmanaged<ulong, byte*, TrtShape*, TrtStatus> ContextSetInputShape { get; }

    public delegate* unmanaged<ulong, byte*, TrtShape*, TrtStatus> ContextTensorShape { get; }

    public delegate* unmanaged<ulong, ulong*, TrtStatus> ContextRequiredMemory { get; }

    public delegate* unmanaged<ulong, nint, ulong, TrtStatus> ContextSetMemory { get; }

    public delegate* unmanaged<ulong, byte*, nint, TrtStatus> ContextSetAddress { get; }

    public delegate* unmanaged<ulong, nint, TrtStatus> ContextEnqueue { get; }

    public delegate* unmanaged<ulong, int*, byte*, int, int*, TrtStatus> ContextCapturable { get; }

    public delegate* unmanaged<ulong, TrtBuilderOptions*, ulong*, TrtStatus> BuilderCreate { get; }

    public delegate* unmanaged<ulong, TrtStatus> BuilderFree { get; }

    public delegate* unmanaged<ulong, byte*, TrtStatus> BuilderParseFile { get; }

    public delegate* unmanaged<ulong, int*, TrtStatus> BuilderIssueCount { get; }

    public delegate* unmanaged<ulong, int, TrtIssue*, TrtStatus> BuilderIssue { get; }

    public delegate* unmanaged<ulong, TrtProfileInput*, int, TrtStatus> BuilderAddProfile { get; }

    public delegate* unmanaged<ulong, ulong*, TrtStatus> BuilderBuild { get; }

    public delegate* unmanaged<ulong, TrtStatus> BuilderCancel { get; }

    public delegate* unmanaged<ulong, ulong*, TrtStatus> BuilderTimingCache { get; }

    /// <summary>Words for the last failure on this thread.</summary>
    public string LastMessage()
    {
        byte* text = stackalloc byte[MaxMessageLength];
        *text = 0;
        int length;

        // A text that is longer comes cut, which is better than none.
        TrtStatus status = lastMessage(text, MaxMessageLength, &length);
        return status is TrtStatus.Ok or TrtStatus.Buffer ? Utf8.Read(text, MaxMessageLength) : string.Empty;
    }

    /// <summary>A text that belongs to a handle.</summary>
    public static string Text(byte* text) => Utf8.Read(text, MaxTextLength);

    private static nint Export(nint module, string name) => NativeLibrary.GetExport(module, name);
}
