namespace YoloZeroCopy.Interop;

/// <summary><c>yzc_trt_status</c>.</summary>
internal enum TrtStatus
{
    Ok = 0,
    Argument = -1,
    Handle = -2,
    LibraryMissing = -3,
    NotTensorRt = -4,
    WrongMajor = -5,
    WrongVersion = -6,
    NoDriver = -7,
    DamagedPlan = -8,
    WrongGpu = -9,
    OutOfMemory = -10,
    Cancelled = -11,
    ParseFailed = -12,
    NotSupported = -13,
    Refused = -14,
    Buffer = -15,
    Busy = -16,
    State = -17,
    Internal = -18,
    HostCode = -19,
}

/// <summary><c>yzc_trt_severity</c>.</summary>
internal enum TrtSeverity
{
    InternalError,
    Error,
    Warning,
    Info,
    Verbose,
}

/// <summary><c>yzc_trt_flavour</c>.</summary>
internal enum TrtFlavour
{
    Standard,
    Lean,
    Rtx,
}

/// <summary><c>yzc_trt_mode</c>.</summary>
internal enum TrtMode
{
    Input = 1,
    Output = 2,
}

/// <summary><c>yzc_trt_type</c>.</summary>
internal enum TrtType
{
    Float,
    Half,
    Int8,
    Int32,
    Bool,
    UInt8,
    Fp8,
    BFloat16,
    Int64,
    Int4,
    Fp4,
    E8M0,
}

/// <summary><c>yzc_trt_select</c>.</summary>
internal enum TrtSelect
{
    Min,
    Opt,
    Max,
}

/// <summary><c>yzc_trt_build_flag</c>.</summary>
[Flags]
internal enum TrtBuildFlags : uint
{
    None = 0,
    Fp16 = 1 << 0,
    Int8 = 1 << 1,
    NoTf32 = 1 << 2,
    StronglyTyped = 1 << 3,
    VersionCompatible = 1 << 4,
    ExcludeLeanRuntime = 1 << 5,
    DetailedInspector = 1 << 6,
}

/// <summary><c>yzc_trt_progress_kind</c>.</summary>
internal enum TrtProgressKind
{
    Start,
    Step,
    Finish,
}
