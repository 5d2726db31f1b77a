using Google.Protobuf;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>A model made to compute in 8-bit integers.</summary>
public sealed class ModelQuantizerTests : IDisposable
{
    private const int Side = 96;

    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");
    private static readonly QuantizationOptions Options = new() { InputSize = (Side, Side), Threads = 1 };

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Output => folder.File("out.onnx");

    [Fact]
    public void The_sample_model_computes_in_integers_between_its_first_and_its_last_convolutions()
    {
        List<int> told = [];
        QuantizationReport report = ModelQuantizer.Quantize(Sample, Output, Noise(3), Options, new Collector(told));
        Assert.Equal([1, 2, 3], told);
        Assert.Equal((3, 56, 7), (report.Pictures, report.IntegerConvolutions, report.SingleConvolutions.Length));
        Assert.Equal((new FileInfo(Sample).Length, new FileInfo(Output).Length), (report.ModelBytes, report.OutputBytes));
        Assert.InRange(report.OutputBytes, 0.25 * report.ModelBytes, 0.3 * report.ModelBytes);

        ModelProto single = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Sample));
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Output));
        Assert.True(OnnxGraph.TryCreate(model, out _, out string? wrong), wrong);
        Assert.Equal(single.MetadataProps, model.MetadataProps);
        Assert.Equal(single.Graph.Input, model.Graph.Input);
        Assert.Equal(single.Graph.Output, model.Graph.Output);
        Dictionary<string, NodeProto> makers = model.Graph.Node.ToDictionary(static node => node.Output[0]);
        NodeProto[] integer = [.. model.Graph.Node.Where(node => node.OpType == "Conv" && makers.ContainsKey(node.Input[1]))];
        Assert.Equal(56, integer.Length);
        Assert.All(integer, node => Assert.Equal(
            ("DequantizeLinear", "DequantizeLinear", "QuantizeLinear"),
            (makers[node.Input[0]].OpType, makers[node.Input[1]].OpType,
                model.Graph.Node.Single(user => user.Input.Contains(node.Output[0])).OpType)));

        Assert.Contains(report.SingleConvolutions, static name => name.Contains("stem", StringComparison.Ordinal));
        Assert.Equal(6, report.SingleConvolutions.Count(static name => name.Contains("head", StringComparison.Ordinal)));
    }

    [Fact]
    public void It_gives_nearly_what_the_model_gives()
    {
        ModelQuantizer.Quantize(Sample, Output, Noise(4), Options);
        float[] wanted = Run(Sample);
        float[] found = Run(Output);
        int anchors = wanted.Length / 12;
        double error = 0;
        double size = 0;
        for (int index = 0; index < 4 * anchors; index++)
        {
            error += Math.Abs(wanted[index] - found[index]);
            size += Math.Abs(wanted[index]);
        }

        // Noise is no picture of parts. Boxes of what is there would be nearer: docs/performance.md has the accuracy.
        Assert.InRange(error / size, 0.0001, 0.08);
        Assert.All(wanted.Zip(found).Skip(4 * anchors), static pair => Assert.InRange(pair.Second, pair.First - 0.1f, pair.First + 0.1f));
    }

    [Theory]
    [MemberData(nameof(ArchitectureHeadTests.Networks), MemberType = typeof(ArchitectureHeadTests))]
    public void Every_architecture_computes_in_integers(string name)
    {
        string path = ArchitectureHeadTests.PathOf(name);
        QuantizationReport report = ModelQuantizer.Quantize(
            path, Output, Noise(4, 320, 256), new QuantizationOptions { Threads = 1, InputSize = (320, 256) });
        Assert.True(report.IntegerConvolutions >= 50, $"{report.IntegerConvolutions} convolutions are of integers.");
        Assert.InRange(report.SingleConvolutions.Length, 4, 7);
        float[] wanted = ArchitectureMaps.OfNetwork(name);
        float[] found = ArchitectureMaps.Of(Output, out _);

        // These networks are not trained, and a small difference in front is a large one behind: how large, rounded weights alone show.
        double ofWeights = ArchitectureMaps.Difference(wanted, ArchitectureMaps.OfWeights(path, folder.File("rounded.onnx"), static values =>
        {
            float step = Math.Max(1e-9f, Largest(values) / 63);
            foreach (ref float value in values)
            {
                value = step * (float)Math.Round(value / step);
            }
        }));
        Assert.InRange(ArchitectureMaps.Difference(wanted, found), 0.5 * ofWeights, 6 * ofWeights);
    }

    [Fact]
    public void Pictures_are_used_one_by_one_from_one_buffer()
    {
        FrameFormat format = new(PixelFormat.Bgr24, Side, Side);
        byte[] buffer = new byte[format.ByteCount];
        int asked = 0;
        ModelQuantizer.Quantize(Sample, Output, Pictures(), Options);
        byte[] shared = File.ReadAllBytes(Output);
        ModelQuantizer.Quantize(Sample, Output, Noise(3), Options);
        Assert.Equal(3, asked);
        Assert.Equal(shared, File.ReadAllBytes(Output));

        IEnumerable<(FrameFormat Format, ReadOnlyMemory<byte> Pixels)> Pictures()
        {
            for (; asked < 3; asked++)
            {
                new Random(asked).NextBytes(buffer);
                yield return (format, buffer);
            }
        }
    }

    [Fact]
    public async Task A_cancelled_call_leaves_the_old_file_and_nothing_else()
    {
        File.WriteAllText(Output, "old");
        using CancellationTokenSource source = new();
        Task<QuantizationReport> task = ModelQuantizer.QuantizeAsync(Sample, Output, Endless(), Options, cancellationToken: source.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        Assert.Equal("old", File.ReadAllText(Output));
        Assert.Equal([Output], Directory.GetFiles(folder.Path));

        IEnumerable<(FrameFormat Format, ReadOnlyMemory<byte> Pixels)> Endless()
        {
            for (int index = 0; ; index++)
            {
                if (index == 2)
                {
                    source.Cancel();
                }

                yield return Noise(1).Single();
            }
        }
    }

    [Theory]
    [InlineData("opset", "it is of opset 12")]
    [InlineData("again", "it is quantized already")]
    [InlineData("operator", "operator Fancy is not known")]
    [InlineData("network", "no convolutions in single precision between")]
    public void What_cannot_be_done_is_refused_with_the_reason(string what, string reason)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Sample));
        string path = folder.File("changed.onnx");
        switch (what)
        {
            case "opset":
                model.OpsetImport[0].Version = 12;
                break;
            case "again":
                ModelQuantizer.Quantize(Sample, path, Noise(1), Options);
                model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
                break;
            case "operator":
                model.Graph.Node.First(static node => node.OpType == "Sigmoid").OpType = "Fancy";
                break;
            default:
                OnnxModelBuilder network = OnnxModelBuilder.Network(classes: 2);
                network.Opset = 17;
                model = ModelProto.Parser.ParseFrom(network.Build());
                while (model.Graph.Node.Count(static node => node.OpType == "Conv") > 1)
                {
                    model.Graph.Node.First(static node => node.OpType == "Conv").OpType = "Identity";
                }

                break;
        }

        File.WriteAllBytes(path, model.ToByteArray());
        Assert.Contains(
            reason, Assert.Throws<ModelException>(() => ModelQuantizer.Quantize(path, Output, Noise(1), Options)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Output));
    }

    [Fact]
    public void Wrong_arguments_are_refused_before_a_picture_is_asked_for()
    {
        int asked = 0;
        Assert.Throws<ArgumentException>(() => ModelQuantizer.Quantize(Sample, Sample, Counted(), Options));
        Assert.Throws<DirectoryNotFoundException>(() => ModelQuantizer.Quantize(Sample, folder.File("no/folder/x.onnx"), Counted(), Options));
        Assert.Throws<ModelException>(() => ModelQuantizer.Quantize(folder.File("none.onnx"), Output, Counted(), Options));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => ModelQuantizer.Quantize(Sample, Output, Counted(), Options with { Range = (QuantizationRange)9 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => ModelQuantizer.Quantize(Sample, Output, Counted(), Options with { Threads = -1 }));
        Assert.Throws<ModelException>(() => ModelQuantizer.Quantize(Sample, Output, Counted(), Options with { InputSize = (100, 100) }));
        Assert.Equal(0, asked);
        Assert.Contains("no picture", Assert.Throws<ArgumentException>(() => ModelQuantizer.Quantize(Sample, Output, [], Options)).Message,
            StringComparison.Ordinal);
        FrameFormat format = new(PixelFormat.Bgr24, 64, 64);
        Assert.Throws<ArgumentException>(() => ModelQuantizer.Quantize(Sample, Output, [(format, new byte[10])], Options));
        Assert.Empty(Directory.GetFiles(folder.Path));

        IEnumerable<(FrameFormat Format, ReadOnlyMemory<byte> Pixels)> Counted()
        {
            asked++;
            yield break;
        }
    }

    [Fact]
    public void Integers_become_signed_for_TensorRt_and_stay_the_same_numbers()
    {
        ModelQuantizer.Quantize(Sample, Output, Noise(2), Options);
        using OnnxModel model = OnnxModel.Read(Output);
        using ModelBytes changed = SignedIntegers.TryChange(model)!;
        ModelProto wanted = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Output));
        ModelProto signed = ModelProto.Parser.ParseFrom(changed.Span);
        Assert.Equal(wanted.Graph.Node, signed.Graph.Node);
        Dictionary<string, TensorProto> values = signed.Graph.Initializer.ToDictionary(static tensor => tensor.Name);
        foreach (TensorProto tensor in wanted.Graph.Initializer)
        {
            if (tensor.DataType == 2)
            {
                Assert.Equal(128, tensor.RawData.Single());
                tensor.DataType = 3;
                tensor.RawData = ByteString.CopyFrom(0);
            }

            Assert.Equal(tensor, values[tensor.Name]);
        }

        // What is signed already, or no quantized model, has nothing to change; nor has one with another number for 0.
        using OnnxModel again = OnnxModel.Read(ModelSource.InMemory(changed.Memory, "again"));
        Assert.Null(SignedIntegers.TryChange(again));
        using OnnxModel plain = OnnxModel.Read(Sample);
        Assert.Null(SignedIntegers.TryChange(plain));
        ModelProto other = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Output));
        other.Graph.Initializer.First(static tensor => tensor.DataType == 2).RawData = ByteString.CopyFrom(7);
        using OnnxModel shifted = OnnxModel.Read(ModelSource.InMemory(other.ToByteArray(), "other"));
        Assert.Null(SignedIntegers.TryChange(shifted));
    }

    internal static IEnumerable<(FrameFormat Format, ReadOnlyMemory<byte> Pixels)> Noise(int count, int width = Side, int height = Side)
    {
        FrameFormat format = new(PixelFormat.Bgr24, width, height);
        return Enumerable.Range(0, count).Select(seed =>
        {
            byte[] pixels = new byte[format.ByteCount];
            new Random(seed).NextBytes(pixels);
            return (format, (ReadOnlyMemory<byte>)pixels);
        });
    }

    private static float Largest(ReadOnlySpan<float> values)
    {
        float most = 0;
        foreach (float value in values)
        {
            most = Math.Max(most, Math.Abs(value));
        }

        return most;
    }

    private static unsafe float[] Run(string path)
    {
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, new OnnxRuntimeOptions { Threads = 1, Sizes = InputSizes.Of((Side, Side)) });
        byte[] input = new byte[engine.Model.InputBytes];
        float[] output = new float[engine.OutputBytes / sizeof(float)];
        (FrameFormat format, ReadOnlyMemory<byte> pixels) = Noise(8).Last();
        new CpuPreprocessor(Side, Side, engine.Model.InputType).Run(pixels.Span, format, input);
        fixed (byte* from = input)
        {
            fixed (float* to = output)
            {
                using EngineContext context = engine.CreateContext(1, (nint)from, (nint)to, stream: 0);
                context.Enqueue();
            }
        }

        return output;
    }

    private sealed class Collector(List<int> told) : IProgress<int>
    {
        public void Report(int value) => told.Add(value);
    }
}
