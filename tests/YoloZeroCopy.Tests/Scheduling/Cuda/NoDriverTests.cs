using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Tests;

/// <summary>A machine without a driver: a device that was asked for is refused, and a free choice falls on the processor; both say why.</summary>
public sealed class NoDriverTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Auto_takes_the_processor_and_says_why_and_cuda_is_refused()
    {
        Assert.SkipWhen(CudaDriver.TryInitialize(out string reason), "This machine has a usable CUDA driver.");
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        await using (YoloDetector detector = YoloDetector.Open(model))
        {
            Assert.StartsWith("cpu, ", detector.Device, StringComparison.Ordinal);
            Assert.EndsWith($" (auto: {reason})", detector.Device, StringComparison.Ordinal);
        }

        CudaUnavailableException error =
            Assert.Throws<CudaUnavailableException>(() => YoloDetector.Open(model, new DetectorOptions { Device = Device.Cuda() }));
        Assert.Equal(reason, error.Message);
    }
}
