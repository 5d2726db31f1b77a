namespace YoloZeroCopy;

/// <summary>Finds operators whose run depends on values that the host must read in between: how many there are, or which branch to take.</summary>
/// <remarks>
/// A CUDA graph would replay with the values of its capture. ONNX Runtime 1.31 refuses most of these, but captured <c>NonZero</c> without a word, and
/// the replay wrote to memory that was
/// gone (seen on an H200). So such a model is run without graphs.
/// </remarks>
internal static class HostDependentOperators
{
    private const int BlockBytes = 1 << 20;

    // Field 4 of an ONNX NodeProto, op_type, is the byte 0x22, the length and the name.
    private static readonly (string Name, byte[] Encoded)[] Operators =
        [.. new[] { "NonZero", "NonMaxSuppression", "Compress", "Unique", "Loop", "If", "Scan", "SequenceAt" }.Select(
            static name => (name, Encode(name)))];

    /// <summary>Name of the first kind found in a model, or null. A name that stands elsewhere in it by chance only costs the graph.</summary>
    /// <exception cref="ModelException">The model cannot be read.</exception>
    public static string? Find(ModelSource source)
    {
        using ModelContent content = source.OpenOnnx();

        // A name may lie across two blocks.
        const int Overlap = 32;
        byte[] block = new byte[Overlap + BlockBytes];
        for (long offset = 0; offset < content.Length; offset += BlockBytes)
        {
            Span<byte> bytes = block.AsSpan(0, (int)Math.Min(block.Length, content.Length - offset));
            content.ReadAll(bytes, offset);
            foreach ((string name, byte[] encoded) in Operators)
            {
                if (bytes.IndexOf(encoded) >= 0)
                {
                    return name;
                }
            }
        }

        return null;
    }

    private static byte[] Encode(string name) => [0x22, (byte)name.Length, .. System.Text.Encoding.ASCII.GetBytes(name)];
}
