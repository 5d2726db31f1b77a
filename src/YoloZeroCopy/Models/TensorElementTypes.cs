namespace YoloZeroCopy;

internal static class TensorElementTypes
{
    /// <summary>Bytes of one element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An unknown type.</exception>
    public static int ElementBytes(this TensorElementType elementType) => elementType switch
    {
        TensorElementType.Float32 => sizeof(float),
        TensorElementType.Float16 => sizeof(ushort),
        TensorElementType.UInt8 => sizeof(byte),
        _ => throw new ArgumentOutOfRangeException(nameof(elementType), elementType, "Unknown element type."),
    };
}
