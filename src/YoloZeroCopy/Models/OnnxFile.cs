using System.Collections.Immutable;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>What an ONNX file says without a runtime: metadata, nodes, and the inputs with their shapes.</summary>
/// <remarks>Immutable. The file is untrusted.</remarks>
internal sealed record OnnxFile
{
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
        using OnnxModel model = OnnxModel.Read(source);
        return From(model.Proto);
    }

    /// <summary>Reads a model; null when it is none.</summary>
    /// <exception cref="ModelException">It is missing or cannot be read.</exception>
    public static OnnxFile? TryRead(ModelSource source)
    {
        using OnnxModel? model = OnnxModel.TryRead(source);
        return model is null ? null : From(model.Proto);
    }

    private static OnnxFile From(ModelProto model)
    {
        HashSet<string> constants = [.. model.Graph.Initializer.Select(static tensor => tensor.Name)];
        ImmutableDictionary<string, string>.Builder metadata = ImmutableDictionary.CreateBuilder<string, string>();
        foreach (StringStringEntryProto entry in model.MetadataProps)
        {
            metadata[entry.Key] = entry.Value;
        }

        return new OnnxFile
        {
            Metadata = metadata.ToImmutable(),
            NodeCount = model.Graph.Node.Count,
            Inputs = [.. model.Graph.Input.Where(input => !constants.Contains(input.Name)).Select(Tensor)],
            DataLocations = [.. model.AllTensors().SelectMany(Locations).Distinct()],
        };
    }

    private static IEnumerable<string> Locations(TensorProto tensor) => tensor.ExternalData
        .Where(static entry => entry.Key == "location" && entry.Value.Length > 0 && !entry.Value.Contains('\0'))
        .Select(static entry => entry.Value);

    private static OnnxTensor Tensor(ValueInfoProto value)
    {
        TypeProto.Types.Tensor tensor = value.Type?.TensorType ?? new TypeProto.Types.Tensor();
        OrtElementType type = Enum.IsDefined((OrtElementType)tensor.ElemType) ? (OrtElementType)tensor.ElemType : OrtElementType.Undefined;
        IEnumerable<TensorShapeProto.Types.Dimension> dimensions = tensor.Shape?.Dim ?? [];
        return new OnnxTensor(
            value.Name,
            type,
            [.. dimensions.Select(static dimension => dimension.DimValue > 0 ? dimension.DimValue : -1)],
            [.. dimensions.Select(static dimension => dimension.DimParam)]);
    }
}
