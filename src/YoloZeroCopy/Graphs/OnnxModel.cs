using System.Runtime.InteropServices;
using Google.Protobuf;
using YoloZeroCopy.Interop;
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

    // And before any field.
    private const int MostHeadBytes = 10;
    private const int MaxBytes = int.MaxValue;
    private const int LeastIrVersion = 4;

    private readonly ModelBytes bytes;
    private readonly List<ProtobufField> fields;
    private readonly Dictionary<int, List<ProtobufField>> graphs = [];
    private readonly Dictionary<TensorProto, ProtobufField> large = new(ReferenceEqualityComparer.Instance);

    private OnnxModel(string path, ModelBytes bytes, List<ProtobufField> fields)
    {
        Path = path;
        this.bytes = bytes;
        this.fields = fields;
    }

    /// <summary>The file, or what messages call it.</summary>
    public string Path { get; }

    /// <summary>The model's bytes as they are, until it is disposed.</summary>
    public ReadOnlySpan<byte> Bytes => bytes.Span;

    /// <summary>The same.</summary>
    public ReadOnlyMemory<byte> Memory => bytes.Memory;

    /// <summary>The model. Tensors of more than some kilobytes have no values here: <see cref="Complete"/> gives them.</summary>
    public ModelProto Proto { get; } = new();

    /// <summary>Reads a model.</summary>
    /// <exception cref="ModelException">It is missing, cannot be read, or is no ONNX model.</exception>
    public static OnnxModel Read(ModelSource source) =>
        TryRead(source) ?? throw new ModelException(source.Path, "it is no ONNX model, or it is damaged.");

    /// <summary>Reads a model; null when it is none.</summary>
    /// <exception cref="ModelException">It is missing or cannot be read.</exception>
    public static OnnxModel? TryRead(ModelSource source) => TryParse(source.Path, ModelBytes.Read(source));

    /// <summary>Reads a model, and the files beside it that hold weights, too.</summary>
    /// <exception cref="ModelException">As <see cref="Read"/>; or one of those files is missing, too short or outside the model's folder, or all
    /// together have more bytes than a model can.</exception>
    public static OnnxModel ReadWhole(ModelSource source)
    {
        OnnxModel model = Read(source);
        if (!ExternalData.IsIn(model))
        {
            return model;
        }

        using (model)
        {
            return TryParse(source.Path, ExternalData.PutInside(model))!;
        }
    }

    /// <summary>A tensor of this model with its values.</summary>
    /// <exception cref="ModelException">It is large, so that its values were not read before, and they are damaged.</exception>
    public TensorProto Complete(TensorProto tensor)
    {
        try
        {
            return large.TryGetValue(tensor, out ProtobufField field) ? TensorProto.Parser.ParseFrom(field.ContentOf(bytes.Span)) : tensor;
        }
        catch (InvalidProtocolBufferException)
        {
            throw new ModelException(Path, $"its tensor '{tensor.Name}' is damaged.");
        }
    }

    /// <summary>A tensor's raw data where it lies in the file; empty where it has its values in another form, or none.</summary>
    public ReadOnlySpan<byte> RawDataOf(TensorProto tensor)
    {
        if (!large.TryGetValue(tensor, out ProtobufField field))
        {
            return tensor.RawData.Span;
        }

        ProtobufField data = ProtobufField.TryRead(bytes.Span, field.ContentStart, field.End)!
            .LastOrDefault(static part => part is { Number: TensorProto.RawDataFieldNumber, IsMessage: true });
        return data.ContentOf(bytes.Span);
    }

    /// <summary>This model with other outputs, and without the nodes that those do not need; the caller disposes it.</summary>
    public ModelBytes Outputs(IReadOnlyList<ValueInfoProto> newOutputs)
    {
        HashSet<string> wanted = [.. newOutputs.Select(static output => output.Name)];
        HashSet<int> needed = [];
        for (int index = Proto.Graph.Node.Count - 1; index >= 0; index--)
        {
            NodeProto node = Proto.Graph.Node[index];
            if (node.Output.Any(wanted.Contains))
            {
                needed.Add(index);
                wanted.UnionWith(node.NamesIn());
            }
        }

        return Change(needed.Contains, newOutputs);
    }

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

    /// <summary>This model with another graph; the caller disposes it. What is declared of tensors between the nodes is left out.</summary>
    /// <exception cref="ModelException">It would be larger than a model can be.</exception>
    public ModelBytes Change(OnnxChange change)
    {
        // As above; but here nodes, inputs and outputs all come in the graph that is added, and so do the new initializers.
        GraphProto added = new();
        added.Node.AddRange(change.Nodes);
        added.Input.AddRange(change.Inputs);
        added.Output.AddRange(change.Outputs);
        byte[] end = added.ToByteArray();

        // Before version 4 of the format every initializer was an input, too, and nothing else changed that is of interest here.
        ModelProto imports = new() { IrVersion = Math.Max(Proto.IrVersion, LeastIrVersion) };
        imports.OpsetImport.AddRange(change.OperatorSets);
        byte[] sets = imports.ToByteArray();
        (OnnxNewTensor Tensor, byte[] Head, int Length)[] tensors = [.. change.Tensors.Select(Encode)];
        long addedLength = end.Length + tensors.Sum(static tensor => (long)MostHeadBytes + tensor.Length);
        long most = bytes.Span.Length + ((graphs.Count + 1L) * MostHeadBytes) + sets.Length + addedLength;
        if (most > MaxBytes)
        {
            throw new ModelException(Path, $"changed, it would have {most} bytes with its weights inside; an ONNX file has at most {MaxBytes}.");
        }

        ModelBytes changed = ModelBytes.Allocate((int)most);
        int length = 0;
        int initializer = 0;
        foreach (ProtobufField field in fields)
        {
            if (!graphs.TryGetValue(field.Start, out List<ProtobufField>? parts))
            {
                Append(field.Of(bytes.Span));
                continue;
            }

            ProtobufField[] kept = [.. parts.Where(Stays)];
            length += ProtobufField.WriteHead(changed.Span[length..], ModelProto.GraphFieldNumber, kept.Sum(static part => part.Length));
            foreach (ProtobufField part in kept)
            {
                Append(part.Of(bytes.Span));
            }
        }

        Append(sets);
        length += ProtobufField.WriteHead(
            changed.Span[length..], ModelProto.GraphFieldNumber,
            end.Length + tensors.Sum(static tensor => ProtobufField.HeadLength(GraphProto.InitializerFieldNumber, tensor.Length) + tensor.Length));
        Append(end);
        foreach ((OnnxNewTensor tensor, byte[] head, int tensorLength) in tensors)
        {
            length += ProtobufField.WriteHead(changed.Span[length..], GraphProto.InitializerFieldNumber, tensorLength);
            Append(head);
            length += ProtobufField.WriteHead(changed.Span[length..], TensorProto.RawDataFieldNumber, tensor.Bytes);
            tensor.Write(changed.Span.Slice(length, tensor.Bytes));
            length += tensor.Bytes;
        }

        changed.Truncate(length);
        return changed;

        bool Stays(ProtobufField part) => part switch
        {
            { Number: GraphProto.InitializerFieldNumber, IsMessage: true } => change.Keeps(Proto.Graph.Initializer[initializer++]),
            { IsMessage: true } => part.Number is not (GraphProto.NodeFieldNumber or GraphProto.InputFieldNumber or GraphProto.OutputFieldNumber
                or GraphProto.ValueInfoFieldNumber),
            _ => true,
        };

        void Append(ReadOnlySpan<byte> part)
        {
            part.CopyTo(changed.Span[length..]);
            length += part.Length;
        }
    }

    /// <summary>The values of a tensor of this model in single precision, where they lie where possible; empty where it has none or another
    /// type.</summary>
    public ReadOnlySpan<float> Singles(TensorProto tensor)
    {
        if (tensor.DataType != (int)OrtElementType.Float)
        {
            return [];
        }

        if (large.TryGetValue(tensor, out ProtobufField field)
            && ProtobufField.TryRead(bytes.Span, field.ContentStart, field.End) is List<ProtobufField> parts
            && parts.Where(static part => part.Number is TensorProto.RawDataFieldNumber
                or TensorProto.FloatDataFieldNumber).ToArray() is [{ IsMessage: true } only])
        {
            // Floats that are packed lie as raw ones do.
            ReadOnlySpan<byte> content = only.ContentOf(bytes.Span);
            return content.Length == OnnxTensorData.Count(tensor) * sizeof(float) ? MemoryMarshal.Cast<byte, float>(content) : [];
        }

        return OnnxTensorData.Floats(Complete(tensor)) ?? [];
    }

    public void Dispose() => bytes.Dispose();

    private static OnnxModel? TryParse(string path, ModelBytes bytes)
    {
        bool isRead = false;
        try
        {
            if (ProtobufField.TryRead(bytes.Span, 0, bytes.Span.Length) is List<ProtobufField> fields)
            {
                OnnxModel model = new(path, bytes, fields);
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

    private static (OnnxNewTensor Tensor, byte[] Head, int Length) Encode(OnnxNewTensor tensor)
    {
        TensorProto proto = new() { Name = tensor.Name, DataType = (int)tensor.Type };
        proto.Dims.AddRange(tensor.Dims);
        byte[] head = proto.ToByteArray();
        return (tensor, head, checked(head.Length + ProtobufField.HeadLength(TensorProto.RawDataFieldNumber, tensor.Bytes) + tensor.Bytes));
    }

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

    /// <summary>Every tensor that a node reads. A graph within it may name any tensor outside.</summary>
    public static IEnumerable<string> NamesIn(this NodeProto node) =>
        node.Input.Concat(node.Attribute.SelectMany(Graphs).SelectMany(static graph => graph.Node).SelectMany(NamesIn));

    private static IEnumerable<NodeProto> Within(NodeProto node) =>
        node.Attribute.SelectMany(Graphs).SelectMany(static graph => graph.Node).SelectMany(Within).Prepend(node);

    private static IEnumerable<GraphProto> Graphs(AttributeProto attribute) =>
        attribute.G is null ? attribute.Graphs : attribute.Graphs.Prepend(attribute.G);

    private static IEnumerable<TensorProto> Tensors(AttributeProto attribute) =>
        attribute.T is null ? attribute.Tensors : attribute.Tensors.Prepend(attribute.T);
}
