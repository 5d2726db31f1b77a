using System.Text;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>A kernel writes where nothing is while frames are in flight: the error that no context survives.</summary>
/// <remarks>Measured with driver 580, CUDA 13.0: the device answers that error to its process for good, after a reset of the primary context and
/// after cudaDeviceReset, too.</remarks>
internal static class FaultChildren
{
    private const string Ptx = """
        .version 7.5
        .target sm_75
        .address_size 64

        .visible .entry store(.param .u64 address)
        {
            .reg .b32 %r<2>;
            .reg .b64 %rd<3>;
            ld.param.u64 %rd1, [address];
            mov.u32 %r1, 7;
            cvta.to.global.u64 %rd2, %rd1;
            st.global.u32 [%rd2], %r1;
            ret;
        }
        """;

    public static Task RunAsync(string name, ModelFolder folder) => name switch
    {
        "fault" => FaultAsync(folder, detectors: 1),
        "fault-two" => FaultAsync(folder, detectors: 2),
        "fault-kept-slot" => FaultWithKeptSlotAsync(folder),
        "after-fault" => RunAfterFaultAsync(folder),
        _ => throw new ArgumentException($"There is no child '{name}'.", nameof(name)),
    };

    private static async Task FaultAsync(ModelFolder folder, int detectors)
    {
        List<YoloDetector> faulted = [];
        for (int number = 0; number < detectors; number++)
        {
            faulted.Add(Open(folder));
            await Feed.RunAsync(faulted[number], frames: 20, inFlight: 4);
        }

        // The last one's producer is slow: its slot must stay mapped while the others end.
        FrameSlot held = await Feed.RentGrayAsync(faulted[^1], 3);
        await BreakAsync(faulted);
        foreach (YoloDetector detector in faulted.SkipLast(1))
        {
            await DisposeAsync(detector);
        }

        held.Span.Fill(5);
        Assert.Equal(5, held.Span[^1]);
        held.Dispose();
        await DisposeAsync(faulted[^1]);
        CudaException error = Assert.Throws<CudaException>(() => Open(folder));
        Console.WriteLine($"a fresh detector: {error.Message}");
        Assert.True(error.IsSticky);
        Assert.Contains("restart the process", error.Message, StringComparison.Ordinal);

        // Left the choice, the process goes on, on the processor.
        await using YoloDetector chosen = YoloDetector.Open(GpuModels.Brightness(folder), new DetectorOptions { SlotBytes = 64 * 1024 });
        Console.WriteLine($"auto: {chosen.Device}");
        Assert.StartsWith("cpu, ", chosen.Device, StringComparison.Ordinal);
        await Feed.RunAsync(chosen, frames: 10, inFlight: 4);
    }

    private static async Task RunAfterFaultAsync(ModelFolder folder)
    {
        await using YoloDetector detector = Open(folder);
        await Feed.RunAsync(detector, frames: 100, inFlight: 8);
        Console.WriteLine("100 frames right in a new process");
    }

    private static async Task FaultWithKeptSlotAsync(ModelFolder folder)
    {
        YoloDetector detector = Open(folder);
        FrameSlot kept = await Feed.RentGrayAsync(detector, 3);
        await BreakAsync([detector]);
        await DisposeAsync(detector);
        kept.Span.Fill(5);
        Assert.Equal(5, kept.Span[^1]);
        Console.WriteLine("the kept slot can still be written");
        kept.Dispose();
    }

    /// <summary>Frames in flight, then the kernel, in the context that all share; every pending and every later call must fail as it
    /// should.</summary>
    private static async Task BreakAsync(List<YoloDetector> detectors)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        context.MakeCurrent();
        using CudaStream stream = new(context);
        using CudaModule module = new(context, [.. Encoding.UTF8.GetBytes(Ptx), 0]);
        CudaKernel store = module.GetKernel("store");
        List<Task<DetectionResult>> pending = [];
        foreach (YoloDetector detector in detectors)
        {
            for (int frame = 0; frame < 8; frame++)
            {
                Assert.True(detector.TryRent(GpuModels.Gray, out FrameSlot slot));
                slot.Span.Fill(1);
                pending.Add(detector.SubmitAsync(slot).AsTask());
            }
        }

        // An address that no allocation has. No await since MakeCurrent: this is still the thread that the context is current on.
        store.Launch(stream, new CudaSize(1), new CudaSize(1), 0x10UL);
        CudaException error = Assert.Throws<CudaException>(stream.Synchronize);
        Console.WriteLine($"the kernel: {error.Message}");
        Assert.True(error.IsSticky);
        int done = 0;
        int faulted = 0;
        foreach (Task<DetectionResult> task in pending)
        {
            try
            {
                (await task.WaitAsync(Feed.Limit)).Dispose();
                done++;
            }
            catch (DetectorFaultedException)
            {
                faulted++;
            }
            catch (InferenceException wrong)
            {
                // A launch may be refused before the dispatcher meets the error itself.
                Console.WriteLine($"a frame failed alone: {wrong.Message}");
            }
        }

        Console.WriteLine($"of {pending.Count} frames in flight {done} were done and {faulted} failed with the detector");
        foreach (YoloDetector detector in detectors)
        {
            await AssertFaultedAsync(detector);
        }
    }

    private static async Task AssertFaultedAsync(YoloDetector detector)
    {
        // Where all frames were done before the kernel ran, the next ones meet the error.
        DetectorFaultedException? refusal = null;
        for (int turn = 0; turn < 10 && refusal is null; turn++)
        {
            try
            {
                (await (await Feed.SubmitGrayAsync(detector, 1)).AsTask().WaitAsync(Feed.Limit)).Dispose();
                Assert.Fail("A frame was done after the error.");
            }
            catch (DetectorFaultedException fault)
            {
                refusal = fault;
            }
            catch (InferenceException wrong)
            {
                Console.WriteLine($"a later frame failed alone: {wrong.Message}");
            }
        }

        Assert.NotNull(refusal);
        Console.WriteLine($"later calls: {refusal.Message}");
        _ = Assert.Throws<DetectorFaultedException>(() => detector.TryRent(GpuModels.Gray, out _));
        Assert.True(detector.Statistics.BatchesInFlight == 0);
    }

    private static async Task DisposeAsync(YoloDetector detector)
    {
        await detector.DisposeAsync().AsTask().WaitAsync(Feed.Limit);
        Console.WriteLine("disposed");
    }

    private static YoloDetector Open(ModelFolder folder) => YoloDetector.Open(GpuModels.Brightness(folder), new DetectorOptions
    {
        Device = Device.Cuda(),
        MaxBatch = 4,
        Lanes = 2,
        Slots = 16,
        SlotBytes = 64 * 1024,
    });
}
