using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>
/// Frames of callers on the CUDA lane over the stand-in driver, whose device memory the test can read: what goes up, what the kernel is told, what
/// is refused, and when owners hear.
/// </summary>
[Collection(CudaTests.Name)]
public sealed class CudaExternalFrameTests(CompiledSources sources)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly FrameFormat Gray = new(PixelFormat.Gray8, 64, 62);

    [Theory]
    [InlineData(64 * 62, 4)] // Steps of the ring that keep no alignment.
    [InlineData(4096, 1)]
    [InlineData(3840, 4)] // Frames that overlap.
    [InlineData(4096 + 256, 4)] // Further apart than the lane has room for.
    public async Task Registered_frames_side_by_side_go_up_in_one_copy(int step, int copies)
    {
        DriverDouble driver = new(sources);
        Watch watch = new(driver);
        Owner owner = new();
        using Ordinary ring = new((8 * step) + 4096);
        await using (CudaHarness harness = new(driver, watch.Engine))
        {
            using RegisteredMemory memory = Register(harness, ring);
            Assert.Equal(1, driver.Live("registered"));
            watch.HoldFirst();
            Task<DetectionResult> first = harness.Submit();
            watch.AwaitFirst();
            long before = driver.Calls("cuMemcpyHtoDAsync_v2");

            // Handed over in another order than they lie in.
            int[] order = [2, 0, 3, 1];
            Task<DetectionResult>[] frames = [.. order.Select(buffer =>
            {
                ring.Write(buffer * step, 50 + buffer);
                return Submit(harness, ExternalFrame.InRegistered(memory, (long)buffer * step, Gray, owner, buffer));
            })];
            watch.Go();
            foreach (Task<DetectionResult> frame in frames)
            {
                (await frame.WaitAsync(Patience)).Dispose();
            }

            (await first).Dispose();
            Assert.Equal([52, 50, 53, 51], watch.Last.Select(static seen => (int)seen.First));
            Assert.Equal(copies + 1, driver.Calls("cuMemcpyHtoDAsync_v2") - before);
            await owner.AssertHeardAsync(4);
            await harness.Pipeline.DisposeAsync();
            Assert.Equal(1, driver.Live("registered"));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Frames_on_the_device_are_read_where_they_lie_and_are_free_when_the_batch_is_done()
    {
        DriverDouble driver = new(sources);
        Watch watch = new(driver);
        Owner owner = new();
        await using (CudaHarness harness = new(driver, watch.Engine))
        {
            using CudaDeviceMemory surface = new(harness.Context, 128 * 100);
            using CudaDeviceMemory plane = new(harness.Context, 128 * 31);
            using CudaEvent written = new(harness.Context);
            harness.Context.MakeCurrent();
            using CudaStream decoder = new(harness.Context);
            written.Record(decoder);
            ulong address = surface.Address.Value;
            Write(address, 9);
            FrameFormat nv12 = new(PixelFormat.Nv12, 100, 62, stride: 128);
            long uploads = driver.Calls("cuMemcpyHtoDAsync_v2");
            driver.Set("journal", 1);

            // Above the size of a slot, with its second plane behind it.
            watch.HoldFirst();
            Task<DetectionResult> large = Submit(harness, ExternalFrame.OnDevice(address, 0, nv12, 0, owner, 1));
            watch.AwaitFirst();
            Assert.Equal((9, address, address + (128 * 62)), (watch.Last[0].First, watch.Last[0].Frame, watch.Last[0].Chroma));
            Assert.Equal(0, owner.Heard);

            // Its second plane elsewhere, and still being written as it is submitted.
            driver.Set("pending_event", written.Handle.Value);
            Task<DetectionResult> parted = Submit(
                harness, ExternalFrame.OnDevice(address, plane.Address.Value, nv12, written.Handle.Value, owner, 2));
            Assert.Equal(0, owner.Heard);
            watch.Go();
            (await large.WaitAsync(Patience)).Dispose();
            (await parted.WaitAsync(Patience)).Dispose();
            Assert.Equal(plane.Address.Value, watch.Last[0].Chroma);

            // Written already: no wait.
            driver.Set("pending_event", 0);
            (await Submit(harness, ExternalFrame.OnDevice(address, 0, nv12, written.Handle.Value, owner, 3)).WaitAsync(Patience)).Dispose();
            await owner.AssertHeardAsync(3);

            // A copy of descriptors each, and one wait for a writer.
            Assert.Equal(3L, driver.Calls("cuMemcpyHtoDAsync_v2") - uploads);
            Assert.Single(driver.Journal(), work => work.Kind == DriverWorkKind.Wait && work.Object == (ulong)written.Handle.Value);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Registered_memory_is_free_when_it_is_uploaded_and_a_frame_on_the_device_only_with_its_results()
    {
        DriverDouble driver = new(sources);
        Owner owner = new();
        using Ordinary ring = new(4096);
        using ManualResetEventSlim blocks = new();
        using ManualResetEventSlim go = new();
        await using (CudaHarness harness = new(driver, new FakeCudaEngine(), waitsForFullBatches: true))
        {
            using CudaDeviceMemory surface = new(harness.Context, 4096);
            using CudaEvent passed = new(harness.Context);
            using RegisteredMemory memory = Register(harness, ring);
            harness.Shared.Results.Add(passed, _ =>
            {
                blocks.Set();
                go.Wait();
            });
            Assert.True(blocks.Wait(Patience));
            Task<DetectionResult>[] frames = new Task<DetectionResult>[4];
            for (int index = 0; index < frames.Length; index++)
            {
                frames[index] = Submit(harness, index == 2
                    ? ExternalFrame.InRegistered(memory, 0, Gray, owner, index)
                    : ExternalFrame.OnDevice(surface.Address.Value, 0, Gray, 0, owner, index));
            }

            try
            {
                await owner.AssertHeardAsync(1);
                Assert.Equal(2, owner.Last);
                Assert.DoesNotContain(frames, static frame => frame.IsCompleted);
            }
            finally
            {
                go.Set();
            }

            foreach (DetectionResult result in await Task.WhenAll(frames).WaitAsync(Patience))
            {
                result.Dispose();
            }

            await owner.AssertHeardAsync(4);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task A_batch_may_be_of_all_kinds()
    {
        DriverDouble driver = new(sources);
        Watch watch = new(driver);
        Owner owner = new();
        using Ordinary ring = new(8192);
        await using (CudaHarness harness = new(driver, watch.Engine, side: 64))
        {
            using CudaDeviceMemory surface = new(harness.Context, 4096);
            using RegisteredMemory memory = Register(harness, ring);
            watch.HoldFirst();
            Task<DetectionResult> first = harness.Submit();
            watch.AwaitFirst();
            ring.Write(64, 11);
            Write(surface.Address.Value, 22);
            Task<DetectionResult>[] frames =
            [
                Submit(harness, ExternalFrame.OnDevice(surface.Address.Value, 0, Gray, 0, owner)),
                harness.Submit(),
                Submit(harness, ExternalFrame.InRegistered(memory, 64, new FrameFormat(PixelFormat.Rgb24, 21, 60), owner)),
                harness.Submit(),
            ];
            watch.Go();
            foreach (DetectionResult result in await Task.WhenAll(frames).WaitAsync(Patience))
            {
                result.Dispose();
            }

            (await first).Dispose();

            PixelFormat[] formats = [PixelFormat.Gray8, PixelFormat.Gray8, PixelFormat.Rgb24, PixelFormat.Gray8];
            Assert.Equal(formats, watch.Last.Select(static seen => seen.Format));
            Assert.Equal((22, 11), (watch.Last[0].First, watch.Last[2].First));
            Assert.Equal(surface.Address.Value, watch.Last[0].Frame);
            await owner.AssertHeardAsync(2);
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Addresses_that_the_device_cannot_read_are_refused_with_the_reason()
    {
        DriverDouble driver = new(sources);
        driver.Set("devices", 1);
        Owner owner = new();
        await using (CudaHarness harness = new(driver, new FakeCudaEngine()))
        {
            using CudaDeviceMemory memory = new(harness.Context, 64 * 64);
            using CudaContext elsewhere = new CudaDevice(driver.Api, 1).OpenContext();
            using CudaDeviceMemory other = new(elsewhere, 4096);
            using CudaPinnedMemory host = CudaPinnedMemory.Allocate(harness.Context, 4096);
            FrameFormat nv12 = new(PixelFormat.Nv12, 64, 42);
            using Ordinary ordinary = new(1);
            Refused((ulong)ordinary.Address, 0, Gray, "no memory that CUDA knows");
            Refused(AddressOf(host), 0, Gray, "page-locked host memory");
            Refused(other.Address.Value, 0, Gray, "lies on device 1");
            Refused(memory.Address.Value + 129, 0, Gray, "3967 bytes up to the end");
            Refused(memory.Address.Value, memory.Address.Value + 2753, nv12, "1343 bytes up to the end");
            Refused(memory.Address.Value, (ulong)ordinary.Address, nv12, "no memory that CUDA knows");
            Refused(memory.Address.Value + 1, 0, new FrameFormat(PixelFormat.P010, 8, 8), "must be even");
            Refused(memory.Address.Value, memory.Address.Value + 2049, new FrameFormat(PixelFormat.P010, 8, 8), "must be even");
            driver.Set("foreign_context", 1);
            Refused(memory.Address.Value, 0, Gray, "another context");
            driver.Set("foreign_context", 0);

            await using YoloDetector processor = YoloDetector.FromFunction(ModelInfo.OfClasses("part"), static (_, _) => []);
            byte[] bytes = new byte[4096];
            using RegisteredMemory unlocked = processor.Register(bytes);
            ArgumentException error = Assert.Throws<ArgumentException>(() => Begin(harness, ExternalFrame.InRegistered(unlocked, 0, Gray, owner)));
            Assert.Contains("its pages are not locked", error.Message, StringComparison.Ordinal);
            Assert.Equal((0, 0L), (harness.Pipeline.Snapshot().ExternalFramesHeld, harness.Pipeline.Snapshot().FramesSubmitted));
            Assert.Equal(0, owner.Heard);

            // And what lies right up to the end is taken.
            (await Submit(harness, ExternalFrame.OnDevice(memory.Address.Value + 128, 0, Gray, 0, owner)).WaitAsync(Patience)).Dispose();
            (await Submit(harness, ExternalFrame.OnDevice(memory.Address.Value, memory.Address.Value + 2752, nv12, 0, owner))
                .WaitAsync(Patience)).Dispose();

            void Refused(ulong address, ulong secondPlane, FrameFormat format, string reason)
            {
                ExternalFrame frame = ExternalFrame.OnDevice(address, secondPlane, format, 0, owner);
                ArgumentException refusal = Assert.Throws<ArgumentException>(() => Begin(harness, frame));
                Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
            }
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task A_handle_that_is_no_events_fails_its_frame_and_nothing_else()
    {
        DriverDouble driver = new(sources);
        Owner owner = new();
        await using (CudaHarness harness = new(driver, new FakeCudaEngine()))
        {
            using CudaDeviceMemory memory = new(harness.Context, 4096);
            driver.Fail("cuEventQuery", CUresult.CUDA_ERROR_INVALID_HANDLE);
            Task<DetectionResult> frame = Submit(harness, ExternalFrame.OnDevice(memory.Address.Value, 0, Gray, 77, owner));
            CudaException error = await Assert.ThrowsAsync<CudaException>(() => frame);
            Assert.Equal(CUresult.CUDA_ERROR_INVALID_HANDLE, error.Status);
            await owner.AssertHeardAsync(1);
            (await harness.Submit()).Dispose();
        }

        driver.AssertClean();
    }

    [Theory]
    [InlineData("cuMemcpyHtoDAsync_v2", 1)]
    [InlineData("cuMemcpyHtoDAsync_v2", 2)]
    [InlineData("cuStreamWaitEvent", 1)]
    [InlineData("cuStreamWaitEvent", 2)]
    [InlineData("cuGraphLaunch", 1)]
    [InlineData("cuEventRecord", 1)]
    [InlineData("cuEventRecord", 2)]
    [InlineData("cuEventSynchronize", 1)]
    public async Task A_call_that_fails_while_a_batch_is_on_its_way_frees_the_frames_of_all_owners(string function, int nth)
    {
        DriverDouble driver = new(sources);
        Owner owner = new();
        using Ordinary ring = new(4096);
        await using (CudaHarness harness = new(driver, new FakeCudaEngine()))
        {
            using CudaDeviceMemory surface = new(harness.Context, 4096);
            using CudaEvent written = new(harness.Context);
            harness.Context.MakeCurrent();
            using CudaStream decoder = new(harness.Context);
            written.Record(decoder);
            using RegisteredMemory memory = Register(harness, ring);
            int submitted = 0;
            Exception? error = null;
            for (int turn = 0; turn < 200 && error is null; turn++)
            {
                // What the uploads thread meets alone only keeps the frames until the result is there; then it is the other's turn.
                driver.Set("pending_event", written.Handle.Value);
                driver.Fail(function, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, nth + (turn % 2));
                submitted += 2;
                Task<DetectionResult> device = Submit(
                    harness, ExternalFrame.OnDevice(surface.Address.Value, 0, Gray, written.Handle.Value, owner));
                Task<DetectionResult> registered = Submit(harness, ExternalFrame.InRegistered(memory, 0, Gray, owner));
                error = await Record.ExceptionAsync(() => Task.WhenAll(device, registered).WaitAsync(Patience));
            }

            Assert.IsType<DetectorFaultedException>(error);
            driver.Fail(function, CUresult.CUDA_SUCCESS, nth: 0);
            await owner.AssertHeardAsync(submitted);
            Assert.Equal(0, harness.Pipeline.Snapshot().ExternalFramesHeld);
        }

        driver.AssertClean();
    }

    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Yield)]
    public async Task Whatever_is_submitted_cancelled_and_disposed_in_whatever_order_every_owner_hears_and_nothing_leaks(WaitMode mode)
    {
        for (int seed = 0; seed < 30; seed++)
        {
            DriverDouble driver = new(sources);
            Owner owner = new();
            Random chance = new(seed);
            using Ordinary ring = new(16 * 4096);
            await using (CudaHarness harness = new(driver, new FakeCudaEngine(), mode))
            {
                using CudaDeviceMemory surface = new(harness.Context, 16 * 4096);
                using CudaEvent written = new(harness.Context);
                harness.Context.MakeCurrent();
                using (CudaStream decoder = new(harness.Context))
                {
                    written.Record(decoder);
                }

                RegisteredMemory memory = Register(harness, ring);
                using CancellationTokenSource cancel = new();
                List<Task<DetectionResult>> frames = [];
                int external = 0;
                int endsAt = chance.Next(60);
                Task ending = Task.CompletedTask;
                for (int turn = 0; turn < 60; turn++)
                {
                    int place = chance.Next(15);
                    CancellationToken token = chance.Next(4) == 0 ? cancel.Token : default;
                    if (chance.Next(3) == 0)
                    {
                        if (harness.Pool.SlotsInUse < harness.Pool.SlotCount && turn < endsAt)
                        {
                            frames.Add(harness.Submit());
                        }

                        continue;
                    }

                    external++;
                    driver.Set("pending_event", chance.Next(2) * written.Handle.Value);
                    ExternalFrame frame = chance.Next(2) == 0
                        ? ExternalFrame.InRegistered(memory, place * 4096, Gray, owner)
                        : ExternalFrame.OnDevice(
                            surface.Address.Value + (ulong)(place * 4096), 0, Gray, chance.Next(2) == 0 ? 0 : written.Handle.Value, owner);
                    frames.Add(harness.Pipeline.Submit(frame, 0, 0, token).AsTask());
                    if (turn == endsAt / 2)
                    {
                        await cancel.CancelAsync();
                    }

                    if (turn >= endsAt && ending == Task.CompletedTask)
                    {
                        ending = chance.Next(2) == 0 ? Task.Run(memory.Dispose) : Task.Run(() => harness.Pipeline.DisposeAsync().AsTask());
                    }
                }

                await ending.WaitAsync(Patience);
                foreach (Task<DetectionResult> frame in frames)
                {
                    Exception? error = await Record.ExceptionAsync(async () => (await frame.WaitAsync(Patience)).Dispose());
                    Assert.True(error is null or OperationCanceledException or ObjectDisposedException, $"{error}");
                }

                await owner.AssertHeardAsync(external);
                memory.Dispose();
                await harness.Pipeline.DisposeAsync().AsTask().WaitAsync(Patience);
                Assert.Equal((0, 0), (harness.Pool.SlotsInUse, harness.Pipeline.Snapshot().ExternalFramesHeld));
            }

            driver.AssertClean();
        }
    }

    [Fact]
    public async Task Memory_that_is_mapped_for_reading_only_is_registered_so_and_what_is_registered_already_is_told()
    {
        DriverDouble driver = new(sources);
        using Ordinary ring = new(4096);
        await using (CudaHarness harness = new(driver, new FakeCudaEngine()))
        {
            driver.Fail("cuMemHostRegister_v2", CUresult.CUDA_ERROR_INVALID_VALUE);
            using RegisteredMemory memory = Register(harness, ring);
            Assert.Equal(2, driver.Calls("cuMemHostRegister_v2"));
            CudaException error = Assert.Throws<CudaException>(() => harness.Pipeline.Register(ring.Address, 10));
            Assert.Equal(CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, error.Status);
            Assert.Contains("two registrations must not share a page", error.Message, StringComparison.Ordinal);
            Assert.Equal(3, driver.Calls("cuMemHostRegister_v2"));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Looking_at_a_frame_allocates_nothing()
    {
        DriverDouble driver = new(sources);
        Owner owner = new();
        await using (CudaHarness harness = new(driver, new FakeCudaEngine()))
        {
            using CudaDeviceMemory memory = new(harness.Context, 4096);
            using CudaEvent written = new(harness.Context);
            ExternalFrame frame = ExternalFrame.OnDevice(
                memory.Address.Value, memory.Address.Value + 2688, new FrameFormat(PixelFormat.Nv12, 64, 42), written.Handle.Value, owner);
            DeviceFrames.Check(harness.Context, frame);
            Assert.Equal(0, AllocationSlices.LeastHere(() =>
            {
                for (int turn = 0; turn < 100; turn++)
                {
                    DeviceFrames.Check(harness.Context, frame);
                }
            }));
        }
    }

    private static RegisteredMemory Register(CudaHarness harness, Ordinary memory) =>
        new(memory.Address, memory.ByteCount, harness.Pipeline.Register(memory.Address, memory.ByteCount), pinned: default);

    private static Task<DetectionResult> Submit(CudaHarness harness, in ExternalFrame frame) =>
        harness.Pipeline.Submit(frame, 0, 0, default).AsTask();

    private static void Begin(CudaHarness harness, in ExternalFrame frame) => _ = Submit(harness, frame);

    // The stand-in's device memory lies on the host.
    private static void Write(ulong deviceAddress, int value) => Marshal.WriteByte((nint)deviceAddress, (byte)value);

    private static unsafe ulong AddressOf(CudaPinnedMemory memory) => (ulong)memory.Pointer;

    private sealed class Ordinary(int byteCount) : IDisposable
    {
        public nint Address { get; } = Marshal.AllocHGlobal(byteCount);

        public int ByteCount => byteCount;

        public void Write(int offset, int value) => Marshal.WriteByte(Address, offset, (byte)value);

        public void Dispose() => Marshal.FreeHGlobal(Address);
    }

    private sealed class Owner : IFrameOwner
    {
        private int heard;

        public int Heard => Volatile.Read(ref heard);

        /// <summary>The token heard last.</summary>
        public long Last { get; private set; }

        public void OnFrameFree(long token)
        {
            Last = token;
            Interlocked.Increment(ref heard);
        }

        public async Task AssertHeardAsync(int count)
        {
            await Task.Run(() => Assert.True(SpinWait.SpinUntil(() => Heard >= count, Patience), $"{Heard} of {count} were heard of"));
            Assert.Equal(count, Heard);
        }
    }

    [Fact]
    public async Task Memory_that_another_process_writes_is_page_locked_and_frames_go_up_from_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Shared frames are for Linux.");
        using TempFolder folder = new();
        DriverDouble driver = new(sources);
        Watch watch = new(driver);
        await using (YoloDetector detector = CudaHarness.OpenDetector(driver, watch.Engine))
        {
            await using SourceHub hub = new(detector);
            _ = hub.AddShared("camera", folder.File("s"), static (_, _) => default, options: SharedBed.Patient);
            for (int round = 0; round < 2; round++)
            {
                using SharedProducer producer = await SharedProducer.ConnectAsync(folder.File("s"), static _ => { }).WaitAsync(Patience);
                for (int frame = 0; frame < 10; frame++)
                {
                    long uploads = driver.Calls("cuMemcpyHtoDAsync_v2");
                    using SharedSlot slot = await producer.RentAsync();
                    slot.Span[0] = (byte)(100 + frame);
                    producer.Submit(slot, Gray);
                    await producer.DrainAsync().WaitAsync(Patience);
                    Assert.Equal(100 + frame, watch.Last[0].First);

                    // The frame and the descriptors.
                    Assert.Equal(2, driver.Calls("cuMemcpyHtoDAsync_v2") - uploads);
                }

                // The second producer's memory is that of the first.
                Assert.Equal((1, 1L), (driver.Live("registered"), driver.Calls("cuMemHostRegister_v2")));
            }

            await hub.DisposeAsync();
            Assert.Equal((0, 0), (driver.Live("registered"), detector.Statistics.HostCopies));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Slots_on_the_device_are_read_where_they_lie_and_freed_when_nothing_reads_them()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Shared frames are for Linux.");
        using TempFolder folder = new();
        DriverDouble driver = new(sources);
        Watch watch = new(driver);
        await using (YoloDetector detector = CudaHarness.OpenDetector(driver, watch.Engine))
        {
            long memory = driver.Live("memory");
            await using SourceHub hub = new(detector);
            HubSource source = hub.AddShared(
                "camera", folder.File("s"), static (_, _) => default, new SharedSourceOptions { OnDevice = true }, SharedBed.Patient);
            SharedProducer producer = await SharedProducer.ConnectAsync(folder.File("s"), static _ => { }).WaitAsync(Patience);
            Assert.Equal((CudaIpc.HandleBytes, driver.Device.Uuid), (producer.DeviceHandle.Length, producer.DeviceUuid));
            ulong beginning = 0;
            for (int frame = 0; frame < 10; frame++)
            {
                using SharedSlot slot = await producer.RentAsync();
                _ = Assert.Throws<InvalidOperationException>(() => slot.Memory);
                ulong offset = (ulong)slot.DeviceOffset;
                if (frame > 0)
                {
                    Write(beginning + offset, 100 + frame);
                }

                producer.Submit(slot, Gray);
                await producer.DrainAsync().WaitAsync(Patience);
                if (frame == 0)
                {
                    beginning = watch.Last[0].Frame - offset;
                }
                else
                {
                    Assert.Equal(100 + frame, watch.Last[0].First);
                }
            }

            Assert.Equal(memory + 1, driver.Live("memory"));

            // Killed and removed while its frame is in a batch: the memory stays until that is done.
            watch.HoldFirst();
            using (SharedSlot slot = await producer.RentAsync())
            {
                producer.Submit(slot, Gray);
            }

            watch.AwaitFirst();
            producer.Dispose();
            Task removal = source.RemoveAsync();
            Assert.Equal(memory + 1, driver.Live("memory"));
            watch.Go();
            await removal.WaitAsync(Patience);
            Assert.True(SpinWait.SpinUntil(() => driver.Live("memory") == memory, Patience));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Slots_on_the_device_are_for_detectors_on_one()
    {
        await using SharedBed bed = new();
        ArgumentException refused = Assert.Throws<ArgumentException>(
            () => bed.Hub.AddShared("camera", "/tmp/none", static (_, _) => default, new SharedSourceOptions { OnDevice = true }));
        Assert.Contains("does not run on CUDA", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>What the kernel would have found: an engine without graphs, which is called when preprocessing has been queued.</summary>
    private sealed unsafe class Watch
    {
        private readonly DriverDouble driver;
        private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool holds;

        public Watch(DriverDouble driver)
        {
            this.driver = driver;
            Engine = new FakeCudaEngine { GraphFallbackReason = "so that runs can be watched" };
            Engine.OnEnqueue = OnEnqueue;
        }

        public FakeCudaEngine Engine { get; }

        /// <summary>The pictures of the last launch, as many as a bucket has.</summary>
        public (byte First, ulong Frame, ulong Chroma, PixelFormat Format)[] Last { get; private set; } = [];

        /// <summary>Holds the dispatcher up in its next batch.</summary>
        public void HoldFirst() => holds = true;

        public void AwaitFirst() => Assert.True(reached.Task.Wait(Patience));

        public void Go() => go.SetResult();

        private void OnEnqueue()
        {
            (uint[] launch, byte[] argument) = driver.LastLaunch();
            PreprocessParameters parameters = MemoryMarshal.Read<PreprocessParameters>(argument);
            ReadOnlySpan<KernelPicture> pictures = new((void*)parameters.Pictures, (int)launch[2]);
            Last = new (byte, ulong, ulong, PixelFormat)[pictures.Length];
            for (int index = 0; index < pictures.Length; index++)
            {
                KernelPicture picture = pictures[index];
                Last[index] = (*(byte*)picture.Frame, picture.Frame, picture.Chroma, (PixelFormat)picture.PixelFormat);
            }

            if (holds)
            {
                holds = false;
                reached.SetResult();
                go.Task.Wait();
            }
        }
    }
}
