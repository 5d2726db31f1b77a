using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>How to launch the layers that are no full convolutions: kernel, grid and parameters, which one launch takes for a batch.</summary>
/// <remarks>
/// Tensors are halves with their channels last. A result's channels are those of the tensor up to the next multiple of
/// <see cref="LayerNetwork.ChannelMultiple"/>, all of which are written; the channels beside it in its buffer are not. Output and input are different
/// memory, except that the result of <see cref="Add"/> may be one of its inputs. Any thread.
/// </remarks>
internal static class LayerKernels
{
    /// <summary>Most pictures of a launch: what the second dimension of a grid can hold.</summary>
    public const int MaxBatch = 65_535;

    /// <summary>Name of the kernel of <see cref="Stem"/>.</summary>
    public const string StemName = "yzc_stem_f16";

    /// <summary>Side of the windows of <see cref="MaxPoolChain"/>.</summary>
    public const int ChainWindow = 5;

    /// <summary>Name of the kernel of <see cref="BestLogits"/>.</summary>
    public const string BestLogitsName = "yzc_best_logits_f16";

    // As in yzc_kernels.h; a test compares.
    internal const int StemColumns = 32;
    internal const int StemRows = 8;
    internal const int StemThreads = 288;
    internal const int BestThreads = 128;
    internal const int BestCells = 64;
    internal const int Threads = 256;
    internal const int PoolTile = 20;
    internal const int DepthwiseStrip = 4;
    internal const int DepthwisePair = 2;
    internal const int AttentionThreads = 128;
    internal const int AttentionQueries = 64;
    internal const int AttentionVectors = 8;
    private const int VectorBytes = 16;

    /// <summary>Names of the kernels.</summary>
    public static ImmutableArray<string> Names { get; } =
    [
        StemName, BestLogitsName, "yzc_copy_f16", "yzc_add_f16", "yzc_upsample_f16", "yzc_pool_f16", "yzc_max_pool_chain_f16", "yzc_attention_f16",
        "yzc_depthwise_f16",
        "yzc_depthwise_3x3_f16", "yzc_depthwise_5x5_f16", "yzc_depthwise_7x7_f16",
        "yzc_depthwise_3x3_stride_2_f16", "yzc_depthwise_5x5_stride_2_f16", "yzc_depthwise_7x7_stride_2_f16",
    ];

    /// <summary>Whether there is a kernel for a layer.</summary>
    public static bool Has(Layer layer) => layer is MaxPoolLayer or UpsampleLayer or CopyLayer or AddLayer or PoolLayer or DepthwiseLayer
        || (layer is AttentionLayer attention && HeadVectors(attention.Key, attention) != 0 && HeadVectors(attention.Value, attention) != 0);

    /// <summary>
    /// The first layer of a network, where <see cref="Stem"/> can do it: a convolution of 3 by 3 that moves by two and alone reads the input; null
    /// else.
    /// </summary>
    public static ConvolutionLayer? StemOf(LayerNetwork network) =>
        network.Layers[0] is ConvolutionLayer { Input.Buffer: 0, Kernel: (3, 3), Stride: (2, 2), Padding: (1, 1), Added: null } first
            && LayerNetwork.Padded(first.Output.Channels) % (2 * LayerNetwork.ChannelMultiple) == 0
            && network.Layers.Skip(1).SelectMany(static layer => layer.Inputs).All(static input => input.Buffer != 0)
                ? first
                : null;

    /// <summary>Preprocessing and the layer of <see cref="StemOf"/> in one launch: frames are read and the input's tensor is not written.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="viewOf">Where a tensor lies; of the input, only its size counts.</param>
    /// <param name="batch">Pictures.</param>
    /// <param name="weights">Device address of the network's weights.</param>
    /// <returns>The launch, but for the device address of the batch's <see cref="KernelPicture"/> array:
    /// <see cref="LayerParameters.Input"/>.</returns>
    public static LayerLaunch Stem(ConvolutionLayer layer, Func<LayerTensor, LayerView> viewOf, int batch, ulong weights)
    {
        LayerView input = viewOf(layer.Input);
        LayerView output = viewOf(layer.Output);
        ThrowIfUnfit(output);
        return new LayerLaunch(
            StemName,
            new KernelGrid(
                (output.Width + StemColumns - 1) / StemColumns, (output.Height + StemRows - 1) / StemRows, Checked(batch), StemThreads),
            new LayerParameters
            {
                Output = output.Address,
                Weights = weights + (ulong)layer.WeightsAt,
                Bias = weights + (ulong)layer.BiasAt,
                OutputStep = output.StepVectors,
                Vectors = output.Vectors,
                Height = input.Height,
                Width = input.Width,
                OutputHeight = output.Height,
                OutputWidth = output.Width,
                Options = layer.Activation == LayerActivation.Silu ? LayerOptions.Silu : LayerOptions.None,
            });
    }

    /// <summary>
    /// The layers that give a head's maps of scores, by rising stride, where <see cref="BestLogits"/> can take the place of them all: convolutions
    /// of one cell whose results nobody but the scan of a head without pairs reads; none else.
    /// </summary>
    /// <param name="network">The network.</param>
    /// <param name="head">The head behind it, whose maps are its outputs in order.</param>
    public static ImmutableArray<ConvolutionLayer> BestLogitsOf(LayerNetwork network, DetectionHead head)
    {
        if (head.Layout != OutputLayout.ChannelsFirst || head.ClassCount > DecodeKernels.ClassLimit)
        {
            return [];
        }

        HeadMap[] maps = [.. head.Maps];
        ImmutableArray<ConvolutionLayer>.Builder found = ImmutableArray.CreateBuilder<ConvolutionLayer>();
        foreach (HeadLevel level in head.Levels)
        {
            LayerTensor output = network.Outputs[Array.IndexOf(maps, level.Scores)];
            if (network.Layers.SelectMany(static layer => layer.Inputs).Any(input => input.Buffer == output.Buffer)
                || network.Layers.SingleOrDefault(layer => layer.Output == output) is not ConvolutionLayer
                {
                    Kernel: (1, 1), Stride: (1, 1), Padding: (0, 0), Activation: LayerActivation.None, Added: null,
                } last)
            {
                return [];
            }

            found.Add(last);
        }

        return found.ToImmutable();
    }

    /// <summary>Whether a run on pictures leaves no map of scores: it begins with <see cref="Stem"/> and has <see cref="BestLogits"/>.</summary>
    /// <inheritdoc cref="BestLogitsOf" path="/param"/>
    public static bool GivesBestLogits(LayerNetwork network, DetectionHead head) =>
        StemOf(network) is not null && !BestLogitsOf(network, head).IsEmpty;

    /// <summary>One of <see cref="BestLogitsOf"/>, of whose result only a <see cref="BestLogit"/> a cell is written, at the beginning of each
    /// picture's part of the map.</summary>
    /// <inheritdoc cref="Of" path="/param"/>
    public static LayerLaunch BestLogits(ConvolutionLayer layer, Func<LayerTensor, LayerView> viewOf, int batch, ulong weights)
    {
        LayerView input = viewOf(layer.Input);
        LayerView output = viewOf(layer.Output);
        ThrowIfUnfit(input);
        ThrowIfUnlike(input with { Channels = output.Channels, Step = output.Step }, output);
        int cells = checked(input.Height * input.Width);
        return new LayerLaunch(
            BestLogitsName,
            new KernelGrid((cells + BestCells - 1) / BestCells, Checked(batch), 1, BestThreads),
            ParametersOf(input, output) with
            {
                Weights = weights + (ulong)layer.WeightsAt,
                Bias = weights + (ulong)layer.BiasAt,
                Classes = output.Channels,
            });
    }

    /// <summary>A layer of which <see cref="Has"/> is true.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="viewOf">Where a tensor lies.</param>
    /// <param name="batch">Pictures.</param>
    /// <param name="weights">Device address of the network's weights.</param>
    /// <exception cref="ArgumentException">The layer has no kernel, or its views are none that the kernels can do.</exception>
    public static LayerLaunch Of(Layer layer, Func<LayerTensor, LayerView> viewOf, int batch, ulong weights) => layer switch
    {
        DepthwiseLayer depthwise => Depthwise(depthwise, viewOf, batch, weights),
        AttentionLayer attention when Has(attention) => Attention(attention, viewOf, batch),
        PoolLayer pool => Pool(pool, viewOf(pool.Input), viewOf(pool.Output), batch),
        MaxPoolLayer pool => MaxPool(viewOf(pool.Input), viewOf(pool.Output), pool.Kernel, batch),
        UpsampleLayer upsample => Upsample(viewOf(upsample.Input), viewOf(upsample.Output), batch),
        CopyLayer copy => Copy(viewOf(copy.Input), viewOf(copy.Output), batch),
        AddLayer add => Add(viewOf(add.First), viewOf(add.Second), viewOf(add.Output), batch),
        _ => throw new ArgumentException($"There is no kernel for a {layer.GetType().Name}.", nameof(layer)),
    };

    /// <summary>Whether three layers from a place on are a chain that <see cref="MaxPoolChain"/> can do in one launch, as that of SPPF is.</summary>
    /// <remarks>All four tensors are ranges of one buffer, so that none of them can have taken the place of another.</remarks>
    public static bool IsMaxPoolChain(ImmutableArray<Layer> layers, int first)
    {
        if (first > layers.Length - 3
            || layers[first] is not MaxPoolLayer { Kernel: ChainWindow } one
            || layers[first + 1] is not MaxPoolLayer { Kernel: ChainWindow } two
            || layers[first + 2] is not MaxPoolLayer { Kernel: ChainWindow } three)
        {
            return false;
        }

        return two.Input == one.Output && three.Input == two.Output
            && one.Output.Buffer == one.Input.Buffer && two.Output.Buffer == one.Input.Buffer && three.Output.Buffer == one.Input.Buffer;
    }

    /// <summary>A tensor copied.</summary>
    public static LayerLaunch Copy(in LayerView input, in LayerView output, int batch)
    {
        ThrowIfUnlike(input, output);
        return new LayerLaunch("yzc_copy_f16", VectorGrid(input, batch), ParametersOf(input, output));
    }

    /// <summary>The sum of two tensors, rounded once.</summary>
    public static LayerLaunch Add(in LayerView first, in LayerView second, in LayerView output, int batch)
    {
        ThrowIfUnlike(first, second);
        ThrowIfUnlike(first, output);
        return new LayerLaunch(
            "yzc_add_f16", VectorGrid(first, batch), ParametersOf(first, output) with { Second = second.Address, SecondStep = second.StepVectors });
    }

    /// <summary>Every cell twice to the right and twice down.</summary>
    public static LayerLaunch Upsample(in LayerView input, in LayerView output, int batch)
    {
        ThrowIfUnlike(input with { Height = checked(2 * input.Height), Width = checked(2 * input.Width) }, output);
        ThrowIfUnfit(input);
        return new LayerLaunch("yzc_upsample_f16", VectorGrid(input, batch), ParametersOf(input, output));
    }

    /// <summary>The largest value of a window around each cell; what lies outside does not count.</summary>
    /// <param name="input">What is pooled.</param>
    /// <param name="output">The result, of the same size.</param>
    /// <param name="window">Side of the window, odd.</param>
    /// <param name="batch">Pictures.</param>
    /// <remarks>Of both zeros the positive one is larger, and NaN is beyond infinity, on the side of its sign.</remarks>
    public static LayerLaunch MaxPool(in LayerView input, in LayerView output, int window, int batch)
    {
        ThrowIfUnlike(input, output);
        if (window < 1 || window % 2 == 0)
        {
            throw new ArgumentOutOfRangeException(nameof(window), window, $"The window's side is {window}; wanted is an odd number from 1 on.");
        }

        return new LayerLaunch(
            "yzc_pool_f16", VectorGrid(output, batch), WindowOf(input, output, (window, window), (1, 1), (window / 2, window / 2)));
    }

    /// <summary>The largest value or the mean of windows that move; what lies outside does not count.</summary>
    private static LayerLaunch Pool(PoolLayer layer, in LayerView input, in LayerView output, int batch)
    {
        ThrowIfUnlike(input with { Height = output.Height, Width = output.Width }, output);
        ThrowIfUnfit(input);
        return new LayerLaunch("yzc_pool_f16", VectorGrid(output, batch), WindowOf(input, output, layer.Kernel, layer.Stride, layer.Padding) with
        {
            Options = layer.Pooling == LayerPooling.Mean ? LayerOptions.Mean : LayerOptions.None,
        });
    }

    /// <remarks>Sums begin with the bias and go through the window row by row, fused; SiLU as that of <see cref="SiluKernel"/>.</remarks>
    private static LayerLaunch Depthwise(DepthwiseLayer layer, Func<LayerTensor, LayerView> viewOf, int batch, ulong weights)
    {
        LayerView input = viewOf(layer.Input);
        LayerView output = viewOf(layer.Output);
        LayerView added = layer.Added is LayerTensor summand ? viewOf(summand) : output;
        ThrowIfUnlike(input with { Height = output.Height, Width = output.Width }, output);
        ThrowIfUnlike(added, output);
        ThrowIfUnfit(input);
        (string kernel, int pixels) = DepthwiseKernel(layer);

        // A thread's pixels lie side by side.
        LayerView strips = output with { Width = (output.Width + pixels - 1) / pixels };
        return new LayerLaunch(kernel, VectorGrid(strips, batch), WindowOf(input, output, layer.Kernel, layer.Stride, layer.Padding) with
        {
            Second = added.Address,
            SecondStep = added.StepVectors,
            Weights = weights + (ulong)layer.WeightsAt,
            Bias = weights + (ulong)layer.BiasAt,
            Options = (layer.Activation == LayerActivation.Silu ? LayerOptions.Silu : LayerOptions.None)
                | (layer.Added is null ? LayerOptions.None : LayerOptions.Add),
        });
    }

    private static (string Kernel, int Pixels) DepthwiseKernel(DepthwiseLayer layer)
    {
        (int height, int width) = layer.Kernel;
        (int down, int right) = layer.Stride;
        return height != width || down != right || height is not (3 or 5 or 7) || down is not (1 or 2)
            ? ("yzc_depthwise_f16", 1)
            : ($"yzc_depthwise_{height}x{height}{(down == 2 ? "_stride_2" : "")}_f16", height == 3 && down == 1 ? DepthwiseStrip : DepthwisePair);
    }

    /// <remarks>
    /// Products and sums are of single precision; weights are rounded to half before they meet their values. So a result is within 2^-10 of the
    /// largest value of its channel, and then rounded.
    /// </remarks>
    private static LayerLaunch Attention(AttentionLayer layer, Func<LayerTensor, LayerView> viewOf, int batch)
    {
        LayerView query = viewOf(layer.Query);
        LayerView key = viewOf(layer.Key);
        LayerView value = viewOf(layer.Value);
        LayerView output = viewOf(layer.Output);
        ThrowIfUnlike(query, key);
        ThrowIfUnlike(value, output);
        int cells = query.Height * query.Width;
        if (layer.Areas < 1 || cells % layer.Areas != 0 || cells != value.Height * value.Width)
        {
            throw new ArgumentException($"Attention is of {cells} cells in {layer.Areas} areas, whose values are {value}.");
        }

        cells /= layer.Areas;
        int tiles = (cells + AttentionQueries - 1) / AttentionQueries;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(layer.Heads, MaxBatch, nameof(layer));
        return new LayerLaunch(
            "yzc_attention_f16",
            new KernelGrid(checked(tiles * layer.Areas), Checked(batch), layer.Heads, AttentionThreads),
            ParametersOf(query, output) with
            {
                Second = key.Address,
                SecondStep = key.StepVectors,
                Third = value.Address,
                ThirdStep = value.StepVectors,
                Vectors = HeadVectors(layer.Value, layer),
                KeyVectors = HeadVectors(layer.Key, layer),
                Areas = layer.Areas,
                Scale = layer.Scale,
            });
    }

    /// <summary>Vectors of a head of a tensor; 0 where that is no whole number of them, or more than the kernel can do.</summary>
    private static int HeadVectors(in LayerTensor tensor, AttentionLayer layer)
    {
        int multiple = layer.Heads * LayerNetwork.ChannelMultiple;
        int vectors = layer.Heads > 0 && tensor.Channels % multiple == 0 ? tensor.Channels / multiple : 0;
        return vectors <= AttentionVectors ? vectors : 0;
    }

    /// <summary>Three windows of <see cref="ChainWindow"/>, each over the result of the one before it: windows of 5, 9 and 13 over the
    /// input.</summary>
    public static LayerLaunch MaxPoolChain(in LayerView input, in LayerView first, in LayerView second, in LayerView third, int batch)
    {
        ThrowIfUnlike(input, first);
        ThrowIfUnlike(input, second);
        ThrowIfUnlike(input, third);
        if (second.Step != first.Step || third.Step != first.Step)
        {
            throw new ArgumentException($"The results' steps are {first.Step}, {second.Step} and {third.Step} halves; wanted is the same for all.");
        }

        long tiles = (long)Tiles(input.Height) * Tiles(input.Width);
        KernelGrid grid = new(checked((int)tiles), Checked(batch), input.Vectors, Threads);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(input.Vectors, MaxBatch, nameof(input));
        return new LayerLaunch(
            "yzc_max_pool_chain_f16", grid, ParametersOf(input, first) with { Second = second.Address, Third = third.Address });
    }

    private static int Tiles(int cells) => (cells + PoolTile - 1) / PoolTile;

    private static LayerParameters ParametersOf(in LayerView input, in LayerView output) => new()
    {
        Input = input.Address,
        Output = output.Address,
        InputStep = input.StepVectors,
        OutputStep = output.StepVectors,
        Vectors = input.Vectors,
        Height = input.Height,
        Width = input.Width,
    };

    private static LayerParameters WindowOf(
        in LayerView input, in LayerView output, (int Height, int Width) kernel, (int Down, int Right) stride, (int Top, int Left) padding) =>
        ParametersOf(input, output) with
        {
            OutputHeight = output.Height,
            OutputWidth = output.Width,
            KernelHeight = kernel.Height,
            KernelWidth = kernel.Width,
            StrideDown = stride.Down,
            StrideRight = stride.Right,
            PaddingTop = padding.Top,
            PaddingLeft = padding.Left,
        };

    /// <summary>A thread for each vector of a picture.</summary>
    private static KernelGrid VectorGrid(in LayerView view, int batch)
    {
        long vectors = (long)view.Height * view.Width * view.Vectors;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vectors, int.MaxValue - Threads, nameof(view));
        return new KernelGrid((int)((vectors + Threads - 1) / Threads), Checked(batch), 1, Threads);
    }

    private static int Checked(int batch) => batch is >= 1 and <= MaxBatch
        ? batch
        : throw new ArgumentOutOfRangeException(nameof(batch), batch, $"batch is {batch}; wanted is 1 to {MaxBatch}.");

    private static void ThrowIfUnlike(in LayerView one, in LayerView other)
    {
        ThrowIfUnfit(one);
        ThrowIfUnfit(other);
        if (one.Height != other.Height || one.Width != other.Width || one.Vectors != other.Vectors)
        {
            throw new ArgumentException($"A tensor is {other}; wanted is one of the size of {one}.");
        }
    }

    private static void ThrowIfUnfit(in LayerView view)
    {
        if (view.Address % VectorBytes != 0 || view.Step % LayerNetwork.ChannelMultiple != 0 || view.Channels < 1
            || view.Vectors > view.StepVectors || view.Height < 1 || view.Width < 1)
        {
            throw new ArgumentException(
                $"A tensor is {view}; wanted are addresses of {VectorBytes} bytes, steps of {LayerNetwork.ChannelMultiple} halves and a size.");
        }
    }
}
