namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Models of every kind on cuda:0: layouts, half precision, fixed batches, wrong values, and those that no CUDA graph can hold.</summary>
public sealed class GpuModelTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuTheory]
    [InlineData(OutputLayout.ChannelsFirst)]
    [InlineData(OutputLayout.AnchorsFirst)]
    [InlineData(OutputLayout.EndToEnd)]
    public async Task Boxes_come_in_pixels_of_the_frame_for_every_layout(OutputLayout layout)
    {
        await using YoloDetector detector = Open(GpuModels.Brightness(folder, layout: layout));

        // 128x64 into 64x64: half size, 16 rows of padding above and below, which the mean sees as 114.
        FrameFormat format = new(PixelFormat.Bgr24, 128, 64, stride: 400);
        Detection[] found = await Feed.DetectAsync(detector, format, new byte[format.ByteCount]);
        Assert.Equal(2, found.Length);
        Assert.Equal((1, 24f, 4f, 56f, 28f), (found[0].ClassId, found[0].X1, found[0].Y1, found[0].X2, found[0].Y2));
        Assert.Equal((2, 78f, 28f, 98f, 64f), (found[1].ClassId, found[1].X1, found[1].Y1, found[1].X2, found[1].Y2));
        Assert.Equal(GpuModels.ScoreOf(57), found[0].Score, 1e-5f);
        AssertCaptured(detector);
    }

    [GpuTheory]
    [InlineData(OutputLayout.ChannelsFirst)]
    [InlineData(OutputLayout.AnchorsFirst)]
    [InlineData(OutputLayout.EndToEnd)]
    public async Task Only_the_classes_asked_for_are_found_in_every_layout(OutputLayout layout)
    {
        string model = GpuModels.Brightness(folder, layout: layout);
        FrameFormat format = new(PixelFormat.Gray8, 64, 64);
        foreach (int[] classes in (int[][])[[1], [2], [2, 1], [0]])
        {
            DetectorOptions options = new() { Device = Device.Cuda(), MaxBatch = 2, Classes = classes };
            await using YoloDetector detector = YoloDetector.Open(model, options);
            Detection[] found = await Feed.DetectAsync(detector, format, new byte[format.ByteCount]);
            Assert.Equal(classes.Where(static id => id != 0).Order(), found.Select(static detection => detection.ClassId));
            AssertCaptured(detector);
        }

        ArgumentException error = Assert.Throws<ArgumentException>(
            () => YoloDetector.Open(model, new DetectorOptions { Device = Device.Cuda(), Classes = [1, 3] }));
        Assert.Contains("Classes has 3; the model's classes are 0 to 2.", error.Message, StringComparison.Ordinal);
    }

    [GpuFact]
    public async Task Half_precision_models_run_in_every_bucket()
    {
        await using YoloDetector detector = Open(GpuModels.Brightness(folder, OnnxType.Float16), maxBatch: 8);
        Assert.Equal((TensorElementType.Float16, TensorElementType.Float16), (detector.Model.InputType, detector.Model.OutputType));
        await Feed.RunAsync(detector, frames: 100, inFlight: 16, tolerance: 2e-3f);
        await Feed.RunAsync(detector, frames: 10, inFlight: 1, tolerance: 2e-3f);
        AssertCaptured(detector);
    }

    [GpuFact]
    public async Task A_fixed_batch_runs_with_fewer_frames_and_more_is_refused()
    {
        string model = OnnxModelBuilder.Detector(new FakeDetector { Batch = 4, Dynamic = false, Sensitivity = GpuModels.Sensitivity }).Save(
            folder.Path, "fixed.onnx");
        await using (YoloDetector detector = Open(model, maxBatch: 0))
        {
            await Feed.RunAsync(detector, frames: 5, inFlight: 1);
            await Feed.RunAsync(detector, frames: 50, inFlight: 12);
            AssertCaptured(detector);
        }

        ArgumentException error = Assert.Throws<ArgumentException>(() => Open(model, maxBatch: 5));
        Assert.Contains("batches of 4", error.Message, StringComparison.Ordinal);
    }

    [GpuFact]
    public async Task Nan_from_the_model_fails_the_frame_and_not_the_detector()
    {
        // Zero times infinity is NaN, and anything else is above every threshold only where the picture is not black.
        FakeDetector fake = new() { Objects = [new FakeObject(3, 10, 10, 5, 5, 0, 0.5f)], Sensitivity = float.PositiveInfinity };
        await using YoloDetector detector = Open(OnnxModelBuilder.Detector(fake).Save(folder.Path, "nan.onnx"), maxBatch: 4);
        for (int turn = 0; turn < 20; turn++)
        {
            InferenceException error = await Assert.ThrowsAsync<InferenceException>(async () => await await Feed.SubmitGrayAsync(detector, 0));
            Assert.Contains("NaN", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(20, detector.Statistics.FramesFailed);
        await Feed.AssertNoSlotInUseAsync(detector);
    }

    [GpuFact]
    public async Task A_frame_with_nan_fails_alone_in_its_batch()
    {
        await using YoloDetector detector = YoloDetector.Open(LogOfMean(), new DetectorOptions
        {
            Device = Device.Cuda(),
            MaxBatch = 4,
            MaxBatchDelay = TimeSpan.FromSeconds(5),
            SlotBytes = GpuModels.Gray.ByteCount,
        });
        int[] levels = [255, 0, 200, 0];
        List<ValueTask<DetectionResult>> pending = [];
        foreach (int level in levels)
        {
            pending.Add(await Feed.SubmitGrayAsync(detector, level));
        }

        for (int index = 0; index < levels.Length; index++)
        {
            if (levels[index] == 0)
            {
                _ = await Assert.ThrowsAsync<InferenceException>(async () => await pending[index]);
                continue;
            }

            using DetectionResult result = await pending[index];
            Assert.Equal(2, result.Detections.Length);
        }

        Assert.Equal(1, detector.Statistics.Batches);
        await Feed.AssertNoSlotInUseAsync(detector);
    }

    [GpuFact]
    public async Task A_model_with_nodes_on_the_processor_runs_without_graphs_and_says_why()
    {
        await using YoloDetector detector = Open(GpuModels.WithProcessorNode(folder), maxBatch: 4);
        Console.WriteLine($"  {detector.Device}");
        Assert.Contains("without CUDA graphs: ", detector.Device, StringComparison.Ordinal);
        Assert.Equal(1, CountOf("without CUDA graphs", detector.Device));
        await Feed.RunAsync(detector, frames: 200, inFlight: 12);
        Assert.Equal(0, detector.Statistics.FramesFailed);
    }

    [GpuFact]
    public async Task A_model_that_reports_to_the_host_as_it_runs_is_right_whether_or_not_a_graph_holds_it()
    {
        await using YoloDetector detector = Open(GpuModels.WithHostReadback(folder));
        Console.WriteLine($"  {detector.Device}");
        await Feed.RunReadbackAsync(detector);
    }

    [GpuFact]
    public async Task More_than_the_device_decodes_is_refused_by_name_and_auto_takes_the_processor()
    {
        string model = OnnxModelBuilder.Detector(new FakeDetector { Classes = DecodeKernels.ClassLimit + 1 }).Save(folder.Path, "classes.onnx");
        Assert.Contains("1025 classes", Assert.Throws<ModelException>(() => Open(model)).Message, StringComparison.Ordinal);
        await using (YoloDetector detector = YoloDetector.Open(model, new DetectorOptions { SlotBytes = 64 * 1024 }))
        {
            Assert.StartsWith("cpu, ", detector.Device, StringComparison.Ordinal);
            Assert.Contains("1025 classes", detector.Device, StringComparison.Ordinal);
        }

        DetectorOptions many = new() { MaxDetections = DecodeKernels.DetectionLimit + 1, SlotBytes = 64 * 1024 };
        string usual = GpuModels.Brightness(folder);
        Assert.Contains("1024",
            Assert.Throws<ArgumentOutOfRangeException>(() => YoloDetector.Open(usual, many with { Device = Device.Cuda() })).Message,
            StringComparison.Ordinal);
        await using YoloDetector chosen = YoloDetector.Open(usual, many);
        Assert.Contains("auto: CUDA gives up to 1024 detections", chosen.Device, StringComparison.Ordinal);
    }

    // The logarithm of a black picture's mean is minus infinity, and times zero that is NaN, in every value of its output and of no other picture's.
    private string LogOfMean()
    {
        FakeDetector fake = new();
        (int rows, int columns) = fake.Shape;
        OnnxModelBuilder builder = new OnnxModelBuilder().Input("images", OnnxType.Float, "batch", 3, "height", "width")
            .Constant("objects", fake.Output(), 1, rows, columns)
            .Constant("nothing", new float[rows * columns], 1, rows, columns)
            .Node("ReduceMean", ["images"], ["mean4"], ("axes", new long[] { 1, 2, 3 }), ("keepdims", 1L))
            .Node("Squeeze", ["mean4"], ["mean"], ("axes", new long[] { 3 }))
            .Node("Log", ["mean"], ["log"])
            .Node("Mul", ["log", "nothing"], ["wrong"])
            .Node("Add", ["objects", "wrong"], ["output0"])
            .Output("output0", OnnxType.Float, "batch", rows, columns);
        return fake.AddMetadata(builder).Save(folder.Path, "log.onnx");
    }

    private static int CountOf(string part, string text) => text.Split(part).Length - 1;

    private static void AssertCaptured(YoloDetector detector) =>
        Assert.DoesNotContain("without CUDA graphs", detector.Device, StringComparison.Ordinal);

    private static YoloDetector Open(string model, int maxBatch = 1) => YoloDetector.Open(model, new DetectorOptions
    {
        Device = Device.Cuda(),
        MaxBatch = maxBatch,
        Lanes = 2,
        Slots = 16,
        SlotBytes = 64 * 1024,
    });
}
