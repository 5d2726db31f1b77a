using System.Runtime.InteropServices;
using Google.Protobuf;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>
/// The small models of the architectures, twice as wide. Their files are small because they are so narrow that parts of four channels stand in them,
/// which no layer can take.
/// </summary>
internal static class WideModel
{
    /// <summary>Reads a model and widens it.</summary>
    public static ModelProto Read(string path)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        Assert.True(OnnxGraph.TryCreate(model, out OnnxGraph? graph, out string? reason), reason);
        Widen(model, [.. HeadCut.TryCut(graph, "output0", out _)!.Maps.Select(static map => map.Name)]);
        return model;
    }

    /// <summary>Gives a network a channel of zeros behind each of its channels, but for input and maps, and weights that half precision
    /// has.</summary>
    /// <param name="model">The model, whose head behind the maps stays as it is.</param>
    /// <param name="maps">Names of the maps.</param>
    private static void Widen(ModelProto model, HashSet<string> maps)
    {
        NodeProto[] nodes = [.. Before(model.Graph, maps)];
        HashSet<string> inShapes = [.. nodes.Where(static node => node.OpType is "Concat" or "Reshape").SelectMany(static node => node.Input)];
        HashSet<string> inSplits = [.. nodes.Where(static node => node.OpType == "Split").Select(static node => node.Input[1])];
        foreach (NodeProto node in nodes)
        {
            if (node is { OpType: "Constant" } && node.Attribute[0].T is { DataType: (int)OrtElementType.Int64, Dims.Count: 1 } constant)
            {
                long[] numbers = OnnxTensorData.Integers(constant)!;
                if (inSplits.Contains(node.Output[0]))
                {
                    numbers = [.. numbers.Select(static size => size * 2)];
                }
                else if (inShapes.Contains(node.Output[0]))
                {
                    // The first size behind that of pictures that is one of channels.
                    int channels = Array.FindIndex(numbers, numbers.Length == 1 ? 0 : 1, static size => size >= 8);
                    numbers[Math.Max(0, channels)] *= channels < 0 ? 1 : 2;
                }

                constant.Int64Data.Clear();
                constant.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<long>(numbers));
            }
            else if (node.OpType == "Conv")
            {
                bool isMap = maps.Contains(node.Output[0]);
                AttributeProto group = node.Attribute.Single(static attribute => attribute.Name == "group");
                bool isDepthwise = group.I > 1;
                group.I *= isDepthwise ? 2 : 1;
                Widen(Find(node.Input[1]), isMap ? 1 : 2, isDepthwise || node.Input[0] == "images" ? 1 : 2);
                Widen(Find(node.Input[2]), isMap ? 1 : 2, 1);
            }
        }

        TensorProto Find(string name) => model.Graph.Initializer.Single(tensor => tensor.Name == name);
    }

    /// <summary>The nodes that some tensors come from.</summary>
    private static IEnumerable<NodeProto> Before(GraphProto graph, IEnumerable<string> tensors)
    {
        HashSet<string> wanted = [.. tensors];
        foreach (NodeProto node in graph.Node.Reverse())
        {
            if (node.Output.Any(wanted.Contains))
            {
                wanted.UnionWith(node.Input);
                yield return node;
            }
        }
    }

    private static void Widen(TensorProto tensor, int outputs, int inputs)
    {
        float[] values = OnnxTensorData.Floats(tensor)!;
        int planes = tensor.Dims.Count > 1 ? (int)tensor.Dims[1] : 1;
        int taps = values.Length / (int)tensor.Dims[0] / planes;
        float[] wide = new float[values.Length * outputs * inputs];
        for (int i = 0; i < values.Length; i++)
        {
            (int output, int input, int tap) = (i / taps / planes, i / taps % planes, i % taps);
            wide[(((((output * outputs) * planes) + input) * inputs) * taps) + tap] = (float)(Half)values[i];
        }

        tensor.Dims[0] *= outputs;
        if (tensor.Dims.Count > 1)
        {
            tensor.Dims[1] *= inputs;
        }

        tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(wide));
    }
}
