using System.Runtime.InteropServices;
using System.Text;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>A kernel writes where nothing is while frames are in flight: the error that no context survives.</summary>
/// <remarks>The names that begin with <c>explore-</c> are no tests: they try ways to a fresh detector and print what each led to.</remarks>
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
        "explore-runtime-reset-after" => ExploreAsync(folder, keepSlot: false),
        "explore-runtime-reset-instead" => ExploreAsync(folder, keepSlot: true),
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
        held.Return();
        await DisposeAsync(faulted[^1]);
        for (int turn = 1; turn <= 2; turn++)
        {
            Console.WriteLine($"opening a fresh detector, {turn}");
            await using YoloDetector fresh = Open(folder);
            Console.WriteLine($"open: {fresh.Device}");
            await Feed.RunAsync(fresh, frames: 100, inFlight: 8);
            Console.WriteLine("100 frames right");
        }

        Console.WriteLine($"failed releases: {CudaDriver.FailedReleases}, the last: {CudaDriver.LastFailedRelease ?? "none"}");
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
        kept.Return();
    }

    private static async Task ExploreAsync(ModelFolder folder, bool keepSlot)
    {
        YoloDetector detector = Open(folder);
        if (keepSlot)
        {
            // With a slot out the owner of the context does not reset it, so that only the runtime's own reset is tried.
            _ = await Feed.RentGrayAsync(detector, 3);
        }

        await BreakAsync([detector]);
        await DisposeAsync(detector);
        foreach (string library in LoadedRuntimes())
        {
            Console.WriteLine($"cudaDeviceReset of {library}: {ResetWith(library)}");
        }

        try
        {
            await using YoloDetector fresh = Open(folder);
            Console.WriteLine($"open: {fresh.Device}");
            await Feed.RunAsync(fresh, frames: 100, inFlight: 8);
            Console.WriteLine("100 frames right");
        }
        catch (Exception error) when (error is CudaException or YoloZeroCopyException or InsufficientMemoryException)
        {
            Console.WriteLine($"a fresh detector fails: {error}");
        }
    }

    /// <summary>Frames in flight, then the kernel, in the context that all share; every pending and every later call must fail as it should.</summary>
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

    private static unsafe int ResetWith(string library) => ((delegate* unmanaged<int>)NativeLibrary.GetExport(NativeLibrary.Load(library), "cudaDeviceReset"))();

    // Every copy of the CUDA runtime that this process has loaded, as the system lists its files.
    private static string[] LoadedRuntimes() =>
        [.. File.ReadLines("/proc/self/maps")
            .Where(static line => line.Contains("libcudart", StringComparison.Ordinal))
            .Select(static line => line[line.IndexOf('/', StringComparison.Ordinal)..])
            .Distinct()];
}
