using System.Runtime.InteropServices;
using Google.Protobuf;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>A single-precision model made half: the same detections within a bound, and left as it is wherever that is not sure.</summary>
public sealed class HalfPrecisionTests : IDisposable
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_sample_model_becomes_half_but_for_its_boxes()
    {
        using OnnxModel model = OnnxModel.Read(Sample);
        (ModelBytes bytes, string summary) = HalfPrecision.TryChange(model, out string? reason)!.Value;
        using (bytes)
        {
            Assert.Null(reason);
            Assert.Contains("boxes stay in single (", summary, StringComparison.Ordinal);
            ModelProto half = ModelProto.Parser.ParseFrom(bytes.Span);
            Assert.Equal(10, half.Graph.Input.Single().Type.TensorType.ElemType);
            Assert.Equal(1, half.Graph.Output.Single().Type.TensorType.ElemType);
            Assert.Equal(model.Proto.MetadataProps, half.MetadataProps);
            Assert.Equal(64, half.Graph.Node.Count(static node => node.OpType == "Conv"));
            HashSet<string> weights = [.. half.Graph.Node.Where(static node => node.OpType == "Conv").SelectMany(static node => node.Input.Skip(1))];
            Assert.All(half.Graph.Initializer, tensor => Assert.Equal(weights.Contains(tensor.Name) ? 10 : tensor.DataType, tensor.DataType));
            Assert.Equal(weights,
                half.Graph.Initializer.Where(static tensor => tensor.DataType == 10).Select(static tensor => tensor.Name).Where(
                weights.Contains).ToHashSet());

            // Nearly all of the file is weights.
            long before = new FileInfo(Sample).Length;
            Assert.InRange(bytes.Memory.Length, before * 0.5, before * 0.52);
            Assert.True(OnnxGraph.TryCreate(half, out _, out string? wrong), wrong);
        }
    }

    [Theory]
    [InlineData(640, 640, 1)]
    [InlineData(640, 384, 2)]
    public void A_half_model_detects_what_the_single_one_detects(int width, int height, int batch)
    {
        string half = SaveHalf(Sample);
        Detection[][] wanted = Detect(Sample, width, height, batch);
        Detection[][] found = Detect(half, width, height, batch);
        for (int picture = 0; picture < batch; picture++)
        {
            Assert.True(wanted[picture].Length >= 3, $"{wanted[picture].Length} detections compare nothing.");
            foreach (Detection one in wanted[picture])
            {
                Detection other = found[picture].Where(other => other.ClassId == one.ClassId).MaxBy(other => Overlap(one, other));
                Assert.InRange(Overlap(one, other), 0.98f, 1);
                Assert.InRange(other.Score, one.Score - 0.01f, one.Score + 0.01f);
            }
        }
    }

    [Theory]
    [MemberData(nameof(ArchitectureHeadTests.Networks), MemberType = typeof(ArchitectureHeadTests))]
    public void Every_architecture_has_nearly_the_same_maps_in_half(string name)
    {
        string path = ArchitectureHeadTests.PathOf(name);
        string half = SaveHalf(path);
        float[] wanted = ArchitectureMaps.OfNetwork(name);
        float[] found = ArchitectureMaps.Of(half, out TensorElementType type);
        Assert.Equal(TensorElementType.Float16, type);

        // These networks are not trained, and a small difference in front is a large one behind: how large, rounded weights alone show.
        double ofWeights = ArchitectureMaps.Difference(wanted, ArchitectureMaps.OfWeights(path, folder.File("rounded.onnx"), static values =>
        {
            foreach (ref float value in values)
            {
                value = (float)(Half)value;
            }
        }));
        Assert.InRange(ArchitectureMaps.Difference(wanted, found), 0.5 * ofWeights, 5 * ofWeights);
    }

    [Fact]
    public void A_half_model_is_left_alone()
    {
        using OnnxModel model = OnnxModel.Read(SaveHalf(Sample));
        Assert.Null(HalfPrecision.TryChange(model, out string? reason));
        Assert.Equal("it has half precision already", reason);
    }

    [Theory]
    [InlineData("Fancy", "operator Fancy is not known")]
    [InlineData("com.example", "operator com.example.Conv is not known")]
    [InlineData("functions", "it has functions of its own")]
    [InlineData("large", "has the number 70000, and half precision ends at 65504")]
    [InlineData("none", "has the number NaN")]
    [InlineData("values", "cannot be read")]
    [InlineData("files", "its weights lie in other files")]
    [InlineData("order", "comes before the one that makes its input")]
    public void What_is_not_understood_stays_single_and_says_why(string what, string reason)
    {
        ModelProto proto = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Sample));
        NodeProto conv = proto.Graph.Node.Last(static node => node.OpType == "Conv");
        TensorProto weights = proto.Graph.Initializer.First(static tensor => tensor.Dims.Count == 4);
        switch (what)
        {
            case "com.example":
                conv.Domain = what;
                break;
            case "functions":
                proto.Functions.Add(new FunctionProto { Name = "f" });
                break;
            case "large" or "none":
                byte[] values = weights.RawData.ToByteArray();
                MemoryMarshal.Write(values.AsSpan(40), what == "large" ? 70000 : float.NaN);
                weights.RawData = ByteString.CopyFrom(values);
                break;
            case "values":
                weights.RawData = ByteString.CopyFrom(weights.RawData.Span[4..]);
                break;
            case "files":
                weights.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "w.bin" });
                break;
            case "order":
                proto.Graph.Node.Add(proto.Graph.Node[0].Clone());
                proto.Graph.Node.RemoveAt(0);
                break;
            default:
                conv.OpType = what;
                break;
        }

        using OnnxModel model = OnnxModel.Read(Save(proto));
        Assert.Null(HalfPrecision.TryChange(model, out string? given));
        Assert.Contains(reason, given, StringComparison.Ordinal);
    }

    [Fact]
    public void An_engine_on_a_gpu_opens_it_in_half_where_that_is_wanted()
    {
        using OnnxRuntimeCudaEngine half = OnnxRuntimeCudaEngine.Open(Sample, new OnnxRuntimeCudaOptions { HalfPrecision = true });
        Assert.Equal((TensorElementType.Float16, TensorElementType.Float32), (half.Model.InputType, half.Model.OutputType));
        Assert.StartsWith("half precision in", half.GraphChanges, StringComparison.Ordinal);
        using OnnxRuntimeCudaEngine single = OnnxRuntimeCudaEngine.Open(Sample, new OnnxRuntimeCudaOptions());
        Assert.Equal((TensorElementType.Float32, "none"), (single.Model.InputType, single.GraphChanges));

        // Weights take most of what is planned for a context.
        Assert.True(half.Plan([8], 1)[0].Bytes < single.Plan([8], 1)[0].Bytes);
        string plain = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path, "no-convolution.onnx");
        using OnnxRuntimeCudaEngine other = OnnxRuntimeCudaEngine.Open(plain, new OnnxRuntimeCudaOptions { HalfPrecision = true });
        Assert.Equal(TensorElementType.Float32, other.Model.InputType);
        Assert.StartsWith("none; the model stays in its precision: it has no convolutions", other.GraphChanges, StringComparison.Ordinal);
        Assert.Throws<ModelException>(
            () => OnnxRuntimeCudaEngine.Open(folder.File("none.onnx"), new OnnxRuntimeCudaOptions { HalfPrecision = true }));
    }

    [Fact]
    public void A_model_without_convolutions_stays_single()
    {
        using OnnxModel model = OnnxModel.Read(OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path, "no-convolution.onnx"));
        Assert.Null(HalfPrecision.TryChange(model, out string? reason));
        Assert.Contains("convolution", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_constant_for_both_precisions_is_there_twice()
    {
        // The same factor before a convolution and behind the last one; and an input of bytes, which half precision begins behind.
        byte[] bytes = new OnnxModelBuilder { Opset = 17 }
            .Input("images", OnnxType.UInt8, "batch", 3, 64, 64)
            .Output("output0", OnnxType.Float, "batch", 6, 64, 64)
            .Constant("factor", [0.25f])
            .Constant("weights", [.. Enumerable.Range(0, 18).Select(static value => value / 8f)], 6, 3, 1, 1)
            .Node("Cast", ["images"], ["levels"], ("to", 1L))
            .Node("Mul", ["levels", "factor"], ["less"])
            .Node("Conv", ["less", "weights"], ["map"])
            .Node("Mul", ["map", "factor"], ["output0"])
            .Build();
        using OnnxModel model = OnnxModel.Read(ModelSource.InMemory(bytes, "both"));
        (ModelBytes changed, string summary) = HalfPrecision.TryChange(model, out _)!.Value;
        using (changed)
        {
            ModelProto half = ModelProto.Parser.ParseFrom(changed.Span);
            Assert.Equal("half precision in 3 operators; boxes stay in single (Mul)", summary);
            Assert.Equal(
                ["factor", "factor_half", "weights_half"], half.Graph.Initializer.Select(static tensor => tensor.Name).Order(StringComparer.Ordinal));
            Assert.Equal(["Cast", "Mul", "Conv", "Cast", "Mul"], half.Graph.Node.Select(static node => node.OpType));
            Assert.Equal(2, half.Graph.Input.Single().Type.TensorType.ElemType);
            Assert.Equal([0.25f], OnnxTensorData.Floats(half.Graph.Initializer.Single(static tensor => tensor.Name == "factor_half"))!);
        }
    }

    private string SaveHalf(string path)
    {
        using OnnxModel model = OnnxModel.Read(path);
        using ModelBytes bytes = HalfPrecision.TryChange(model, out _)!.Value.Bytes;
        string half = folder.File("half.onnx");
        File.WriteAllBytes(half, bytes.Span);
        return half;
    }

    private string Save(ModelProto model)
    {
        string path = folder.File("changed.onnx");
        File.WriteAllBytes(path, model.ToByteArray());
        return path;
    }

    private static float Overlap(in Detection a, in Detection b)
    {
        float width = Math.Max(0, Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1));
        float height = Math.Max(0, Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1));
        float shared = width * height;
        return shared / (((a.X2 - a.X1) * (a.Y2 - a.Y1)) + ((b.X2 - b.X1) * (b.Y2 - b.Y1)) - shared);
    }

    private static unsafe Detection[][] Detect(string path, int width, int height, int batch)
    {
        using OnnxRuntimeEngine engine =
            OnnxRuntimeEngine.Open(path, new OnnxRuntimeOptions { Threads = 1, Sizes = InputSizes.Of((width, height)), CutHead = true });
        Assert.NotNull(engine.Head);
        byte[] input = new byte[batch * engine.Model.InputBytes];
        byte[] output = new byte[batch * engine.OutputBytes];
        CpuPreprocessor preprocessor = new(width, height, engine.Model.InputType);
        FrameFormat format = new(PixelFormat.Bgr24, width, height);
        for (int picture = 0; picture < batch; picture++)
        {
            byte[] pixels = new byte[format.ByteCount];
            new Random(picture).NextBytes(pixels);
            preprocessor.Run(pixels, format, input.AsSpan(picture * engine.Model.InputBytes, engine.Model.InputBytes));
        }

        fixed (byte* from = input, to = output)
        {
            using EngineContext context = engine.CreateContext(batch, (nint)from, (nint)to, stream: 0);
            context.Enqueue();
            OutputDecoder decoder = OutputDecoder.For(engine, new DecodingOptions { ScoreThreshold = 0.002f });
            Detection[] found = new Detection[300];
            Detection[][] all = new Detection[batch][];
            for (int picture = 0; picture < batch; picture++)
            {
                int count = decoder.Decode((nint)to, batch, picture, new Letterbox(width, height, width, height), found);
                all[picture] = found[..count];
            }

            return all;
        }
    }
}
