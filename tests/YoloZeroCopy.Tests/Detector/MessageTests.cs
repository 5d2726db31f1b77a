namespace YoloZeroCopy.Tests;

/// <summary>What wrong use is answered with: the names that the caller knows, what was given and what is wanted.</summary>
public sealed class MessageTests : IDisposable
{
    private static readonly FrameFormat Frame = new(PixelFormat.Bgr24, 64, 64);

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_frame_larger_than_a_slot_is_told_the_option_to_set()
    {
        await using YoloDetector detector = Open();
        FrameFormat large = new(PixelFormat.Bgr24, 65, 64);
        ArgumentException error = Assert.Throws<ArgumentException>(() => detector.TryRent(large, out _));
        Assert.Contains("Bgr24 65x64", error.Message, StringComparison.Ordinal);
        Assert.Contains("takes 12480 bytes, and SlotBytes is 12288", error.Message, StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<ArgumentException>(async () => await detector.DetectAsync(new byte[large.ByteCount], large));
        Assert.Contains("SlotBytes is 12288", error.Message, StringComparison.Ordinal);
        Assert.Contains("default value", Assert.Throws<ArgumentException>(() => detector.TryRent(default, out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_result_that_never_was_one_is_not_called_disposed()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => default(DetectionResult).Status);
        Assert.Contains("default value", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("disposed", error.Message, StringComparison.Ordinal);
        default(DetectionResult).Dispose();

        await using YoloDetector detector = Open();
        DetectionResult result = await detector.DetectAsync(new byte[Frame.ByteCount], Frame);
        result.Dispose();
        Assert.Contains("was disposed", Assert.Throws<InvalidOperationException>(() => result.Status).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disposed_detector_is_called_by_its_name()
    {
        YoloDetector detector = Open();
        List<FrameSlot> slots = [];
        while (detector.TryRent(Frame, out FrameSlot slot))
        {
            slots.Add(slot);
        }

        Task<FrameSlot> waiting = detector.RentAsync(Frame).AsTask();
        await detector.DisposeAsync();
        await Check(() => waiting);
        await Check(() => Task.FromResult(detector.TryRent(Frame, out _)));
        await Check(async () => await detector.RentAsync(Frame));
        await Check(async () => await detector.SubmitAsync(slots[0]));
        await Check(async () => await detector.DetectAsync(new byte[Frame.ByteCount], Frame));
        slots.ForEach(static slot => slot.Dispose());

        static async Task Check(Func<Task> use) =>
            Assert.Equal(nameof(YoloDetector), (await Assert.ThrowsAsync<ObjectDisposedException>(use)).ObjectName);
    }

    [Fact]
    public void An_option_out_of_range_is_named_with_its_value_and_its_range()
    {
        Check(new DetectorOptions { MaxBatch = 300 }, "MaxBatch is 300; 0 to 256 is wanted");
        Check(new DetectorOptions { ScoreThreshold = 1.5f }, "ScoreThreshold is 1.5; 0 to 1 is wanted");
        Check(new DetectorOptions { WaitMode = (WaitMode)7 }, "WaitMode is 7; Block, Yield, Spin are wanted");
        Check(new DetectorOptions { Overflow = (OverflowPolicy)7 }, "Overflow is 7; Wait, DropNewest, DropOldest are wanted");
        Check(new DetectorOptions { QueueCapacity = 5 }, "QueueCapacity is 5, which goes with an Overflow that drops frames");
        Check(new DetectorOptions { Name = " " }, "Name is blank");

        static void Check(DetectorOptions options, string words) =>
            Assert.Contains(words, Assert.ThrowsAny<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
    }

    private YoloDetector Open()
    {
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path, "m.onnx");
        return YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Slots = 2, SlotBytes = Frame.ByteCount });
    }
}
