namespace YoloZeroCopy.Tests;

public sealed class CpuOpeningTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Frames_run_one_by_one_unless_the_caller_or_the_model_says_otherwise()
    {
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        await using (YoloDetector detector = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Lanes = 1 }))
        {
            Assert.Equal((1, 4), (detector.Statistics.BatchSizes.Length - 1, detector.SlotCount));
        }

        await using YoloDetector batched = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Lanes = 1, MaxBatch = 3 });
        Assert.Equal((3, 6), (batched.Statistics.BatchSizes.Length - 1, batched.SlotCount));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 1)]
    [InlineData(8, 2)]
    [InlineData(16, 4)]
    [InlineData(1024, 16)]
    public async Task Every_four_threads_have_a_lane(int threads, int lanes)
    {
        Assert.Equal(lanes, CpuLayout.DefaultLanes(threads));
        if (threads <= 16)
        {
            string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
            await using YoloDetector detector = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, Threads = threads });
            Assert.Equal(lanes, detector.Memory.Lanes);
        }
    }
}
