using System.Runtime.InteropServices;
using System.Text;

namespace YoloZeroCopy.Tests;

/// <summary>
/// The kernels' own sources, run on the host by the program in native/tests/kernels (threads as fibers), against what the CPU code gives for the same
/// frames and outputs.
/// Equality is exact. With YZC_DUMP_KERNEL_GOLDEN the files stay in that folder, so that the same program can compare a real GPU on another machine.
/// </summary>
public sealed class KernelGoldenTests
{
    // The element type that stands in a file for halves whose channels come last.
    private const int Float16Last = 3;

    [Fact]
    public async Task Kernels_equal_the_cpu_code()
    {
        string? kept = Environment.GetEnvironmentVariable("YZC_DUMP_KERNEL_GOLDEN");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("yzc-kernels-");
        try
        {
            // The program is built while the files are written, and checks them while it checks the cases of its own, which have a reference in C++.
            string compiler = NativeProgram.Compiler();
            string program = Path.Combine(folder.FullName, "kernel_check");
            Task build = Task.Run(() => NativeProgram.Run("bash", "-c", $"CXX={compiler} '{NativeProgram.Source("build.sh")}' emulated '{program}'"));
            string golden = kept ?? Path.Combine(folder.FullName, "golden");
            _ = Directory.CreateDirectory(golden);
            WriteFrames(golden);
            WriteOutputs(golden);
            HeadGolden.Write(golden);
            LayerGolden.Write(golden);
            await build;
            string[] reports = await Task.WhenAll(
                Task.Run(() => NativeProgram.Run(program, "--golden", golden)),
                Task.Run(() => NativeProgram.Run(program, "--quick")));
            Assert.All(reports, report => Assert.Contains(" 0 failed, 0 skipped", report, StringComparison.Ordinal));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void WriteFrames(string folder)
    {
        foreach ((int width, int height) in new[] { (96, 64), (61, 83) })
        {
            foreach ((TensorElementType elementType, InputLayout layout) in (ReadOnlySpan<(TensorElementType, InputLayout)>)
            [
                (TensorElementType.Float32, InputLayout.ChannelsFirst),
                (TensorElementType.Float16, InputLayout.ChannelsFirst),
                (TensorElementType.UInt8, InputLayout.ChannelsFirst),
                (TensorElementType.Float16, InputLayout.ChannelsLast4),
            ])
            {
                string type = layout == InputLayout.ChannelsLast4 ? "last" : $"{elementType}";
                List<FrameFormat> mixed = [];
                foreach (PixelFormat pixelFormat in Enum.GetValues<PixelFormat>())
                {
                    List<FrameFormat> formats = [];
                    int n = 0;
                    foreach ((int frameWidth, int frameHeight) in new[] { (1, 1), (2, 3), (192, 128), (288, 192), (101, 57), (40, 200), (96, 64),
                        (643, 31) })
                    {
                        int stride = n % 2 == 0 ? 0 : (frameWidth * 4) + (pixelFormat == PixelFormat.P010 ? 6 : 5);
                        formats.Add(new FrameFormat(pixelFormat, frameWidth, frameHeight, stride) { Color = (YuvColor)(n % 4) });
                        n++;
                    }

                    mixed.Add(formats[(int)pixelFormat % formats.Count]);
                    if (layout == InputLayout.ChannelsLast4 && width % 32 == 0)
                    {
                        // Formats are read as for the other layout; the odd size is enough.
                        continue;
                    }

                    WriteBatch(
                        Path.Combine(folder, $"preprocess_{pixelFormat}_{type}_{width}x{height}.bin"), formats, width, height, elementType, layout);
                }

                WriteBatch(Path.Combine(folder, $"preprocess_mixed_{type}_{width}x{height}.bin"), mixed, width, height, elementType, layout);
            }
        }
    }

    private static void WriteBatch(
        string path, List<FrameFormat> formats, int width, int height, TensorElementType elementType, InputLayout layout)
    {
        using BinaryWriter file = new(File.Create(path));
        file.Write(Encoding.ASCII.GetBytes("YZCP"));
        file.Write(formats.Count);
        file.Write(width);
        file.Write(height);
        file.Write(layout == InputLayout.ChannelsLast4 ? Float16Last : (int)elementType);
        CpuPreprocessor preprocessor = new(width, height, elementType);
        using MemoryStream tensors = new();
        foreach (FrameFormat format in formats)
        {
            byte[] frame = PreprocessingTestFrames.Noise(format, (uint)(format.Width + (7 * (int)format.PixelFormat)));
            KernelPicture picture = new(format, new Letterbox(format.Width, format.Height, width, height), frame: 0);
            file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<KernelPicture>(in picture)));
            file.Write(frame.Length);
            file.Write(frame);
            byte[] tensor = PreprocessingTestFrames.Run(preprocessor, frame, format);
            tensors.Write(layout == InputLayout.ChannelsLast4 ? ChannelsLast(tensor, width * height) : tensor);
        }

        file.Write(tensors.ToArray());
    }

    /// <summary>A tensor of halves with its channels last, and a fourth one of zeros.</summary>
    private static byte[] ChannelsLast(byte[] tensor, int pixels)
    {
        ReadOnlySpan<ushort> planes = MemoryMarshal.Cast<byte, ushort>(tensor);
        ushort[] last = new ushort[4 * pixels];
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            for (int channel = 0; channel < 3; channel++)
            {
                last[(4 * pixel) + channel] = planes[(channel * pixels) + pixel];
            }
        }

        return MemoryMarshal.AsBytes(last.AsSpan()).ToArray();
    }

    private static void WriteOutputs(string folder)
    {
        DecodingOptions[] options =
        [
            new(),
            new() { ScoreThreshold = 0.001f, IouThreshold = 0.45f, MaxDetections = 1024, ClassAgnostic = true },
            new() { ScoreThreshold = 0f, IouThreshold = 0f, MaxDetections = 7 },
            new() { ScoreThreshold = 0.5f, IouThreshold = 1f, MaxDetections = 100 },
        ];
        DecodingOptions SomeClasses(int classCount, int n) =>
            options[n % options.Length] with { Classes = [.. Enumerable.Range(0, classCount).Where(id => id % 31 == 0 || id % 7 == 3)] };
        foreach (OutputLayout layout in Enum.GetValues<OutputLayout>())
        {
            foreach (TensorElementType elementType in (TensorElementType[])[TensorElementType.Float32, TensorElementType.Float16])
            {
                int n = 0;
                foreach ((int anchors, int classCount, int candidates) in new[]
                {
                    (1, 1, 1), (9, 80, 5), (257, 3, 257), (60, 1000, 30), (1999, 5, 900), (2100, 80, 300), (4096, 1, 4096), (8400, 2, 2500),
                })
                {
                    string path = Path.Combine(folder, $"decode_{layout}_{elementType}_{n}.bin");
                    ModelOutput[] outputs = [.. Enumerable.Range(0, anchors > 2000 ? 1 : 3).Select(
                        i => ModelOutput.Random(layout, anchors, classCount, candidates, 640, (n * 31) + i))];
                    WriteDecoded(path, outputs, elementType, options[n % options.Length]);
                    if (elementType == TensorElementType.Float16)
                    {
                        WriteDecoded(Path.ChangeExtension(path, "some.bin"), outputs, elementType, SomeClasses(classCount, n));
                    }

                    n++;
                }

                WriteWrong(folder, layout, elementType);
            }
        }
    }

    /// <summary>Outputs with one wrong value each: the CPU's exception and the one made of the kernel's header say the same.</summary>
    private static void WriteWrong(string folder, OutputLayout layout, TensorElementType elementType)
    {
        List<(int Channel, float Value)> places = [(4, float.NaN), (2, float.PositiveInfinity)];
        if (layout == OutputLayout.EndToEnd)
        {
            places.AddRange([(5, 9), (5, 1.5f), (5, -1), (4, float.NegativeInfinity)]);
        }
        else
        {
            places.AddRange([(7, float.NegativeInfinity), (0, float.NaN)]);
        }

        ModelOutput[] outputs = [.. places.Select(_ => ModelOutput.Random(layout, 500, 9, 100, 640, 3))];
        for (int i = 0; i < outputs.Length; i++)
        {
            outputs[i].Set(77, 100, 100, 20, 20, 3, 0.75f);
            outputs[i][77, places[i].Channel] = places[i].Value;
        }

        WriteDecoded(Path.Combine(folder, $"decode_{layout}_{elementType}_wrong.bin"), outputs, elementType, new DecodingOptions(), (77, places));
    }

    private static void WriteDecoded(
        string path, ModelOutput[] outputs, TensorElementType elementType, DecodingOptions options,
            (int Anchor, List<(int Channel, float Value)> Places)? wrong = null)
    {
        ModelOutput shape = outputs[0];
        DecodeKernels kernels = new(shape.Layout, shape.Anchors, shape.ClassCount, elementType, options);
        using BinaryWriter file = new(File.Create(path));
        file.Write(Encoding.ASCII.GetBytes("YZCD"));
        file.Write(outputs.Length);
        file.Write((int)shape.Layout);
        file.Write((int)elementType);
        DecodeParameters parameters = kernels.ParametersFor(0, 0, 0, 0);
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<DecodeParameters>(in parameters)));
        Letterbox[] letterboxes = [.. outputs.Select((_, i) => new Letterbox(1920 - (117 * i), 1080 + (31 * i), 640, 640))];
        foreach (Letterbox letterbox in letterboxes)
        {
            KernelPicture picture = new(new FrameFormat(PixelFormat.Gray8, letterbox.FrameWidth, letterbox.FrameHeight), letterbox, frame: 0);
            file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<KernelPicture>(in picture)));
        }

        foreach (ModelOutput output in outputs)
        {
            file.Write(output.ToBytes(elementType));
        }

        for (int i = 0; i < outputs.Length; i++)
        {
            Detection[] detections = [];
            KernelResultHeader header;
            if (wrong is null)
            {
                detections = outputs[i].Decode(options, letterboxes[i], elementType);
                header = new KernelResultHeader(detections.Length, 0, 0, KernelDecodeStatus.Decoded, -1, -1, 0, 0);
            }
            else
            {
                (int channel, float value) = wrong.Value.Places[i];
                float given = elementType == TensorElementType.Float16 ? (float)(Half)value : value;
                bool isClass = shape.Layout == OutputLayout.EndToEnd && channel == 5;
                header = new KernelResultHeader(
                    0, 0, 0, isClass ? KernelDecodeStatus.UnknownClass : KernelDecodeStatus.NotFinite, wrong.Value.Anchor, channel,
                        BitConverter.SingleToUInt32Bits(given), 0);
                InferenceException byCpu = Assert.Throws<InferenceException>(() => outputs[i].Decode(options, letterboxes[i], elementType));
                byte[] result = new byte[kernels.ResultBytes];
                MemoryMarshal.Write(result, in header);
                InferenceException byKernel =
                    Assert.Throws<InferenceException>(() => kernels.Read(result, new Detection[kernels.MaxDetections], out _));
                Assert.Equal(byCpu.Message, byKernel.Message);
            }

            file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<KernelResultHeader>(in header)));
            file.Write(MemoryMarshal.AsBytes(detections.AsSpan()));
        }
    }
}
