using System.Runtime.InteropServices;
using System.Text;

namespace YoloZeroCopy.Tests;

/// <summary>Files of memory before and after a layer's kernel, by its definition, for the program in native/tests/kernels.</summary>
internal static class LayerGolden
{
    private const int NameBytes = 32;

    // Cells and channels of a tensor, and pictures.
    private static readonly (int Width, int Height, int Channels, int Pictures)[] Sizes =
        [(1, 1, 8, 1), (3, 7, 24, 2), (20, 20, 16, 2), (20, 12, 5, 1), (45, 21, 8, 1), (9, 64, 16, 1)];

    public static void Write(string folder)
    {
        int number = 0;
        foreach ((int width, int height, int channels, int pictures) in Sizes)
        {
            // Views with other channels beside them, in buffers of several widths.
            int filled = (channels + 7) / 8 * 8;
            int step = (4 * filled) + 16;
            ulong bufferBytes = (ulong)(pictures * height * width * step * sizeof(ushort));
            LayerView View(int place, ulong at = 0) => new(
                at + ((ulong)(8 + (place * filled)) * sizeof(ushort)), channels, step, height, width);
            LayerView narrow = new(bufferBytes, channels, filled, height, width);
            LayerView doubled = new(bufferBytes + 16, channels, filled + 8, 2 * height, 2 * width);
            int bytes = (int)bufferBytes * 3;
            Layer(LayerKernels.Copy(View(0), narrow, pictures), memory => memory.Copy(View(0), narrow));
            Layer(LayerKernels.Copy(narrow, View(2), pictures), memory => memory.Copy(narrow, View(2)));
            Layer(LayerKernels.Add(View(0), narrow, View(3), pictures), memory => memory.Add(View(0), narrow, View(3)));
            Layer(LayerKernels.Add(narrow, View(1), narrow, pictures), memory => memory.Add(narrow, View(1), narrow));
            Layer(LayerKernels.Upsample(View(1), doubled, pictures), memory => memory.Upsample(View(1), doubled));
            foreach (int window in (int[])[1, 3, 5, 13])
            {
                Layer(LayerKernels.MaxPool(View(0), View(1), window, pictures), memory => memory.MaxPool(View(0), View(1), window));
            }

            Layer(LayerKernels.MaxPoolChain(View(0), View(1), View(2), View(3), pictures), memory =>
            {
                memory.MaxPool(View(0), View(1), 5);
                memory.MaxPool(View(0), View(2), 9);
                memory.MaxPool(View(0), View(3), 13);
            });

            void Layer(LayerLaunch launch, Action<LayerReference> reference)
            {
                byte[] memory = Halves(bytes, number);
                using BinaryWriter file = new(File.Create(Path.Combine(folder, $"layer_{number++}_{launch.Kernel}.bin")));
                file.Write(Encoding.ASCII.GetBytes("YZCL"));
                file.Write(Encoding.ASCII.GetBytes(launch.Kernel.PadRight(NameBytes, '\0')));
                (int x, int y, int z, int threads) = launch.Grid;
                file.Write(MemoryMarshal.AsBytes((ReadOnlySpan<int>)[x, y, z, threads]));
                LayerParameters parameters = launch.Parameters;
                file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<LayerParameters>(in parameters)));
                file.Write(memory.Length);
                file.Write(memory);
                reference(new LayerReference(memory, pictures));
                file.Write(memory);
            }
        }
    }

    /// <summary>Mostly numbers of every size; now and then any bits at all.</summary>
    private static byte[] Halves(int bytes, int seed)
    {
        Random random = new(seed);
        byte[] memory = new byte[bytes];
        foreach (ref ushort half in MemoryMarshal.Cast<byte, ushort>(memory.AsSpan()))
        {
            half = random.Next(50) == 0 ? (ushort)random.Next(0x10000) : BitConverter.HalfToUInt16Bits((Half)((random.NextSingle() - 0.5f) * 8));
        }

        return memory;
    }
}
