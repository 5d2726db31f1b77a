using System.Security.Cryptography;

namespace YoloZeroCopy.Tests;

/// <summary>Models as layers.</summary>
public sealed class LayerLoweringTests
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    [Theory]
    [InlineData(640, 640)]
    [InlineData(320, 96)]
    public void The_sample_model_is_convolutions_and_little_else(int width, int height)
    {
        using LayerNetwork network = Lower(Sample, width, height);
        Assert.Equal(63, network.Layers.OfType<ConvolutionLayer>().Count());
        Assert.Equal(3, network.Layers.OfType<MaxPoolLayer>().Count());
        Assert.Equal(2, network.Layers.OfType<UpsampleLayer>().Count());

        // No copy and no sum is left: concatenations are filled in place, sums are part of convolutions.
        Assert.Equal(68, network.Layers.Length);
        Assert.Equal(6, network.Layers.OfType<ConvolutionLayer>().Count(static layer => layer.Added is not null));
        Assert.Equal(57, network.Layers.OfType<ConvolutionLayer>().Count(static layer => layer.Activation == LayerActivation.Silu));
        Assert.Equal(new LayerBuffer(4, height, width), network.Buffers[0]);
        Assert.Equal([8, 8, 8, 64, 64, 64], network.Outputs.Select(static output => output.Channels).Order());
        CheckPlaces(network);
    }

    [Fact]
    public void Weights_are_halves_and_their_layout_is_always_the_same()
    {
        using LayerNetwork network = Lower(Sample, 640, 640);
        using LayerNetwork again = Lower(Sample, 640, 640);
        Assert.Equal(SHA256.HashData(network.Weights.Span), SHA256.HashData(again.Weights.Span));
        Assert.Equal(network.Layers, again.Layers);
        Assert.Equal(network.Buffers, again.Buffers);
        Assert.Equal(network.Outputs, again.Outputs);

        // Half of what the model file has in weights, and some for the fourth channel of the input and for places on 256 bytes.
        long weights = network.Layers.OfType<ConvolutionLayer>().Sum(layer =>
            (long)sizeof(ushort) * layer.Output.Channels * (1 + (layer.Kernel.Height * layer.Kernel.Width * (layer.Input.Buffer == 0 ? 4 : layer.Input.Channels))));
        Assert.InRange(network.Weights.Span.Length, weights, weights + (63 * 2 * 256));
    }

    private static void CheckPlaces(LayerNetwork network)
    {
        foreach (LayerTensor tensor in network.Layers.SelectMany(static layer => layer.Inputs.Append(layer.Output)).Concat(network.Outputs))
        {
            LayerBuffer buffer = network.Buffers[tensor.Buffer];
            Assert.Equal(0, tensor.FirstChannel % LayerNetwork.ChannelMultiple);
            Assert.InRange(tensor.FirstChannel + tensor.Channels, 1, buffer.Channels);
        }
    }

    private static LayerNetwork Lower(string path, int width, int height)
    {
        using OnnxModel model = OnnxModel.Read(path);
        Assert.True(OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out string? reason), reason);
        HeadCut? cut = HeadCut.TryCut(graph, "output0", out reason);
        Assert.Null(reason);
        LayerNetwork? network = LayerLowering.TryLower(model, graph, "images", (width, height), cut!.Maps.Select(static map => map.Name), out reason);
        Assert.Null(reason);
        return network!;
    }
}
