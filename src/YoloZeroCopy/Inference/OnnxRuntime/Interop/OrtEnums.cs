namespace YoloZeroCopy.Interop;

internal enum OrtErrorCode
{
    Ok,
    Fail,
    InvalidArgument,
    NoSuchFile,
    NoModel,
    EngineError,
    RuntimeException,
    InvalidProtobuf,
    ModelLoaded,
    NotImplemented,
    InvalidGraph,
    EpFail,
}

internal enum OrtLoggingLevel
{
    Verbose,
    Info,
    Warning,
    Error,
    Fatal,
}

internal enum OrtGraphOptimizationLevel
{
    DisableAll = 0,
    EnableBasic = 1,
    EnableAll = 99,
}

/// <summary>ONNX's element types by number, as both the file format and the C API count them.</summary>
internal enum OrtElementType
{
    Undefined,
    Float,
    UInt8,
    Int8,
    UInt16,
    Int16,
    Int32,
    Int64,
    String,
    Bool,
    Float16,
    Double,
    UInt32,
    UInt64,
    Complex64,
    Complex128,
    BFloat16,
}
