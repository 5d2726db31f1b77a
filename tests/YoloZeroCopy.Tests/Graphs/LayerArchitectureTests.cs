using Google.Protobuf;
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
        byte[] wide = WideModel.Read(Path.Combine(Models, $"{name}.onnx")).ToByteArray();
        OnnxRuntimeModel opened = OnnxRuntimeModel.Open(ModelSource.InMemory(wide, name), null, null);
        OnnxRuntimeHead.TryCut(opened, out _)!.Dispose();
        (LayerNetwork whole, DetectionHead head) = CudnnEngine.TryRead(opened, out _)!.Value;
        using (whole)
        {
            // Where a cell has several boxes, or pairs are chosen, it is not only its best logit that counts.
            int best = LayerKernels.BestLogitsOf(whole, head).Length;
            Assert.Equal(head.Layout == OutputLayout.ChannelsFirst ? head.Levels.Length : 0, best);
        }

        using OnnxModel model = OnnxModel.Read(ModelSource.InMemory(wide, name));
        Assert.True(OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out _));
        HeadCut cut = HeadCut.TryCut(graph, "output0", out _)!;
        using ModelBytes bytes = cut.Network(model);
        ModelProto proto = ModelProto.Parser.ParseFrom(bytes.Span);

        // Sides that all architectures divide, and the fixed ones are made for.
        (int Width, int Height) size = (320, 256);
        Random random = new(5);
        float[] picture = [.. Enumerable.Range(0, 3 * size.Width * size.Height).Select(_ => random.NextSingle())];
        (LayerNetwork network, float difference) = LayerModel.Compare(proto, size, picture);
        using (network)
        {
            LayerLoweringTests.CheckPlaces(network);
            Assert.InRange(difference, 0, 2e-3f);

            // YOLOv5 begins with six by six.
            Assert.Equal(name.StartsWith("yolov5", StringComparison.Ordinal), LayerKernels.StemOf(network) is null);
            Assert.Equal(expected, string.Join(
                ", ", network.Layers.GroupBy(static layer => layer.GetType().Name[..^"Layer".Length])
                    .OrderBy(static group => group.Key, StringComparer.Ordinal).Select(static group => $"{group.Count()} {group.Key}")));
        }
    }
}
