namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Every pixel format at odd sizes and strides: what the model sees on the device is, bit for bit, what it sees on the processor.</summary>
public sealed class GpuFormatTests : IDisposable
{
    // Even, odd, one pixel, flat, high, and larger than the input by no whole factor.
    private static readonly (int Width, int Height)[] Sizes = [(32, 32), (31, 17), (1, 1), (333, 65), (19, 97), (641, 479)];

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuTheory]
    [InlineData(OnnxType.Float)]
    [InlineData(OnnxType.Float16)]
    [InlineData(OnnxType.UInt8)]
    public async Task The_model_sees_the_same_on_both_devices(OnnxType type)
    {
        string model = GpuModels.PixelProbe(folder, type);
        await using YoloDetector gpu = Open(model, Device.Cuda());
        await using YoloDetector processor = Open(model, Device.Cpu);
        Random random = new(5);
        int compared = 0;
        foreach (PixelFormat pixelFormat in Enum.GetValues<PixelFormat>())
        {
            foreach (FrameFormat format in FormatsOf(pixelFormat))
            {
                byte[] pixels = new byte[format.ByteCount];
                random.NextBytes(pixels);
                Detection[] wanted = await Feed.DetectAsync(processor, format, pixels);
                Detection[] given = await Feed.DetectAsync(gpu, format, pixels);

                // A frame of one pixel may have channels of zero, which are no detections.
                int least = format.Width == 1 ? 256 : 300;
                Assert.True(wanted.Length >= least, $"{format}: only {wanted.Length} values to compare");
                AssertSame(format, wanted, given);
                compared++;
            }
        }

        Assert.Equal(Enum.GetValues<PixelFormat>().Length * Sizes.Length * 2, compared);
    }

    private static IEnumerable<FrameFormat> FormatsOf(PixelFormat pixelFormat)
    {
        foreach ((int width, int height) in Sizes)
        {
            FrameFormat tight = new(pixelFormat, width, height) { Color = (width & 1) == 0 ? YuvColor.Bt709Limited : YuvColor.Bt601Full };
            yield return tight;
            yield return new FrameFormat(pixelFormat, width, height,
                tight.RowBytes + (pixelFormat == PixelFormat.P010 ? 14 : 13))
            { Color = YuvColor.Bt601Limited };
        }
    }

    private static void AssertSame(FrameFormat format, Detection[] wanted, Detection[] given)
    {
        Assert.True(wanted.Length == given.Length, $"{format}: {wanted.Length} values wanted, {given.Length} given");
        for (int index = 0; index < wanted.Length; index++)
        {
            Assert.True(wanted[index] == given[index], $"{format}: value {index} is {given[index]}; wanted is {wanted[index]}");
        }
    }

    private static YoloDetector Open(string model, Device device) => YoloDetector.Open(model, new DetectorOptions
    {
        Device = device,
        MaxBatch = 1,
        Lanes = 1,
        SlotBytes = 641 * 479 * 4 * 2,
        ScoreThreshold = 0,
        MaxDetections = 1000,
    });
}
