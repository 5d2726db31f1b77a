using System.Collections.Immutable;
using System.Text;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>
/// What an ONNX file says without a runtime: metadata, nodes, and the inputs with their shapes. Field numbers are those of onnx.proto.
/// </summary>
/// <remarks>Immutable. The file is untrusted: every length is checked against what is there.</remarks>
internal sealed record OnnxFile
{
    private const int ModelGraph = 7;
    private const int ModelMetadata = 14;
    private const int ModelFunction = 25;
    private const int FunctionNode = 7;
    private const int GraphNode = 1;
    private const int GraphInitializer = 5;
    private const int GraphInput = 11;

    // Graphs within graphs, as branches and loops are. More is no model, and must not exhaust the stack.
    private const int MaxDepth = 32;

    private static readonly UTF8Encoding Utf8Text = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: false);

    /// <summary>Every key and value of the file's metadata.</summary>
    public required ImmutableDictionary<string, string> Metadata { get; init; }

    /// <summary>Nodes of the graph: its layers, before TensorRT joins some.</summary>
    public required int NodeCount { get; init; }

    /// <summary>Inputs that are not constants; a dimension of -1 is free.</summary>
    public required ImmutableArray<OnnxTensor> Inputs { get; init; }

    /// <summary>Where constants lie that are not in the file: paths below its folder.</summary>
    public ImmutableArray<string> DataLocations { get; init; } = [];

    /// <summary>The files of <see cref="DataLocations"/>.</summary>
    /// <param name="path">This file.</param>
    public IEnumerable<string> DataFiles(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? string.Empty;
        return DataLocations.Select(location => Path.Combine(folder, location));
    }

    /// <summary>Reads a model.</summary>
    /// <exception cref="ModelException">It is missing, cannot be read, or is no ONNX model.</exception>
    public static OnnxFile Read(ModelSource source)
    {
        using ModelContent content = source.OpenOnnx();
        ReadOnlyMemory<byte>? bytes = source.Bytes;
        if (bytes is null)
        {
            byte[] read = new byte[content.Length];
            content.ReadAll(read, 0);
            bytes = read;
        }

        return TryParse(bytes.Value.Span) ?? throw new ModelException(source.Path, "it is no ONNX model, or it is damaged.");
    }

    /// <summary>Reads a file's bytes; null when they are no ONNX model.</summary>
    internal static OnnxFile? TryParse(ReadOnlySpan<byte> bytes)
    {
        ImmutableDictionary<string, string>.Builder metadata = ImmutableDictionary.CreateBuilder<string, string>();
        HashSet<string> data = [];
        ReadOnlySpan<byte> graph = default;
        ProtobufReader model = new(bytes);
        while (model.Next(out int field, out ReadOnlySpan<byte> value))
        {
            if (field == ModelGraph)
            {
                graph = value;
            }
            else if (field == ModelFunction && !AddLocations(value, FunctionNode, data, MaxDepth))
            {
                return null;
            }
            else if (field == ModelMetadata && !TryReadEntry(value, metadata))
            {
                return null;
            }
        }

        return model.IsDamaged || graph.IsEmpty || !AddLocations(graph, GraphNode, data, MaxDepth)
            ? null
            : ParseGraph(graph, metadata.ToImmutable(), [.. data]);
    }

    private static OnnxFile? ParseGraph(
        ReadOnlySpan<byte> graph, ImmutableDictionary<string, string> metadata, ImmutableArray<string> data)
    {
        int nodes = 0;
        HashSet<string> constants = [];
        List<OnnxTensor> inputs = [];
        ProtobufReader reader = new(graph);
        while (reader.Next(out int field, out ReadOnlySpan<byte> value))
        {
            switch (field)
            {
                case GraphNode:
                    nodes++;
                    break;
                case GraphInitializer:
                    const int TensorName = 8;
                    _ = constants.Add(Text(Find(value, TensorName)));
                    break;
                case GraphInput:
                    inputs.Add(Tensor(value));
                    break;
            }
        }

        return reader.IsDamaged
            ? null
            : new OnnxFile
            {
                Metadata = metadata,
                NodeCount = nodes,
                Inputs = [.. inputs.Where(input => !constants.Contains(input.Name))],
                DataLocations = data,
            };
    }

    /// <summary>
    /// Adds where the constants of a graph or function lie: its initializers, and those in its nodes' attributes. False where it is damaged.
    /// </summary>
    /// <param name="body">The graph or function.</param>
    /// <param name="nodeField">Number of the field that holds its nodes.</param>
    /// <param name="locations">Takes the locations.</param>
    /// <param name="depth">Graphs that may still lie within it.</param>
    private static bool AddLocations(ReadOnlySpan<byte> body, int nodeField, HashSet<string> locations, int depth)
    {
        ProtobufReader reader = new(body);
        bool isWhole = depth > 0;
        while (isWhole && reader.Next(out int field, out ReadOnlySpan<byte> value))
        {
            if (field == nodeField)
            {
                isWhole = AddNodeLocations(value, locations, depth);
            }
            else if (field == GraphInitializer && nodeField == GraphNode)
            {
                AddLocation(value, locations);
            }
        }

        return isWhole && !reader.IsDamaged;
    }

    private static bool AddNodeLocations(ReadOnlySpan<byte> node, HashSet<string> locations, int depth)
    {
        const int NodeAttribute = 5;
        bool isWhole = true;
        ProtobufReader attributes = new(node);
        while (isWhole && attributes.Next(out int field, out ReadOnlySpan<byte> attribute))
        {
            ProtobufReader values = new(field == NodeAttribute ? attribute : default);
            while (isWhole && values.Next(out int kind, out ReadOnlySpan<byte> value))
            {
                // AttributeProto: t (5) and tensors (10) are tensors, g (6) and graphs (11) graphs.
                switch (kind)
                {
                    case 5 or 10:
                        AddLocation(value, locations);
                        break;
                    case 6 or 11:
                        isWhole = AddLocations(value, GraphNode, locations, depth - 1);
                        break;
                }
            }
        }

        return isWhole;
    }

    // TensorProto.external_data (13): entries of key (1) and value (2), of which "location" is the file.
    private static void AddLocation(ReadOnlySpan<byte> tensor, HashSet<string> locations)
    {
        const int ExternalData = 13;
        ProtobufReader reader = new(tensor);
        while (reader.Next(out int field, out ReadOnlySpan<byte> entry))
        {
            if (field == ExternalData && Find(entry, 1).SequenceEqual("location"u8) && Text(Find(entry, 2)) is { Length: > 0 } location
                && !location.Contains('\0'))
            {
                _ = locations.Add(location);
            }
        }
    }

    private static bool TryReadEntry(ReadOnlySpan<byte> entry, ImmutableDictionary<string, string>.Builder metadata)
    {
        string key = string.Empty;
        string value = string.Empty;
        ProtobufReader reader = new(entry);
        while (reader.Next(out int field, out ReadOnlySpan<byte> text))
        {
            (key, value) = field switch { 1 => (Text(text), value), 2 => (key, Text(text)), _ => (key, value) };
        }

        metadata[key] = value;
        return !reader.IsDamaged;
    }

    // ValueInfoProto: name (1), type (2). tensor_type (1): elem_type (1), shape (2). dim (1): dim_value (1) or dim_param (2).
    private static OnnxTensor Tensor(ReadOnlySpan<byte> valueInfo)
    {
        const int Name = 1;
        const int ElementType = 1;
        const int DimensionValue = 1;
        const int DimensionName = 2;
        OrtElementType type = OrtElementType.Undefined;
        ReadOnlySpan<byte> shape = default;
        ProtobufReader tensor = new(Find(Find(valueInfo, 2), 1));
        while (tensor.Next(out int field, out ReadOnlySpan<byte> value))
        {
            if (field == ElementType && Enum.IsDefined((OrtElementType)tensor.Number))
            {
                type = (OrtElementType)tensor.Number;
            }
            else if (field == 2)
            {
                shape = value;
            }
        }

        ImmutableArray<long>.Builder sizes = ImmutableArray.CreateBuilder<long>();
        ImmutableArray<string>.Builder symbols = ImmutableArray.CreateBuilder<string>();
        ProtobufReader dimensions = new(shape);
        while (dimensions.Next(out int field, out ReadOnlySpan<byte> dimension))
        {
            if (field != 1)
            {
                continue;
            }

            long size = -1;
            string symbol = string.Empty;
            ProtobufReader reader = new(dimension);
            while (reader.Next(out int part, out ReadOnlySpan<byte> text))
            {
                size = part == DimensionValue && reader.Number > 0 ? reader.Number : size;
                symbol = part == DimensionName ? Text(text) : symbol;
            }

            sizes.Add(size);
            symbols.Add(symbol);
        }

        return new OnnxTensor(Text(Find(valueInfo, Name)), type, sizes.ToImmutable(), symbols.ToImmutable());
    }

    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> message, int wanted)
    {
        ProtobufReader reader = new(message);
        while (reader.Next(out int field, out ReadOnlySpan<byte> value))
        {
            if (field == wanted)
            {
                return value;
            }
        }

        return default;
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Utf8Text.GetString(bytes);
}
