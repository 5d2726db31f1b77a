using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>One detector on two GPUs of a host, where there are two.</summary>
public sealed class GpuSeveralDevicesTests(ITestOutputHelper output) : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuFact]
    public async Task Both_find_the_same_and_each_has_its_share()
    {
        SkipUnlessTwo();
        DetectorOptions options = new() { MaxBatch = 4, ScoreThreshold = 0.05f, SlotBytes = 3840 * 2160 * 3 };
        TestPicture[] pictures = TestData.ReadPictures();
        await using YoloDetector first = YoloDetector.Open(TestData.Model, options with { Device = Device.Cuda(0) });
        Detection[][] wanted = await Feed.DetectAllAsync(first, pictures);
        await using YoloDetector both = YoloDetector.Open(TestData.Model, options with { Device = Device.Cuda(0, 1) });
        output.WriteLine(both.Device);
        output.WriteLine(both.Memory.ToString());
        for (int round = 0; round < 50; round++)
        {
            Detection[][] given = await Feed.DetectAllAsync(both, pictures);
            for (int picture = 0; picture < pictures.Length; picture++)
            {
                _ = Same.Check($"picture {picture}, round {round}", wanted[picture], given[picture], minIou: 0.98f, maxScore: 0.01f,
                    threshold: 0.05f);
            }
        }

        foreach (DeviceStatistics device in both.Statistics.Devices)
        {
            output.WriteLine($"{device.Device}: {device.Frames} frames in {device.Batches} batches");
            Assert.InRange(device.Frames, 1, long.MaxValue);
            Assert.Null(device.Fault);
        }
    }

    [GpuFact]
    public async Task Two_against_one()
    {
        SkipUnlessTwo();
        string model = TestData.Architecture("yolov8n");
        DetectorOptions options = new() { MaxBatch = 8, SlotBytes = 1280 * 720 * 3 / 2 };
        FrameFormat format = new(PixelFormat.Nv12, 1280, 720);
        await using YoloDetector one = YoloDetector.Open(model, options with { Device = Device.Cuda(0) });
        await using YoloDetector other = YoloDetector.Open(model, options with { Device = Device.Cuda(1) });
        await using YoloDetector both = YoloDetector.Open(model, options with { Device = Device.Cuda(0, 1) });

        // By turns, so that a machine that becomes slower does so for all.
        Dictionary<string, double> rates = [];
        for (int turn = 0; turn < 3; turn++)
        {
            foreach ((string name, YoloDetector detector) in ((string, YoloDetector)[])[("cuda:0", one), ("cuda:1", other), ("cuda:0,1", both)])
            {
                _ = await Feed.RateAsync(detector, format, TimeSpan.FromSeconds(0.3));
                double rate = await Feed.RateAsync(detector, format, TimeSpan.FromSeconds(2));
                rates[name] = Math.Max(rate, rates.GetValueOrDefault(name));
                output.WriteLine($"{name}: {rate:F0} frames/s");
            }
        }

        output.WriteLine($"TOTAL {string.Join(", ", rates.Select(static one => $"{one.Key} {one.Value:F0} frames/s"))}: "
            + $"both against the two alone {rates["cuda:0,1"] / (rates["cuda:0"] + rates["cuda:1"]):F3}, against the first "
            + $"{rates["cuda:0,1"] / rates["cuda:0"]:F3}");
        output.WriteLine(string.Join(", ", both.Statistics.Devices.Select(static device => $"{device.Device} {device.Frames} frames")));
        Assert.All(both.Statistics.Devices, static device => Assert.InRange(device.Frames, 1, long.MaxValue));
    }

    [GpuFact]
    public async Task A_frame_on_a_device_goes_home()
    {
        SkipUnlessTwo();
        await using YoloDetector detector = YoloDetector.Open(GpuModels.Brightness(folder), new DetectorOptions
        {
            Device = Device.AllCuda,
            MaxBatch = 2,
            Lanes = 2,
            SlotBytes = 64 * 1024,
        });
        for (int ordinal = 0; ordinal < 2; ordinal++)
        {
            using CudaContext context = CudaDevice.Get(ordinal).OpenContext();
            context.MakeCurrent();
            using CudaStream stream = new(context);
            using CudaDeviceMemory memory = new(context, (nuint)GpuModels.Gray.ByteCount);
            FrameCounter owner = new();
            long before = detector.Statistics.Devices[ordinal].Frames;
            for (int frame = 0; frame < 20; frame++)
            {
                stream.Fill(memory.Address, (byte)(frame * 12), memory.Bytes);
                stream.Synchronize();
                ExternalFrame external = ExternalFrame.OnDevice(memory.Address.Value, 0, GpuModels.Gray, readyEvent: 0, owner);
                using DetectionResult result = await detector.SubmitAsync(external).AsTask().WaitAsync(Feed.Limit);
                Feed.AssertBrightness(result, frame * 12, 1e-3f);
            }

            Assert.Equal(before + 20, detector.Statistics.Devices[ordinal].Frames);
        }
    }

    [GpuTheory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_fault_of_one_device_takes_no_more_with_it_than_CUDA_does(int device)
    {
        SkipUnlessTwo();
        (int exitCode, string said) = ChildProcess.Run($"fault-device-{device}");
        output.WriteLine(said);
        Assert.Equal(0, exitCode);
    }

    private static void SkipUnlessTwo() =>
        Assert.SkipUnless(CudaDriver.DeviceCount >= 2, $"This machine shows {CudaDriver.DeviceCount} CUDA device; two are needed.");
}
