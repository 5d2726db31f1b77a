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
            case MaxPoolLayer pool:
                Pool(pool.Kernel, new View(network, pool.Input, buffers), output);
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

                if (layer.Activation == LayerActivation.Silu)
                {
                    foreach (ref float sum in sums)
                    {
                        sum /= 1 + MathF.Exp(-sum);
                    }
                }

                if (added is View other)
                {
                    ReadOnlySpan<float> summands = other.Cell((row * output.Width) + column);
                    for (int channel = 0; channel < sums.Length; channel++)
                    {
                        sums[channel] += summands[channel];
                    }
                }
            }
        });
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

    private static void Pool(int kernel, View input, View output)
    {
        for (int row = 0; row < output.Height; row++)
        {
            for (int column = 0; column < output.Width; column++)
            {
                Span<float> largest = output.Cell((row * output.Width) + column);
                largest.Fill(float.NegativeInfinity);
                for (int y = Math.Max(0, row - (kernel / 2)); y < Math.Min(input.Height, row + (kernel / 2) + 1); y++)
                {
                    for (int x = Math.Max(0, column - (kernel / 2)); x < Math.Min(input.Width, column + (kernel / 2) + 1); x++)
                    {
                        ReadOnlySpan<float> values = input.Cell((y * input.Width) + x);
                        for (int channel = 0; channel < largest.Length; channel++)
                        {
                            largest[channel] = MathF.Max(largest[channel], values[channel]);
                        }
                    }
                }
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

        public int Channels { get; } = tensor.Buffer == 0 ? LayerNetwork.InputChannels : LayerPlacement.Padded(tensor.Channels);

        public Span<float> Cell(int cell) => values.AsSpan((cell * step) + first, Channels);
    }
}
