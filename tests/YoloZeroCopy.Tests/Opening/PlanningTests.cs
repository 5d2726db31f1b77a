using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Tests;

/// <summary>Plans of detectors that are not opened.</summary>
public sealed class PlanningTests : IDisposable
{
    private const long Card = 8L << 30;

    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");
    private static readonly FrameFormat Nv12 = new(PixelFormat.Nv12, 1920, 1080);

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Without_streams_it_is_what_an_opened_detector_says()
    {
        DetectorOptions options = new() { Device = Device.Cpu, MaxBatch = 2, Lanes = 2 };
        await using YoloDetector detector = YoloDetector.Open(Sample, options);
        MemoryPlan plan = await YoloDetector.PlanAsync(Sample, options, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(detector.Memory.Entries.Select(Part), plan.Entries.Select(Part));
        Assert.Equal(detector.Memory.TotalBytes, plan.TotalBytes);
        Assert.Equal((2, 2, 0), (plan.Lanes, plan.MaxBatch, plan.Streams));
        Assert.Null(plan.Budget.DeviceBytes);
        Assert.Equal(detector.Device, plan.Device);
        Assert.Equal(detector.Memory.Budget.HostBytes, plan.Budget.HostBytes);
    }

    [Fact]
    public async Task Each_stream_has_a_slot_more_and_its_program()
    {
        DetectorOptions options = new() { Device = Device.Cpu };
        MemoryPlan without = await PlanAsync(options, new MemoryPlanOptions { Frame = Nv12 });
        MemoryPlan with = await PlanAsync(options, new MemoryPlanOptions { Frame = Nv12, Streams = 7, DecoderProgramBytes = 100 << 20 });
        long slot = FramePool.StepOf(Nv12.ByteCount);
        Assert.Equal(7 * (slot + (100 << 20)), with.TotalBytes - without.TotalBytes);
        long host = without.TotalBytes + (3 * (slot + (100 << 20)));
        Assert.Equal(new StreamLimit(3, MemoryItem.DecoderPrograms), with.StreamsWithin(new MemoryBudget(null, host, 0.3)));
        Assert.Equal(new StreamLimit(2, MemoryItem.DecoderPrograms), with.StreamsWithin(new MemoryBudget(null, host - 1, 0.3)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Card)]
    public async Task Sources_of_a_hub_have_slots_of_their_own(long? card)
    {
        DetectorOptions options = new() { Device = card is null ? Device.Cpu : Device.Auto };
        MemoryPlanOptions site = new() { Frame = Nv12, FramesAhead = 4, DeviceBytes = card, HostBytes = 1L << 40, DecoderProgramBytes = 100 << 20 };
        MemoryPlan without = await PlanAsync(options, site);
        MemoryPlan with = await PlanAsync(options, site with { Streams = 5000 });
        long slot = FramePool.StepOf(Nv12.ByteCount);
        MemoryPlanEntry slots = with.Entries.Single(static entry => entry.Item == MemoryItem.Slots);
        Assert.Equal(((4 * slot) + 4096, slot + (5000 * ((4 * slot) + 4096))), (slots.BytesPerStream, slots.Bytes));
        Assert.Equal(card is null ? MemoryPlace.Host : MemoryPlace.Pinned, slots.Place);
        Assert.Equal(5000 * ((4 * slot) + 4096 + (100 << 20)), with.TotalBytes - without.TotalBytes);
        Assert.Equal(slot, Bytes(without, MemoryItem.Slots));

        // No number of slots that a detector can have limits them.
        Assert.True(with.StreamsWithin(new MemoryBudget(card, null, 0)).Streams is null or > 5000);
    }

    [Fact]
    public async Task Slots_of_a_hubs_source_take_what_was_planned()
    {
        FrameFormat frame = new(PixelFormat.Bgr24, 1000, 500);
        MemoryPlanOptions site = new() { Frame = frame, FramesAhead = 7 };
        MemoryPlan plan = await PlanAsync(new DetectorOptions { Device = Device.Cpu }, site);
        MemoryPlan more = await PlanAsync(new DetectorOptions { Device = Device.Cpu }, site with { Streams = 1 });
        await using YoloDetector detector = YoloDetector.FromFunction(
            ModelInfo.OfClasses("part"), static (_, _) => [], new DetectorOptions { Slots = 1, SlotBytes = frame.ByteCount });
        await using SourceHub hub = new(detector);
        TaskCompletionSource<long> taken = new();
        HubSource source = hub.Add(
            "a",
            async (feed, _) =>
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                Assert.True(feed.TryRent(frame, out SourceSlot slot));
                taken.SetResult(GC.GetAllocatedBytesForCurrentThread() - before);
                slot.Dispose();
                await Task.CompletedTask;
            },
            static (_, _) => default,
            new HubSourceOptions { FramesAhead = 7 });
        await source.Completion;

        // Beside a few objects.
        Assert.InRange(await taken.Task - (more.TotalBytes - plan.TotalBytes), 0, 4096);
    }

    [Fact]
    public async Task More_streams_than_there_can_be_slots_do_not_fit()
    {
        MemoryPlan plan = await PlanAsync(
            new DetectorOptions { Slots = 96 },
                new MemoryPlanOptions { Streams = 5, DeviceBytes = Card, Frame = new FrameFormat(PixelFormat.Gray8, 64, 64) });
        Assert.Equal(new StreamLimit(4000, MemoryItem.Slots), plan.StreamsWithin(plan.Budget));
        Assert.Equal((101 * 4096, 4096), plan.Entries.Where(static entry => entry.Item == MemoryItem.Slots).Select(
            static entry => ((int)entry.Bytes, (int)entry.BytesPerStream)).Single());
    }

    [Fact]
    public async Task A_card_that_is_not_here_is_planned_for_by_formula()
    {
        CudaVideoDecoderOptions decoder = new() { Codec = CudaVideoCodec.Hevc };
        MemoryPlan plan =
            await PlanAsync(new DetectorOptions(), new MemoryPlanOptions { Streams = 10, Frame = Nv12, Decoder = decoder, DeviceBytes = Card });
        Assert.All(plan.Entries, static entry => Assert.Equal(MemoryEvidence.Formula, entry.Evidence));
        long perStream = CudaVideoDecoder.PlanDeviceBytes(decoder, 1920, 1080);
        MemoryPlanEntry surfaces = plan.Entries.Single(static entry => entry.Item == MemoryItem.DecoderSurfaces);
        Assert.Equal((10 * perStream, perStream, MemoryPlace.Device), (surfaces.Bytes, surfaces.BytesPerStream, surfaces.Place));
        Assert.Equal(new MemoryBudget(Card, null, 0.3), plan.Budget);
        StreamLimit limit = plan.StreamsWithin(plan.Budget);
        Assert.Equal(MemoryItem.DecoderSurfaces, limit.LimitedBy);

        // As many as it says fit, and one more does not.
        Assert.True((await ForAsync(limit.Streams!.Value)).IsWithinBudget);
        Assert.False((await ForAsync(limit.Streams!.Value + 1)).IsWithinBudget);

        Task<MemoryPlan> ForAsync(int streams) => PlanAsync(
            new DetectorOptions(), new MemoryPlanOptions { Streams = streams, Frame = Nv12, Decoder = decoder, DeviceBytes = Card });
    }

    [Fact]
    public async Task Pictures_are_decoded_by_nvJPEG()
    {
        CudaJpegDecoderOptions decoder = new() { MaxFramesHeld = 2 };
        MemoryPlan plan = await PlanAsync(
            new DetectorOptions(), new MemoryPlanOptions { Streams = 3, Frame = Nv12, JpegDecoder = decoder, DeviceBytes = Card });

        // Two pictures of 1920x1080 in 24 bits, each row a multiple of 256 bytes, and 12 MiB and 9 bytes a pixel to work in.
        Assert.Equal(3 * 2 * ((12L << 20) + (1920 * 1080 * 9)), Bytes(plan, MemoryItem.DecoderSurfaces));
        Assert.Equal(3 * 2 * (long)CudaBlockPool.ClassOf(5888 * 1080), Bytes(plan, MemoryItem.DecoderPictures));

        // A detector that is to open for them plans the same.
        ExpectedDecoders expected = new() { Count = 3, Width = 1920, Height = 1080, JpegDecoder = decoder };
        DetectorOptions options = new() { Slots = 1, SlotBytes = 1, ExpectedDecoders = [expected] };
        MemoryPlan own = await PlanAsync(options, new MemoryPlanOptions { DeviceBytes = Card });
        Assert.Equal(plan.DeviceBytes, own.DeviceBytes);
        Assert.Equal(plan.Entries.Select(Part).Order(), own.Entries.Select(Part).Order());
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(() => PlanAsync(
            options, new MemoryPlanOptions { Streams = 3, Frame = Nv12, JpegDecoder = decoder, DeviceBytes = Card }));
        Assert.Contains(nameof(DetectorOptions.ExpectedDecoders), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Single_precision_is_planned_for_ONNX_Runtime_with_weights_for_every_context()
    {
        MemoryPlanOptions site = new() { DeviceBytes = Card };
        MemoryPlan single = await PlanAsync(new DetectorOptions { Precision = Precision.Single }, site);
        MemoryPlan half = await PlanAsync(new DetectorOptions(), site);
        Assert.Equal(6 * new FileInfo(Sample).Length, Bytes(single, MemoryItem.Weights));
        Assert.InRange(Bytes(half, MemoryItem.Weights), new FileInfo(Sample).Length / 3, new FileInfo(Sample).Length);
        Assert.True(Bytes(half, MemoryItem.Activations) < Bytes(single, MemoryItem.Activations));
    }

    [Fact]
    public async Task What_goes_together_wrongly_is_refused()
    {
        await Refused<ArgumentException>("Frame", new MemoryPlanOptions { Decoder = new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 } });
        await Refused<ArgumentException>("decoded on the device or by a program", new MemoryPlanOptions
        {
            Decoder = new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 },
            Frame = Nv12,
            DecoderProgramBytes = 1,
        });
        await Refused<ArgumentException>("lie in no slots", new MemoryPlanOptions
        {
            Decoder = new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 },
            Frame = Nv12,
            FramesAhead = 4,
        });
        await Refused<ArgumentOutOfRangeException>("FramesAhead is 1", new MemoryPlanOptions { FramesAhead = 1 });
        await Refused<ArgumentException>("a stream has one of them", new MemoryPlanOptions
        {
            Decoder = new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 },
            JpegDecoder = new CudaJpegDecoderOptions(),
            Frame = Nv12,
        });
        await Refused<ArgumentOutOfRangeException>("Streams is -1", new MemoryPlanOptions { Streams = -1 });
        await Refused<ArgumentOutOfRangeException>("DeviceBytes is 0", new MemoryPlanOptions { DeviceBytes = 0 });
        await Refused<ArgumentOutOfRangeException>("HostBytes is -3", new MemoryPlanOptions { HostBytes = -3 });
        await Refused<ArgumentException>("which has none", new MemoryPlanOptions { DeviceBytes = Card }, new DetectorOptions { Device = Device.Cpu });
        await Refused<ArgumentException>(
            "on which no device decodes",
            new MemoryPlanOptions { Decoder = new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 }, Frame = Nv12 },
            new DetectorOptions { Device = Device.Cpu });
        await Refused<ArgumentException>(
            "MaxBatch is 4", new MemoryPlanOptions { DeviceBytes = Card }, new DetectorOptions { MaxBatch = 4 }, FixedModel());
        await Refused<ModelException>("no model", new MemoryPlanOptions(), model: Text("text.onnx", "this is no model"));
    }

    private string FixedModel() => OnnxModelBuilder.Detector(new FakeDetector { Batch = 1 }).Save(folder.Path, "fixed.onnx");

    private string Text(string name, string text)
    {
        File.WriteAllText(folder.File(name), text);
        return folder.File(name);
    }

    private static async Task Refused<T>(string words, MemoryPlanOptions site, DetectorOptions? options = null, string? model = null)
        where T : Exception
    {
        T error = await Assert.ThrowsAnyAsync<T>(() => YoloDetector.PlanAsync(model ?? Sample, options, site));
        if (model is null || !model.EndsWith("text.onnx", StringComparison.Ordinal))
        {
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }
    }

    private static Task<MemoryPlan> PlanAsync(DetectorOptions options, MemoryPlanOptions site) =>
        YoloDetector.PlanAsync(Sample, options, site, TestContext.Current.CancellationToken);

    private static long Bytes(MemoryPlan plan, MemoryItem item) => plan.Entries.Where(entry => entry.Item == item).Sum(static entry => entry.Bytes);

    private static (MemoryItem Item, MemoryPlace Place, long Bytes) Part(MemoryPlanEntry entry) => (entry.Item, entry.Place, entry.Bytes);
}
