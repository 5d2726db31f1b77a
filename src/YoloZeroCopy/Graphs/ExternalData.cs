using System.Collections.Immutable;
using System.Globalization;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Weights that lie in files beside a model.</summary>
internal static class ExternalData
{
    /// <summary>Whether a model has any.</summary>
    public static bool IsIn(OnnxModel model) => model.Proto.AllTensors().Any(static tensor => tensor.ExternalData.Count > 0);

    /// <summary>Makes a model of one file, which the caller disposes.</summary>
    /// <exception cref="ModelException">A file is missing, too short or outside the model's folder, or all together have more bytes than a model
    /// can.</exception>
    public static ModelBytes PutInside(OnnxModel model)
    {
        GraphProto graph = model.Proto.Graph;
        HashSet<TensorProto> outside =
            new(graph.Initializer.Where(static tensor => tensor.ExternalData.Count > 0), ReferenceEqualityComparer.Instance);
        if (model.Proto.AllTensors().FirstOrDefault(tensor => tensor.ExternalData.Count > 0 && !outside.Contains(tensor)) is TensorProto within)
        {
            throw new ModelException(
                model.Path, $"constant '{within.Name}' of one of its nodes lies in another file, which only weights of the graph may.");
        }

        return model.Change(new OnnxChange
        {
            Nodes = graph.Node,
            Inputs = graph.Input,
            Outputs = graph.Output,
            Keeps = tensor => !outside.Contains(tensor),
            Tensors = [.. outside.Select(tensor => Read(model.Path, tensor))],
        });
    }

    private static OnnxNewTensor Read(string path, TensorProto tensor)
    {
        Dictionary<string, string> entries = [];
        foreach (StringStringEntryProto entry in tensor.ExternalData)
        {
            entries[entry.Key] = entry.Value;
        }

        string location = entries.GetValueOrDefault("location", string.Empty);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? string.Empty;
        if (location.Length == 0 || location.Contains('\0') || Path.IsPathRooted(location)
            || !Path.GetFullPath(Path.Combine(folder, location)).StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new ModelException(path, $"the file '{location}' of weights '{tensor.Name}' is not in the model's folder.");
        }

        long bytes = ElementBytes((OrtElementType)tensor.DataType) * Math.Max(-1, OnnxTensorData.Count(tensor));
        long offset = Number("offset", 0);
        if (bytes is < 0 or > int.MaxValue || offset < 0 || Number("length", bytes) != bytes)
        {
            throw new ModelException(path, string.Create(
                CultureInfo.InvariantCulture,
                    $"weights '{tensor.Name}' of {bytes} bytes are said to be {Number("length", bytes)} bytes from {offset} on."));
        }

        string file = Path.Combine(folder, location);
        using (ModelContent content = ((ModelSource)file).OpenContent("a file of weights"))
        {
            if (offset > content.Length || content.Length - offset < bytes)
            {
                throw new ModelException(path, string.Create(
                    CultureInfo.InvariantCulture,
                    $"the file '{location}' has {content.Length} bytes; weights '{tensor.Name}' are {bytes} from {offset} on."));
            }
        }

        return new OnnxNewTensor(tensor.Name, (OrtElementType)tensor.DataType, [.. tensor.Dims], (int)bytes, target =>
        {
            using ModelContent content = ((ModelSource)file).OpenContent("a file of weights");
            content.ReadAll(target, offset);
        });

        long Number(string key, long standard) => !entries.TryGetValue(key, out string? text) ? standard
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : -1;
    }

    private static int ElementBytes(OrtElementType type) => type switch
    {
        OrtElementType.Double or OrtElementType.Int64 or OrtElementType.UInt64 => 8,
        OrtElementType.Float or OrtElementType.Int32 or OrtElementType.UInt32 => 4,
        OrtElementType.Float16 or OrtElementType.BFloat16 or OrtElementType.Int16 or OrtElementType.UInt16 => 2,
        OrtElementType.Int8 or OrtElementType.UInt8 or OrtElementType.Bool => 1,
        _ => -1,
    };
}
