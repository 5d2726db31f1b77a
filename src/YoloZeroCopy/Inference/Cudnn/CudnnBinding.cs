using System.Collections.Immutable;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Binds the layers of a network to the tensors of one batch size and to a stream.</summary>
internal sealed class CudnnBinding
{
    private readonly LayerNetwork network;
    private readonly DetectionHead head;
    private readonly CudnnPlans plans;
    private readonly KernelSet kernels;
    private readonly CudnnHandle handle;
    private readonly ulong weights;
    private readonly int batch;
    private readonly CUstream stream;
    private readonly ulong[] buffers;
    private readonly ulong scratch;

    /// <param name="network">The network.</param>
    /// <param name="head">The head behind it.</param>
    /// <param name="plans">Its convolutions, compiled.</param>
    /// <param name="kernels">Where those of <see cref="LayerKernels"/> come from.</param>
    /// <param name="workspace">What the contexts of the tensors' stream share; of at least <see cref="WorkspaceBytes"/>.</param>
    /// <param name="handle">A handle on the stream.</param>
    /// <param name="weights">Device address of the weights.</param>
    /// <param name="batch">Pictures.</param>
    /// <param name="input">Device address of the input; 0 where only <see cref="OnPictures"/> is run.</param>
    /// <param name="output">Device address of the maps, all pictures of the first one, then all of the next.</param>
    /// <param name="stream">The stream.</param>
    public CudnnBinding(
        LayerNetwork network, DetectionHead head, CudnnPlans plans, KernelSet kernels, CudnnWorkspace workspace, CudnnHandle handle, ulong weights,
        int batch, ulong input, ulong output, nint stream)
    {
        this.network = network;
        this.head = head;
        this.plans = plans;
        this.kernels = kernels;
        this.handle = handle;
        this.weights = weights;
        this.batch = batch;
        this.stream = new CUstream(stream);
        LayerMemory memory = LayerMemory.Plan(network, batch);
        buffers = [.. memory.Places.Select(place => place < 0 ? 0 : workspace.Address + (ulong)place)];
        buffers[0] = input;
        foreach (LayerTensor map in network.Outputs)
        {
            buffers[map.Buffer] = output;
            output += (ulong)(batch * network.Buffers[map.Buffer].PictureBytes);
        }

        scratch = workspace.Address + (ulong)CudaLaneMemory.Align(memory.Bytes);
    }

    /// <summary>Bytes that the contexts of a stream share for batches up to a size.</summary>
    public static long WorkspaceBytes(LayerNetwork network, CudnnPlans plans, int largestBatch) =>
        ActivationBytes(network, largestBatch) + CudaLaneMemory.Align(Math.Max(1, plans.WorkspaceBytes));

    /// <summary>Bytes of that which lie before the memory that convolutions work in.</summary>
    public static long ActivationBytes(LayerNetwork network, int batch) => CudaLaneMemory.Align(LayerMemory.Plan(network, batch).Bytes);

    /// <summary>A step for each launch of a run on the input tensor, in order.</summary>
    /// <param name="made">Takes the steps, also those that are there when this throws; the caller disposes them.</param>
    public CudnnStep[] OnInput(List<CudnnStep> made)
    {
        int before = made.Count;
        made.AddRange(Launches(network, ViewOf, batch, weights).Select(Bind));
        return [.. made.Skip(before)];
    }

    /// <summary>
    /// A step for each launch of a run on pictures, in order: <see cref="LayerKernels.Stem"/>, which gets them, takes the first layer's place, and
    /// <see cref="LayerKernels.BestLogits"/> those of the maps of scores. None where pictures cannot be read.
    /// </summary>
    /// <inheritdoc cref="OnInput" path="/param"/>
    public CudnnStep[] OnPictures(List<CudnnStep> made)
    {
        if (LayerKernels.StemOf(network) is not ConvolutionLayer first)
        {
            return [];
        }

        int before = made.Count;
        made.Add(Bind(LabelOf(first) with { Kind = "stem" }, LayerKernels.Stem(first, ViewOf, batch, weights)));
        ImmutableArray<ConvolutionLayer> scores = LayerKernels.BestLogitsOf(network, head);
        foreach ((Layer Layer, LayerLaunch? Launch) one in Launches(network, ViewOf, batch, weights).Skip(1))
        {
            made.Add(one.Layer is ConvolutionLayer last && scores.Contains(last)
                ? Bind(LabelOf(last) with { Kind = "best logits" }, LayerKernels.BestLogits(last, ViewOf, batch, weights))
                : Bind(one));
        }

        return [.. made.Skip(before)];
    }

    /// <summary>Names of the library's kernels that a network needs from frames to its maps.</summary>
    public static IEnumerable<string> KernelsOf(LayerNetwork network, DetectionHead head)
    {
        IEnumerable<string> own = Launches(network, tensor => LayerView.Of(tensor, network.Buffers[tensor.Buffer], address: 0), batch: 1, weights: 0)
            .Select(static step => step.Launch?.Kernel).OfType<string>();
        own = LayerKernels.StemOf(network) is null
            ? own.Append(PreprocessKernel.NameOf(TensorElementType.Float16, InputLayout.ChannelsLast4))
            : own.Append(LayerKernels.StemName);
        return (LayerKernels.GivesBestLogits(network, head) ? own.Append(LayerKernels.BestLogitsName) : own).Distinct();
    }

    /// <summary>The layers in order, each with the launch of a kernel of ours; a convolution has none. A chain of pools is its first layer.</summary>
    private static IEnumerable<(Layer Layer, LayerLaunch? Launch)> Launches(
        LayerNetwork network, Func<LayerTensor, LayerView> viewOf, int batch, ulong weights)
    {
        ImmutableArray<Layer> layers = network.Layers;
        for (int index = 0; index < layers.Length; index++)
        {
            Layer layer = layers[index];
            if (layer is ConvolutionLayer)
            {
                yield return (layer, null);
            }
            else if (LayerKernels.IsMaxPoolChain(layers, index))
            {
                LayerTensor input = ((MaxPoolLayer)layer).Input;
                yield return (layer, LayerKernels.MaxPoolChain(
                    viewOf(input), viewOf(layer.Output), viewOf(layers[index + 1].Output), viewOf(layers[index + 2].Output), batch));
                index += 2;
            }
            else
            {
                yield return (layer, LayerKernels.Of(layer, viewOf, batch, weights));
            }
        }
    }

    private StepLabel LabelOf(Layer layer)
    {
        LayerTensor input = layer.Inputs[0];
        LayerBuffer written = network.Buffers[layer.Output.Buffer];
        return new StepLabel(
            KindOf(layer), $"{input.Channels} to {layer.Output.Channels} channels, {written.Width}x{written.Height}");
    }

    private static string KindOf(Layer layer) => layer switch
    {
        ConvolutionLayer convolution => $"convolution {convolution.Kernel.Height}x{convolution.Kernel.Width}",
        DepthwiseLayer => "depthwise convolution",
        MaxPoolLayer or PoolLayer => "pooling",
        UpsampleLayer => "upsampling",
        AttentionLayer => "attention",
        AddLayer => "addition",
        CopyLayer => "copy",
        _ => layer.GetType().Name,
    };

    private CudnnStep Bind((Layer Layer, LayerLaunch? Launch) one) =>
        one.Launch is LayerLaunch own ? Bind(LabelOf(one.Layer), own) : Bind((ConvolutionLayer)one.Layer);

    private CudnnConvolutionStep Bind(ConvolutionLayer layer)
    {
        CudnnPlan plan = plans[ConvolutionShape.Of(network, layer, batch)];
        return new CudnnConvolutionStep(LabelOf(layer), plan, handle, plan.Bind(
            ViewOf(layer.Input).Address,
            weights + (ulong)layer.WeightsAt,
            weights + (ulong)layer.BiasAt,
            ViewOf(layer.Output).Address,
            layer.Added is LayerTensor added ? ViewOf(added).Address : 0,
            plan.WorkspaceBytes == 0 ? 0 : scratch));
    }

    private KernelStep Bind(StepLabel label, LayerLaunch launch) => new(label, kernels.Get(launch.Kernel), stream, launch);

    private LayerView ViewOf(LayerTensor tensor) => LayerView.Of(tensor, network.Buffers[tensor.Buffer], buffers[tensor.Buffer]);
}
