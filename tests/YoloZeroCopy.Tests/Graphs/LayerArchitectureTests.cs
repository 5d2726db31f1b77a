using System.Runtime.InteropServices;
using Google.Protobuf;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>Every architecture as layers: the maps that ONNX Runtime gives, and nothing left that only moves data.</summary>
public sealed class LayerArchitectureTests
{
    private static readonly string Models = Path.Combine(AppContext.BaseDirectory, "architectures");

    [Theory]
    [InlineData("yolov5n", "54 Convolution, 3 MaxPool, 2 Upsample")]
    [InlineData("yolov5n-static", "54 Convolution, 3 MaxPool, 2 Upsample")]
    [InlineData("yolov8n", "59 Convolution, 3 MaxPool, 2 Upsample")]
    [InlineData("yolov8n-static", "59 Convolution, 3 MaxPool, 2 Upsample")]
    [InlineData("yolov9t", "129 Convolution, 3 MaxPool, 5 Pool, 2 Upsample")]
    [InlineData("yolov10n", "1 Attention, 65 Convolution, 13 Depthwise, 3 MaxPool, 2 Upsample")]
    [InlineData("yolov10n-static", "1 Attention, 65 Convolution, 13 Depthwise, 3 MaxPool, 2 Upsample")]
    [InlineData("yolo11n", "1 Attention, 80 Convolution, 7 Depthwise, 3 MaxPool, 2 Upsample")]
    [InlineData("yolo12n", "4 Attention, 89 Convolution, 10 Depthwise, 2 Upsample")]
    [InlineData("yolo26n", "2 Attention, 94 Convolution, 8 Depthwise, 3 MaxPool, 2 Upsample")]
    [InlineData("yolo26n-static", "2 Attention, 94 Convolution, 8 Depthwise, 3 MaxPool, 2 Upsample")]
    public void Layers_give_the_maps_that_ONNX_Runtime_gives(string name, string expected)
    {
        using OnnxModel model = OnnxModel.Read(Path.Combine(Models, $"{name}.onnx"));
        Assert.True(OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out _));
        HeadCut cut = HeadCut.TryCut(graph, "output0", out _)!;
        using ModelBytes bytes = cut.Network(model);
        ModelProto proto = ModelProto.Parser.ParseFrom(bytes.Span);
        Widen(proto);

        // Sides that all architectures divide, and the fixed ones are made for.
        (int Width, int Height) size = (320, 256);
        Random random = new(5);
        float[] picture = [.. Enumerable.Range(0, 3 * size.Width * size.Height).Select(_ => random.NextSingle())];
        (LayerNetwork network, float difference) = LayerModel.Compare(proto, size, picture);
        using (network)
        {
            LayerLoweringTests.CheckPlaces(network);
            Assert.InRange(difference, 0, 2e-3f);
            Assert.Equal(expected, string.Join(
                ", ", network.Layers.GroupBy(static layer => layer.GetType().Name[..^"Layer".Length])
                    .OrderBy(static group => group.Key, StringComparer.Ordinal).Select(static group => $"{group.Count()} {group.Key}")));
        }
    }

    /// <summary>
    /// Gives a model a channel of zeros behind each of its channels, but for input and outputs, and weights that half precision has. The models are
    /// so narrow that parts of four channels stand in them, which no layer can take.
    /// </summary>
    private static void Widen(ModelProto proto)
    {
        HashSet<string> maps = [.. proto.Graph.Output.Select(static output => output.Name)];
        HashSet<string> inShapes =
            [.. proto.Graph.Node.Where(static node => node.OpType is "Concat" or "Reshape").SelectMany(static node => node.Input)];
        HashSet<string> inSplits = [.. proto.Graph.Node.Where(static node => node.OpType == "Split").Select(static node => node.Input[1])];
        foreach (NodeProto node in proto.Graph.Node)
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

        TensorProto Find(string name) => proto.Graph.Initializer.Single(tensor => tensor.Name == name);
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
