using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>
/// A network as a list of layers over channels-last tensors in half precision, as tensor cores want them: what an engine of ours runs instead of
/// the model's graph.
/// </summary>
/// <remarks>
/// Sizes are those of one picture; a batch is that many pictures, one behind the other, in every buffer. Concatenations and splits are no layers:
/// their parts are ranges of channels of one buffer. Immutable but for disposal; any thread. It owns its weights.
/// </remarks>
internal sealed class LayerNetwork : IDisposable
{
    /// <summary>Channels of the input's buffer: red, green, blue, and one that is zero.</summary>
    public const int InputChannels = 4;

    /// <summary>Channels of every other buffer, and first channels of tensors in them, are multiples of this: 16 bytes.</summary>
    public const int ChannelMultiple = 8;

    /// <summary>Channels that a tensor takes in memory, with those that fill it up.</summary>
    public static int Padded(int channels) => (channels + ChannelMultiple - 1) / ChannelMultiple * ChannelMultiple;

    /// <summary>Every tensor's memory. The first one is the input.</summary>
    public required ImmutableArray<LayerBuffer> Buffers { get; init; }

    /// <summary>Layers in an order in which they can run.</summary>
    public required ImmutableArray<Layer> Layers { get; init; }

    /// <summary>The maps that the network gives, in the order of the cut. Each is all of a buffer of its own, less the channels that fill it
    /// up.</summary>
    public required ImmutableArray<LayerTensor> Outputs { get; init; }

    /// <summary>Weights and biases of all layers, in half precision, each part on a multiple of 256 bytes.</summary>
    public required ModelBytes Weights { get; init; }

    public void Dispose() => Weights.Dispose();
}

/// <summary>Memory of a tensor: <c>[batch, height, width, channels]</c> of halves.</summary>
internal readonly record struct LayerBuffer(int Channels, int Height, int Width)
{
    /// <summary>Bytes of one picture.</summary>
    public long PictureBytes => (long)Channels * Height * Width * sizeof(ushort);
}

/// <summary>A range of a buffer's channels.</summary>
/// <param name="Buffer">Number of the buffer.</param>
/// <param name="FirstChannel">First of its channels that are the tensor's.</param>
/// <param name="Channels">Channels of the tensor. Those up to the next multiple of <see cref="LayerNetwork.ChannelMultiple"/> belong to it, too, and
/// are zero.</param>
internal readonly record struct LayerTensor(int Buffer, int FirstChannel, int Channels);

/// <summary>One step of a network.</summary>
/// <param name="Output">What it writes.</param>
internal abstract record Layer(LayerTensor Output)
{
    /// <summary>What it reads.</summary>
    public abstract ImmutableArray<LayerTensor> Inputs { get; }
}

/// <summary>What a convolution's result goes through.</summary>
internal enum LayerActivation
{
    None,

    /// <summary>x * sigmoid(x).</summary>
    Silu,
}

/// <summary>Convolution and bias, then the activation, then, where there is one, a tensor added. Accumulated in single precision.</summary>
/// <param name="Input">What is convolved.</param>
/// <param name="Output">The result.</param>
/// <param name="Kernel">Height and width of the kernel.</param>
/// <param name="Stride">Steps down and right.</param>
/// <param name="Padding">Zeros on top and left; as many follow below and right as the output's size wants.</param>
/// <param name="WeightsAt">Place of the weights: <c>[output channels, kernel height, kernel width, input channels]</c>, both numbers of channels
/// filled up with zeros as tensors are (an input of three to <see cref="LayerNetwork.InputChannels"/>).</param>
/// <param name="BiasAt">Place of the bias, one number for each output channel, filled up with zeros.</param>
/// <param name="Activation">What follows.</param>
/// <param name="Added">Tensor of the output's size that is added after the activation, or null.</param>
internal sealed record ConvolutionLayer(
    LayerTensor Input,
    LayerTensor Output,
    (int Height, int Width) Kernel,
    (int Down, int Right) Stride,
    (int Top, int Left) Padding,
    int WeightsAt,
    int BiasAt,
    LayerActivation Activation,
    LayerTensor? Added) : Layer(Output)
{
    public override ImmutableArray<LayerTensor> Inputs => Added is LayerTensor added ? [Input, added] : [Input];
}

/// <summary>Convolution of each channel by itself and bias, then the activation, then, where there is one, a tensor added. Accumulated in single
/// precision.</summary>
/// <param name="Input">What is convolved.</param>
/// <param name="Output">The result, of as many channels.</param>
/// <param name="Kernel">Height and width of the kernel.</param>
/// <param name="Stride">Steps down and right.</param>
/// <param name="Padding">Zeros on top and left; as many follow below and right as the output's size wants.</param>
/// <param name="WeightsAt">Place of the weights: <c>[kernel height, kernel width, channels]</c>, channels filled up with zeros as tensors
/// are.</param>
/// <param name="BiasAt">Place of the bias, one number for each channel, filled up with zeros.</param>
/// <param name="Activation">What follows.</param>
/// <param name="Added">Tensor of the output's size that is added after the activation, or null.</param>
internal sealed record DepthwiseLayer(
    LayerTensor Input,
    LayerTensor Output,
    (int Height, int Width) Kernel,
    (int Down, int Right) Stride,
    (int Top, int Left) Padding,
    int WeightsAt,
    int BiasAt,
    LayerActivation Activation,
    LayerTensor? Added) : Layer(Output)
{
    public override ImmutableArray<LayerTensor> Inputs => Added is LayerTensor added ? [Input, added] : [Input];
}

/// <summary>
/// Attention of cells to cells. For each head, the output of cell i is the sum over the cells j of <c>softmax over j(Scale * query i . key j) * value
/// j</c>; products, softmax and sums in single precision.
/// </summary>
/// <remarks>
/// The channels of a head lie together, heads lie one behind the other: head h has channels from <c>h * Channels / Heads</c> on. Those numbers of
/// channels are multiples of <see cref="LayerNetwork.ChannelMultiple"/>. The three inputs are mostly ranges of one buffer.
/// </remarks>
/// <param name="Query">What a cell looks for.</param>
/// <param name="Key">What a cell is found by; of as many channels.</param>
/// <param name="Value">What a cell gives; often of more channels.</param>
/// <param name="Output">The result, of the value's size.</param>
/// <param name="Heads">How many attentions stand side by side.</param>
/// <param name="Areas">Into how many parts of equal size the cells are divided, counted row by row; a cell sees those of its own part. Mostly
/// 1.</param>
/// <param name="Scale">Factor of the products.</param>
internal sealed record AttentionLayer(
    LayerTensor Query, LayerTensor Key, LayerTensor Value, LayerTensor Output, int Heads, int Areas, float Scale) : Layer(Output)
{
    public override ImmutableArray<LayerTensor> Inputs => [Query, Key, Value];
}

/// <summary>The largest value of a square window around each cell, of the same size as the input; what lies outside does not count.</summary>
/// <param name="Input">What is pooled.</param>
/// <param name="Output">The result.</param>
/// <param name="Kernel">Side of the window, odd.</param>
internal sealed record MaxPoolLayer(LayerTensor Input, LayerTensor Output, int Kernel) : Layer(Output)
{
    public override ImmutableArray<LayerTensor> Inputs => [Input];
}

/// <summary>What a window becomes.</summary>
internal enum LayerPooling
{
    /// <summary>Its largest value.</summary>
    Largest,

    /// <summary>The mean of its values, reckoned in single precision.</summary>
    Mean,
}

/// <summary>One value for each window that moves over a tensor; what lies outside does not count. Where the largest of a window around each cell is
/// wanted, this is a <see cref="MaxPoolLayer"/>.</summary>
/// <param name="Input">What is pooled.</param>
/// <param name="Output">The result.</param>
/// <param name="Pooling">What a window becomes.</param>
/// <param name="Kernel">Height and width of the window.</param>
/// <param name="Stride">Steps down and right.</param>
/// <param name="Padding">Cells outside, on top and left, from which the first window begins.</param>
internal sealed record PoolLayer(
    LayerTensor Input,
    LayerTensor Output,
    LayerPooling Pooling,
    (int Height, int Width) Kernel,
    (int Down, int Right) Stride,
    (int Top, int Left) Padding) : Layer(Output)
{
    public override ImmutableArray<LayerTensor> Inputs => [Input];
}

/// <summary>Every cell becomes two by two equal ones.</summary>
internal sealed record UpsampleLayer(LayerTensor Input, LayerTensor Output) : Layer(Output)
{
    public override ImmutableArray<LayerTensor> Inputs => [Input];
}

/// <summary>The sum of two tensors, where it cannot be part of a convolution.</summary>
internal sealed record AddLayer(LayerTensor First, LayerTensor Second, LayerTensor Output) : Layer(Output)
{
    public override ImmutableArray<LayerTensor> Inputs => [First, Second];
}

/// <summary>A tensor written once more, where it is part of more than one concatenation.</summary>
internal sealed record CopyLayer(LayerTensor Input, LayerTensor Output) : Layer(Output)
{
    public override ImmutableArray<LayerTensor> Inputs => [Input];
}
