using Google.Protobuf;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>An ONNX model that is read, with its weights left where they lie.</summary>
/// <remarks>
/// Weights are nearly all of a file, and what reads or changes a graph needs few of them: large ones are not copied, and a changed model is the
/// file's own bytes with fields left out and others added. Models are untrusted: every length is checked against what is there, and graphs within
/// graphs end where the protobuf library's limit of 100 messages within messages does. One thread at a time; dispose it.
/// </remarks>
internal sealed class OnnxModel : IDisposable
{
    // Shapes, axes and the like are smaller, weights larger.
    private const int SmallBytes = 4096;

    // Before a graph stand its field's number, one byte, and its length, five at most.
    private const int HeadBytes = 6;

    private readonly ModelBytes bytes;
    private readonly List<ProtobufField> fields;
    private readonly Dictionary<int, List<ProtobufField>> graphs = [];
    private readonly Dictionary<TensorProto, ProtobufField> large = new(ReferenceEqualityComparer.Instance);

    private OnnxModel(ModelBytes bytes, List<ProtobufField> fields)
    {
        this.bytes = bytes;
        this.fields = fields;
    }

    /// <summary>The model. Tensors of more than some kilobytes have no values here: <see cref="Complete"/> gives them.</summary>
    public ModelProto Proto { get; } = new();

    /// <summary>Reads a model.</summary>
    /// <exception cref="ModelException">It is missing, cannot be read, or is no ONNX model.</exception>
    public static OnnxModel Read(ModelSource source) =>
        TryRead(source) ?? throw new ModelException(source.Path, "it is no ONNX model, or it is damaged.");

    /// <summary>Reads a model; null when it is none.</summary>
    /// <exception cref="ModelException">It is missing or cannot be read.</exception>
    public static OnnxModel? TryRead(ModelSource source)
    {
        ModelBytes bytes = ModelBytes.Read(source);
        bool isRead = false;
        try
        {
            if (ProtobufField.TryRead(bytes.Span, 0, bytes.Span.Length) is List<ProtobufField> fields)
            {
                OnnxModel model = new(bytes, fields);
                isRead = model.TryParse();
                return isRead ? model : null;
            }

            return null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
        finally
        {
            if (!isRead)
            {
                bytes.Dispose();
            }
        }
    }

    /// <summary>A tensor of this model with its values.</summary>
    public TensorProto Complete(TensorProto tensor) =>
        large.TryGetValue(tensor, out ProtobufField field) ? TensorProto.Parser.ParseFrom(field.ContentOf(bytes.Span)) : tensor;

    /// <summary>This model without some of its nodes and with other outputs; the caller disposes it.</summary>
    /// <param name="keeps">Whether a node stays, by its place in the graph.</param>
    /// <param name="newOutputs">What takes the place of the outputs.</param>
    public ModelBytes Change(Func<int, bool> keeps, IEnumerable<ValueInfoProto> newOutputs)
    {
        // Two graphs in one model are one: what is added may come as a graph of its own.
        GraphProto added = new();
        added.Output.AddRange(newOutputs);
        byte[] end = new ModelProto { Graph = added }.ToByteArray();
        ModelBytes changed = ModelBytes.Allocate(checked(bytes.Span.Length + (graphs.Count * HeadBytes) + end.Length));
        int length = 0;
        int node = 0;
        foreach (ProtobufField field in fields)
        {
            if (!graphs.TryGetValue(field.Start, out List<ProtobufField>? parts))
            {
                Append(field.Of(bytes.Span));
                continue;
            }

            ProtobufField[] kept = [.. parts.Where(part => part.Number != GraphProto.OutputFieldNumber
                && (part.Number != GraphProto.NodeFieldNumber || keeps(node++)))];
            length += ProtobufField.WriteHead(changed.Span[length..], ModelProto.GraphFieldNumber, kept.Sum(static part => part.Length));
            foreach (ProtobufField part in kept)
            {
                Append(part.Of(bytes.Span));
            }
        }

        Append(end);
        changed.Truncate(length);
        return changed;

        void Append(ReadOnlySpan<byte> part)
        {
            part.CopyTo(changed.Span[length..]);
            length += part.Length;
        }
    }

    public void Dispose() => bytes.Dispose();

    private bool TryParse()
    {
        foreach (ProtobufField field in fields)
        {
            if (field is not { Number: ModelProto.GraphFieldNumber, IsMessage: true })
            {
                Proto.MergeFrom(field.Of(bytes.Span));
            }
            else if (!TryParseGraph(field))
            {
                return false;
            }
        }

        return Proto.Graph is not null;
    }

    private bool TryParseGraph(ProtobufField graph)
    {
        if (ProtobufField.TryRead(bytes.Span, graph.ContentStart, graph.End) is not List<ProtobufField> parts)
        {
            return false;
        }

        Proto.Graph ??= new GraphProto();
        graphs.Add(graph.Start, parts);
        foreach (ProtobufField part in parts)
        {
            if (part is not { Number: GraphProto.InitializerFieldNumber, IsMessage: true, Length: > SmallBytes })
            {
                Proto.Graph.MergeFrom(part.Of(bytes.Span));
            }
            else if (!TryParseLarge(part))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryParseLarge(ProtobufField initializer)
    {
        if (ProtobufField.TryRead(bytes.Span, initializer.ContentStart, initializer.End) is not List<ProtobufField> parts)
        {
            return false;
        }

        TensorProto head = new();
        foreach (ProtobufField part in parts.Where(static part => part.Length <= SmallBytes))
        {
            head.MergeFrom(part.Of(bytes.Span));
        }

        Proto.Graph.Initializer.Add(head);
        large.Add(head, initializer);
        return true;
    }
}

/// <summary>Walks over all of a model.</summary>
internal static class OnnxWalk
{
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
