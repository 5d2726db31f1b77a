using System.Diagnostics;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>
/// A detector on four devices of the stand-in driver, which keeps account of every context and says when something of one device is used in that of
/// another. Each test ends with everything given back.
/// </summary>
[Collection(CudaTests.Name)]
public sealed class SeveralCudaDevicesTests(CompiledSources sources) : IDisposable
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 32, 32);

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_device_has_an_engine_and_lanes_and_works_at_its_own_speed()
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        await using (YoloDetector detector = Open(driver, cudnn))
        {
            Assert.Equal([0, 1, 2, 3], detector.CudaOrdinals);
            Assert.Contains("cuda:3, Stand-in 3, cuDNN", detector.Device, StringComparison.Ordinal);
            Assert.Equal(8, detector.Inspection.LaneCount);
            Assert.Equal(4, detector.Memory.Devices.Length);
            Assert.Equal(detector.Memory.Devices.Sum(static plan => plan.DeviceBytes), detector.Memory.DeviceBytes);
            MemoryPlanEntry slots = detector.Memory.Entries.Single(static entry => entry.Item == MemoryItem.Slots);
            Assert.Equal(detector.SlotCount * 4096, slots.Bytes);

            // A block of slots, which all of them read, and the results of each lane.
            Assert.Equal(1 + 8, driver.Live("pinned"));
            SetDelays(driver, static device => 1_000_000L << (2 * device));
            await RunAsync(detector, TimeSpan.FromMilliseconds(1000));
            DeviceStatistics[] devices = [.. detector.Statistics.Devices];
            Assert.Equal(["cuda:0", "cuda:1", "cuda:2", "cuda:3"], devices.Select(static device => device.Device));

            // What the share of each is, virtual time shows; here a busy host may be slower than the slowest of them.
            Assert.All(devices, static device => Assert.NotEqual(0, device.Frames));
            Assert.True(devices[0].Frames > devices[3].Frames, $"{devices[0].Frames} of the fastest, {devices[3].Frames} of the slowest");

            Assert.Equal(detector.Statistics.FramesSubmitted, devices.Sum(static device => device.Frames));
            Assert.Equal(
                detector.Statistics.ComputeTime.TotalMilliseconds, devices.Sum(static device => device.ComputeTime.TotalMilliseconds),
                tolerance: 0.01);
        }

        AssertClean(driver, cudnn);
    }

    [Fact]
    public async Task Nothing_is_allocated_for_a_frame()
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        await using (YoloDetector detector = Open(driver, cudnn))
        {
            await RunAsync(detector, TimeSpan.FromMilliseconds(300));
            Assert.Equal(0, await AllocationSlices.LeastAsync(async () =>
            {
                long before = detector.Statistics.ManagedBytes;
                await RunAsync(detector, TimeSpan.FromMilliseconds(50));
                return detector.Statistics.ManagedBytes - before;
            }));
            Assert.All(detector.Statistics.Devices, static device => Assert.NotEqual(0, device.Frames));
        }

        AssertClean(driver, cudnn);
    }

    [Theory]
    [InlineData("cuGraphLaunch@1", 1)]
    [InlineData("cuMemcpyHtoDAsync_v2@0", 0)]
    [InlineData("cuEventRecord@3", 3)]
    [InlineData("cuEventSynchronize@2", 2)]
    public async Task A_call_that_fails_on_one_device_costs_the_frames_on_it_and_no_others(string call, int lost)
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (YoloDetector detector = Open(driver, cudnn, options => options.Warning = text => _ = warned.TrySetResult(text)))
        {
            await RunAsync(detector, TimeSpan.FromMilliseconds(100));

            // The first one: a device that a busy host let look slow is tried every two seconds only.
            driver.Fail(call, CUresult.CUDA_ERROR_LAUNCH_FAILED);
            int failed = await RunUntilAsync(detector, () => detector.Statistics.Devices[lost].Fault is not null, $"cuda:{lost}");
            DetectorStatistics statistics = detector.Statistics;
            CudaException fault = Assert.IsType<CudaException>(statistics.Devices[lost].Fault);
            Assert.Equal(call[..^2], fault.Call);
            Assert.InRange(failed, 1, 2 * 4);
            Assert.Equal((failed, failed), ((int)statistics.FramesFailed, (int)statistics.Devices[lost].FramesLost));
            Assert.Single(statistics.Devices, static device => device.Fault is not null);
            Assert.Null(detector.Fault);
            Assert.Contains($"cuda:{lost} is lost", await warned.Task.WaitAsync(Patience), StringComparison.Ordinal);
            await RunAsync(detector, TimeSpan.FromMilliseconds(100));
            Assert.Equal(statistics.Devices[lost].Frames, detector.Statistics.Devices[lost].Frames);
            Assert.Equal(failed, detector.Statistics.FramesFailed);
        }

        AssertClean(driver, cudnn);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_device_that_is_removed_is_lost_and_the_last_one_is_the_detector(int first)
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        await using (YoloDetector detector = Open(driver, cudnn))
        {
            using RegisteredMemory registered = detector.Register(new byte[4 * Format.ByteCount]);
            int[] order = [first, .. Enumerable.Range(0, 4).Where(device => device != first)];
            foreach (int device in order[..3])
            {
                await RunAsync(detector, TimeSpan.FromMilliseconds(50));
                driver.Set(Of("sticky", device), (int)CUresult.CUDA_ERROR_UNKNOWN);
                _ = await RunUntilAsync(detector, () => detector.Statistics.Devices[device].Fault is not null, Device.Cuda(device).Name);
            }

            Assert.Null(detector.Fault);
            await RunAsync(detector, TimeSpan.FromMilliseconds(50));
            driver.Set(Of("sticky", order[3]), (int)CUresult.CUDA_ERROR_UNKNOWN);
            DetectorFaultedException faulted = await Assert.ThrowsAsync<DetectorFaultedException>(async () =>
            {
                while (true)
                {
                    (await detector.DetectAsync(new byte[Format.ByteCount], Format)).Dispose();
                }
            });
            Assert.Contains("CUDA_ERROR_UNKNOWN", faulted.Message, StringComparison.Ordinal);
            Assert.NotNull(detector.Fault);
            Assert.All(detector.Statistics.Devices, static device => Assert.NotNull(device.Fault));
            Assert.Equal(0, detector.Statistics.SlotsInUse);
        }

        // Nothing can be given back to a device that is gone but its context, with which all goes.
        Assert.Equal(0, driver.Live());
    }

    [Fact]
    public async Task Disposed_with_frames_on_every_device_and_one_of_them_lost_it_loses_no_slot()
    {
        for (int round = 0; round < 4; round++)
        {
            (DriverDouble driver, CudnnDouble cudnn) = Doubles();
            YoloDetector detector = Open(driver, cudnn);
            SetDelays(driver, static _ => 3_000_000);
            List<Task<DetectionResult>> results = [.. Enumerable.Range(0, 20 + round).Select(_ => SubmitAsync(detector))];
            if (round % 2 == 1)
            {
                driver.Set(Of("sticky", round % 4), (int)CUresult.CUDA_ERROR_UNKNOWN);
            }

            await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => detector.DisposeAsync().AsTask()))).WaitAsync(Patience);
            foreach (Task<DetectionResult> result in results)
            {
                Exception? error = await Record.ExceptionAsync(async () => (await result.WaitAsync(Patience)).Dispose());
                Assert.True(error is null or ObjectDisposedException or DeviceException, error?.ToString());
            }

            Assert.Equal(0, detector.Statistics.SlotsInUse);
            Assert.Equal((0, 0), (driver.Live(), cudnn.Live));
        }
    }

    [Fact]
    public async Task A_frame_on_a_device_runs_where_it_lies_and_one_on_another_is_refused()
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        await using (YoloDetector detector = Open(driver, cudnn, ordinals: [0, 1, 2]))
        {
            for (int device = 0; device < 3; device++)
            {
                using CudaContext context = driver.DeviceAt(device).OpenContext();
                using CudaDeviceMemory memory = new(context, (nuint)Format.ByteCount);
                Owner owner = new();
                long before = detector.Statistics.Devices[device].Frames;
                for (int frame = 0; frame < 5; frame++)
                {
                    ExternalFrame external = ExternalFrame.OnDevice(memory.Address.Value, 0, Format, readyEvent: 0, owner);
                    (await detector.SubmitAsync(external)).Dispose();
                }

                Assert.Equal(before + 5, detector.Statistics.Devices[device].Frames);
                owner.AssertHeard(5);
            }

            using CudaContext elsewhere = driver.DeviceAt(3).OpenContext();
            using CudaDeviceMemory other = new(elsewhere, (nuint)Format.ByteCount);
            ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(async () => (await detector.SubmitAsync(
                ExternalFrame.OnDevice(other.Address.Value, 0, Format, readyEvent: 0, new Owner()))).Dispose());
            Assert.Contains("lies on device 3, and the detector runs on cuda:0, cuda:1, cuda:2", refused.Message, StringComparison.Ordinal);
            refused = await Assert.ThrowsAsync<ArgumentException>(async () => (await detector.SubmitAsync(
                ExternalFrame.OnDevice(4096, 0, Format, readyEvent: 0, new Owner()))).Dispose());
            Assert.Contains("is no memory that CUDA knows", refused.Message, StringComparison.Ordinal);
        }

        AssertClean(driver, cudnn);
    }

    [Fact]
    public async Task Decoders_share_the_devices_out_and_leave_those_that_are_lost()
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        await using (YoloDetector detector = Open(driver, cudnn, ordinals: [0, 1, 3]))
        {
            DecoderDevice[] decoders = [.. Enumerable.Range(0, 7).Select(_ => detector.TakeDecoderDevice())];
            Assert.Equal([0, 1, 3, 0, 1, 3, 0], decoders.Select(static decoder => decoder.Ordinal));
            Assert.Equal(3, decoders.Select(static decoder => decoder.Memory).Distinct().Count());
            decoders[1].Dispose();
            decoders[1].Dispose();
            using DecoderDevice next = detector.TakeDecoderDevice();
            Assert.Equal(1, next.Ordinal);
            driver.Fail("cuGraphLaunch@1", CUresult.CUDA_ERROR_LAUNCH_FAILED);
            _ = await RunUntilAsync(detector, () => detector.Statistics.Devices[1].Fault is not null, "cuda:1");
            using DecoderDevice another = detector.TakeDecoderDevice();
            Assert.Equal(3, another.Ordinal);
            foreach (DecoderDevice decoder in decoders)
            {
                decoder.Dispose();
            }
        }

        AssertClean(driver, cudnn);
    }

    [Theory]
    [InlineData("cuMemAlloc_v2@2", 1)]
    [InlineData("cuModuleLoadDataEx@2", 1)]
    [InlineData("cuStreamCreateWithPriority@2", 3)]
    [InlineData("cuGraphInstantiateWithFlags@2", 2)]
    [InlineData("cuGraphLaunch@2", 1)]
    public async Task A_device_that_cannot_be_opened_is_named_or_left_out(string call, int nth)
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        driver.Fail(call, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, nth);
        DeviceException refused = Assert.Throws<DeviceException>(() => Open(driver, cudnn));
        Assert.Equal("cuda:2", refused.Device);
        Assert.StartsWith("Device cuda:2 cannot be opened: ", refused.Message, StringComparison.Ordinal);
        AssertClean(driver, cudnn);
        TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        driver.Fail(call, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, nth);
        await using (YoloDetector detector = Open(driver, cudnn, options =>
        {
            options.AllowMissingDevices = true;
            options.Warning = text => _ = warned.TrySetResult(text);
        }))
        {
            Assert.Equal([0, 1, 3], detector.CudaOrdinals);
            Assert.Contains("without cuda:2: ", detector.Device, StringComparison.Ordinal);
            Assert.Contains("fewer devices than wanted (without cuda:2: ", await warned.Task.WaitAsync(Patience), StringComparison.Ordinal);
            await RunAsync(detector, TimeSpan.FromMilliseconds(50));
        }

        AssertClean(driver, cudnn);
    }

    [Fact]
    public async Task Memory_is_planned_on_each_device()
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        const long Total = 1L << 30;
        long wanted;
        await using (YoloDetector detector = Open(driver, cudnn))
        {
            wanted = detector.Memory.Devices[1].DeviceBytes - CudaLayout.ContextBytes;
        }

        // Too little for the second alone.
        driver.Set("used:1", Total - wanted + 1);
        DeviceException refused = Assert.Throws<DeviceException>(() => Open(driver, cudnn));
        Assert.Equal("cuda:1", refused.Device);
        _ = Assert.IsType<InsufficientMemoryException>(refused.InnerException);
        Assert.Contains("CUDA device 1: Stand-in 1", refused.Message, StringComparison.Ordinal);

        // It may be smaller than the others; batches are the same for all.
        await using (YoloDetector detector = Open(driver, cudnn, static options =>
        {
            options.ShrinkToFit = true;
            options.Lanes = 4;
        }))
        {
            Assert.InRange(detector.Memory.Devices[1].Lanes, 1, 3);
            Assert.Equal(4, detector.Memory.Devices[0].Lanes);
            Assert.Single(detector.Memory.Devices.Select(static plan => plan.MaxBatch).Distinct());
            Assert.True(detector.Memory.IsWithinBudget);
            await RunAsync(detector, TimeSpan.FromMilliseconds(50));
        }

        driver.Set("used:1", 0);
        AssertClean(driver, cudnn);
    }

    [Fact]
    public void Cancelled_at_any_step_it_frees_everything_on_every_device()
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        StepRecorder all = new();
        Open(driver, cudnn, progress: all, ordinals: [0, 1]).Dispose();
        Assert.Contains(new OpeningProgress(OpeningStep.LoadEngine, 2, 2), all.Steps);
        for (int step = 1; step <= all.Steps.Length; step += 3)
        {
            using CancellationTokenSource cancellation = new();
            StepRecorder recorder = new(step, cancellation.Cancel);
            _ = Assert.Throws<OperationCanceledException>(
                () => Open(driver, cudnn, progress: recorder, ordinals: [0, 1], cancellationToken: cancellation.Token));
            AssertClean(driver, cudnn);
        }
    }

    [Theory]
    [InlineData(TransferMode.Auto)]
    [InlineData(TransferMode.Mapped)]
    [InlineData(TransferMode.Managed)]
    public void Slots_that_only_one_device_could_read_are_refused(TransferMode mode)
    {
        (DriverDouble driver, CudnnDouble cudnn) = Doubles();
        ArgumentException refused = Assert.Throws<ArgumentException>(() => Open(driver, cudnn, options => options.TransferMode = mode));
        Assert.Contains("several devices share the slots", refused.Message, StringComparison.Ordinal);
    }

    private static string Of(string key, int device) => device == 0 ? key : $"{key}:{device}";

    // Nanoseconds that a graph takes.
    private static void SetDelays(DriverDouble driver, Func<int, long> delay)
    {
        for (int device = 0; device < 4; device++)
        {
            driver.Set(Of("delay", device), delay(device));
        }
    }

    private static void AssertClean(DriverDouble driver, CudnnDouble cudnn)
    {
        driver.AssertClean();
        Assert.Equal(0, cudnn.Live);
    }

    private static async Task<DetectionResult> SubmitAsync(YoloDetector detector)
    {
        FrameSlot slot = await detector.RentAsync(Format);
        return await detector.SubmitAsync(slot);
    }

    /// <summary>As many frames as there are slots on their way, for a time; none may fail.</summary>
    private static Task RunAsync(YoloDetector detector, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        return Task.Run(() => Task.WhenAll(Enumerable.Range(0, 32).Select(async _ =>
        {
            while (Stopwatch.GetElapsedTime(start) < time)
            {
                (await SubmitAsync(detector)).Dispose();
            }
        }))).WaitAsync(Patience);
    }

    /// <summary>The same until something has happened to a device; how many frames failed with it.</summary>
    private static async Task<int> RunUntilAsync(YoloDetector detector, Func<bool> happened, string device)
    {
        int failed = 0;
        using CancellationTokenSource patience = new(Patience);
        await Task.Run(() => Task.WhenAll(Enumerable.Range(0, 32).Select(async _ =>
        {
            while (!happened())
            {
                patience.Token.ThrowIfCancellationRequested();
                try
                {
                    (await SubmitAsync(detector)).Dispose();
                }
                catch (DeviceException error)
                {
                    Assert.Equal(device, error.Device);
                    _ = Interlocked.Increment(ref failed);
                }
            }
        })));
        return failed;
    }

    private (DriverDouble Driver, CudnnDouble Cudnn) Doubles()
    {
        DriverDouble driver = new(sources);
        driver.Set("devices", 3);
        CudnnDouble cudnn = new(sources);
        cudnn.Set("computes", 0);
        return (driver, cudnn);
    }

    private YoloDetector Open(
        DriverDouble driver, CudnnDouble cudnn, Action<DetectorOptions>? change = null, IProgress<OpeningProgress>? progress = null,
        int[]? ordinals = null,
        CancellationToken cancellationToken = default)
    {
        DetectorOptions options = new()
        {
            Lanes = 2,
            MaxBatch = 4,
            InputSize = (32, 32),
            SlotBytes = 4096,
            MemoryMargin = 0,
            CudnnPath = cudnn.File,
            EngineCacheFolder = folder.File("engines"),
            CompileInBackground = false,
        };
        ordinals ??= [0, 1, 2, 3];
        options.Device = Device.Cuda(ordinals);
        change?.Invoke(options);
        return CudaDevicesOpening.Open(Sample, options, ordinals, driver.DeviceAt, new OpeningSteps(progress, cancellationToken));
    }

    private sealed class Owner : IFrameOwner
    {
        private int heard;

        public void OnFrameFree(long token) => Interlocked.Increment(ref heard);

        public void AssertHeard(int times) => Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref heard) == times, Patience));
    }
}
