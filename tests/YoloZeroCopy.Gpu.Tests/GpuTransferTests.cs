using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Slots in every kind of memory on a real device.</summary>
public sealed class GpuTransferTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuFact]
    public async Task The_model_sees_the_same_in_every_mode()
    {
        string model = GpuModels.PixelProbe(folder, OnnxType.Float);
        Dictionary<string, Detection[]> wanted = [];
        foreach (TransferMode mode in Enum.GetValues<TransferMode>().Where(static mode => mode != TransferMode.Auto))
        {
            string? lack = TransferChoice.LackOf(CudaDevice.Get(0), mode);
            Assert.SkipWhen(lack is not null, $"{mode}: the device {lack}.");
            await using YoloDetector detector = YoloDetector.Open(model, new DetectorOptions
            {
                Device = Device.Cuda(),
                MaxBatch = 4,
                Slots = 5,
                SlotBytes = 1 << 20,
                ScoreThreshold = 0,
                MaxDetections = 1000,
                TransferMode = mode,
            });
            Random random = new(5);
            foreach (PixelFormat pixelFormat in Enum.GetValues<PixelFormat>())
            {
                // Every slot is written more than once, so that pages that went to the device come back.
                for (int turn = 0; turn < 3; turn++)
                {
                    FrameFormat format = new(pixelFormat, 333 + turn, 65);
                    byte[] pixels = new byte[format.ByteCount];
                    random.NextBytes(pixels);
                    Detection[] seen = await Feed.DetectAsync(detector, format, pixels);
                    string frame = $"{format}, {turn}";
                    Assert.True(
                        wanted.TryAdd(frame, seen) ? mode == TransferMode.PageLocked : wanted[frame].AsSpan().SequenceEqual(seen),
                        $"{mode}: {frame}");
                }
            }
        }
    }

    [GpuFact]
    public async Task Auto_takes_a_mode_says_why_and_takes_the_same_again()
    {
        DetectorOptions options = new()
        {
            Device = Device.Cuda(),
            SlotBytes = 1 << 20,
            TransferMode = TransferMode.Auto,
            EngineCacheFolder = folder.File("engines"),
        };
        string model = GpuModels.Brightness(folder);
        string first;
        await using (YoloDetector detector = YoloDetector.Open(model, options))
        {
            first = detector.Device;
            Assert.Contains("(auto: page-locked ", first, StringComparison.Ordinal);
        }

        await using YoloDetector again = YoloDetector.Open(model, options);
        Assert.Equal(first, again.Device);
    }
}
