using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Name, element type and shape of a model's input or output.</summary>
/// <param name="Name">Name in the model.</param>
/// <param name="ElementType">Type of an element, as the model file states it (`float`, `float16`, `int64` ...).</param>
/// <param name="Shape">Dimensions; -1 for one that the model leaves free.</param>
public sealed record TensorInfo(string Name, string ElementType, ImmutableArray<long> Shape)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name} {ElementType}[{string.Join(',', Shape)}]";
}
