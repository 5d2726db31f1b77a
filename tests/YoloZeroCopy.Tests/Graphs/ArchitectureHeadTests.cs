using Google.Protobuf;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>Heads of all architectures: cut, they detect what the whole model detects.</summary>
public sealed class ArchitectureHeadTests : IDisposable
{
    private const float ScoreTolerance = 0.002f;
    private const float IouWanted = 0.995f;
    private const float EdgeTolerance = 0.001f;

    private readonly ModelFolder folder = new();

    public static TheoryData<string, string> Models => new()
    {
        { "yolov5n", "AnchorsFirst" },
        { "yolov5n-static", "AnchorsFirst" },
        { "yolov8n", "ChannelsFirst" },
        { "yolov8n-static", "ChannelsFirst" },
        { "yolov9t", "ChannelsFirst" },
        { "yolov10n", "EndToEnd" },
        { "yolov10n-static", "EndToEnd" },
        { "yolo11n", "ChannelsFirst" },
        { "yolo12n", "ChannelsFirst" },
        { "yolo26n", "EndToEnd" },
        { "yolo26n-static", "EndToEnd" },
    };

    /// <summary>One export of each network, and one with fixed shapes.</summary>
    public static TheoryData<string> Networks =>
        ["yolov5n", "yolov8n", "yolov8n-static", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Models))]
    public void A_cut_model_detects_what_the_whole_one_detects(string name, string layout)
    {
        (int Width, int Height)[] sizes = name.EndsWith("static", StringComparison.Ordinal) ? [(320, 256)] : [(320, 256), (224, 384)];
        foreach ((int width, int height) in sizes)
        {
            using OnnxRuntimeEngine whole = Open(PathOf(name), cut: false, width, height);
            using OnnxRuntimeEngine cut = Open(PathOf(name), cut: true, width, height);
            Assert.Null(whole.Head);
            Assert.Equal("the end of the head is decoded by the library", cut.GraphChanges);
            Assert.Equal(layout, cut.Head!.Layout.ToString());
            AssertSame(whole, cut, new DecodingOptions(), least: 0);

            // Pictures of noise differ in how much networks see in them; lower and with nothing suppressed there is enough in each.
            AssertSame(whole, cut, new DecodingOptions { ScoreThreshold = 0.02f, IouThreshold = 1 }, least: 40);
        }
    }

    [Theory]
    [InlineData("yolov10n")]
    [InlineData("yolo26n")]
    public void More_than_fit_are_chosen_as_the_model_does(string name)
    {
        using OnnxRuntimeEngine whole = Open(PathOf(name), cut: false, 640, 384);
        using OnnxRuntimeEngine cut = Open(PathOf(name), cut: true, 640, 384);
        AssertSame(whole, cut, new DecodingOptions { ScoreThreshold = 0.001f }, least: 300);

        // Classes that do not count have taken their places all the same.
        AssertSame(whole, cut, new DecodingOptions { ScoreThreshold = 0.001f, Classes = [1] }, least: 10);
    }

    [Theory]
    [InlineData("yolov5n")]
    [InlineData("yolov8n")]
    [InlineData("yolo12n")]
    public void Heads_in_half_precision_are_cut_too(string name)
    {
        string path = folder.File("half.onnx");
        using (OnnxModel model = OnnxModel.Read(PathOf(name)))
        {
            using ModelBytes half = HalfPrecision.TryChange(model, out string? reason)?.Bytes ?? throw new InvalidOperationException(reason);
            File.WriteAllBytes(path, half.Span);
        }

        using OnnxRuntimeEngine whole = Open(path, cut: false, 320, 256);
        using OnnxRuntimeEngine cut = Open(path, cut: true, 320, 256);
        Assert.Equal(TensorElementType.Float16, cut.Head!.ElementType);

        // So low that there are more than fit: a threshold between two scores that halves hardly tell apart would part them.
        AssertSame(whole, cut, new DecodingOptions { ScoreThreshold = 0.0001f, IouThreshold = 1 }, least: 600, edgeTolerance: 0.25f);
    }

    /// <summary>Exports in half precision by PyTorch 2, which no rewrite of ours has touched.</summary>
    [Theory]
    [InlineData("yolov5n-half", "AnchorsFirst")]
    [InlineData("yolov8n-half", "ChannelsFirst")]
    [InlineData("yolov9t-half", "ChannelsFirst")]
    [InlineData("yolov10n-half", "EndToEnd")]
    [InlineData("yolo11n-half", "ChannelsFirst")]
    [InlineData("yolo12n-half", "ChannelsFirst")]
    [InlineData("yolo26n-half", "EndToEnd")]
    public void Exports_in_half_precision_are_cut(string name, string layout)
    {
        using OnnxRuntimeEngine whole = Open(PathOf(name), cut: false, 320, 256);
        using OnnxRuntimeEngine cut = Open(PathOf(name), cut: true, 320, 256);
        Assert.Equal("the end of the head is decoded by the library", cut.GraphChanges);
        Assert.Equal((layout, TensorElementType.Float16), (cut.Head!.Layout.ToString(), cut.Head.ElementType));

        // The whole model's boxes are halves, which know every fourth part of a pixel there.
        AssertSame(whole, cut, new DecodingOptions { ScoreThreshold = 0.0001f, IouThreshold = 1 }, least: 40, edgeTolerance: 0.75f);
    }

    [Fact]
    public void The_sizes_of_anchor_boxes_are_read_off_the_models_answers()
    {
        using OnnxRuntimeEngine engine = Open(PathOf("yolov5n"), cut: true, 640, 384);
        DetectionHead head = engine.Head!;
        Assert.Equal(3 * 5040, head.Anchors);
        Assert.Equal(head.Anchors * 8 * sizeof(float), engine.OutputBytes);
        (double, double)[] wanted = [(10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326)];
        Assert.Equal(
            wanted,
            head.Levels.SelectMany(static level => level.AnchorBoxes).Select(static box => (Math.Round(box.Width, 3), Math.Round(box.Height, 3))));
    }

    [Theory]
    [InlineData("yolov5n")]
    [InlineData("yolov10n")]
    public void A_head_that_decodes_otherwise_stays_whole(string name)
    {
        // Boxes a hundredth larger, scores and classes as they are.
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(PathOf(name)));
        int columns = name == "yolov5n" ? 8 : 6;
        model.Graph.Node.Single(node => node.Output.Contains("output0")).Output[0] = "plain";
        TensorProto factors = new() { Name = "factors", DataType = 1, Dims = { columns } };
        factors.FloatData.AddRange(Enumerable.Range(0, columns).Select(static column => column < 4 ? 1.01f : 1));
        model.Graph.Initializer.Add(factors);
        model.Graph.Node.Add(new NodeProto { OpType = "Mul", Name = "larger", Input = { "plain", "factors" }, Output = { "output0" } });
        string path = folder.File("changed.onnx");
        File.WriteAllBytes(path, model.ToByteArray());
        using OnnxRuntimeEngine engine = Open(path, cut: true, 320, 256);
        Assert.Null(engine.Head);
        Assert.Contains("its head decodes otherwise", engine.GraphChanges, StringComparison.Ordinal);
    }

    internal static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, "architectures", $"{name}.onnx");

    private static OnnxRuntimeEngine Open(string path, bool cut, int width, int height) =>
        OnnxRuntimeEngine.Open(path, new OnnxRuntimeOptions { Threads = 1, Sizes = InputSizes.Of((width, height)), CutHead = cut });

    private static void AssertSame(
        OnnxRuntimeEngine whole, OnnxRuntimeEngine cut, DecodingOptions options, int least, float edgeTolerance = EdgeTolerance)
    {
        Detection[][] wanted = NoiseDetections.Of(whole, batch: 2, options);
        Detection[][] given = NoiseDetections.Of(cut, batch: 2, options);
        int total = wanted.Sum(static picture => picture.Length);
        Assert.True(total >= least, $"{total} detections compare little.");
        for (int picture = 0; picture < wanted.Length; picture++)
        {
            Assert.Equal(wanted[picture].Length, given[picture].Length);
            List<Detection> left = [.. given[picture]];
            foreach (Detection one in wanted[picture])
            {
                int same = left.FindIndex(other => other.ClassId == one.ClassId && Math.Abs(other.Score - one.Score) <= ScoreTolerance
                    && (Iou(one, other) >= IouWanted || IsSamePlace(one, other, edgeTolerance)));
                if (same >= 0)
                {
                    left.RemoveAt(same);
                    continue;
                }

                // Where there are more than fit, which of two is the last that differ by a rounding is open.
                Assert.True(
                    wanted[picture].Length == options.MaxDetections && one.Score - wanted[picture][^1].Score <= ScoreTolerance,
                    $"{one} is not among the detections of the cut model.");
            }
        }
    }

    private static float Iou(in Detection one, in Detection other)
    {
        float width = Math.Max(0, Math.Min(one.X2, other.X2) - Math.Max(one.X1, other.X1));
        float height = Math.Max(0, Math.Min(one.Y2, other.Y2) - Math.Max(one.Y1, other.Y1));
        return width * height / (Area(one) + Area(other) - (width * height));
    }

    // Random weights give boxes of no size, too, or of less than single precision resolves hundreds of pixels from the origin.
    private static bool IsSamePlace(in Detection one, in Detection other, float tolerance) =>
        Math.Abs(one.X1 - other.X1) <= tolerance && Math.Abs(one.Y1 - other.Y1) <= tolerance
        && Math.Abs(one.X2 - other.X2) <= tolerance && Math.Abs(one.Y2 - other.Y2) <= tolerance;

    private static float Area(in Detection one) => (one.X2 - one.X1) * (one.Y2 - one.Y1);
}
