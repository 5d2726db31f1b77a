using System.Collections.Immutable;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>An input or output as a file or a session describes it.</summary>
/// <param name="Name">Name in the model.</param>
/// <param name="Type">Element type; <see cref="OrtElementType.Undefined"/> for what is no tensor.</param>
/// <param name="Shape">Dimensions; -1 for a free one.</param>
/// <param name="Symbols">Per dimension the name of a free one, empty when it has none.</param>
internal sealed record OnnxTensor(string Name, OrtElementType Type, ImmutableArray<long> Shape, ImmutableArray<string> Symbols)
{
    /// <summary>The type's name as model files write it.</summary>
    public string TypeName => Type == OrtElementType.Undefined ? "no tensor" : Type.ToString().ToLowerInvariant();

    /// <summary>The element type when it is one that this library runs with.</summary>
    public TensorElementType? ElementType => Type switch
    {
        OrtElementType.Float => TensorElementType.Float32,
        OrtElementType.Float16 => TensorElementType.Float16,
        OrtElementType.UInt8 => TensorElementType.UInt8,
        _ => null,
    };

    public TensorInfo ToInfo() => new(Name, TypeName, Shape);

    public override string ToString()
    {
        IEnumerable<string> dimensions = Shape.Zip(Symbols, static (size, symbol) => size >= 0 ? $"{size}" : symbol.Length > 0 ? symbol : "?");
        return $"'{Name}' {TypeName}[{string.Join(',', dimensions)}]";
    }
}
