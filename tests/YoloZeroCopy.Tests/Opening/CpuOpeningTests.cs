namespace YoloZeroCopy.Tests;

public sealed class CpuOpeningTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Frames_run_one_by_one_unless_the_caller_or_the_model_says_otherwise()
    {
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        await using (YoloDetector detector = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu }))
        {
            Assert.Equal((1, 4), (detector.Statistics.BatchSizes.Length - 1, detector.SlotCount));
        }

        await using YoloDetector batched = YoloDetector.Open(model, new DetectorOptions { Device = Device.Cpu, MaxBatch = 3 });
        Assert.Equal((3, 6), (batched.Statistics.BatchSizes.Length - 1, batched.SlotCount));
    }
}
