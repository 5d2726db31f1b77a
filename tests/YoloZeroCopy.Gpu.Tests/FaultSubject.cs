namespace YoloZeroCopy.Gpu.Tests;

/// <summary>What a fault meets: a detector with one of the engines, and frames for it.</summary>
internal sealed class FaultSubject
{
    private readonly string model;
    private readonly DetectorOptions options;
    private readonly Func<YoloDetector, Task> run;

    private FaultSubject(string model, DetectorOptions options, Func<YoloDetector, Task> run)
    {
        this.model = model;
        this.options = options with { Device = Device.Cuda(), MaxBatch = 4, Lanes = 2, Slots = 16 };
        this.run = run;
    }

    public static FaultSubject OnOnnxRuntime(ModelFolder folder) => new(
        GpuModels.Brightness(folder), new DetectorOptions { SlotBytes = 64 * 1024 },
        static detector => Feed.RunAsync(detector, frames: 100, inFlight: 8));

    public static FaultSubject OnCudnn()
    {
        TestPicture[] pictures = TestData.ReadPictures();
        return new FaultSubject(
            TestData.Model,
            new DetectorOptions
            {
                SlotBytes = pictures.Max(static picture => picture.Format.ByteCount),
                InputSize = (320, 320),
                Precision = Precision.Half,
            },
            async detector =>
            {
                Assert.Contains("cuDNN", detector.Device, StringComparison.Ordinal);
                Detection[][] found = await Feed.DetectAllAsync(detector, pictures);
                Assert.Contains(found, static detections => detections.Length > 0);
                Assert.Equal(found, await Feed.DetectAllAsync(detector, pictures));
            });
    }

    public YoloDetector Open(IProgress<OpeningProgress>? progress = null) =>
        YoloDetector.OpenAsync(model, options, progress).GetAwaiter().GetResult();

    /// <summary>Runs frames and checks what is found.</summary>
    public Task RunAsync(YoloDetector detector) => run(detector);
}
