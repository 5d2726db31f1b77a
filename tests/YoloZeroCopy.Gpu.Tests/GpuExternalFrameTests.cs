using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>
/// Frames in memory of the caller's, on a real device: the model sees the same, owners hear in time, and nothing leaves a sticky error.
/// </summary>
public sealed class GpuExternalFrameTests : IDisposable
{
    private const int Side = 64;
    private static readonly FrameFormat Gray = GpuModels.Gray;

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuFact]
    public async Task The_model_sees_the_same_wherever_a_frame_of_any_format_lies()
    {
        string model = GpuModels.PixelProbe(folder, OnnxType.Float);
        await using YoloDetector detector = YoloDetector.Open(model, new DetectorOptions
        {
            Device = Device.Cuda(),
            MaxBatch = 1,
            Lanes = 1,
            SlotBytes = 1 << 20,
            ScoreThreshold = 0,
            MaxDetections = 1000,
        });
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaDeviceMemory first = new(context, 1 << 20);
        using CudaDeviceMemory second = new(context, 1 << 20);
        byte[] ring = GC.AllocateUninitializedArray<byte>(1 << 20, pinned: true);
        using RegisteredMemory memory = detector.Register(ring);
        FrameCounter owner = new();
        Random random = new(5);
        int submitted = 0;
        foreach (PixelFormat pixelFormat in Enum.GetValues<PixelFormat>())
        {
            foreach ((int width, int height, int padding) in ((int, int, int)[])[(32, 32, 0), (31, 17, 14), (333, 65, 22), (1, 1, 0)])
            {
                FrameFormat format = new(pixelFormat, width, height, new FrameFormat(pixelFormat, width, height).RowBytes + padding);
                byte[] pixels = new byte[format.ByteCount];
                random.NextBytes(pixels);
                Detection[] wanted = await Feed.DetectAsync(detector, format, pixels);

                int offset = random.Next(1000);
                pixels.CopyTo(ring, offset);
                await AssertSeesAsync("registered", ExternalFrame.InRegistered(memory, offset, format, owner));

                CUdeviceptr place = first.Address.Offset((nuint)(2 * random.Next(500)));
                Upload(context, place, pixels);
                await AssertSeesAsync("device", ExternalFrame.OnDevice(place.Value, 0, format, 0, owner));
                if (pixelFormat is PixelFormat.Nv12 or PixelFormat.P010)
                {
                    // Its planes as a decoder may keep them; luminance alone ends where its allocation's last part begins.
                    int luminance = format.Stride * height;
                    Upload(context, first.Address, pixels.AsSpan(0, luminance - padding));
                    Upload(context, second.Address.Offset(128), pixels.AsSpan(luminance));
                    await AssertSeesAsync(
                        "two planes", ExternalFrame.OnDevice(first.Address.Value, second.Address.Value + 128, format, 0, owner));
                }

                async Task AssertSeesAsync(string where, ExternalFrame frame)
                {
                    submitted++;
                    using DetectionResult result = await detector.SubmitAsync(frame).AsTask().WaitAsync(Feed.Limit);
                    Assert.True(wanted.AsSpan().SequenceEqual(result.Detections), $"{where}: {format}");
                }
            }
        }

        owner.AssertHeard(submitted);
        Assert.Equal(0, detector.Statistics.HostCopies);
    }

    [GpuFact]
    public async Task Frames_of_all_kinds_in_one_batch_keep_their_results_and_cost_no_allocation()
    {
        const int Buffers = 24;
        await using YoloDetector detector = Open(new DetectorOptions { MaxBatch = 8 });
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaDeviceMemory surfaces = new(context, 256 * Side * Side);
        byte[] ring = GC.AllocateUninitializedArray<byte>(Buffers * Side * Side, pinned: true);
        using RegisteredMemory memory = detector.Register(ring);
        FrameCounter registered = new(Buffers);
        FrameCounter device = new();

        // One surface for each level, since nobody writes them any more.
        for (int level = 0; level < 256; level++)
        {
            Upload(context, surfaces.Address.Offset((nuint)(level * Side * Side)), Enumerable.Repeat((byte)level, Side * Side).ToArray());
        }

        await RunAsync(300);
        long least = long.MaxValue;
        for (int slice = 0; slice < 10; slice++)
        {
            long managed = detector.Statistics.ManagedBytes;
            await RunAsync(300);
            least = Math.Min(least, detector.Statistics.ManagedBytes - managed);
        }

        Assert.Equal(0, least);
        Assert.Equal(0, detector.Statistics.HostCopies);
        registered.AssertHeard(1100);
        device.AssertHeard(1100);
        await Feed.AssertNoSlotInUseAsync(detector);

        async Task RunAsync(int frames)
        {
            Queue<(int Level, ValueTask<DetectionResult> Result)> pending = new();
            for (int frame = 0; frame < frames; frame++)
            {
                int level = frame * 7 % 256;
                pending.Enqueue((level, (frame % 3) switch
                {
                    0 => await Feed.SubmitGrayAsync(detector, level),
                    1 => detector.SubmitAsync(Registered(level)),
                    _ => detector.SubmitAsync(
                        ExternalFrame.OnDevice(surfaces.Address.Value + (ulong)(level * Side * Side), 0, Gray, 0, device)),
                }));
                if (pending.Count > 40)
                {
                    await TakeAsync();
                }
            }

            while (pending.Count > 0)
            {
                await TakeAsync();
            }

            async Task TakeAsync()
            {
                (int level, ValueTask<DetectionResult> task) = pending.Dequeue();
                using DetectionResult result = await task.AsTask().WaitAsync(Feed.Limit);
                Feed.AssertBrightness(result, level);
            }
        }

        ExternalFrame Registered(int level)
        {
            long buffer = registered.Take();
            ring.AsSpan((int)buffer * Side * Side, Side * Side).Fill((byte)level);
            return ExternalFrame.InRegistered(memory, buffer * Side * Side, Gray, registered, buffer);
        }
    }

    [GpuFact]
    public async Task Memory_stream_and_event_of_another_library_are_handed_over()
    {
        // ManagedCuda's CudaDeviceVariable.DevicePointer and CudaEvent.Event are these handles.
        const int Turns = 50;
        const int Slow = 256 << 20;
        await using YoloDetector detector = Open(new DetectorOptions { MaxBatch = 4 });
        RawDriver.UsePrimaryContext();
        RawDriver.Check(RawDriver.cuStreamCreate(out nint stream, flags: 1));
        RawDriver.Check(RawDriver.cuEventCreate(out nint written, flags: 2));
        RawDriver.Check(RawDriver.cuMemAllocPitch_v2(out ulong image, out nuint pitch, Side, Side, 4));
        RawDriver.Check(RawDriver.cuMemAlloc_v2(out ulong slow, Slow));
        FrameCounter owner = new();
        FrameFormat format = new(PixelFormat.Gray8, Side, Side, (int)pitch);
        for (int turn = 0; turn < Turns; turn++)
        {
            RawDriver.UsePrimaryContext();

            // The picture is there only when what lies before it on the stream has run: without the wait the detector would see the last one.
            for (int repeat = 0; repeat < 30; repeat++)
            {
                RawDriver.Check(RawDriver.cuMemsetD8Async(slow, (byte)repeat, Slow, stream));
            }

            RawDriver.Check(RawDriver.cuMemsetD8Async(image, (byte)(turn * 5), pitch * Side, stream));
            RawDriver.Check(RawDriver.cuEventRecord(written, stream));
            ValueTask<DetectionResult> frame = detector.SubmitAsync(ExternalFrame.OnDevice(image, 0, format, written, owner, turn));
            using DetectionResult result = await frame.AsTask().WaitAsync(Feed.Limit);
            Feed.AssertBrightness(result, (byte)(turn * 5));
            owner.AssertHeard(turn + 1);
        }

        RawDriver.UsePrimaryContext();
        RawDriver.Check(RawDriver.cuMemFree_v2(slow));
        RawDriver.Check(RawDriver.cuMemFree_v2(image));
        RawDriver.Check(RawDriver.cuEventDestroy_v2(written));
        RawDriver.Check(RawDriver.cuStreamDestroy_v2(stream));
    }

    [GpuFact]
    public async Task Addresses_that_the_device_cannot_read_are_refused_and_leave_no_error_behind()
    {
        const int Bytes = Side * Side;
        await using YoloDetector detector = Open(new DetectorOptions { MaxBatch = 2 });
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaPinnedMemory host = CudaPinnedMemory.Allocate(context, Bytes);
        FrameCounter owner = new();
        nint ordinary = Marshal.AllocHGlobal(Bytes);
        Refused((ulong)ordinary, "no memory that CUDA knows");
        Marshal.FreeHGlobal(ordinary);
        Refused(AddressOf(host), "page-locked host memory");
        ulong freed;
        using (CudaDeviceMemory gone = new(context, 64 << 20))
        {
            freed = gone.Address.Value;
        }

        Refused(freed, "no memory that CUDA knows");
        using CudaDeviceMemory small = new(context, Bytes + 10);
        Refused(small.Address.Value + 11, "up to the end of its allocation");
        Refused(0x10, "no memory that CUDA knows");

        // Another context of the device, as ManagedCuda's CudaContext makes one.
        RawDriver.Check(RawDriver.cuCtxCreate_v2(out nint other, 0, 0));
        RawDriver.Check(RawDriver.cuMemAlloc_v2(out ulong elsewhere, Bytes));
        Refused(elsewhere, "another context");
        RawDriver.Check(RawDriver.cuCtxDestroy_v2(other));
        Assert.Equal(0, owner.Heard);

        // What is memory of the device in other ways is taken.
        RawDriver.UsePrimaryContext();
        RawDriver.Check(RawDriver.cuStreamCreate(out nint stream, flags: 1));
        RawDriver.Check(RawDriver.cuMemAllocAsync(out ulong pooled, Bytes, stream));
        RawDriver.Check(RawDriver.cuMemAllocManaged(out ulong managed, Bytes, flags: 1));
        int taken = 0;
        foreach (ulong address in (ulong[])[pooled, managed, small.Address.Value + 10])
        {
            RawDriver.UsePrimaryContext();
            RawDriver.Check(RawDriver.cuMemsetD8Async(address, 200, Bytes, stream));
            RawDriver.Check(RawDriver.cuStreamSynchronize(stream));
            using DetectionResult result = await detector.SubmitAsync(ExternalFrame.OnDevice(address, 0, Gray, 0, owner)).AsTask()
                .WaitAsync(Feed.Limit);
            Feed.AssertBrightness(result, 200);
            owner.AssertHeard(++taken);
        }

        RawDriver.UsePrimaryContext();
        RawDriver.Check(RawDriver.cuMemFree_v2(pooled));
        RawDriver.Check(RawDriver.cuMemFree_v2(managed));
        RawDriver.Check(RawDriver.cuStreamDestroy_v2(stream));
        await Feed.RunAsync(detector, frames: 20, inFlight: 3);

        void Refused(ulong address, string reason)
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() =>
            {
                _ = detector.SubmitAsync(ExternalFrame.OnDevice(address, 0, Gray, 0, owner)).AsTask();
            });
            Console.WriteLine($"  {error.Message}");
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }
    }

    [GpuFact]
    public async Task Registered_memory_is_disposed_and_freed_with_frames_in_flight_and_nothing_reads_it_any_more()
    {
        const int Frames = 16;
        await using YoloDetector detector = Open(new DetectorOptions { MaxBatch = 4 });
        for (int turn = 0; turn < 50; turn++)
        {
            FrameCounter owner = new();
            nint ring = AllocateFilled(Frames * Side * Side, turn);
            RegisteredMemory memory = detector.Register(ring, Frames * Side * Side);
            CudaException twice = Assert.Throws<CudaException>(() => detector.Register(ring, 1));
            Assert.Equal(CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, twice.Status);
            Task<DetectionResult>[] results = new Task<DetectionResult>[Frames];
            for (int frame = 0; frame < Frames; frame++)
            {
                results[frame] = detector.SubmitAsync(ExternalFrame.InRegistered(memory, frame * Side * Side, Gray, owner)).AsTask();
            }

            memory.Dispose();
            Free(ring);
            foreach (Task<DetectionResult> task in results)
            {
                using DetectionResult result = await task.WaitAsync(Feed.Limit);
                Feed.AssertBrightness(result, turn);
            }

            owner.AssertHeard(Frames);
        }
    }

    [GpuFact]
    public async Task Memory_that_may_only_be_read_is_registered()
    {
        RawDriver.Check(RawDriver.cuInit(0));
        RawDriver.Check(RawDriver.cuDeviceGetAttribute(out int supported, RawDriver.SupportsReadOnlyRegister, 0));
        Assert.SkipUnless(supported != 0, "The device does not support registering memory that may only be read.");
        await using YoloDetector detector = Open(new DetectorOptions { MaxBatch = 2 });
        nint ring = AllocateFilled(4096, 99);
        Assert.Equal(0, RawDriver.mprotect(ring, 4096, protection: 1));
        FrameCounter owner = new();
        using (RegisteredMemory memory = detector.Register(ring, 4096))
        {
            using DetectionResult result = await detector.SubmitAsync(ExternalFrame.InRegistered(memory, 0, Gray, owner)).AsTask()
                .WaitAsync(Feed.Limit);
            Feed.AssertBrightness(result, 99);
        }

        Assert.Equal(0, RawDriver.mprotect(ring, 4096, protection: 3));
        Free(ring);
    }

    [GpuFact]
    public async Task Disposing_the_detector_with_frames_in_flight_tells_every_owner_before_it_returns()
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        for (int turn = 0; turn < 5; turn++)
        {
            YoloDetector detector = Open(new DetectorOptions { MaxBatch = 4 });
            byte[] ring = GC.AllocateUninitializedArray<byte>(Side * Side, pinned: true);
            FrameCounter owner = new();
            RegisteredMemory memory = detector.Register(ring);
            CudaDeviceMemory surface = new(context, Side * Side);
            List<Task<DetectionResult>> pending = [];
            for (int frame = 0; frame < 32; frame++)
            {
                pending.Add(detector.SubmitAsync(ExternalFrame.OnDevice(surface.Address.Value, 0, Gray, 0, owner)).AsTask());
                pending.Add(detector.SubmitAsync(ExternalFrame.InRegistered(memory, 0, Gray, owner)).AsTask());
            }

            await detector.DisposeAsync().AsTask().WaitAsync(Feed.Limit);
            Assert.Equal(64, owner.Heard);
            surface.Dispose();
            memory.Dispose();
            foreach (Task<DetectionResult> task in pending)
            {
                Exception? error = await Record.ExceptionAsync(async () => (await task.WaitAsync(Feed.Limit)).Dispose());
                Assert.True(error is null or ObjectDisposedException, $"{error}");
            }
        }

        Assert.False(context.IsFaulted);
        Assert.Equal(0, CudaDriver.FailedReleases);
    }

    private static unsafe void Upload(CudaContext context, CUdeviceptr to, ReadOnlySpan<byte> pixels)
    {
        context.MakeCurrent();
        using CudaStream stream = new(context);
        fixed (byte* from = pixels)
        {
            stream.CopyToDevice(to, from, (nuint)pixels.Length);
            stream.Synchronize();
        }
    }

    private static unsafe nint AllocateFilled(int bytes, int level)
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        new Span<byte>(memory, bytes).Fill((byte)level);
        return (nint)memory;
    }

    private static unsafe void Free(nint memory) => NativeMemory.AlignedFree((void*)memory);

    private static unsafe ulong AddressOf(CudaPinnedMemory memory) => (ulong)memory.Pointer;

    private YoloDetector Open(DetectorOptions options) =>
        YoloDetector.Open(GpuModels.Brightness(folder), options with { Device = Device.Cuda(), SlotBytes = 64 * 1024 });
}
