namespace YoloZeroCopy.Tests;

/// <summary>ONNX's element types by their number in a file.</summary>
public enum OnnxType
{
    Float = 1,
    UInt8 = 2,
    Int64 = 7,
    Float16 = 10,
    Double = 11,
}
