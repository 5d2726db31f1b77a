using System.Collections.Immutable;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>What is to be another graph in a model; the rest of the model stays as it is.</summary>
internal sealed class OnnxChange
{
    /// <summary>All nodes, in an order in which they can run.</summary>
    public required IReadOnlyList<NodeProto> Nodes { get; init; }

    public required IReadOnlyList<ValueInfoProto> Inputs { get; init; }

    public required IReadOnlyList<ValueInfoProto> Outputs { get; init; }

    /// <summary>Whether an initializer stays; its bytes are not touched.</summary>
    public required Func<TensorProto, bool> Keeps { get; init; }

    /// <summary>Initializers that are added.</summary>
    public IReadOnlyList<OnnxNewTensor> Tensors { get; init; } = [];

    /// <summary>Sets of operators that the model imports and the nodes need besides.</summary>
    public IReadOnlyList<OperatorSetIdProto> OperatorSets { get; init; } = [];
}

/// <summary>An initializer whose values are written where they stay: weights are nearly all of a model.</summary>
/// <param name="Name">Name of the tensor.</param>
/// <param name="Type">Type of its elements.</param>
/// <param name="Dims">Its shape; empty for a single value.</param>
/// <param name="Bytes">Bytes of its values.</param>
/// <param name="Write">Writes them, all of them.</param>
internal sealed record OnnxNewTensor(string Name, OrtElementType Type, ImmutableArray<long> Dims, int Bytes, OnnxTensorWriter Write)
{
    /// <summary>A tensor of few values.</summary>
    public static OnnxNewTensor Of(string name, OrtElementType type, ImmutableArray<long> dims, byte[] values) =>
        new(name, type, dims, values.Length, target => values.CopyTo(target));
}

/// <summary>Fills the bytes of a tensor.</summary>
internal delegate void OnnxTensorWriter(Span<byte> target);

/// <summary>Names for new tensors of a model, none twice.</summary>
internal sealed class OnnxNames
{
    private readonly HashSet<string> taken;

    public OnnxNames(ModelProto model) => taken =
    [
        .. model.Graph.Node.SelectMany(static node => node.Input.Concat(node.Output).Append(node.Name)),
        .. model.Graph.Initializer.Select(static tensor => tensor.Name),
        .. model.Graph.Input.Concat(model.Graph.Output).Select(static value => value.Name),
    ];

    /// <summary>A name like this one, with a number behind it where it is taken.</summary>
    public string New(string name)
    {
        string free = name;
        for (int number = 2; !taken.Add(free); number++)
        {
            free = $"{name}_{number}";
        }

        return free;
    }
}
