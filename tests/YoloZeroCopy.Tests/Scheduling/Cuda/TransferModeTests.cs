using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>Slots in every kind of memory, on the stand-in driver: what the kernel would read, who has a slot how long, and what fails how.</summary>
[Collection(CudaTests.Name)]
public sealed class TransferModeTests(CompiledSources sources)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static TheoryData<TransferMode> Modes => [.. Enum.GetValues<TransferMode>().Where(static mode => mode != TransferMode.Auto)];

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task Every_mode_gives_the_kernel_the_same_pixels(TransferMode mode)
    {
        const int Frames = 10;
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new() { GraphFallbackReason = "so that runs can be watched" };
        byte[]? seen = null;
        await using (CudaHarness harness = new(driver, engine, transfer: mode))
        {
            engine.OnEnqueue = () => seen = PixelsOfFirstPicture(driver);
            (long copies, long moves) = (driver.Calls("cuMemcpyHtoDAsync_v2"), driver.Calls("cuMemPrefetchAsync"));
            Random random = new(1);
            FrameFormat format = new(PixelFormat.Gray8, 32, 32);
            for (int frame = 0; frame < Frames; frame++)
            {
                byte[] pixels = new byte[format.ByteCount];
                random.NextBytes(pixels);
                FrameSlot slot = await harness.Pool.RentAsync(format);
                pixels.CopyTo(slot.Span);
                (await harness.Pipeline.Submit(slot, 0, 0, default).AsTask().WaitAsync(Patience)).Dispose();
                Assert.Equal(pixels, seen);
            }

            // A descriptor for each frame, and the frame itself where it is copied.
            bool isCopied = mode is not (TransferMode.Mapped or TransferMode.Managed);
            Assert.Equal(isCopied ? 2 * Frames : Frames, driver.Calls("cuMemcpyHtoDAsync_v2") - copies);
            Assert.Equal(mode == TransferMode.Managed ? Frames : 0, driver.Calls("cuMemPrefetchAsync") - moves);
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Theory]
    [InlineData(TransferMode.Mapped)]
    [InlineData(TransferMode.Managed)]
    public async Task A_slot_that_the_kernel_reads_is_free_with_its_result_and_not_before(TransferMode mode)
    {
        DriverDouble driver = new(sources);
        using ManualResetEventSlim blocks = new();
        using ManualResetEventSlim go = new();
        await using (CudaHarness harness = new(driver, new FakeCudaEngine(), waitsForFullBatches: true, transfer: mode))
        {
            using CudaEvent passed = new(harness.Context);
            harness.Shared.Results.Add(passed, _ =>
            {
                blocks.Set();
                go.Wait();
            });
            Assert.True(blocks.Wait(Patience));
            Task<DetectionResult>[] frames = [.. Enumerable.Range(0, 4).Select(_ => harness.Submit())];
            try
            {
                // The batch is queued when its graph was launched: two lanes tried two buckets each before.
                Assert.True(SpinWait.SpinUntil(() => driver.Calls("cuGraphLaunch") > 4, Patience));
                Assert.Equal(4, harness.Pool.SlotsInUse);
            }
            finally
            {
                go.Set();
            }

            foreach (DetectionResult result in await Task.WhenAll(frames).WaitAsync(Patience))
            {
                result.Dispose();
            }

            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task Disposing_with_frames_in_flight_gives_every_slot_back(TransferMode mode)
    {
        for (int frames = 1; frames <= 11; frames += 2)
        {
            DriverDouble driver = new(sources);
            FramePool pool;
            await using (CudaHarness harness = new(driver, new FakeCudaEngine(), waitsForFullBatches: true, transfer: mode))
            {
                pool = harness.Pool;
                Task<DetectionResult>[] pending = [.. Enumerable.Range(0, frames).Select(_ => harness.Submit())];
                await harness.Pipeline.DisposeAsync().AsTask().WaitAsync(Patience);
                foreach (Task<DetectionResult> task in pending)
                {
                    // Those that were on the device have their results, those that waited end with the detector.
                    Exception? error = await Record.ExceptionAsync(async () => (await task.WaitAsync(Patience)).Dispose());
                    Assert.True(error is null or ObjectDisposedException, error?.ToString());
                }
            }

            Assert.Equal(0, pool.SlotsInUse);
            driver.AssertClean();
        }
    }

    [Theory]
    [InlineData(TransferMode.PageLocked, "cuMemHostAlloc")]
    [InlineData(TransferMode.WriteCombined, "cuMemHostAlloc")]
    [InlineData(TransferMode.Mapped, "cuMemHostAlloc")]
    [InlineData(TransferMode.Mapped, "cuMemHostGetDevicePointer_v2")]
    [InlineData(TransferMode.Managed, "cuMemAllocManaged")]
    [InlineData(TransferMode.Managed, "cuMemAdvise")]
    [InlineData(TransferMode.Managed, "cuMemAdvise", 2)]
    public void Nothing_is_lost_whichever_call_for_slots_fails(TransferMode mode, string function, int nth = 1)
    {
        DriverDouble driver = new(sources);
        driver.Fail(function, CUresult.CUDA_ERROR_OUT_OF_MEMORY, nth);
        CudaException error = Assert.ThrowsAny<CudaException>(() => new CudaHarness(driver, new FakeCudaEngine(), transfer: mode));
        Assert.Equal(CUresult.CUDA_ERROR_OUT_OF_MEMORY, error.Status);
        driver.AssertClean();
    }

    [Fact]
    public async Task Pages_that_cannot_be_sent_for_fault_the_detector_and_lose_no_slot()
    {
        DriverDouble driver = new(sources);
        await using (CudaHarness harness = new(driver, new FakeCudaEngine(), transfer: TransferMode.Managed))
        {
            driver.Fail("cuMemPrefetchAsync", CUresult.CUDA_ERROR_LAUNCH_FAILED);
            DetectorFaultedException error = await Assert.ThrowsAsync<DetectorFaultedException>(async () => await harness.Submit());
            Assert.Equal(CUresult.CUDA_ERROR_LAUNCH_FAILED, Assert.IsType<CudaException>(error.InnerException).Status);
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Registered_memory_is_copied_beside_slots_that_are_not()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new() { GraphFallbackReason = "so that runs can be watched" };
        nint ring = Marshal.AllocHGlobal(4096);
        await using (CudaHarness harness = new(driver, engine, transfer: TransferMode.Mapped))
        {
            byte[]? seen = null;
            engine.OnEnqueue = () => seen = PixelsOfFirstPicture(driver);
            using RegisteredMemory memory = new(ring, 4096, harness.Pipeline.Register(ring, 4096), pinned: default);
            Marshal.WriteByte(ring, 77);
            long copies = driver.Calls("cuMemcpyHtoDAsync_v2");
            FrameFormat format = new(PixelFormat.Gray8, 16, 16);
            ExternalFrame frame = ExternalFrame.InRegistered(memory, 0, format, new Nobody());
            (await harness.Pipeline.Submit(frame, 0, 0, default).AsTask().WaitAsync(Patience)).Dispose();
            Assert.Equal(2, driver.Calls("cuMemcpyHtoDAsync_v2") - copies);
            Assert.Equal(77, seen![0]);
        }

        Marshal.FreeHGlobal(ring);
        driver.AssertClean();
    }

    [Fact]
    public async Task Frames_that_are_read_in_place_allocate_nothing()
    {
        DriverDouble driver = new(sources);
        await using CudaHarness harness = new(driver, new FakeCudaEngine(), transfer: TransferMode.Managed);
        for (int frame = 0; frame < 200; frame++)
        {
            (await harness.Submit()).Dispose();
        }

        long before = harness.Pipeline.Snapshot().ManagedBytes;
        for (int frame = 0; frame < 200; frame++)
        {
            (await harness.Submit()).Dispose();
        }

        Assert.Equal(before, harness.Pipeline.Snapshot().ManagedBytes);
    }

    private static unsafe byte[] PixelsOfFirstPicture(DriverDouble driver)
    {
        PreprocessParameters parameters = MemoryMarshal.Read<PreprocessParameters>(driver.LastLaunch().Argument);
        KernelPicture picture = *(KernelPicture*)parameters.Pictures;
        return new ReadOnlySpan<byte>((void*)picture.Frame, picture.FrameHeight * picture.Stride).ToArray();
    }

    private sealed class Nobody : IFrameOwner
    {
        public void OnFrameFree(long token)
        {
        }
    }
}
