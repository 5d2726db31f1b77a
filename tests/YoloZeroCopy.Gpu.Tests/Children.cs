using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>What this program does as a process of its own. Each prints what it sees, and what is not as it must be is an exception.</summary>
internal static class Children
{
    public static async Task<int> RunAsync(string name)
    {
        using ModelFolder folder = new();
        try
        {
            switch (name)
            {
                case "no-device":
                    await RunWithoutDeviceAsync(folder);
                    break;
                case "no-provider":
                    await RunWithoutProviderAsync(folder);
                    break;
                case ['j', 'p', 'e', 'g', '-', .. string backend]:
                    DamagedJpegs.Run(Enum.Parse<CudaJpegBackend>(backend));
                    break;
                case ['m', 'e', 'm', 'o', 'r', 'y', ',', ..]:
                    await MemoryChildren.RunAsync(name);
                    break;
                case ['s', 'h', 'a', 'r', 'e', 'd', ',', ..]:
                    await SharedChildren.RunAsync(name);
                    break;
                case ['i', 'p', 'c', ',', 'p', 'r', ..]:
                    IpcProducer.Run(name.Split(','));
                    break;
                case ['i', 'p', 'c', ',', ..]:
                    IpcDeaths.Run(name.Split(','));
                    break;
                default:
                    await FaultChildren.RunAsync(name, folder);
                    break;
            }

            return 0;
        }
        catch (Exception error)
        {
            // The process ends here: whatever it was, the parent is to read it.
            Console.WriteLine(error);
            return 1;
        }
    }

    private static async Task RunWithoutDeviceAsync(ModelFolder folder)
    {
        string model = GpuModels.Brightness(folder);
        CudaUnavailableException error =
            Assert.Throws<CudaUnavailableException>(() => YoloDetector.Open(model, new DetectorOptions { Device = Device.Cuda() }));
        Console.WriteLine(error.Message);
        await using YoloDetector detector = YoloDetector.Open(model);
        Console.WriteLine(detector.Device);
        Assert.StartsWith("cpu, ", detector.Device, StringComparison.Ordinal);
        Assert.Contains($"(auto: {error.Message})", detector.Device, StringComparison.Ordinal);
        await Feed.RunAsync(detector, frames: 5, inFlight: 2);
    }

    private static async Task RunWithoutProviderAsync(ModelFolder folder)
    {
        string model = GpuModels.Brightness(folder);
        NativeLibraryException error =
            Assert.Throws<NativeLibraryException>(() => YoloDetector.Open(model, new DetectorOptions { Device = Device.Cuda() }));
        Console.WriteLine(error.Message);
        Assert.Contains("onnxruntime_providers_", error.Message, StringComparison.Ordinal);
        Assert.Contains("Microsoft.ML.OnnxRuntime.Gpu", error.Message, StringComparison.Ordinal);
        await using YoloDetector detector = YoloDetector.Open(model);
        Assert.StartsWith("cpu, ", detector.Device, StringComparison.Ordinal);
        Assert.Contains("onnxruntime_providers_", detector.Device, StringComparison.Ordinal);
        await Feed.RunAsync(detector, frames: 5, inFlight: 2);
    }
}
