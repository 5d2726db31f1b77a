using Google.Protobuf;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>A model whose head is cut: the same detections, and left whole wherever they would not be.</summary>
public sealed class HeadCutTests : IDisposable
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(640, 640, 1)]
    [InlineData(640, 384, 3)]
    [InlineData(96, 320, 2)]
    public void A_cut_model_detects_what_the_whole_one_detects(int width, int height, int batch)
    {
        Detection[][] whole = Detect(Sample, cut: false, width, height, batch);
        Detection[][] cut = Detect(Sample, cut: true, width, height, batch);
        for (int picture = 0; picture < batch; picture++)
        {
            Assert.True(whole[picture].Length >= 3, $"{whole[picture].Length} detections compare nothing.");
            AssertSame(whole[picture], cut[picture]);
        }
    }

    [Fact]
    public void The_head_of_the_sample_model_is_described()
    {
        using OnnxRuntimeEngine engine = Open(Sample, cut: true, 640, 384);
        DetectionHead head = engine.Head!;
        Assert.Equal((16, engine.Model.ClassCount, 5040), (head.Bins, head.ClassCount, head.Anchors));
        Assert.Equal([(8, 80, 48), (16, 40, 24), (32, 20, 12)], head.Levels.Select(static level => (level.Stride, level.Width, level.Height)));
        Assert.Equal(5040 * (64 + engine.Model.ClassCount) * sizeof(float), engine.OutputBytes);
        Assert.Equal("the end of the head is decoded by the library", engine.GraphChanges);
        using OnnxRuntimeEngine whole = Open(Sample, cut: false, 640, 384);
        Assert.Null(whole.Head);
        Assert.Equal("none", whole.GraphChanges);
    }

    [Fact]
    public void A_head_that_decodes_otherwise_stays_whole()
    {
        // The same operators, and boxes a hundredth larger: no pattern would tell.
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Sample));
        NodeProto last = model.Graph.Node.Single(node => node.Output.Contains("output0"));
        last.Output[0] = "plain";
        model.Graph.Initializer.Add(new TensorProto { Name = "factor", DataType = 1, FloatData = { 1.01f } });
        model.Graph.Node.Add(new NodeProto { OpType = "Mul", Name = "larger", Input = { "plain", "factor" }, Output = { "output0" } });
        string path = Save(model);
        using OnnxRuntimeEngine engine = Open(path, cut: true, 640, 640);
        Assert.Null(engine.Head);
        Assert.Contains("decodes otherwise", engine.GraphChanges, StringComparison.Ordinal);
        Assert.Equal(Detect(path, cut: false, 640, 640, 1)[0], Detect(path, cut: true, 640, 640, 1)[0]);
    }

    [Fact]
    public void Models_without_such_a_head_stay_whole_and_say_why()
    {
        AssertWhole(OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path, "no-convolution.onnx"), "reads the model's input");
        AssertWhole(OnnxModelBuilder.Network(classes: 2).Save(folder.Path, "one-map.onnx"), "1 maps");
    }

    [Fact]
    public void Weights_in_another_file_are_found()
    {
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Sample));
        TensorProto weights = model.Graph.Initializer.First(static tensor => tensor.Dims.Count == 4);
        File.WriteAllBytes(folder.File("weights.bin"), weights.RawData.ToByteArray());
        weights.ClearRawData();
        weights.DataLocation = 1;
        weights.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "weights.bin" });
        string path = Save(model);
        using OnnxRuntimeEngine sample = Open(Sample, cut: false, 320, 96);
        using OnnxRuntimeEngine cut = Open(path, cut: true, 320, 96);
        Assert.NotNull(cut.Head);
        DecodingOptions options = new() { ScoreThreshold = 0.0005f };
        AssertSame(NoiseDetections.Of(sample, 1, options)[0], NoiseDetections.Of(cut, 1, options)[0]);
    }

    [Fact]
    public void A_tail_that_does_not_run_by_itself_keeps_the_model_whole()
    {
        // An index that numbers of a box make: of random maps it is one that is not there.
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Sample));
        model.Graph.Node.Single(node => node.Output.Contains("output0")).Output[0] = "plain";
        model.Graph.Initializer.Add(new TensorProto { Name = "table", DataType = 1, Dims = { 1 }, FloatData = { 1 } });
        NodeProto cast = new() { OpType = "Cast", Name = "index", Input = { "largest" }, Output = { "at" } };
        cast.Attribute.Add(new AttributeProto { Name = "to", Type = AttributeProto.Types.AttributeType.Int, I = 7 });
        NodeProto largest = new() { OpType = "ReduceMax", Name = "largest", Input = { "plain" }, Output = { "largest" } };
        largest.Attribute.Add(new AttributeProto { Name = "keepdims", Type = AttributeProto.Types.AttributeType.Int, I = 0 });
        model.Graph.Node.Add(largest);
        model.Graph.Node.Add(cast);
        model.Graph.Node.Add(new NodeProto { OpType = "Gather", Name = "look", Input = { "table", "at" }, Output = { "factor" } });
        model.Graph.Node.Add(new NodeProto { OpType = "Mul", Name = "times", Input = { "plain", "factor" }, Output = { "output0" } });
        AssertWhole(Save(model), "does not take it in two parts");
    }

    [Fact]
    public void A_changed_model_is_the_old_one_but_for_what_was_changed()
    {
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Sample));
        using OnnxModel read = OnnxModel.Read(Sample);
        TensorProto weights = read.Proto.Graph.Initializer.First(static tensor => tensor.Dims.Count == 4 && tensor.Dims[0] * tensor.Dims[1] > 2000);
        Assert.False(weights.HasRawData);
        Assert.Equal(model.Graph.Initializer.Single(tensor => tensor.Name == weights.Name), read.Complete(weights));

        ValueInfoProto output = new() { Name = "other" };
        using ModelBytes changed = read.Change(static index => index != 3, [output]);
        model.Graph.Node.RemoveAt(3);
        model.Graph.Output.Clear();
        model.Graph.Output.Add(output);
        Assert.Equal(model, ModelProto.Parser.ParseFrom(changed.Span));
    }

    [Theory]
    [InlineData("two nodes")]
    [InlineData("depend on each other")]
    [InlineData("is made by no node")]
    public void Graphs_that_contradict_themselves_are_refused(string reason)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(OnnxModelBuilder.Network(classes: 2).Build());
        NodeProto first = model.Graph.Node[0];
        switch (reason)
        {
            case "two nodes":
                model.Graph.Node.Add(first.Clone());
                break;
            case "depend on each other":
                first.Input[0] = model.Graph.Node[^1].Output[0];
                break;
            default:
                first.Input[0] = "nothing";
                break;
        }

        Assert.False(OnnxGraph.TryCreate(model, out _, out string? given));
        Assert.Contains(reason, given, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_that_are_not_finite_are_an_error_and_not_a_detection()
    {
        DetectionHead head = Head();
        HeadDecoder decoder = new(head, new DecodingOptions());
        float[] maps = new float[head.PictureBytes / sizeof(float)];
        Detection[] found = new Detection[300];
        Letterbox letterbox = new(64, 64, 64, 64);
        Array.Fill(maps, -9);
        Assert.Equal(0, Run(maps));
        int logit = 4 * 64;
        maps[logit + 5] = 3;
        Assert.Equal(1, Run(maps));
        maps[5] = float.NaN;
        Assert.Contains("box at anchor 5", Assert.Throws<InferenceException>(() => Run(maps)).Message, StringComparison.Ordinal);
        maps[5] = 1;
        maps[logit + 64 + 7] = float.PositiveInfinity;
        Assert.Contains("class 1 at anchor 7", Assert.Throws<InferenceException>(() => Run(maps)).Message, StringComparison.Ordinal);

        int Run(float[] values) => Decode(decoder, values, 1, 0, letterbox, found);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(0.25f)]
    [InlineData(1f)]
    public void Candidates_are_the_scores_above_the_threshold(float threshold)
    {
        DetectionHead head = Head();
        HeadDecoder decoder = new(head, new DecodingOptions { ScoreThreshold = threshold, IouThreshold = 1 });
        Random random = new(3);
        float[] maps = [.. Enumerable.Range(0, head.PictureBytes / sizeof(float)).Select(_ => (random.NextSingle() - 0.5f) * 6)];
        Detection[] found = new Detection[300];
        int count = Decode(decoder, maps, 1, 0, new Letterbox(64, 64, 64, 64), found);
        int wanted = Enumerable.Range(0, 64).Count(
            cell => Enumerable.Range(0, 2).Max(classId => 1 / (1 + MathF.Exp(-maps[(4 * 64) + (classId * 64) + cell]))) > threshold);
        Assert.Equal(wanted, count);
    }

    /// <summary>One level of 8x8 cells, sides of one number, two classes.</summary>
    private static DetectionHead Head() => DetectionHead.TryResolve(
        [new HeadMap("boxes", 4, 8, 8), new HeadMap("scores", 2, 8, 8)], TensorElementType.Float32, (64, 64), 2, out _)!;

    private static OnnxRuntimeEngine Open(string path, bool cut, int width, int height) =>
        OnnxRuntimeEngine.Open(path, new OnnxRuntimeOptions { Threads = 1, Sizes = InputSizes.Of((width, height)), CutHead = cut });

    private static Detection[][] Detect(string path, bool cut, int width, int height, int batch)
    {
        using OnnxRuntimeEngine engine = Open(path, cut, width, height);
        Assert.Equal(cut && path == Sample, engine.Head is not null);

        // Noise shows the model nothing: the threshold is low, so that there is something to compare.
        return NoiseDetections.Of(engine, batch, new DecodingOptions { ScoreThreshold = 0.0005f });
    }

    private static unsafe int Decode<T>(OutputDecoder decoder, T[] output, int batch, int picture, in Letterbox letterbox, Detection[] found)
        where T : unmanaged
    {
        fixed (T* address = output)
        {
            return decoder.Decode((nint)address, batch, picture, letterbox, found);
        }
    }

    private static void AssertSame(Detection[] wanted, Detection[] given)
    {
        Assert.Equal(wanted.Length, given.Length);
        foreach (Detection one in wanted)
        {
            Assert.Contains(given, other => other.ClassId == one.ClassId && Math.Abs(other.Score - one.Score) < 1e-4f
                && Math.Abs(other.X1 - one.X1) < 0.05f && Math.Abs(other.Y1 - one.Y1) < 0.05f
                && Math.Abs(other.X2 - one.X2) < 0.05f && Math.Abs(other.Y2 - one.Y2) < 0.05f);
        }
    }

    private void AssertWhole(string path, string reason)
    {
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, new OnnxRuntimeOptions { Threads = 1, CutHead = true });
        Assert.Null(engine.Head);
        Assert.Contains(reason, engine.GraphChanges, StringComparison.Ordinal);
    }

    private string Save(ModelProto model)
    {
        string path = folder.File("changed.onnx");
        File.WriteAllBytes(path, model.ToByteArray());
        return path;
    }
}
