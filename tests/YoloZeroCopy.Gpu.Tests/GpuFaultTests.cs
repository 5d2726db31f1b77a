using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>What goes wrong on a device, and what the caller hears of it.</summary>
public sealed class GpuFaultTests : IDisposable
{
    // What the names of the children end in.
    private const string OnOnnxRuntime = "";
    private const string OnCudnn = "-cudnn";

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuFact]
    public void A_plan_larger_than_the_device_is_refused_with_its_table()
    {
        InsufficientMemoryException error =
            Assert.Throws<InsufficientMemoryException>(() => YoloDetector.Open(GpuModels.Brightness(folder), new DetectorOptions
            {
                Device = Device.Cuda(),
                MaxBatch = 256,
                Lanes = 16,
                Slots = 4,
                SlotBytes = 8192 * 8192 * 4,
            }));
        Assert.Contains("16 lanes x 256 frames x 268435456 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("MiB free", error.Message, StringComparison.Ordinal);
        Assert.Contains("total", error.Message, StringComparison.Ordinal);
    }

    [GpuFact]
    public async Task A_device_that_others_have_filled_is_refused_and_serves_again_once_they_let_go()
    {
        string model = GpuModels.Brightness(folder);
        DetectorOptions options = new() { Device = Device.Cuda(), MaxBatch = 2, Lanes = 1, SlotBytes = 64 * 1024 };
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        ulong before = context.GetMemoryInfo().FreeBytes;
        const ulong Left = 256UL << 20;
        using (CudaDeviceMemory hog = new(context, (nuint)(before - Left)))
        {
            InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(() => YoloDetector.Open(model, options));
            Assert.Contains("libraries ", error.Message, StringComparison.Ordinal);

            // Choosing for itself it goes to the processor instead, and says so.
            await using YoloDetector chosen = YoloDetector.Open(model, options with { Device = Device.Auto });
            Assert.StartsWith("cpu, ", chosen.Device, StringComparison.Ordinal);
            Assert.Contains("auto: CUDA cannot be used", chosen.Device, StringComparison.Ordinal);
        }

        await using YoloDetector detector = YoloDetector.Open(model, options);
        await Feed.RunAsync(detector, frames: 10, inFlight: 2);
    }

    [GpuFact]
    public async Task An_engine_that_takes_more_than_planned_fails_the_opening_with_the_plan_and_leaks_nothing()
    {
        string model = GpuModels.Wide(folder);
        DetectorOptions options = new() { Device = Device.Cuda(), MaxBatch = 8, Lanes = 1, SlotBytes = 64 * 1024, MemoryMargin = 0 };
        using CudaContext context = CudaDevice.Get(0).OpenContext();

        // What CUDA's libraries take once stays taken: opening before tells it apart from a leak.
        await using (YoloDetector first = YoloDetector.Open(GpuModels.Brightness(folder), options with { MaxBatch = 1 }))
        {
            await Feed.RunAsync(first, frames: 2, inFlight: 1);
        }

        ulong free = context.GetMemoryInfo().FreeBytes;
        ulong left = (ulong)GpuModels.WideBytes / 2;
        using (CudaDeviceMemory hog = new(context, (nuint)(free - left)))
        {
            ulong before = context.GetMemoryInfo().FreeBytes;
            InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(() => YoloDetector.Open(model, options));
            Assert.Contains("too little free memory for a context of batch", error.Message, StringComparison.Ordinal);
            Assert.Contains("libraries ", error.Message, StringComparison.Ordinal);
            Assert.Contains(nameof(DetectorOptions.MemoryMargin), error.Message, StringComparison.Ordinal);
            // Less than before is no leak: what the first opening made ready may have been freed meanwhile.
            Assert.InRange((long)before - (long)context.GetMemoryInfo().FreeBytes, long.MinValue, 64 << 20);
        }

        await using YoloDetector detector = YoloDetector.Open(model, options);
        await Feed.RunAsync(detector, frames: 10, inFlight: 2);
    }

    [GpuFact]
    public async Task Auto_takes_the_device_and_says_why()
    {
        await using YoloDetector detector = YoloDetector.Open(GpuModels.Brightness(folder), new DetectorOptions { MaxBatch = 1, Lanes = 1 });
        Assert.StartsWith("cuda:0, ", detector.Device, StringComparison.Ordinal);
        Assert.Contains("(auto: ", detector.Device, StringComparison.Ordinal);
    }

    [GpuFact]
    public void A_device_that_is_not_there_is_refused_by_number() =>
        Assert.Contains("999", Assert.Throws<ArgumentOutOfRangeException>(
            () => YoloDetector.Open(GpuModels.Brightness(folder), new DetectorOptions { Device = Device.Cuda(999) })).Message,
                StringComparison.Ordinal);

    [GpuTheory]
    [InlineData(OnOnnxRuntime)]
    [InlineData(OnCudnn)]
    public void A_faulting_kernel_ends_the_detector_and_a_new_process_works_at_once(string engine)
    {
        RunChild("fault" + engine);
        RunChild("after-fault" + engine);
    }

    [GpuTheory]
    [InlineData(OnOnnxRuntime)]
    [InlineData(OnCudnn)]
    public void A_faulting_kernel_ends_both_detectors_of_a_device_and_a_new_process_works_at_once(string engine)
    {
        RunChild("fault-two" + engine);
        RunChild("after-fault" + engine);
    }

    [GpuTheory]
    [InlineData("fault-preparing" + OnOnnxRuntime)]
    [InlineData("fault-compiling" + OnCudnn)]
    [InlineData("fault-preparing" + OnCudnn)]
    public void A_faulting_kernel_ends_an_opening_and_is_named(string child) => RunChild(child);

    [GpuTheory]
    [InlineData(OnOnnxRuntime)]
    [InlineData(OnCudnn)]
    public void A_faulted_detector_whose_producer_keeps_a_slot_is_disposed_and_its_memory_stays(string engine) =>
        RunChild("fault-kept-slot" + engine);

    [GpuFact]
    public void No_visible_device_is_named_and_auto_takes_the_processor() => RunChild("no-device", ("CUDA_VISIBLE_DEVICES", ""));

    [GpuFact]
    public void A_runtime_without_its_CUDA_provider_is_named()
    {
        // The library alone, in a folder of its own.
        File.Copy(OnnxRuntimeLibrary.Load().Path, folder.File("libonnxruntime.so.1"));
        RunChild("no-provider", (OnnxRuntimeSearch.VariableName, folder.Path));
    }

    private static void RunChild(string name, params (string Name, string? Value)[] environment)
    {
        (int exitCode, string output) = ChildProcess.Run(name, environment);
        Console.WriteLine($"  {name}:{Environment.NewLine}    {output.ReplaceLineEndings($"{Environment.NewLine}    ")}");
        Assert.True(exitCode == 0, $"{name} ended with {exitCode}:{Environment.NewLine}{output}");
    }
}
