using System.Collections.Immutable;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Writes the weights of a network as its layers want them.</summary>
internal static class LayerWeights
{
    private const int Alignment = 256;

    /// <summary>The weights and biases of all convolutions; the caller disposes them. Those that several share are there once.</summary>
    /// <exception cref="LoweringException">They are not what the model says they are, or too large.</exception>
    public static ModelBytes Write(OnnxModel model, ImmutableArray<ConvolutionStep> steps)
    {
        Dictionary<TensorProto, int> shared = new(ReferenceEqualityComparer.Instance);
        List<ConvolutionStep> written = [];
        long length = 0;
        foreach (ConvolutionStep step in steps)
        {
            bool isPlain = step is { Normalization: null, Order: null };
            if (!isPlain || !shared.TryGetValue(step.Weights, out int weightsAt))
            {
                // Before memory is taken for what a few bytes say: are they there?
                _ = new Numbers(model, step, step.Weights);
                int inputs = step.IsDepthwise ? 1 : InputChannels(step);
                weightsAt = Reserve((long)LayerNetwork.Padded(step.Channels) * step.Kernel.Height * step.Kernel.Width * inputs);
                written.Add(step);
                if (isPlain)
                {
                    shared.Add(step.Weights, weightsAt);
                }
            }

            step.At = (weightsAt, Reserve(LayerNetwork.Padded(step.Channels)));
        }

        ModelBytes block = ModelBytes.Allocate((int)length);
        try
        {
            Span<Half> halves = MemoryMarshal.Cast<byte, Half>(block.Span);
            halves.Clear();
            foreach (ConvolutionStep step in written)
            {
                WriteWeights(step, new Numbers(model, step, step.Weights), halves[(step.At.Weights / sizeof(ushort))..]);
            }

            foreach (ConvolutionStep step in steps)
            {
                WriteBias(model, step, halves.Slice(step.At.Bias / sizeof(ushort), step.Channels));
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
            length += ((numbers * sizeof(ushort)) + Alignment - 1) / Alignment * Alignment;
            return length <= int.MaxValue ? (int)at : throw new LoweringException("its weights take more than two gigabytes");
        }
    }

    /// <summary>Models have a plane of the kernel for each input channel; layers have channels side by side.</summary>
    private static void WriteWeights(ConvolutionStep step, Numbers numbers, Span<Half> target)
    {
        int taps = step.Kernel.Height * step.Kernel.Width;
        int inputs = step.IsDepthwise ? 1 : step.Input.Channels;
        (int inputStep, int tapStep, int outputStep) = step.IsDepthwise ? (0, LayerNetwork.Padded(step.Channels), 1)
            : (1, InputChannels(step), taps * InputChannels(step));
        float[] values = new float[inputs * taps];
        for (int place = 0; place < step.Channels; place++)
        {
            int output = step.ChannelAt(place);
            numbers.CopyTo(output * values.Length, values);
            float scale = step.Normalization?.Scale[output] ?? 1;
            for (int tap = 0; tap < taps; tap++)
            {
                int to = (place * outputStep) + (tap * tapStep);
                for (int input = 0; input < inputs; input++)
                {
                    target[to + (input * inputStep)] = Narrow(step, values[(input * taps) + tap] * scale);
                }
            }
        }
    }

    private static void WriteBias(OnnxModel model, ConvolutionStep step, Span<Half> target)
    {
        float[] values = new float[step.Channels];
        if (step.Bias is not null)
        {
            new Numbers(model, step, step.Bias).CopyTo(0, values);
        }

        for (int place = 0; place < target.Length; place++)
        {
            int output = step.ChannelAt(place);
            target[place] = Narrow(step, step.Normalization is { } normalization
                ? (values[output] * normalization.Scale[output]) + normalization.Shift[output] : values[output]);
        }
    }

    private static Half Narrow(ConvolutionStep step, float value)
    {
        Half half = (Half)value;
        return Half.IsFinite(half) ? half
            : throw new LoweringException($"convolution '{step.Name}' has a weight that is too large for half precision");
    }

    private static int InputChannels(ConvolutionStep step) =>
        step.Input.WholeStep is InputStep ? LayerNetwork.InputChannels : LayerNetwork.Padded(step.Input.Channels);

    /// <summary>The numbers of a constant, read where they lie.</summary>
    private readonly ref struct Numbers
    {
        private readonly ReadOnlySpan<byte> raw;
        private readonly float[]? values;
        private readonly bool areHalves;

        public Numbers(OnnxModel model, ConvolutionStep step, TensorProto tensor)
        {
            long count = tensor.Dims.Aggregate(1L, static (product, size) => product * size);
            areHalves = (OrtElementType)tensor.DataType == OrtElementType.Float16;
            raw = model.RawDataOf(tensor);
            if (raw.IsEmpty)
            {
                values = OnnxTensorData.Floats(model.Complete(tensor));
            }

            bool isKnown = areHalves || (OrtElementType)tensor.DataType == OrtElementType.Float;
            if (values is null && (!isKnown || raw.Length != count * (areHalves ? sizeof(ushort) : sizeof(float))))
            {
                throw new LoweringException(
                    $"the weights of convolution '{step.Name}' are not of single or half precision, or not as many as declared");
            }
        }

        public void CopyTo(int first, Span<float> target)
        {
            if (values is not null)
            {
                values.AsSpan(first, target.Length).CopyTo(target);
            }
            else if (areHalves)
            {
                HalfToSingle.Convert(MemoryMarshal.Cast<byte, ushort>(raw).Slice(first, target.Length), target);
            }
            else
            {
                MemoryMarshal.Cast<byte, float>(raw).Slice(first, target.Length).CopyTo(target);
            }
        }
    }
}
