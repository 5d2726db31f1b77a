namespace YoloZeroCopy.Gpu.Tests;

/// <summary>One detector for all tests of a class: opening takes seconds.</summary>
public sealed class BrightnessDetector : IDisposable
{
    private readonly ModelFolder folder = new();
    private readonly Lazy<YoloDetector> detector;

    // Opened by the first test, so that a class whose tests are skipped needs no device.
    public BrightnessDetector() => detector = new Lazy<YoloDetector>(() => Open(new DetectorOptions()));

    public YoloDetector Detector => detector.Value;

    /// <summary>Another one on the same model. The caller disposes it.</summary>
    public YoloDetector Open(DetectorOptions options) => YoloDetector.Open(GpuModels.Brightness(folder), options with
    {
        Device = Device.Cuda(),
        MaxBatch = options.MaxBatch == 0 ? 8 : options.MaxBatch,
        SlotBytes = 64 * 1024,
    });

    public void Dispose()
    {
        if (detector.IsValueCreated)
        {
            detector.Value.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }

        folder.Dispose();
    }
}
