using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>What the layers' kernels do, by definition, in a block of memory whose addresses begin at 0.</summary>
internal sealed class LayerReference(byte[] memory, int pictures)
{
    // What the device makes of a result that is no number.
    private const ushort NotANumber = 0x7FFF;

    public void Copy(in LayerView input, in LayerView output)
    {
        foreach ((int picture, int y, int x, int channel) in Places(output))
        {
            At(output, picture, y, x, channel) = At(input, picture, y, x, channel);
        }
    }

    public void Add(in LayerView first, in LayerView second, in LayerView output)
    {
        foreach ((int picture, int y, int x, int channel) in Places(output))
        {
            Half sum = BitConverter.UInt16BitsToHalf(At(first, picture, y, x, channel))
                + BitConverter.UInt16BitsToHalf(At(second, picture, y, x, channel));
            At(output, picture, y, x, channel) = Half.IsNaN(sum) ? NotANumber : BitConverter.HalfToUInt16Bits(sum);
        }
    }

    public void Upsample(in LayerView input, in LayerView output)
    {
        foreach ((int picture, int y, int x, int channel) in Places(output))
        {
            At(output, picture, y, x, channel) = At(input, picture, y / 2, x / 2, channel);
        }
    }

    public void MaxPool(in LayerView input, in LayerView output, int window)
    {
        int radius = window / 2;
        foreach ((int picture, int y, int x, int channel) in Places(output))
        {
            ushort best = At(input, picture, y, x, channel);
            for (int row = Math.Max(0, y - radius); row <= Math.Min(input.Height - 1, y + radius); row++)
            {
                for (int column = Math.Max(0, x - radius); column <= Math.Min(input.Width - 1, x + radius); column++)
                {
                    ushort other = At(input, picture, row, column, channel);
                    best = InOrder(other) > InOrder(best) ? other : best;
                }
            }

            At(output, picture, y, x, channel) = best;
        }
    }

    public void Pool(in LayerView input, in LayerView output, PoolLayer layer)
    {
        foreach ((int picture, int y, int x, int channel) in Places(output))
        {
            int best = int.MinValue;
            float sum = 0;
            int count = 0;
            foreach ((int row, int column, _) in Window(input, y, x, layer.Kernel, layer.Stride, layer.Padding))
            {
                ushort value = At(input, picture, row, column, channel);
                best = Math.Max(best, InOrder(value));
                sum += (float)BitConverter.UInt16BitsToHalf(value);
                count++;
            }

            At(output, picture, y, x, channel) = layer.Pooling == LayerPooling.Mean
                ? Bits(sum / count)
                : (ushort)(best >= 0 ? best : 0x8000 | (-1 - best));
        }
    }

    public void Depthwise(DepthwiseLayer layer, in LayerView input, in LayerView output, in LayerView added, int weights)
    {
        ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(memory.AsSpan());
        int channels = output.Vectors * 8;
        foreach ((int picture, int y, int x, int channel) in Places(output))
        {
            float sum = (float)halves[((weights + layer.BiasAt) / 2) + channel];
            foreach ((int row, int column, int tap) in Window(input, y, x, layer.Kernel, layer.Stride, layer.Padding))
            {
                float factor = (float)halves[((weights + layer.WeightsAt) / 2) + (tap * channels) + channel];
                sum += (float)BitConverter.UInt16BitsToHalf(At(input, picture, row, column, channel)) * factor;
            }

            sum = layer.Activation == LayerActivation.Silu ? (float)(sum / (1 + Math.Exp(-sum))) : sum;
            sum += layer.Added is null ? 0 : (float)BitConverter.UInt16BitsToHalf(At(added, picture, y, x, channel));
            At(output, picture, y, x, channel) = Bits(sum);
        }
    }

    public void Attention(AttentionLayer layer, in LayerView query, in LayerView key, in LayerView value, in LayerView output)
    {
        int cells = query.Height * query.Width / layer.Areas;
        int keyChannels = query.Channels / layer.Heads;
        double[] weights = new double[cells];
        for (int index = 0; index < pictures * layer.Areas * cells * layer.Heads; index++)
        {
            int head = index % layer.Heads;
            int cell = index / layer.Heads % (cells * layer.Areas);
            int picture = index / layer.Heads / (cells * layer.Areas);
            int first = cell / cells * cells;
            for (int other = 0; other < cells; other++)
            {
                double product = 0;
                for (int channel = head * keyChannels; channel < (head + 1) * keyChannels; channel++)
                {
                    product += Value(query, picture, cell, channel) * Value(key, picture, first + other, channel);
                }

                weights[other] = product * layer.Scale;
            }

            double largest = weights.Max();
            for (int other = 0; other < cells; other++)
            {
                weights[other] = Math.Exp(weights[other] - largest);
            }

            double total = weights.Sum();
            int valueChannels = value.Channels / layer.Heads;
            for (int channel = head * valueChannels; channel < (head + 1) * valueChannels; channel++)
            {
                double sum = 0;
                for (int other = 0; other < cells; other++)
                {
                    sum += weights[other] / total * Value(value, picture, first + other, channel);
                }

                At(output, picture, cell / output.Width, cell % output.Width, channel) = Bits((float)sum);
            }
        }
    }

    /// <summary>Fills a tensor with one value.</summary>
    public void Fill(in LayerView view, ushort value)
    {
        foreach ((int picture, int y, int x, int channel) in Places(view))
        {
            At(view, picture, y, x, channel) = value;
        }
    }

    private static ushort Bits(float value) => float.IsNaN(value) ? NotANumber : BitConverter.HalfToUInt16Bits((Half)value);

    private static IEnumerable<(int Row, int Column, int Tap)> Window(
        LayerView input, int y, int x, (int Height, int Width) kernel, (int Down, int Right) stride, (int Top, int Left) padding)
    {
        for (int tap = 0; tap < kernel.Height * kernel.Width; tap++)
        {
            int row = (y * stride.Down) - padding.Top + (tap / kernel.Width);
            int column = (x * stride.Right) - padding.Left + (tap % kernel.Width);
            if (row >= 0 && row < input.Height && column >= 0 && column < input.Width)
            {
                yield return (row, column, tap);
            }
        }
    }

    private double Value(in LayerView view, int picture, int cell, int channel) =>
        (double)BitConverter.UInt16BitsToHalf(At(view, picture, cell / view.Width, cell % view.Width, channel));

    private static int InOrder(ushort half) => (half & 0x8000) == 0 ? half : -1 - (half & 0x7FFF);

    private IEnumerable<(int Picture, int Y, int X, int Channel)> Places(LayerView view)
    {
        for (int index = 0; index < pictures * view.Height * view.Width * view.Vectors * 8; index++)
        {
            int channel = index % (view.Vectors * 8);
            int pixel = index / (view.Vectors * 8);
            yield return (pixel / (view.Height * view.Width), pixel / view.Width % view.Height, pixel % view.Width, channel);
        }
    }

    private ref ushort At(in LayerView view, int picture, int y, int x, int channel) =>
        ref MemoryMarshal.Cast<byte, ushort>(memory.AsSpan())[
            (int)(view.Address / sizeof(ushort)) + ((((picture * view.Height) + y) * view.Width) + x) * view.Step + channel];
}
