using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>
/// What each convenience costs a call beside the path of slots, over a function that finds nothing: the rest is the detector's own way, and reading
/// and decoding where there is a picture.
/// </summary>
[MemoryDiagnoser]
public class ConvenienceBenchmarks : IDisposable
{
    private const int Calls = 100;

    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 640, 480);

    private readonly YoloDetector detector = YoloDetector.FromFunction(
        ModelInfo.OfClasses("object"), static (_, _) => [], new DetectorOptions { SlotBytes = Format.ByteCount, Slots = 4 });

    private readonly byte[] pixels = new byte[Format.ByteCount];
    private readonly byte[] picture;
    private readonly MemoryStream stream;
    private readonly string path = Path.Combine(Path.GetTempPath(), $"yzc-benchmark-{Guid.NewGuid():N}.jpg");

    public ConvenienceBenchmarks()
    {
        // Waves of several lengths and a little noise: as a JPEG about 100 KB, as a photograph of this size has.
        for (int place = 0; place < pixels.Length; place++)
        {
            pixels[place] = (byte)(128 + (60 * Math.Sin(place * 0.013)) + (40 * Math.Sin(place * 0.00017)) + (place * 7919 % 8));
        }

        picture = PictureFile.EncodeJpeg(pixels, Format);
        stream = new MemoryStream(picture);
        File.WriteAllBytes(path, picture);
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Calls)]
    public async Task Slot_that_the_frame_is_in()
    {
        for (int call = 0; call < Calls; call++)
        {
            using FrameSlot slot = await detector.RentAsync(Format);
            using DetectionResult result = await detector.SubmitAsync(slot);
        }
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public async Task Pixels_that_lie_elsewhere()
    {
        for (int call = 0; call < Calls; call++)
        {
            using DetectionResult result = await detector.DetectAsync(pixels, Format);
        }
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public async Task Slot_that_a_JPEG_is_decoded_into()
    {
        for (int call = 0; call < Calls; call++)
        {
            PictureInfo info = PictureFile.ReadInfo(picture);
            FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
            using FrameSlot slot = await detector.RentAsync(format);
            PictureFile.Decode(picture, slot.Span, format);
            using DetectionResult result = await detector.SubmitAsync(slot);
        }
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public async Task Bytes_of_a_JPEG()
    {
        for (int call = 0; call < Calls; call++)
        {
            using DetectionResult result = await detector.DetectAsync(picture);
        }
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public async Task Stream_of_a_JPEG()
    {
        for (int call = 0; call < Calls; call++)
        {
            stream.Position = 0;
            using DetectionResult result = await detector.DetectAsync(stream);
        }
    }

    [Benchmark(OperationsPerInvoke = Calls)]
    public async Task File_of_a_JPEG()
    {
        for (int call = 0; call < Calls; call++)
        {
            using DetectionResult result = await detector.DetectAsync(path);
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        detector.DisposeAsync().AsTask().GetAwaiter().GetResult();
        stream.Dispose();
        File.Delete(path);
        GC.SuppressFinalize(this);
    }
}
