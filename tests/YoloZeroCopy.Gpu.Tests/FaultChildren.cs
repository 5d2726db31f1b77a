using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>A kernel writes where nothing is while frames are in flight: the error that no context survives.</summary>
/// <remarks>Measured with driver 580, CUDA 13.0: the device answers that error to its process for good, after a reset of the primary context and
/// after cudaDeviceReset, too.</remarks>
internal static class FaultChildren
{
    private const string Cudnn = "-cudnn";

    /// <param name="name">Which one; with "-cudnn" behind it the detector's engine is the one on cuDNN, else ONNX Runtime.</param>
    /// <param name="folder">For models.</param>
    public static Task RunAsync(string name, ModelFolder folder)
    {
        bool onCudnn = name.EndsWith(Cudnn, StringComparison.Ordinal);
        FaultSubject subject = onCudnn ? FaultSubject.OnCudnn() : FaultSubject.OnOnnxRuntime(folder);
        return (onCudnn ? name[..^Cudnn.Length] : name) switch
        {
            "fault" => FaultAsync(subject, folder, detectors: 1),
            "fault-two" => FaultAsync(subject, folder, detectors: 2),
            "fault-kept-slot" => FaultWithKeptSlotAsync(subject),
            "fault-compiling" => FaultWhileOpeningAsync(subject, folder, OpeningStep.CompileKernels),
            "fault-preparing" => FaultWhileOpeningAsync(subject, folder, OpeningStep.PrepareLanes),
            "after-fault" => RunAfterFaultAsync(subject),
            "fault-device-0" => FaultOneOfTwoAsync(folder, device: 0),
            "fault-device-1" => FaultOneOfTwoAsync(folder, device: 1),
            _ => throw new ArgumentException($"There is no child '{name}'.", nameof(name)),
        };
    }

    private static async Task FaultAsync(FaultSubject subject, ModelFolder folder, int detectors)
    {
        List<YoloDetector> faulted = [];
        for (int number = 0; number < detectors; number++)
        {
            faulted.Add(subject.Open());
            await subject.RunAsync(faulted[number]);
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
        AssertRefused(() => subject.Open());
        await GoOnAsync(folder);
    }

    /// <summary>The kernel runs at the beginning of a step of the opening.</summary>
    private static async Task FaultWhileOpeningAsync(FaultSubject subject, ModelFolder folder, OpeningStep step)
    {
        bool isBroken = false;
        AssertRefused(() => subject.Open(new CallbackProgress(value =>
        {
            if (value.Step == step && !isBroken)
            {
                isBroken = true;
                OwnThread.Run("fault", () =>
                {
                    using CudaContext context = CudaDevice.Get(0).OpenContext();
                    context.MakeCurrent();
                    using FaultingKernel kernel = new(context);
                    kernel.Run();
                });
            }
        })));
        Assert.True(isBroken, "The opening had no such step.");
        AssertRefused(() => subject.Open());
        await GoOnAsync(folder);
    }

    private static void AssertRefused(Action open)
    {
        CudaException error = Assert.Throws<CudaException>(open);
        Console.WriteLine($"opening: {error.Message}");
        Assert.True(error.IsSticky);
        Assert.Contains("restart the process", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Left the choice, the process goes on, on the processor.</summary>
    private static async Task GoOnAsync(ModelFolder folder)
    {
        await using YoloDetector chosen = YoloDetector.Open(GpuModels.Brightness(folder), new DetectorOptions { SlotBytes = 64 * 1024 });
        Console.WriteLine($"auto: {chosen.Device}");
        Assert.StartsWith("cpu, ", chosen.Device, StringComparison.Ordinal);
        await Feed.RunAsync(chosen, frames: 10, inFlight: 4);
    }

    /// <summary>The kernel runs on one of two devices: its frames are lost, and the other's come as before where CUDA lets them. The slots
    /// are those of device 0.</summary>
    private static async Task FaultOneOfTwoAsync(ModelFolder folder, int device)
    {
        YoloDetector detector = YoloDetector.Open(GpuModels.Brightness(folder), new DetectorOptions
        {
            Device = Device.Cuda(0, 1),
            MaxBatch = 4,
            Lanes = 2,
            SlotBytes = 64 * 1024,
            Warning = static text => Console.WriteLine($"warning: {text}"),
        });
        await Feed.RunAsync(detector, frames: 200, inFlight: 16, tolerance: 1e-3f);
        OwnThread.Run("fault", () =>
        {
            using CudaContext context = CudaDevice.Get(device).OpenContext();
            context.MakeCurrent();
            using FaultingKernel kernel = new(context);
            kernel.Run();
        });
        // Until the other device has computed a thousand frames more, or is lost with this one.
        int lost = 0;
        bool isOver = false;
        long before = detector.Statistics.Devices[1 - device].Frames;
        while (!isOver)
        {
            List<Task<DetectionResult>> frames = [];
            try
            {
                for (int frame = 0; frame < 16; frame++)
                {
                    frames.Add((await Feed.SubmitGrayAsync(detector, 1)).AsTask());
                }
            }
            catch (DetectorFaultedException)
            {
                isOver = true;
            }

            foreach (Task<DetectionResult> frame in frames)
            {
                try
                {
                    using DetectionResult result = await frame.WaitAsync(Feed.Limit);
                    Feed.AssertBrightness(result, 1, 1e-3f);
                }
                catch (DeviceException error)
                {
                    Assert.Equal(Device.Cuda(device).Name, error.Device);
                    lost++;
                }
                catch (DetectorFaultedException)
                {
                    isOver = true;
                }
            }

            DeviceStatistics other = detector.Statistics.Devices[1 - device];
            isOver |= detector.Statistics.Devices[device].Fault is not null && other.Fault is null && other.Frames >= before + 1000;
        }

        DetectorStatistics statistics = detector.Statistics;
        Console.WriteLine($"{lost} frames lost; "
            + $"{string.Join(", ", statistics.Devices.Select(static one => $"{one.Device} {one.Frames} frames, {one.FramesLost} lost"))}");
        Assert.NotNull(statistics.Devices[device].Fault);
        if (detector.Fault is null)
        {
            Assert.Null(statistics.Devices[1 - device].Fault);
            Assert.Equal(lost, statistics.Devices[device].FramesLost);
            Console.WriteLine("a thousand frames right on the other device");
            await DisposeAsync(detector);
            return;
        }

        // CUDA answers the error to every call of the process, whatever its device.
        Assert.NotNull(statistics.Devices[1 - device].Fault);
        Console.WriteLine($"both are lost: {detector.Fault.Message}");
        await DisposeAsync(detector);
        AssertRefused(() => YoloDetector.Open(
            GpuModels.Brightness(folder), new DetectorOptions { Device = Device.Cuda(1 - device), SlotBytes = 64 * 1024 }));
        await GoOnAsync(folder);
    }

    private static async Task RunAfterFaultAsync(FaultSubject subject)
    {
        await using YoloDetector detector = subject.Open();
        await subject.RunAsync(detector);
        Console.WriteLine("all frames right in a new process");
    }

    private static async Task FaultWithKeptSlotAsync(FaultSubject subject)
    {
        YoloDetector detector = subject.Open();
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
        using FaultingKernel kernel = new(context);
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

        // No await since MakeCurrent: this is still the thread that the context is current on.
        kernel.Run();
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

    private sealed class CallbackProgress(Action<OpeningProgress> report) : IProgress<OpeningProgress>
    {
        public void Report(OpeningProgress value) => report(value);
    }
}
