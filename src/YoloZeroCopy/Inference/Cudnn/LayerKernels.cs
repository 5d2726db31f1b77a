using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>How to launch the layers that are no convolutions: kernel, grid and parameters, which one launch takes for a batch.</summary>
/// <remarks>
/// Tensors are halves with their channels last. A result's channels are those of the tensor up to the next multiple of
/// <see cref="LayerNetwork.ChannelMultiple"/>, all of which are written; the channels beside it in its buffer are not. Output and input are different
/// memory, except that the result of <see cref="Add"/> may be one of its inputs. Any thread.
/// </remarks>
internal static class LayerKernels
{
    /// <summary>Most pictures of a launch: what the second dimension of a grid can hold.</summary>
    public const int MaxBatch = 65_535;

    /// <summary>Side of the windows of <see cref="MaxPoolChain"/>.</summary>
    public const int ChainWindow = 5;

    // As in yzc_kernels.h; a test compares.
    internal const int Threads = 256;
    internal const int PoolTile = 20;
    private const int VectorBytes = 16;

    /// <summary>Names of the kernels, in <see cref="KernelSource.Layers"/>.</summary>
    public static ImmutableArray<string> Names { get; } =
        ["yzc_copy_f16", "yzc_add_f16", "yzc_upsample_f16", "yzc_max_pool_f16", "yzc_max_pool_chain_f16"];

    /// <summary>A layer that is no convolution.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="viewOf">Where a tensor lies.</param>
    /// <param name="batch">Pictures.</param>
    /// <exception cref="ArgumentException">The layer is a convolution, or its views are none that the kernels can do.</exception>
    public static LayerLaunch Of(Layer layer, Func<LayerTensor, LayerView> viewOf, int batch) => layer switch
    {
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

        return new LayerLaunch("yzc_max_pool_f16", VectorGrid(input, batch), ParametersOf(input, output) with { Window = window });
    }

    /// <summary>Three windows of <see cref="ChainWindow"/>, each over the result of the one before it: windows of 5, 9 and 13 over the input.</summary>
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
            "yzc_max_pool_chain_f16", grid, ParametersOf(input, first) with { Second = second.Address, Third = third.Address, Window = ChainWindow });
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
