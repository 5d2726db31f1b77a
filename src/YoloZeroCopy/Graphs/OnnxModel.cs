using Google.Protobuf;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Reads the messages of ONNX models.</summary>
/// <remarks>
/// Models are untrusted. The protobuf library checks every length against what is there, and ends at a depth of 100 messages, which are 33 graphs
/// within graphs.
/// </remarks>
internal static class OnnxModel
{
    /// <summary>Reads a model.</summary>
    /// <exception cref="ModelException">It is missing, cannot be read, or is no ONNX model.</exception>
    public static ModelProto Read(ModelSource source) =>
        TryRead(source) ?? throw new ModelException(source.Path, "it is no ONNX model, or it is damaged.");

    /// <summary>Reads a model; null when it is none.</summary>
    /// <exception cref="ModelException">It is missing or cannot be read.</exception>
    public static ModelProto? TryRead(ModelSource source)
    {
        using ModelContent content = source.OpenOnnx();
        ReadOnlyMemory<byte>? bytes = source.Bytes;
        if (bytes is null)
        {
            byte[] read = new byte[content.Length];
            content.ReadAll(read, 0);
            bytes = read;
        }

        return TryParse(bytes.Value.Span);
    }

    /// <summary>Reads a model's bytes; null when they are none.</summary>
    public static ModelProto? TryParse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            ModelProto model = ModelProto.Parser.ParseFrom(bytes);
            return model.Graph is null ? null : model;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    /// <summary>Every node of the model: those of its graph, of the graphs within its nodes, and of its functions.</summary>
    public static IEnumerable<NodeProto> AllNodes(this ModelProto model) =>
        model.Graph.Node.Concat(model.Functions.SelectMany(static function => function.Node)).SelectMany(Within);

    /// <summary>Every tensor that is part of the model: initializers, and those in attributes.</summary>
    public static IEnumerable<TensorProto> AllTensors(this ModelProto model) => model.Graph.Initializer.Concat(model.AllNodes()
        .SelectMany(static node => node.Attribute)
        .SelectMany(static attribute => Tensors(attribute).Concat(Graphs(attribute).SelectMany(static graph => graph.Initializer))));

    private static IEnumerable<NodeProto> Within(NodeProto node) =>
        node.Attribute.SelectMany(Graphs).SelectMany(static graph => graph.Node).SelectMany(Within).Prepend(node);

    private static IEnumerable<GraphProto> Graphs(AttributeProto attribute) =>
        attribute.G is null ? attribute.Graphs : attribute.Graphs.Prepend(attribute.G);

    private static IEnumerable<TensorProto> Tensors(AttributeProto attribute) =>
        attribute.T is null ? attribute.Tensors : attribute.Tensors.Prepend(attribute.T);
}
