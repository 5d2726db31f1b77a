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
