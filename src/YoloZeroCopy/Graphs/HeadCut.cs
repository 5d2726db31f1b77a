using System.Collections.Immutable;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>A detection model in two: the network up to the last convolutions of its head, and the tail that makes boxes and scores of their
/// maps.</summary>
/// <remarks>
/// The tail runs over every anchor and every class, and nearly all of what it computes is then below the threshold. What decodes the maps itself
/// looks at the class logits first and computes boxes of candidates only.
/// </remarks>
internal sealed class HeadCut
{
    private readonly HashSet<NodeProto> tail;
    private readonly ImmutableArray<HeadConvolution> maps;
    private readonly string output;

    private HeadCut(HashSet<NodeProto> tail, ImmutableArray<HeadConvolution> maps, string output)
    {
        this.tail = tail;
        this.maps = maps;
        this.output = output;
    }

    /// <summary>The maps, in the order in which the model computes them.</summary>
    public ImmutableArray<HeadConvolution> Maps => maps;

    /// <summary>Cuts a model.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="output">Its detection output.</param>
    /// <param name="reason">Why it cannot be cut, where this is null.</param>
    public static HeadCut? TryCut(OnnxGraph graph, string output, out string? reason)
    {
        HashSet<NodeProto> tail = [];
        HashSet<string> maps = [];
        HashSet<string> seen = [];
        Stack<string> open = new([output]);
        while (open.TryPop(out string? tensor))
        {
            if (tensor.Length == 0 || !seen.Add(tensor) || graph.ProducerOf(tensor) is not NodeProto node)
            {
                if (graph.ConstantOf(tensor) is null && graph.Model.Graph.Input.Any(input => input.Name == tensor))
                {
                    reason = $"what follows its head reads the model's input '{tensor}' itself";
                    return null;
                }

                continue;
            }

            if (node.Attribute.Any(static attribute => attribute.G is not null || attribute.Graphs.Count > 0))
            {
                reason = $"operator {node.OpType} of its head has a graph of its own";
                return null;
            }

            if (node.OpType == "Conv" && !IsMeanOfBins(graph, node))
            {
                maps.Add(node.Output[0]);
                continue;
            }

            tail.Add(node);
            foreach (string input in node.Input)
            {
                open.Push(input);
            }
        }

        ImmutableArray<HeadConvolution> found =
            [.. graph.Model.Graph.Node.Where(node => node.OpType == "Conv" && maps.Contains(node.Output[0])).Select(node => Describe(graph, node))];
        if (found.Length == 0 || tail.Count == 0)
        {
            reason = "no convolutions stand at the end of its head";
            return null;
        }

        if (found.FirstOrDefault(static map => map.Channels == 0) is HeadConvolution unknown)
        {
            reason = $"the weights of convolution '{unknown.Name}' at the end of its head are no constant";
            return null;
        }

        reason = null;
        return new HeadCut(tail, found, output);
    }

    /// <summary>The model without its tail; the caller disposes it. Its outputs are the maps, in the order in which the model computes
    /// them.</summary>
    public ModelBytes Network(OnnxModel model) => model.Outputs([.. maps.Select(map => Declare(map.Name, ElementTypeOf(model.Proto)))]);

    /// <summary>The tail. Its inputs are the maps, its output the model's.</summary>
    public ModelProto Tail(OnnxModel model)
    {
        ModelProto proto = model.Proto;
        ModelProto part = new() { IrVersion = proto.IrVersion, Graph = new GraphProto { Name = "tail" } };
        part.OpsetImport.AddRange(proto.OpsetImport);
        part.Functions.AddRange(proto.Functions);
        part.Graph.Node.AddRange(proto.Graph.Node.Where(tail.Contains));
        HashSet<string> used = [.. part.Graph.Node.SelectMany(static node => node.Input)];
        part.Graph.Initializer.AddRange(proto.Graph.Initializer.Where(tensor => used.Contains(tensor.Name)).Select(model.Complete));
        part.Graph.Input.AddRange(maps.Select(map => Declare(map.Name, ElementTypeOf(proto))));
        part.Graph.Output.AddRange(proto.Graph.Output.Where(value => value.Name == output));
        return part;
    }

    /// <summary>
    /// Whether a convolution is the mean of a distribution over distances: one channel out, and its weights 0, 1, 2 and so on. Exports write it so.
    /// </summary>
    internal static bool IsMeanOfBins(OnnxGraph graph, NodeProto node)
    {
        if (node.Input.Count < 2 || graph.ConstantOf(node.Input[1]) is not { Dims: [1, > 1 and <= 256, 1, 1] } weights)
        {
            return false;
        }

        float[]? values = OnnxTensorData.Floats(weights);
        return values is not null && values.Select(static (value, index) => value == index).All(static equal => equal);
    }

    private static HeadConvolution Describe(OnnxGraph graph, NodeProto node) => new(
        node.Output[0],
        node.Input.Count > 1 && graph.ConstantOf(node.Input[1]) is { Dims: [> 0 and <= int.MaxValue, ..] } weights ? (int)weights.Dims[0] : 0);

    private static ValueInfoProto Declare(string name, int elementType) =>
        new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = elementType } } };

    // Weights tell what the maps are: a model in half precision may have its input and output in single.
    private static int ElementTypeOf(ModelProto model) => model.Graph.Initializer
        .FirstOrDefault(static tensor => tensor.Dims.Count == 4)?.DataType ?? (int)OrtElementType.Float;
}

/// <summary>A last convolution of a head: the map that it makes, and its channels.</summary>
internal sealed record HeadConvolution(string Name, int Channels);

/// <summary>Reads the values of constants.</summary>
internal static class OnnxTensorData
{
    /// <summary>A constant's elements as floats; null where it is of another type, lies in another file, or has too few bytes.</summary>
    public static float[]? Floats(TensorProto tensor)
    {
        long count = Count(tensor);
        float[]? values = (OrtElementType)tensor.DataType switch
        {
            OrtElementType.Float when tensor.HasRawData => tensor.RawData.Length == count * sizeof(float)
                ? MemoryMarshal.Cast<byte, float>(tensor.RawData.Span).ToArray() : null,
            OrtElementType.Float => [.. tensor.FloatData],
            OrtElementType.Float16 when tensor.HasRawData => tensor.RawData.Length == count * sizeof(ushort)
                ? Array.ConvertAll(MemoryMarshal.Cast<byte, Half>(tensor.RawData.Span).ToArray(), static half => (float)half) : null,
            OrtElementType.Float16 => [.. tensor.Int32Data.Select(static bits => (float)BitConverter.UInt16BitsToHalf((ushort)bits))],
            _ => null,
        };
        return values?.Length == count ? values : null;
    }

    /// <summary>The elements of a constant of 64-bit integers, as shapes and axes are; null where it is another one.</summary>
    public static long[]? Integers(TensorProto tensor)
    {
        if ((OrtElementType)tensor.DataType != OrtElementType.Int64 || tensor.ExternalData.Count > 0 || tensor.Dims.Count > 1)
        {
            return null;
        }

        long[]? values = !tensor.HasRawData ? [.. tensor.Int64Data]
            : tensor.RawData.Length % sizeof(long) == 0 ? MemoryMarshal.Cast<byte, long>(tensor.RawData.Span).ToArray() : null;
        return values?.Length == (tensor.Dims.Count == 0 ? 1 : tensor.Dims[0]) ? values : null;
    }

    /// <summary>Elements of a tensor; -1 where its shape is none or it has more than two billion.</summary>
    public static long Count(TensorProto tensor)
    {
        long count = 1;
        foreach (long size in tensor.Dims)
        {
            if (size is < 0 or > int.MaxValue || (count *= size) > int.MaxValue)
            {
                return -1;
            }
        }

        return count;
    }
}
