using System.Collections.Immutable;
using System.Text;

namespace YoloZeroCopy;

/// <summary>What an ONNX file says without a runtime: metadata, nodes, and the inputs with their shapes. Field numbers are those of onnx.proto.</summary>
/// <remarks>Immutable. The file is untrusted: every length is checked against what is there.</remarks>
internal sealed record OnnxFile
{
    private const int ModelGraph = 7;
    private const int ModelMetadata = 14;
    private const int GraphNode = 1;
    private const int GraphInitializer = 5;
    private const int GraphInput = 11;

    private static readonly UTF8Encoding Utf8Text = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: false);

    /// <summary>Every key and value of the file's metadata.</summary>
    public required ImmutableDictionary<string, string> Metadata { get; init; }

    /// <summary>Nodes of the graph: its layers, before TensorRT joins some.</summary>
    public required int NodeCount { get; init; }

    /// <summary>Inputs that are not constants; a dimension of -1 is free.</summary>
    public required ImmutableArray<(string Name, ImmutableArray<long> Shape)> Inputs { get; init; }

    /// <summary>Where constants lie that are not in the file: paths below its folder.</summary>
    public ImmutableArray<string> DataLocations { get; init; } = [];

    /// <summary>The files of <see cref="DataLocations"/>.</summary>
    /// <param name="path">This file.</param>
    public IEnumerable<string> DataFiles(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? string.Empty;
        return DataLocations.Select(location => Path.Combine(folder, location));
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="ModelException">It is missing, cannot be read, or is no ONNX model.</exception>
    public static OnnxFile Read(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelException(path, $"the file does not exist (looked for '{Path.GetFullPath(path)}').", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException(path, $"the file cannot be read: {error.Message}", error);
        }

        return TryParse(bytes) ?? throw new ModelException(path, bytes.Length == 0 ? "the file is empty." : "it is no ONNX model, or it is damaged.");
    }

    /// <summary>Reads a file's bytes; null when they are no ONNX model.</summary>
    internal static OnnxFile? TryParse(ReadOnlySpan<byte> bytes)
    {
        ImmutableDictionary<string, string>.Builder metadata = ImmutableDictionary.CreateBuilder<string, string>();
        ReadOnlySpan<byte> graph = default;
        ProtobufReader model = new(bytes);
        while (model.Next(out int field, out ReadOnlySpan<byte> value))
        {
            if (field == ModelGraph)
            {
                graph = value;
            }
            else if (field == ModelMetadata && !TryReadEntry(value, metadata))
            {
                return null;
            }
        }

        return model.IsDamaged || graph.IsEmpty ? null : ParseGraph(graph, metadata.ToImmutable());
    }

    private static OnnxFile? ParseGraph(ReadOnlySpan<byte> graph, ImmutableDictionary<string, string> metadata)
    {
        int nodes = 0;
        HashSet<string> constants = [];
        HashSet<string> data = [];
        List<(string Name, ImmutableArray<long> Shape)> inputs = [];
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
                    AddLocation(value, data);
                    break;
                case GraphInput:
                    inputs.Add((Text(Find(value, 1)), ShapeOf(value)));
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
                DataLocations = [.. data],
            };
    }

    // TensorProto.external_data (13): entries of key (1) and value (2), of which "location" is the file.
    private static void AddLocation(ReadOnlySpan<byte> tensor, HashSet<string> locations)
    {
        const int ExternalData = 13;
        ProtobufReader reader = new(tensor);
        while (reader.Next(out int field, out ReadOnlySpan<byte> entry))
        {
            if (field == ExternalData && Find(entry, 1).SequenceEqual("location"u8) && Text(Find(entry, 2)) is { Length: > 0 } location && !location.Contains('\0'))
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

    // ValueInfoProto.type (2) . tensor_type (1) . shape (2) . dim (1) . dim_value (1).
    private static ImmutableArray<long> ShapeOf(ReadOnlySpan<byte> valueInfo)
    {
        ImmutableArray<long>.Builder shape = ImmutableArray.CreateBuilder<long>();
        ProtobufReader dimensions = new(Find(Find(Find(valueInfo, 2), 1), 2));
        while (dimensions.Next(out int field, out ReadOnlySpan<byte> dimension))
        {
            if (field != 1)
            {
                continue;
            }

            long size = -1;
            ProtobufReader reader = new(dimension);
            while (reader.Next(out int part, out _))
            {
                size = part == 1 && reader.Number > 0 ? reader.Number : size;
            }

            shape.Add(size);
        }

        return shape.ToImmutable();
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
