using System.Numerics;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Runs a network of layers on the CPU: what an engine's results are compared with.</summary>
/// <remarks>
/// Buffers hold single precision. With <c>rounds</c> every layer's result is rounded to half precision, as an engine stores it; sums within a layer
/// are of single precision in both cases.
/// </remarks>
internal static class LayerInterpreter
{
    /// <summary>Runs one picture.</summary>
    /// <param name="network">The network.</param>
    /// <param name="input">The picture as <c>[3, height, width]</c>, as models take it.</param>
    /// <param name="rounds">Whether results of layers are rounded to half precision.</param>
    /// <returns>The maps, each as <c>[channels, height, width]</c>.</returns>
    public static float[][] Run(LayerNetwork network, ReadOnlySpan<float> input, bool rounds)
    {
        // What nobody wrote is NaN: a layer that reads it is found out.
        float[][] buffers = [.. network.Buffers.Select(static buffer => new float[buffer.Channels * buffer.Height * buffer.Width])];
        foreach (float[] buffer in buffers)
        {
            Array.Fill(buffer, float.NaN);
        }

        int cells = network.Buffers[0].Height * network.Buffers[0].Width;
        for (int cell = 0; cell < cells; cell++)
        {
            for (int channel = 0; channel < LayerNetwork.InputChannels; channel++)
            {
                float value = channel < 3 ? input[(channel * cells) + cell] : 0;
                buffers[0][(cell * LayerNetwork.InputChannels) + channel] = rounds ? (float)(Half)value : value;
            }
        }

        float[] weights = new float[network.Weights.Span.Length / sizeof(ushort)];
        Widen(MemoryMarshal.Cast<byte, Half>(network.Weights.Span), weights);
        foreach (Layer layer in network.Layers)
        {
            Run(network, layer, buffers, weights);
            if (rounds)
            {
                View output = new(network, layer.Output, buffers);
                for (int cell = 0; cell < output.Height * output.Width; cell++)
                {
                    foreach (ref float value in output.Cell(cell))
                    {
                        value = (float)(Half)value;
                    }
                }
            }
        }

        return [.. network.Outputs.Select(tensor => Planes(new View(network, tensor, buffers), tensor.Channels))];
    }

    private static void Widen(ReadOnlySpan<Half> from, Span<float> to)
    {
        for (int i = 0; i < from.Length; i++)
        {
            to[i] = (float)from[i];
        }
    }

    private static void Run(LayerNetwork network, Layer layer, float[][] buffers, float[] weights)
    {
        View output = new(network, layer.Output, buffers);
        switch (layer)
        {
            case ConvolutionLayer convolution:
                Convolve(
                    convolution, new View(network, convolution.Input, buffers), output,
                    convolution.Added is LayerTensor added ? new View(network, added, buffers) : null, weights);
                break;
            case DepthwiseLayer depthwise:
                Convolve(
                    depthwise, new View(network, depthwise.Input, buffers), output,
                    depthwise.Added is LayerTensor summand ? new View(network, summand, buffers) : null, weights);
                break;
            case AttentionLayer attention:
                Attend(
                    attention, new View(network, attention.Query, buffers), new View(network, attention.Key, buffers),
                    new View(network, attention.Value, buffers), output);
                break;
            case MaxPoolLayer pool:
                int side = pool.Kernel;
                Pool(
                    new PoolLayer(pool.Input, pool.Output, LayerPooling.Largest, (side, side), (1, 1), (side / 2, side / 2)),
                    new View(network, pool.Input, buffers), output);
                break;
            case PoolLayer pool:
                Pool(pool, new View(network, pool.Input, buffers), output);
                break;
            case UpsampleLayer upsample:
                View small = new(network, upsample.Input, buffers);
                for (int cell = 0; cell < output.Height * output.Width; cell++)
                {
                    small.Cell((cell / output.Width / 2 * small.Width) + (cell % output.Width / 2)).CopyTo(output.Cell(cell));
                }

                break;
            case AddLayer sum:
                View first = new(network, sum.First, buffers);
                View second = new(network, sum.Second, buffers);
                for (int cell = 0; cell < output.Height * output.Width; cell++)
                {
                    for (int channel = 0; channel < output.Channels; channel++)
                    {
                        output.Cell(cell)[channel] = first.Cell(cell)[channel] + second.Cell(cell)[channel];
                    }
                }

                break;
            case CopyLayer copy:
                View source = new(network, copy.Input, buffers);
                for (int cell = 0; cell < output.Height * output.Width; cell++)
                {
                    source.Cell(cell).CopyTo(output.Cell(cell));
                }

                break;
            default:
                throw new InvalidOperationException($"No layer {layer.GetType()}.");
        }
    }

    private static void Convolve(ConvolutionLayer layer, View input, View output, View? added, float[] weights)
    {
        int taps = layer.Kernel.Height * layer.Kernel.Width;
        int inputs = input.Channels;
        int outputs = output.Channels;
        ReadOnlySpan<float> stored = weights.AsSpan(layer.WeightsAt / sizeof(ushort), outputs * taps * inputs);
        float[] byInput = new float[stored.Length];
        for (int channel = 0; channel < outputs; channel++)
        {
            for (int i = 0; i < taps * inputs; i++)
            {
                byInput[(i * outputs) + channel] = stored[(channel * taps * inputs) + i];
            }
        }

        float[] bias = weights[(layer.BiasAt / sizeof(ushort))..][..outputs];
        _ = Parallel.For(0, output.Height, row =>
        {
            for (int column = 0; column < output.Width; column++)
            {
                Span<float> sums = output.Cell((row * output.Width) + column);
                bias.CopyTo(sums);
                for (int tap = 0; tap < taps; tap++)
                {
                    int y = (row * layer.Stride.Down) - layer.Padding.Top + (tap / layer.Kernel.Width);
                    int x = (column * layer.Stride.Right) - layer.Padding.Left + (tap % layer.Kernel.Width);
                    if (y >= 0 && y < input.Height && x >= 0 && x < input.Width)
                    {
                        Accumulate(input.Cell((y * input.Width) + x), byInput.AsSpan(tap * inputs * outputs), sums);
                    }
                }

                Finish(sums, layer.Activation, added is View other ? other.Cell((row * output.Width) + column) : default);
            }
        });
    }

    private static void Convolve(DepthwiseLayer layer, View input, View output, View? added, float[] weights)
    {
        for (int cell = 0; cell < output.Height * output.Width; cell++)
        {
            Span<float> sums = output.Cell(cell);
            weights.AsSpan(layer.BiasAt / sizeof(ushort), sums.Length).CopyTo(sums);
            for (int tap = 0; tap < layer.Kernel.Height * layer.Kernel.Width; tap++)
            {
                int y = (cell / output.Width * layer.Stride.Down) - layer.Padding.Top + (tap / layer.Kernel.Width);
                int x = (cell % output.Width * layer.Stride.Right) - layer.Padding.Left + (tap % layer.Kernel.Width);
                if (y >= 0 && y < input.Height && x >= 0 && x < input.Width)
                {
                    ReadOnlySpan<float> values = input.Cell((y * input.Width) + x);
                    ReadOnlySpan<float> factors = weights.AsSpan((layer.WeightsAt / sizeof(ushort)) + (tap * sums.Length), sums.Length);
                    for (int channel = 0; channel < sums.Length; channel++)
                    {
                        sums[channel] += values[channel] * factors[channel];
                    }
                }
            }

            Finish(sums, layer.Activation, added is View other ? other.Cell(cell) : default);
        }
    }

    private static void Finish(Span<float> sums, LayerActivation activation, ReadOnlySpan<float> added)
    {
        if (activation == LayerActivation.Silu)
        {
            foreach (ref float sum in sums)
            {
                sum /= 1 + MathF.Exp(-sum);
            }
        }

        for (int channel = 0; channel < added.Length; channel++)
        {
            sums[channel] += added[channel];
        }
    }

    private static void Attend(AttentionLayer layer, View query, View key, View value, View output)
    {
        int cells = output.Height * output.Width / layer.Areas;
        int keys = layer.Key.Channels / layer.Heads;
        int values = layer.Value.Channels / layer.Heads;
        float[] matches = new float[cells];
        for (int head = 0; head < layer.Heads; head++)
        {
            for (int cell = 0; cell < cells * layer.Areas; cell++)
            {
                int first = cell / cells * cells;
                ReadOnlySpan<float> wanted = query.Cell(cell).Slice(head * keys, keys);
                float largest = float.NegativeInfinity;
                for (int other = 0; other < cells; other++)
                {
                    ReadOnlySpan<float> found = key.Cell(first + other).Slice(head * keys, keys);
                    float product = 0;
                    for (int channel = 0; channel < keys; channel++)
                    {
                        product += wanted[channel] * found[channel];
                    }

                    matches[other] = product * layer.Scale;
                    largest = MathF.Max(largest, matches[other]);
                }

                float total = 0;
                foreach (ref float match in matches.AsSpan())
                {
                    match = MathF.Exp(match - largest);
                    total += match;
                }

                Span<float> sums = output.Cell(cell).Slice(head * values, values);
                sums.Clear();
                for (int other = 0; other < cells; other++)
                {
                    ReadOnlySpan<float> given = value.Cell(first + other).Slice(head * values, values);
                    for (int channel = 0; channel < values; channel++)
                    {
                        sums[channel] += matches[other] / total * given[channel];
                    }
                }
            }
        }
    }

    private static void Accumulate(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<float> sums)
    {
        Span<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(sums);
        int rest = vectors.Length * Vector<float>.Count;
        for (int i = 0; i < values.Length; i++)
        {
            float value = values[i];
            ReadOnlySpan<float> row = weights.Slice(i * sums.Length, sums.Length);
            ReadOnlySpan<Vector<float>> factors = MemoryMarshal.Cast<float, Vector<float>>(row);
            for (int j = 0; j < vectors.Length; j++)
            {
                vectors[j] = Vector.FusedMultiplyAdd(factors[j], new Vector<float>(value), vectors[j]);
            }

            for (int j = rest; j < sums.Length; j++)
            {
                sums[j] += row[j] * value;
            }
        }
    }

    private static void Pool(PoolLayer layer, View input, View output)
    {
        bool isMean = layer.Pooling == LayerPooling.Mean;
        for (int cell = 0; cell < output.Height * output.Width; cell++)
        {
            int top = (cell / output.Width * layer.Stride.Down) - layer.Padding.Top;
            int left = (cell % output.Width * layer.Stride.Right) - layer.Padding.Left;
            Span<float> result = output.Cell(cell);
            result.Fill(isMean ? 0 : float.NegativeInfinity);
            int count = 0;
            for (int y = Math.Max(0, top); y < Math.Min(input.Height, top + layer.Kernel.Height); y++)
            {
                for (int x = Math.Max(0, left); x < Math.Min(input.Width, left + layer.Kernel.Width); x++, count++)
                {
                    ReadOnlySpan<float> values = input.Cell((y * input.Width) + x);
                    for (int channel = 0; channel < result.Length; channel++)
                    {
                        result[channel] = isMean ? result[channel] + values[channel] : MathF.Max(result[channel], values[channel]);
                    }
                }
            }

            foreach (ref float value in result)
            {
                value /= isMean ? count : 1;
            }
        }
    }

    private static float[] Planes(View tensor, int channels)
    {
        int cells = tensor.Height * tensor.Width;
        float[] planes = new float[channels * cells];
        for (int cell = 0; cell < cells; cell++)
        {
            for (int channel = 0; channel < channels; channel++)
            {
                planes[(channel * cells) + cell] = tensor.Cell(cell)[channel];
            }
        }

        return planes;
    }

    /// <summary>A tensor in its buffer, with the channels that fill it up.</summary>
    private readonly struct View(LayerNetwork network, LayerTensor tensor, float[][] buffers)
    {
        private readonly float[] values = buffers[tensor.Buffer];
        private readonly int step = network.Buffers[tensor.Buffer].Channels;
        private readonly int first = tensor.FirstChannel;

        public int Height { get; } = network.Buffers[tensor.Buffer].Height;

        public int Width { get; } = network.Buffers[tensor.Buffer].Width;

        public int Channels { get; } = tensor.Buffer == 0 ? LayerNetwork.InputChannels : LayerNetwork.Padded(tensor.Channels);

        public Span<float> Cell(int cell) => values.AsSpan((cell * step) + first, Channels);
    }
}
