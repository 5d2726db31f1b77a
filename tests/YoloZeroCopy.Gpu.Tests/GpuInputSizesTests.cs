namespace YoloZeroCopy.Gpu.Tests;

/// <summary>One detector at several input sizes: as each alone detects, and how much faster small frames are.</summary>
public sealed class GpuInputSizesTests(ITestOutputHelper output)
{
    [GpuTheory]
    [InlineData(Precision.Auto)]
    [InlineData(Precision.Single)]
    public async Task Frames_are_detected_in_as_by_detectors_of_their_size_alone(Precision precision)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("yzc-");
        DetectorOptions options = new()
        {
            Device = Device.Cuda(),
            Precision = precision,
            MaxBatch = 4,
            Lanes = 2,
            EngineCacheFolder = folder.FullName,
            ScoreThreshold = 0.05f,
        };
        await using YoloDetector all = YoloDetector.Open(TestData.Model, options with { InputSizes = [320, 640] });
        output.WriteLine(all.Memory.ToString());
        output.WriteLine(all.Device);
        TestPicture picture = TestData.ReadPictures()[0];
        int found = 0;
        foreach ((ModelInputSize size, FrameFormat format) in ((ModelInputSize, FrameFormat)[])
        [
            (320, new FrameFormat(picture.Format.PixelFormat, 300, 200, picture.Format.Stride)),
            (640, picture.Format),
        ])
        {
            await using YoloDetector alone = YoloDetector.Open(TestData.Model, options with { InputSize = size });
            Detection[] wanted = await DetectAsync(alone, picture.Pixels.AsMemory(0, format.ByteCount), format);
            Detection[] given = await DetectAsync(all, picture.Pixels.AsMemory(0, format.ByteCount), format);
            Assert.Equal(wanted.Length, given.Length);
            for (int index = 0; index < wanted.Length; index++)
            {
                // The same kernels in half precision; ONNX Runtime may choose others for a context.
                Assert.Equal(wanted[index].ClassId, given[index].ClassId);
                Assert.Equal(wanted[index].Score, given[index].Score, precision == Precision.Auto ? 0 : 0.01f);
            }

            found += wanted.Length;
        }

        folder.Delete(recursive: true);
        Assert.InRange(found, 1, int.MaxValue);
        Assert.Equal([1, 1], all.Statistics.InputSizes.Select(static size => size.Frames));
    }

    [GpuFact]
    public async Task Small_frames_gain_by_a_size_of_their_own()
    {
        string model = TestData.Architecture("yolov8n");
        DetectorOptions options = new() { Device = Device.Cuda(), MaxBatch = 8, SlotBytes = 640 * 640 * 3 };
        Dictionary<string, double> rates = [];
        foreach (bool isRegistered in (bool[])[false, true, false, true])
        {
            await using YoloDetector detector = YoloDetector.Open(
                model, isRegistered ? options with { InputSizes = [320, 640] } : options with { InputSize = 640 });
            foreach (int side in (int[])[320, 640])
            {
                FrameFormat format = new(PixelFormat.Bgr24, side, side);
                _ = await Feed.RateAsync(detector, format, TimeSpan.FromSeconds(0.5));
                double rate = await Feed.RateAsync(detector, format, TimeSpan.FromSeconds(2));
                string what = $"frames of {side}, {(isRegistered ? "sizes 320 and 640" : "640 alone")}";
                rates[what] = Math.Max(rate, rates.GetValueOrDefault(what));
                output.WriteLine(
                    $"{what}: {rate:F0} frames/s; planned {detector.Memory.DeviceBytes >> 20} MiB, taken {detector.Memory.TakenDeviceBytes >> 20}");
            }

            output.WriteLine(detector.Memory.ToString());
        }

        foreach ((string what, double rate) in rates)
        {
            output.WriteLine($"TOTAL {what}: {rate:F0} frames/s");
        }

        Assert.InRange(rates["frames of 320, sizes 320 and 640"], rates["frames of 320, 640 alone"], double.MaxValue);
    }

    private static async Task<Detection[]> DetectAsync(YoloDetector detector, ReadOnlyMemory<byte> pixels, FrameFormat format)
    {
        using DetectionResult result = await detector.DetectAsync(pixels, format);
        return result.Detections.ToArray();
    }
}
