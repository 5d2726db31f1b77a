using System.Collections.Immutable;
using System.Runtime.InteropServices;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Makes layers of a model's operators.</summary>
/// <remarks>
/// In three passes: the operators become steps over tensors without memory (<see cref="LayerReader"/>), the tensors get their places in buffers
/// (<see cref="LayerPlacement"/>), and the weights are written as the layers want them. A model is untrusted: every number is checked before it is
/// used, what a network may have in layers, channels and bytes is bounded, and nothing recurses.
/// </remarks>
internal static class LayerLowering
{
    /// <summary>A model of more layers is none that one would want to run so. The largest detection models have some hundreds.</summary>
    public const int MaxLayers = 4096;

    private const int WeightAlignment = 256;

    /// <summary>Lowers a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="graph">Its graph.</param>
    /// <param name="input">Name of its input.</param>
    /// <param name="size">Size of the input.</param>
    /// <param name="maps">Names of the tensors that the network gives, in that order.</param>
    /// <param name="reason">Why the model cannot be lowered, where this is null.</param>
    /// <returns>The network, which the caller disposes.</returns>
    public static LayerNetwork? TryLower(
        OnnxModel model, OnnxGraph graph, string input, (int Width, int Height) size, IEnumerable<string> maps, out string? reason)
    {
        try
        {
            reason = null;
            return Lower(model, graph, input, size, [.. maps]);
        }
        catch (LoweringException error)
        {
            reason = error.Message;
            return null;
        }
    }

    private static LayerNetwork Lower(OnnxModel model, OnnxGraph graph, string input, (int Width, int Height) size, ImmutableArray<string> maps)
    {
        LayerReader reader = new(graph, input, size);
        ImmutableArray<LayerChannels> outputs = reader.Read(maps);
        LayerPlacement placement = new(reader.Steps, outputs);
        ModelBytes weights = WriteWeights(model, [.. reader.Steps.OfType<ConvolutionStep>()]);
        try
        {
            ImmutableArray<Layer> layers = placement.Layers();
            return new LayerNetwork { Buffers = placement.Buffers, Layers = layers, Outputs = placement.Outputs, Weights = weights };
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>The weights of all convolutions; those of two convolutions with the same ones are there once.</summary>
    private static ModelBytes WriteWeights(OnnxModel model, ImmutableArray<ConvolutionStep> steps)
    {
        Dictionary<TensorProto, int> shared = new(ReferenceEqualityComparer.Instance);
        List<ConvolutionStep> written = [];
        long length = 0;
        foreach (ConvolutionStep step in steps)
        {
            if (step.Normalization is not null || !shared.TryGetValue(step.Weights, out int weightsAt))
            {
                weightsAt = Reserve((long)Padded(step.Channels) * step.Kernel.Height * step.Kernel.Width * InputChannels(step));
                written.Add(step);
                if (step.Normalization is null)
                {
                    shared.Add(step.Weights, weightsAt);
                }
            }

            step.At = (weightsAt, Reserve(Padded(step.Channels)));
        }

        ModelBytes block = ModelBytes.Allocate((int)length);
        try
        {
            Span<Half> halves = MemoryMarshal.Cast<byte, Half>(block.Span);
            halves.Clear();
            foreach (ConvolutionStep step in written)
            {
                WriteWeights(step, Values(model, step, step.Weights), halves[(step.At.Weights / sizeof(ushort))..]);
            }

            foreach (ConvolutionStep step in steps)
            {
                WriteBias(step, step.Bias is null ? null : Values(model, step, step.Bias), halves[(step.At.Bias / sizeof(ushort))..]);
            }

            return block;
        }
        catch
        {
            block.Dispose();
            throw;
        }

        int Reserve(long numbers)
        {
            long at = length;
            length += ((numbers * sizeof(ushort)) + WeightAlignment - 1) / WeightAlignment * WeightAlignment;
            return length <= int.MaxValue ? (int)at : throw new LoweringException("its weights take more than two gigabytes");
        }
    }

    /// <summary>From one plane for each input channel to input channels side by side.</summary>
    private static void WriteWeights(ConvolutionStep step, ReadOnlySpan<float> values, Span<Half> target)
    {
        int taps = step.Kernel.Height * step.Kernel.Width;
        int inputs = step.Input.Channels;
        int padded = InputChannels(step);
        for (int output = 0; output < step.Channels; output++)
        {
            ReadOnlySpan<float> from = values.Slice(output * inputs * taps, inputs * taps);
            float scale = step.Normalization?.Scale[output] ?? 1;
            for (int tap = 0; tap < taps; tap++)
            {
                Span<Half> to = target.Slice(((output * taps) + tap) * padded, inputs);
                for (int input = 0; input < inputs; input++)
                {
                    to[input] = Narrow(step, from[(input * taps) + tap] * scale);
                }
            }
        }
    }

    private static void WriteBias(ConvolutionStep step, float[]? values, Span<Half> target)
    {
        for (int output = 0; output < step.Channels; output++)
        {
            float value = values?[output] ?? 0;
            target[output] = Narrow(step, step.Normalization is { } normalization
                ? (value * normalization.Scale[output]) + normalization.Shift[output] : value);
        }
    }

    private static Half Narrow(ConvolutionStep step, float value)
    {
        Half half = (Half)value;
        return Half.IsFinite(half) ? half : throw new LoweringException($"convolution '{step.Name}' has a weight that is too large for half precision");
    }

    private static float[] Values(OnnxModel model, ConvolutionStep step, TensorProto tensor) => OnnxTensorData.Floats(model.Complete(tensor))
        ?? throw new LoweringException($"the weights of convolution '{step.Name}' are not of single or half precision, or not as many as declared");

    private static int InputChannels(ConvolutionStep step) =>
        step.Input.WholeStep is InputStep ? LayerNetwork.InputChannels : Padded(step.Input.Channels);

    private static int Padded(int channels) => LayerPlacement.Padded(channels);
}

/// <summary>Why a model cannot be lowered.</summary>
internal sealed class LoweringException(string message) : Exception(message);
