using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>A network's convolutions bound to memory and run on the stand-ins, against the interpreter.</summary>
[Collection(CudaTests.Name)]
public sealed class CudnnBindingTests(CompiledSources sources)
{
    private const int Width = 32;
    private const int Height = 16;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public unsafe void Maps_are_those_of_the_interpreter(int batch)
    {
        using LayerNetwork network = Network();
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        float[][] pictures = [.. Enumerable.Range(0, batch).Select(number => Picture(network, number))];
        int outputHalves = network.Outputs.Sum(map => (int)(network.Buffers[map.Buffer].PictureBytes / sizeof(ushort)));
        Half[] output = new Half[batch * outputHalves];
        using (CudaContext context = driver.OpenContext())
        {
            using CudaStream stream = new(context);
            using KernelSet kernels = new(context);
            using CudnnPlans plans = new(cudnn.Library, context, (batch, batch), cache: null);
            plans.Compile(
                network.Layers.OfType<ConvolutionLayer>().Select(layer => ConvolutionShape.Of(network, layer, batch)),
                CudnnEffort.InFront, static (_, _) => { });
            using CudnnWorkspace workspace = new(
                context, cudnn.Library.Api, stream.Handle.Value, CudnnBinding.WorkspaceBytes(network, plans, batch));
            using AlignedBuffer<byte> weights = new(network.Weights.Span.Length);
            network.Weights.Span.CopyTo(weights.Span);
            using AlignedBuffer<Half> input = new(batch * LayerNetwork.InputChannels * Width * Height);
            using AlignedBuffer<Half> maps = new(output.Length);
            for (int number = 0; number < batch; number++)
            {
                Interleave(pictures[number], input.Span[(number * LayerNetwork.InputChannels * Width * Height)..]);
            }

            List<CudnnStep> steps = [];
            DetectionHead head = DetectionHeadTests.ForInput(Width, Height, bins: 16, classCount: 3) with { Layout = OutputLayout.EndToEnd };
            _ = new CudnnBinding(
                network, head, plans, kernels, workspace, workspace.Handle, (ulong)weights.Address, batch, (ulong)input.Address, (ulong)maps.Address,
                stream.Handle.Value)
                .OnInput(steps);
            Assert.Equal(
                [("convolution 1x1", 4), ("convolution 3x3", 4)],
                steps.CountBy(static step => step.Label.Kind).Select(static kind => (kind.Key, kind.Value)).Order());
            Assert.Equal("3 to 16 channels, 16x8", steps[0].Label.Size);
            steps.ForEach(static step => step.Enqueue());
            maps.Span.CopyTo(output);

            Assert.Equal(0, AllocationSlices.LeastHere(() =>
            {
                foreach (CudnnStep step in steps)
                {
                    step.Enqueue();
                }
            }));
            steps.ForEach(static step => step.Dispose());
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();

        for (int number = 0; number < batch; number++)
        {
            float[][] wanted = LayerInterpreter.Run(network, pictures[number], rounds: true);
            int first = 0;
            for (int map = 0; map < wanted.Length; map++)
            {
                LayerBuffer buffer = network.Buffers[network.Outputs[map].Buffer];
                int cells = buffer.Height * buffer.Width;
                int start = first + (number * cells * buffer.Channels);
                for (int i = 0; i < wanted[map].Length; i++)
                {
                    float given = (float)output[start + (i % cells * buffer.Channels) + (i / cells)];
                    Assert.Equal(wanted[map][i], given, 0.01f * Math.Max(1, Math.Abs(wanted[map][i])));
                }

                first += batch * cells * buffer.Channels;
            }
        }
    }

    // Strides, views into a concatenation, a sum within a convolution, maps whose channels do not fill their pixels.
    private static LayerNetwork Network()
    {
        LayerModel model = new(Width, Height);
        string stem = model.Block("images", 3, 16, kernel: 3, stride: 2);
        string[] halves = model.Split(model.Block(stem, 16, 16), 8, 8);
        string chained = model.Node("Add", [halves[1], model.Block(model.Block(halves[1], 8, 8, kernel: 3), 8, 8, kernel: 3)]);
        string joined = model.Block(model.Concatenation(halves[0], halves[1], chained), 24, 16);
        model.Output(model.Convolution(joined, 16, 5), model.Convolution(model.Block(joined, 16, 8, kernel: 3, stride: 2), 8, 12));
        LayerNetwork? network = model.TryLower(out string? reason);
        Assert.Null(reason);
        Assert.All(network!.Layers, static layer => Assert.IsType<ConvolutionLayer>(layer));
        return network;
    }

    private static float[] Picture(LayerNetwork network, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, 3 * network.Buffers[0].Height * network.Buffers[0].Width).Select(_ => random.NextSingle())];
    }

    private static void Interleave(float[] planes, Span<Half> pixels)
    {
        int cells = planes.Length / 3;
        for (int i = 0; i < planes.Length; i++)
        {
            pixels[(i % cells * LayerNetwork.InputChannels) + (i / cells)] = (Half)planes[i];
        }
    }
}
