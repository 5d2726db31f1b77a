using Google.Protobuf;

namespace YoloZeroCopy.Tests;

/// <summary>A detector that runs its model at several input sizes, on the processor.</summary>
public sealed class InputSizesTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("yolov5n", true)]
    [InlineData("yolov8n", true)]
    [InlineData("yolov8n", false)]
    [InlineData("yolov10n", true)]
    [InlineData("yolo12n", true)]
    [InlineData("yolo26n", true)]
    public async Task A_frame_is_detected_in_as_by_a_detector_of_its_size_alone(string name, bool rewrite)
    {
        string path = ArchitectureHeadTests.PathOf(name);
        DetectorOptions options = new() { Device = Device.Cpu, RewriteGraph = rewrite, ScoreThreshold = 0.01f, Threads = 2, MaxBatch = 2 };
        await using YoloDetector all = YoloDetector.Open(path, options with { InputSizes = [320, (192, 160), 224] });
        Assert.Equal([(192, 160), 224, 320], all.InputSizes);
        Assert.Equal((320, 320), (all.Model.InputWidth, all.Model.InputHeight));
        (int Width, int Height, ModelInputSize Size)[] frames = [(192, 100, (192, 160)), (200, 210, 224), (400, 300, 320), (100, 30, (192, 160))];
        int found = 0;
        foreach ((int width, int height, ModelInputSize size) in frames)
        {
            await using YoloDetector alone = YoloDetector.Open(path, options with { InputSize = size });
            byte[] pixels = Noise(width, height);
            FrameFormat format = new(PixelFormat.Bgr24, width, height);
            Detection[] wanted = await DetectAsync(alone, pixels, format);
            Detection[] given = await DetectAsync(all, pixels, format);
            Assert.Equal(wanted, given);
            found += wanted.Length;
        }

        Assert.InRange(found, 10, int.MaxValue);
        Assert.Equal([2, 1, 1], all.Statistics.InputSizes.Select(static size => size.Frames));
        Assert.Equal(all.InputSizes, all.Statistics.InputSizes.Select(static size => size.Size));
    }

    [Fact]
    public async Task Frames_of_several_sizes_at_once_are_told_apart_and_nothing_is_allocated()
    {
        await using YoloDetector detector = YoloDetector.Open(ArchitectureHeadTests.PathOf("yolov8n"), new DetectorOptions
        {
            Device = Device.Cpu,
            InputSizes = [64, 128],
            MaxBatch = 2,
            Lanes = 2,
            Slots = 8,
            ScoreThreshold = 0.01f,
            Threads = 1,
        });
        (byte[] Pixels, FrameFormat Format, Detection[] Wanted)[] frames = new (byte[], FrameFormat, Detection[])[4];
        for (int index = 0; index < frames.Length; index++)
        {
            int side = index % 2 == 0 ? 60 : 120;
            FrameFormat format = new(PixelFormat.Bgr24, side + index, side);
            byte[] pixels = Noise(format.Width, format.Height, index);
            frames[index] = (pixels, format, await DetectAsync(detector, pixels, format));
        }

        await RunAsync(10);
        Assert.Equal(0, await AllocationSlices.LeastAsync(async () =>
        {
            long before = detector.Statistics.ManagedBytes;
            await RunAsync(25);
            return detector.Statistics.ManagedBytes - before;
        }));
        DetectorStatistics statistics = detector.Statistics;
        Assert.Equal(statistics.InputSizes[0].Frames, statistics.InputSizes[1].Frames);
        Assert.Equal(statistics.FramesCompleted, statistics.InputSizes.Sum(static size => size.Frames));
        Assert.Equal(statistics.Batches, statistics.InputSizes.Sum(static size => size.Batches));

        async Task RunAsync(int rounds)
        {
            for (int round = 0; round < rounds; round++)
            {
                ValueTask<DetectionResult>[] pending = new ValueTask<DetectionResult>[frames.Length];
                for (int index = 0; index < frames.Length; index++)
                {
                    FrameSlot slot = await detector.RentAsync(frames[index].Format).AsTask().WaitAsync(Patience);
                    frames[index].Pixels.CopyTo(slot.Span);
                    pending[index] = detector.SubmitAsync(slot);
                }

                for (int index = 0; index < frames.Length; index++)
                {
                    using DetectionResult result = await pending[index].AsTask().WaitAsync(Patience);
                    Assert.Equal(frames[index].Wanted, result.Detections);
                }
            }
        }
    }

    [Fact]
    public void The_plan_says_what_each_size_works_in_and_what_idles()
    {
        string path = ArchitectureHeadTests.PathOf("yolov8n");
        DetectorOptions options = new() { Device = Device.Cpu, MaxBatch = 2, Lanes = 1 };
        using YoloDetector one = YoloDetector.Open(path, options with { InputSize = 640 });
        using YoloDetector both = YoloDetector.Open(path, options with { InputSizes = [320, 640] });
        Assert.Equal([640], one.Memory.InputSizes.Select(static size => size.Size));
        MemoryPlanSize small = both.Memory.InputSizes[0];
        MemoryPlanSize large = both.Memory.InputSizes[1];
        Assert.Equal((320, 640), (small.Size.Width, large.Size.Width));

        // A quarter of the pixels works in a quarter of the memory, which the sizes share: the small one takes nothing more.
        Assert.Equal(0.25, small.WorkBytes / (double)large.WorkBytes, 0.01);
        Assert.Equal(0.75, small.IdlePart, 0.01);
        Assert.Equal(0, large.IdlePart);
        Assert.Equal(0, small.OwnBytes);
        Assert.InRange(both.Memory.HostBytes, one.Memory.HostBytes * 0.99, one.Memory.HostBytes * 1.05);
        Assert.Contains("320x320", both.Memory.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Precision.Auto, false)]
    [InlineData(Precision.Single, true)]
    public async Task On_a_device_layers_share_and_sessions_do_not(Precision precision, bool hasOwn)
    {
        string path = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");
        DetectorOptions options = new() { Precision = precision, MaxBatch = 8, Lanes = 2 };
        MemoryPlanOptions site = new() { DeviceBytes = 80L << 30 };
        MemoryPlan one = await YoloDetector.PlanAsync(path, options with { InputSize = 640 }, site);
        MemoryPlan both = await YoloDetector.PlanAsync(path, options with { InputSizes = [320, 640] }, site);
        MemoryPlanSize small = both.InputSizes[0];
        Assert.Equal(hasOwn, small.OwnBytes > 0);
        long graphs = one.Entries.Single(static entry => entry.Item == MemoryItem.Graphs).Bytes;
        Assert.Equal(one.DeviceBytes + graphs + small.OwnBytes, both.DeviceBytes);
        Assert.InRange(small.IdlePart, hasOwn ? 0.75 : 0.74, hasOwn ? 0.85 : 0.76);
    }

    [Theory]
    [InlineData("yolov5n")]
    [InlineData("yolov8n")]
    [InlineData("yolov9t")]
    [InlineData("yolov10n")]
    [InlineData("yolo11n")]
    [InlineData("yolo12n")]
    [InlineData("yolo26n")]
    public void Layers_have_the_same_weights_at_every_size(string name)
    {
        byte[] wide = WideModel.Read(ArchitectureHeadTests.PathOf(name)).ToByteArray();
        ModelSource source = ModelSource.InMemory(wide, name);
        OnnxRuntimeModel[] models = OnnxRuntimeModel.OpenAll(source, libraryPath: null, InputSizes.Of(256, (320, 224)));
        SizedNetwork[]? sized = CudnnEngine.TryRead(models, out string? reason);
        Assert.True(sized is not null, reason);
        byte[] weights = sized[^1].Network.Weights.Span.ToArray();
        foreach (SizedNetwork one in sized)
        {
            Assert.True(one.Network.Weights.Span.SequenceEqual(weights));
            one.Network.Dispose();
        }
    }

    [Fact]
    public void Sizes_that_cannot_be_are_refused()
    {
        string path = ArchitectureHeadTests.PathOf("yolov8n");
        AssertRefused("InputSize is 320x320 and InputSizes 640x640; one of them is wanted.", new() { InputSize = 320, InputSizes = [640] });
        AssertRefused("InputSizes has 0 sizes; 1 to 8 are wanted", new() { InputSizes = [] });
        AssertRefused("InputSizes has 9 sizes", new() { InputSizes = [.. Enumerable.Range(1, 9).Select(static n => (ModelInputSize)(32 * n))] });
        AssertRefused("InputSizes has 64x64 twice.", new() { InputSizes = [64, 96, (64, 64)] });
        Assert.Equal("InputSizes", Assert.Throws<ArgumentOutOfRangeException>(() => YoloDetector.Open(path, new() { InputSizes = [0] })).ParamName);
        ModelException stride = Assert.Throws<ModelException>(() => Open(path, 64, 100));
        Assert.Contains("an input of 100x100 pixels does not fit", stride.Message, StringComparison.Ordinal);
        ModelException fixedSize = Assert.Throws<ModelException>(() => Open(ArchitectureHeadTests.PathOf("yolov8n-static"), 64, 640));
        Assert.Contains("is fixed at", fixedSize.Message, StringComparison.Ordinal);

        // The plan of what memory does not hold has them.
        InsufficientMemoryException memory = Assert.Throws<InsufficientMemoryException>(
            () => YoloDetector.Open(path, new() { Device = Device.Cpu, InputSizes = [64, 128], Slots = 4096, SlotBytes = int.MaxValue }));
        Assert.Contains("at 128x128", memory.Message, StringComparison.Ordinal);

        void AssertRefused(string words, DetectorOptions options) =>
            Assert.StartsWith(words, Assert.Throws<ArgumentException>(() => YoloDetector.Open(path, options)).Message, StringComparison.Ordinal);
    }

    private static YoloDetector Open(string path, params ModelInputSize[] sizes) =>
        YoloDetector.Open(path, new DetectorOptions { Device = Device.Cpu, InputSizes = sizes });

    private static async Task<Detection[]> DetectAsync(YoloDetector detector, byte[] pixels, FrameFormat format)
    {
        using DetectionResult result = await detector.DetectAsync(pixels, format).AsTask().WaitAsync(Patience);
        return result.Detections.ToArray();
    }

    private static byte[] Noise(int width, int height, int seed = 1)
    {
        byte[] pixels = new byte[width * height * 3];
        new Random(seed).NextBytes(pixels);
        return pixels;
    }
}
