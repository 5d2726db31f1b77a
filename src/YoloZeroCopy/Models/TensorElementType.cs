namespace YoloZeroCopy;

/// <summary>Element type of a tensor.</summary>
public enum TensorElementType
{
    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>IEEE 754 binary16.</summary>
    Float16,

    /// <summary>Unsigned 8-bit integer: the model normalises by itself.</summary>
    UInt8,
}
