using System.Runtime.InteropServices;
using System.Text;

namespace YoloZeroCopy.Tests;

/// <summary>Files of memory before and after a layer's kernel, by its definition, for the program in native/tests/kernels.</summary>
internal static class LayerGolden
{
    private const int NameBytes = 32;

    // NaN that no kernel gives: where results may be off, it shows what is one.
    private const ushort Unwritten = 0x7E55;

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
            int bytes = (int)bufferBytes * 2;
            Layer(LayerKernels.Copy(View(0), narrow, pictures), memory => memory.Copy(View(0), narrow));
            Layer(LayerKernels.Copy(narrow, View(2), pictures), memory => memory.Copy(narrow, View(2)));
            Layer(LayerKernels.Add(View(0), narrow, View(3), pictures), memory => memory.Add(View(0), narrow, View(3)));
            Layer(LayerKernels.Add(narrow, View(1), narrow, pictures), memory => memory.Add(narrow, View(1), narrow));
            bytes += (int)bufferBytes;
            Layer(LayerKernels.Upsample(View(1), doubled, pictures), memory => memory.Upsample(View(1), doubled));
            bytes -= (int)bufferBytes;
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
                byte[] memory = Halves(bytes, number, wild: true);
                Save(Path.Combine(folder, $"layer_{number++}_{launch.Kernel}.bin"), launch, memory, pictures, reference);
            }
        }

        WriteWindows(folder);
        WriteAttention(folder);
    }

    private static void WriteWindows(string folder)
    {
        int number = 0;
        foreach (((int height, int width) kernel, (int down, int right) stride, (int top, int left) padding,
            (int inputHeight, int inputWidth) size) in
            new[]
            {
                ((3, 3), (1, 1), (1, 1), (9, 11)), ((5, 5), (1, 1), (2, 2), (7, 12)), ((7, 7), (1, 1), (3, 3), (10, 10)),
                ((3, 3), (2, 2), (1, 1), (9, 12)), ((5, 5), (2, 2), (2, 2), (8, 9)), ((7, 7), (2, 2), (3, 3), (11, 6)),
                ((1, 5), (1, 2), (0, 1), (5, 9)), ((3, 3), (1, 1), (0, 2), (6, 6)), ((9, 9), (1, 1), (4, 4), (4, 5)),
                ((3, 3), (1, 1), (1, 1), (1, 1)),
            })
        {
            const int Pictures = 2;
            const int Channels = 24;
            const int Step = 40;
            LayerView input = new(16, Channels, Step, size.inputHeight, size.inputWidth);
            ulong bytes = (ulong)(Pictures * size.inputHeight * size.inputWidth * Step * 2);
            int outputHeight = ((size.inputHeight + (2 * padding.top) - kernel.height) / stride.down) + 1;
            int outputWidth = ((size.inputWidth + (2 * padding.left) - kernel.width) / stride.right) + 1;
            LayerView output = new(bytes, Channels, Step, outputHeight, outputWidth);
            ulong outputBytes = (ulong)(Pictures * outputHeight * outputWidth * Step * 2);
            LayerView added = output with { Address = bytes + outputBytes };
            int weights = (int)(bytes + (2 * outputBytes));
            int biasAt = kernel.height * kernel.width * Channels * 2;
            int all = weights + biasAt + (Channels * 2);
            LayerTensor from = new(0, 0, Channels);
            LayerTensor to = new(1, 0, Channels);
            LayerTensor sum = new(2, 0, Channels);
            LayerView ViewOf(LayerTensor tensor) => tensor.Buffer == 0 ? input : tensor.Buffer == 1 ? output : added;
            foreach ((LayerActivation activation, LayerTensor? summand) in
                new (LayerActivation, LayerTensor?)[] { (LayerActivation.None, null), (LayerActivation.Silu, null), (LayerActivation.Silu, sum) })
            {
                DepthwiseLayer layer = new(from, to, kernel, stride, padding, 0, biasAt, activation, summand);
                byte[] memory = Halves(all, number, wild: activation == LayerActivation.None);
                new LayerReference(memory, Pictures).Fill(output, Unwritten);
                LayerLaunch launch = LayerKernels.Of(layer, ViewOf, Pictures, (ulong)weights);
                Save(
                    Path.Combine(folder, $"window_{number++}_{launch.Kernel}.bin"), launch, memory, Pictures,
                    reference => reference.Depthwise(layer, input, output, added, weights),
                    rounds: activation == LayerActivation.Silu);
            }

            foreach (LayerPooling pooling in Enum.GetValues<LayerPooling>())
            {
                PoolLayer layer = new(from, to, pooling, kernel, stride, padding);
                byte[] memory = Halves(all, number, wild: true);
                Save(
                    Path.Combine(folder, $"window_{number++}_{pooling}.bin"), LayerKernels.Of(layer, ViewOf, Pictures, 0), memory, Pictures,
                    reference => reference.Pool(input, output, layer));
            }
        }
    }

    private static void WriteAttention(string folder)
    {
        int number = 0;
        foreach ((int height, int width, int areas, int heads, int keys, int values, int pictures) in new[]
        {
            (1, 1, 1, 1, 8, 8, 1), (4, 4, 1, 2, 32, 64, 2), (13, 11, 1, 2, 32, 64, 1), (8, 8, 4, 3, 32, 32, 1), (10, 20, 2, 1, 16, 24, 2),
            (20, 20, 1, 1, 64, 8, 1),
        })
        {
            LayerTensor query = new(0, 0, heads * keys);
            LayerTensor key = new(0, heads * keys, heads * keys);
            LayerTensor value = new(0, 2 * heads * keys, heads * values);
            LayerTensor to = new(1, 8, heads * values);
            LayerBuffer buffer = new(((2 * keys) + values) * heads, height, width);
            LayerBuffer result = new((heads * values) + 16, height, width);
            ulong bytes = (ulong)(pictures * buffer.PictureBytes);
            LayerView ViewOf(LayerTensor tensor) => tensor.Buffer == 0 ? LayerView.Of(tensor, buffer, 0) : LayerView.Of(tensor, result, bytes);
            AttentionLayer layer = new(query, key, value, to, heads, areas, 1 / MathF.Sqrt(keys));
            byte[] memory = Halves((int)bytes + (int)(pictures * result.PictureBytes), number, wild: false);
            new LayerReference(memory, pictures).Fill(ViewOf(to), Unwritten);

            // Values are up to 4; a weight is rounded to half, which is a unit of 2^-11.
            const float Tolerance = 4f / (1 << 10);
            Save(
                Path.Combine(folder, $"attention_{number++}.bin"), LayerKernels.Of(layer, ViewOf, pictures, 0), memory, pictures,
                reference => reference.Attention(layer, ViewOf(query), ViewOf(key), ViewOf(value), ViewOf(to)), Tolerance, rounds: true);
        }
    }

    /// <summary>Writes memory before and after.</summary>
    /// <param name="path">The file.</param>
    /// <param name="launch">The launch, whose addresses begin at 0.</param>
    /// <param name="memory">Memory before.</param>
    /// <param name="pictures">Pictures.</param>
    /// <param name="reference">What is done to it.</param>
    /// <param name="tolerance">How far a result may lie from the wanted one.</param>
    /// <param name="rounds">Whether it may beyond that be a unit of its last place off.</param>
    private static void Save(
        string path, LayerLaunch launch, byte[] memory, int pictures, Action<LayerReference> reference, float tolerance = 0, bool rounds = false)
    {
        using BinaryWriter file = new(File.Create(path));
        file.Write(Encoding.ASCII.GetBytes("YZCL"));
        file.Write(Encoding.ASCII.GetBytes(launch.Kernel.PadRight(NameBytes, '\0')));
        (int x, int y, int z, int threads) = launch.Grid;
        file.Write(MemoryMarshal.AsBytes((ReadOnlySpan<int>)[x, y, z, threads]));
        LayerParameters parameters = launch.Parameters;
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<LayerParameters>(in parameters)));
        file.Write(tolerance);
        file.Write(rounds ? 1 : 0);
        file.Write(memory.Length);
        file.Write(memory);
        reference(new LayerReference(memory, pictures));
        file.Write(memory);
    }

    /// <summary>Mostly numbers up to 4; where they are wild, now and then any bits at all.</summary>
    private static byte[] Halves(int bytes, int seed, bool wild)
    {
        Random random = new(seed);
        byte[] memory = new byte[bytes];
        foreach (ref ushort half in MemoryMarshal.Cast<byte, ushort>(memory.AsSpan()))
        {
            half = wild && random.Next(50) == 0
                ? (ushort)random.Next(0x10000) : BitConverter.HalfToUInt16Bits((Half)((random.NextSingle() - 0.5f) * 8));
        }

        return memory;
    }
}
