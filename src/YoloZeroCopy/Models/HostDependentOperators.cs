using System.Collections.Frozen;

namespace YoloZeroCopy;

/// <summary>Finds operators whose run depends on values that the host must read in between: how many there are, or which branch to take.</summary>
/// <remarks>
/// A CUDA graph would replay with the values of its capture. ONNX Runtime 1.31 refuses most of these, but captured <c>NonZero</c> without a word, and
/// the replay wrote to memory that was
/// gone (seen on an H200). So such a model is run without graphs.
/// </remarks>
internal static class HostDependentOperators
{
    private static readonly FrozenSet<string> Operators =
        FrozenSet.Create("NonZero", "NonMaxSuppression", "Compress", "Unique", "Loop", "If", "Scan", "SequenceAt");

    /// <summary>Name of the first kind found in a model; null where there is none, or it is no model that can be read.</summary>
    /// <exception cref="ModelException">The model is missing or cannot be read.</exception>
    public static string? Find(ModelSource source)
    {
        using OnnxModel? model = OnnxModel.TryRead(source);
        return model?.Proto.AllNodes().FirstOrDefault(static node => Operators.Contains(node.OpType))?.OpType;
    }
}
