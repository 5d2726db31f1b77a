namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Tiny models whose answers are known.</summary>
internal static class GpuModels
{
    public const float Sensitivity = 0.2f;

    /// <summary>Score of the first object of <see cref="Gray"/>'s model without the picture's share.</summary>
    public const float FirstScore = 0.75f;

    /// <summary>What <see cref="WithHostReadback"/> adds to the mean.</summary>
    public const float NonZeroShare = 0.25f;

    // Channel, row and column of every value of one 64x64 picture, added up.
    private const float SumOfPlaces = (3 * 4096) + (2 * 3 * 64 * 2016);

    private const int ProbeSize = 32;
    private const int ProbeColumns = 32;
    private const int ProbeRows = 24;

    private const long WideChannels = 192;
    private const long WideSide = 720;

    /// <summary>Bytes of the largest tensor of <see cref="Wide"/> in a batch of 8, far beyond what is planned for a model of its size.</summary>
    public const long WideBytes = 8 * WideChannels * WideSide * WideSide * sizeof(float);

    /// <summary>Layout of a frame that the model sees as it is.</summary>
    public static FrameFormat Gray { get; } = new(PixelFormat.Gray8, 64, 64);

    /// <summary>Two objects whose scores tell how bright the frame is.</summary>
    public static string Brightness(ModelFolder folder, OnnxType type = OnnxType.Float, OutputLayout layout = OutputLayout.ChannelsFirst) =>
        OnnxModelBuilder.Detector(new FakeDetector { Type = type, Layout = layout, Sensitivity = Sensitivity }).Save(
            folder.Path, $"brightness-{type}-{layout}.onnx");

    /// <summary>The score that <see cref="Brightness"/> gives its first object in a frame of one gray level.</summary>
    public static float ScoreOf(int level) => FirstScore + (Sensitivity * level / 255);

    /// <summary>
    /// A detector that shows its input: every other pixel of every other row, in each channel, is a detection of its own whose score is the value. No
    /// arithmetic touches the values, so both devices must agree to the last bit.
    /// </summary>
    public static string PixelProbe(ModelFolder folder, OnnxType type)
    {
        const int Anchors = ProbeColumns * ProbeRows;
        float[] boxes = new float[4 * Anchors];
        for (int anchor = 0; anchor < Anchors; anchor++)
        {
            // Boxes that do not touch, so that none suppresses another.
            boxes[anchor] = ((anchor % ProbeColumns) + 0.5f) * ProbeSize / ProbeColumns;
            boxes[Anchors + anchor] = ((anchor / ProbeColumns) + 0.5f) * ProbeSize / ProbeRows;
            boxes[(2 * Anchors) + anchor] = boxes[(3 * Anchors) + anchor] = 0.75f;
        }

        return new OnnxModelBuilder().Input("images", type, "batch", 3, ProbeSize, ProbeSize)
            .Constant("starts", [0, 0]).Constant("ends", [ProbeSize, ProbeSize]).Constant("axes", [2, 3]).Constant("steps", [2, 2])
            .Constant("flat", [0, 1, -1])
            .Constant("boxes", boxes, 1, 4, Anchors)
            .Constant("nothing", new float[4 * Anchors], 1, 4, Anchors)
            .Node("Cast", ["images"], ["picture"], ("to", (long)OnnxType.Float))
            .Node("Slice", ["picture", "starts", "ends", "axes", "steps"], ["sampled"])
            .Node("Reshape", ["sampled", "flat"], ["scores"])
            .Node("Mul", ["scores", "nothing"], ["zeros"])
            .Node("Add", ["boxes", "zeros"], ["placed"])
            .Node("Concat", ["placed", "scores"], ["output0"], ("axis", 1L))
            .Output("output0", OnnxType.Float, "batch", 5, Anchors)
            .Metadata("names", "{0: 'value'}").Metadata("imgsz", $"[{ProbeSize}, {ProbeSize}]").Metadata("stride", "32").Metadata("task", "detect")
            .Save(folder.Path, $"probe-{type}.onnx");
    }

    /// <summary>As <see cref="Brightness"/>, with an operation in it for which ONNX Runtime has no CUDA kernel.</summary>
    public static string WithProcessorNode(ModelFolder folder) => Averaging(folder, "processor.onnx", static builder => builder
        .Node("Det", ["mean4"], ["mean2"])
        .Node("Unsqueeze", ["mean2"], ["mean"], ("axes", new long[] { 2 })));

    /// <summary>
    /// As <see cref="Brightness"/>, brighter by <see cref="NonZeroShare"/> where no pixel is black, by an operation that must tell the host how many
    /// values it found.
    /// </summary>
    public static string WithHostReadback(ModelFolder folder) => Averaging(folder, "readback.onnx", static builder => builder
        .Constant("share", [NonZeroShare / SumOfPlaces], 1)
        .Node("NonZero", ["picture"], ["places"])
        .Node("Cast", ["places"], ["numbers"], ("to", (long)OnnxType.Float))
        .Node("ReduceSum", ["numbers"], ["sum"], ("axes", new long[] { 0, 1 }), ("keepdims", 1L))
        .Node("Mul", ["sum", "share"], ["more"])
        .Node("Squeeze", ["mean4"], ["mean3"], ("axes", new long[] { 3 }))
        .Node("Add", ["mean3", "more"], ["mean"]));

    /// <summary>As <see cref="Brightness"/>, by way of a tensor of <see cref="WideBytes"/> in a batch of 8, of which nothing but its first value is
    /// needed.</summary>
    public static string Wide(ModelFolder folder) => Averaging(folder, "wide.onnx", static builder => builder
        .Constant("repeats", [1, WideChannels, WideSide, WideSide]).Constant("starts", [0, 0, 0]).Constant("ends", [1, 1, 1]).Constant(
            "axes", [1, 2, 3])
        .Node("Tile", ["mean4", "repeats"], ["wide"])
        .Node("Slice", ["wide", "starts", "ends", "axes"], ["narrow"])
        .Node("Squeeze", ["narrow"], ["mean"], ("axes", new long[] { 3 })));

    private static string Averaging(ModelFolder folder, string name, Func<OnnxModelBuilder, OnnxModelBuilder> addMean)
    {
        FakeDetector detector = new() { Sensitivity = Sensitivity };
        (int rows, int columns) = detector.Shape;
        OnnxModelBuilder builder = new OnnxModelBuilder().Input("images", OnnxType.Float, "batch", 3, "height", "width")
            .Constant("objects", detector.Output(), 1, rows, columns)
            .Constant("raise", detector.Raise(), 1, rows, columns)
            .Node("Identity", ["images"], ["picture"])
            .Node("ReduceMean", ["picture"], ["mean4"], ("axes", new long[] { 1, 2, 3 }), ("keepdims", 1L));
        builder = addMean(builder)
            .Node("Mul", ["mean", "raise"], ["raised"])
            .Node("Add", ["objects", "raised"], ["output0"])
            .Output("output0", OnnxType.Float, "batch", rows, columns);
        return detector.AddMetadata(builder).Save(folder.Path, name);
    }
}
