namespace YoloZeroCopy.Gpu.Tests;

/// <summary>The models of these tests answer on the processor as the tests expect, so that what a GPU answers otherwise is the GPU's doing. Needs no
/// GPU.</summary>
public sealed class ModelsOnProcessorTests : IDisposable
{
    private static readonly DetectorOptions OnProcessor = new() { Device = Device.Cpu, MaxBatch = 4, SlotBytes = 64 * 1024 };

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Brightness_shows_in_the_score()
    {
        foreach (string model in (string[])[GpuModels.Brightness(folder), GpuModels.WithProcessorNode(folder)])
        {
            await using YoloDetector detector = Open(model, OnProcessor);
            await Feed.RunAsync(detector, frames: 12, inFlight: 4);
        }

        await using YoloDetector readback = Open(GpuModels.WithHostReadback(folder), OnProcessor);
        await Feed.RunReadbackAsync(readback);
        await using YoloDetector half = Open(GpuModels.Brightness(folder, OnnxType.Float16), OnProcessor);
        await Feed.RunAsync(half, frames: 12, inFlight: 4, tolerance: 2e-3f);
    }

    [Theory]
    [InlineData(OnnxType.Float, 1f)]
    [InlineData(OnnxType.Float16, 1f)]
    [InlineData(OnnxType.UInt8, 255f)]
    public async Task Every_sampled_value_is_a_detection(OnnxType type, float most)
    {
        await using YoloDetector detector = Open(GpuModels.PixelProbe(folder, type), OnProcessor with { ScoreThreshold = 0, MaxDetections = 1000 });
        foreach (FrameFormat format in (FrameFormat[])[new(PixelFormat.Gray8, 32, 32), new(PixelFormat.Gray8, 1, 1), new(PixelFormat.Gray8, 333, 65),
            new(PixelFormat.Gray8, 19, 97)])
        {
            byte[] pixels = new byte[format.ByteCount];
            Array.Fill(pixels, (byte)255);
            Detection[] found = await Feed.DetectAsync(detector, format, pixels);
            Assert.True(found.Length == 768, $"{format}: {found.Length}");
            Assert.Equal(most, found[0].Score);
        }
    }

    private static YoloDetector Open(string model, DetectorOptions options)
    {
        try
        {
            return YoloDetector.Open(model, options);
        }
        catch (NativeLibraryException missing)
        {
            throw Xunit.Sdk.SkipException.ForSkip(missing.Message);
        }
    }
}
