using System.Collections.Immutable;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>A layer of a network whose tensors have no memory yet. It makes one tensor, and stands for it.</summary>
internal abstract class LayerStep(int channels, int height, int width)
{
    public int Channels => channels;

    public int Height => height;

    public int Width => width;

    /// <summary>What it reads.</summary>
    public virtual ImmutableArray<LayerChannels> Inputs => [];

    /// <summary>The layer, now that its tensors have their memory.</summary>
    /// <param name="inputs">Places of <see cref="Inputs"/>.</param>
    /// <param name="output">Where it writes.</param>
    public abstract Layer Place(ReadOnlySpan<LayerTensor> inputs, LayerTensor output);
}

/// <summary>Some of the channels that a step makes, one behind the other.</summary>
internal readonly record struct LayerPiece(LayerStep Step, int First, int Count)
{
    /// <summary>Whether this is all that the step makes.</summary>
    public bool IsWhole => First == 0 && Count == Step.Channels;

    public int End => First + Count;
}

/// <summary>A tensor of the model: channels that one step makes, or several, as concatenations and splits arrange them.</summary>
internal sealed class LayerChannels
{
    private LayerChannels(ImmutableArray<LayerPiece> pieces)
    {
        Pieces = pieces;
        Channels = pieces.Sum(static piece => piece.Count);
    }

    /// <summary>At least one; neighbours that lie behind each other in one step are one piece.</summary>
    public ImmutableArray<LayerPiece> Pieces { get; }

    public int Channels { get; }

    public int Height => Pieces[0].Step.Height;

    public int Width => Pieces[0].Step.Width;

    /// <summary>The step whose whole output this is, or null.</summary>
    public LayerStep? WholeStep => Pieces is [{ IsWhole: true } piece] ? piece.Step : null;

    public static LayerChannels Of(LayerStep step) => new([new LayerPiece(step, 0, step.Channels)]);

    public static LayerChannels Concatenate(IEnumerable<LayerChannels> parts)
    {
        List<LayerPiece> pieces = [];
        foreach (LayerPiece piece in parts.SelectMany(static part => part.Pieces))
        {
            if (pieces.Count > 0 && pieces[^1] is LayerPiece last && last.Step == piece.Step && last.End == piece.First)
            {
                pieces[^1] = last with { Count = last.Count + piece.Count };
            }
            else
            {
                pieces.Add(piece);
            }
        }

        return new LayerChannels([.. pieces]);
    }

    /// <summary>Some of the channels.</summary>
    public LayerChannels Slice(int first, int count)
    {
        List<LayerPiece> pieces = [];
        foreach (LayerPiece piece in Pieces)
        {
            int skipped = Math.Clamp(first, 0, piece.Count);
            int taken = Math.Clamp(first + count, 0, piece.Count) - skipped;
            if (taken > 0)
            {
                pieces.Add(new LayerPiece(piece.Step, piece.First + skipped, taken));
            }

            first -= piece.Count;
        }

        return new LayerChannels([.. pieces]);
    }
}

/// <summary>The network's input.</summary>
internal sealed class InputStep(int height, int width) : LayerStep(channels: 3, height, width)
{
    public override Layer Place(ReadOnlySpan<LayerTensor> inputs, LayerTensor output) =>
        throw new InvalidOperationException("The input is no layer.");
}

/// <summary>A convolution, and what of the operators behind it became part of it.</summary>
internal sealed class ConvolutionStep(LayerChannels input, int channels, int height, int width) : LayerStep(channels, height, width)
{
    public required string Name { get; init; }

    /// <summary>The model's name of what it makes. Parts that are all of it may have other names.</summary>
    public required string Result { get; set; }

    /// <summary>Whether each channel is convolved by itself; the weights then have one input channel.</summary>
    public required bool IsDepthwise { get; init; }

    /// <summary><c>[output channels, input channels, kernel height, kernel width]</c>.</summary>
    public required TensorProto Weights { get; init; }

    /// <summary>One number for each output channel, or null.</summary>
    public required TensorProto? Bias { get; init; }

    public required (int Height, int Width) Kernel { get; init; }

    public required (int Down, int Right) Stride { get; init; }

    public required (int Top, int Left) Padding { get; init; }

    public LayerChannels Input => input;

    /// <summary>A batch normalization behind it, or null.</summary>
    public LayerNormalization? Normalization { get; set; }

    public LayerActivation Activation { get; set; }

    public LayerChannels? Added { get; set; }

    /// <summary>Whether nothing behind it has become part of it.</summary>
    public bool IsBare => Activation == LayerActivation.None && Added is null;

    /// <summary>The model's output channels in the order in which they are made, or null where it is the model's.</summary>
    public ImmutableArray<int>? Order { get; set; }

    /// <summary>Place of its weights and its bias, set when they are written.</summary>
    public (int Weights, int Bias) At { get; set; }

    public override ImmutableArray<LayerChannels> Inputs => Added is null ? [Input] : [Input, Added];

    /// <summary>The model's channel that is made at a place.</summary>
    public int ChannelAt(int place) => Order is { } order ? order[place] : place;

    public override Layer Place(ReadOnlySpan<LayerTensor> inputs, LayerTensor output)
    {
        LayerTensor? added = Added is null ? null : inputs[1];
        return IsDepthwise ? new DepthwiseLayer(inputs[0], output, Kernel, Stride, Padding, At.Weights, At.Bias, Activation, added)
            : new ConvolutionLayer(inputs[0], output, Kernel, Stride, Padding, At.Weights, At.Bias, Activation, added);
    }
}

/// <summary>What a batch normalization does to each channel: <c>x * Scale + Shift</c>.</summary>
internal sealed record LayerNormalization(float[] Scale, float[] Shift);

internal sealed class MaxPoolStep(LayerChannels input, int kernel) : LayerStep(input.Channels, input.Height, input.Width)
{
    public override ImmutableArray<LayerChannels> Inputs => [input];

    public override Layer Place(ReadOnlySpan<LayerTensor> inputs, LayerTensor output) => new MaxPoolLayer(inputs[0], output, kernel);
}

internal sealed class PoolStep(LayerChannels input, int height, int width) : LayerStep(input.Channels, height, width)
{
    public required LayerPooling Pooling { get; init; }

    public required (int Height, int Width) Kernel { get; init; }

    public required (int Down, int Right) Stride { get; init; }

    public required (int Top, int Left) Padding { get; init; }

    public override ImmutableArray<LayerChannels> Inputs => [input];

    public override Layer Place(ReadOnlySpan<LayerTensor> inputs, LayerTensor output) =>
        new PoolLayer(inputs[0], output, Pooling, Kernel, Stride, Padding);
}

internal sealed class AttentionStep(LayerChannels query, LayerChannels key, LayerChannels value, int heads, int areas, float scale)
    : LayerStep(value.Channels, value.Height, value.Width)
{
    public override ImmutableArray<LayerChannels> Inputs => [query, key, value];

    public override Layer Place(ReadOnlySpan<LayerTensor> inputs, LayerTensor output) =>
        new AttentionLayer(inputs[0], inputs[1], inputs[2], output, heads, areas, scale);
}

internal sealed class UpsampleStep(LayerChannels input) : LayerStep(input.Channels, input.Height * 2, input.Width * 2)
{
    public override ImmutableArray<LayerChannels> Inputs => [input];

    public override Layer Place(ReadOnlySpan<LayerTensor> inputs, LayerTensor output) => new UpsampleLayer(inputs[0], output);
}

internal sealed class AddStep(LayerChannels first, LayerChannels second) : LayerStep(first.Channels, first.Height, first.Width)
{
    public override ImmutableArray<LayerChannels> Inputs => [first, second];

    public override Layer Place(ReadOnlySpan<LayerTensor> inputs, LayerTensor output) => new AddLayer(inputs[0], inputs[1], output);
}
