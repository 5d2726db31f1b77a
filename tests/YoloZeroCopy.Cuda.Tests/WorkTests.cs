using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>That each member asks the driver for the right thing.</summary>
[Collection(CudaTests.Name)]
public unsafe class WorkTests(CompiledSources sources)
{
    [Fact]
    public void Device_says_what_it_is()
    {
        DriverDouble driver = new(sources);
        driver.Set("devices", 1);
        CudaDevice device = new(driver.Api, 1);
        Assert.Equal(
            (1, "Stand-in 1", "0000:02:00.0", 1UL << 30, 90),
            (device.Ordinal, device.Name, device.PciBusId, device.TotalMemory, device.ComputeCapability));
        Assert.Equal("10111213-1415-1617-1819-1a1b1c1d1e1f", device.Uuid.ToString());
        Assert.Equal(132, device.GetAttribute(CudaDeviceAttribute.MultiprocessorCount));
        Assert.Equal("CUDA device 1: Stand-in 1, 0000:02:00.0", device.ToString());
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => new CudaDevice(driver.Api, 2));
        Assert.Contains("this process sees 2", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CudaSchedule.Auto)]
    [InlineData(CudaSchedule.Spin)]
    [InlineData(CudaSchedule.Yield)]
    [InlineData(CudaSchedule.BlockingSync)]
    public void Schedule_is_set_and_read(CudaSchedule schedule)
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.Device.OpenContext(schedule))
        {
            Assert.Equal(schedule, context.Schedule);
            using CudaContext unchanged = driver.Device.OpenContext();
            Assert.Equal(schedule, unchanged.Schedule);
        }

        driver.AssertClean();
    }

    [Fact]
    public void Schedule_that_an_active_context_refuses_is_left_as_it_is()
    {
        DriverDouble driver = new(sources);
        using CudaContext first = driver.Device.OpenContext(CudaSchedule.Yield);
        driver.Fail("cuDevicePrimaryCtxSetFlags_v2", CUresult.CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE);
        using CudaContext second = driver.Device.OpenContext(CudaSchedule.Spin);
        Assert.Equal(CudaSchedule.Yield, second.Schedule);
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => driver.Device.OpenContext((CudaSchedule)7));
    }

    [Fact]
    public void Copies_move_the_right_bytes()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            CopyChecks.Run(context);
        }

        driver.AssertClean();
    }

    [Fact]
    public void A_stream_of_another_library_is_waited_for()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.Device.OpenContext())
        using (CudaStream stream = new(context))
        {
            context.Synchronize(stream.Handle);
            Assert.Equal(1, driver.Calls("cuStreamSynchronize"));
            driver.Fail("cuStreamSynchronize", CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
            Assert.True(Assert.Throws<CudaException>(() => context.Synchronize(stream.Handle)).IsSticky);
        }
    }

    [Fact]
    public void Argument_reaches_the_kernel_by_value()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        using CudaStream stream = new(context);
        using CudaModule module = new(context, Ptx.Bytes);
        CudaKernel kernel = module.GetKernel("add_index");
        AddIndex argument = new() { Words = new CUdeviceptr(0x1122334455667788), Count = 5, Added = 9 };
        kernel.Launch(stream, new CudaSize(2, 3, 4), new CudaSize(8, 7, 6), argument, sharedBytes: 100);
        (uint[] launch, byte[] bytes) = driver.LastLaunch();
        Assert.Equal([2u, 3u, 4u, 8u, 7u, 6u, 100u, 1u], launch);
        Assert.Equal(argument, MemoryMarshal.Read<AddIndex>(bytes));

        ArgumentException error = Assert.Throws<ArgumentException>(() => kernel.Launch(stream, new CudaSize(1), new CudaSize(1), 1.0));
        Assert.Contains("'add_index' takes a parameter of 16 bytes; given is a struct of 8 bytes", error.Message, StringComparison.Ordinal);

        error = Assert.Throws<ArgumentException>(() => module.GetKernel("store").Launch(stream, new CudaSize(1), new CudaSize(1), 1UL));
        Assert.Contains("'store' takes more than one parameter", error.Message, StringComparison.Ordinal);

        ulong address = 77;
        module.GetKernel("store").Launch(stream, new CudaSize(1), new CudaSize(1), [(nint)(&address), (nint)(&address)]);
        Assert.Equal(2u, driver.LastLaunch().Launch[7]);
        CudaException refused = Assert.Throws<CudaException>(() => kernel.Launch(stream, new CudaSize(0), new CudaSize(1), argument));
        Assert.Contains("launching the kernel 'add_index' with 0 x 1 x 1 blocks", refused.Message, StringComparison.Ordinal);
        Assert.Contains("cuLaunchKernel answered CUDA_ERROR_INVALID_VALUE (1", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Queries_tell_work_under_way_from_failure()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        using CudaStream stream = new(context);
        using CudaEvent passed = new(context);
        passed.Record(stream);
        driver.Set("not_ready", 2);
        Assert.False(passed.IsDone());
        Assert.False(stream.IsIdle());
        Assert.True(passed.IsDone());
        Assert.True(stream.IsIdle());
        driver.Fail("cuEventQuery", CUresult.CUDA_ERROR_LAUNCH_FAILED);
        Assert.True(Assert.Throws<CudaException>(() => passed.IsDone()).IsSticky);
        Assert.True(context.IsFaulted);
    }

    [Fact]
    public void Time_needs_events_that_take_it()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        using CudaStream stream = new(context);
        using CudaEvent start = new(context, CudaEventOptions.Timing);
        using CudaEvent end = new(context, CudaEventOptions.Timing);
        using CudaEvent plain = new(context);
        start.Record(stream);
        end.Record(stream.Handle);
        plain.Record(stream);
        Assert.Equal(1f / 1024, end.ElapsedSince(start));
        _ = Assert.Throws<CudaException>(() => plain.ElapsedSince(start));
        _ = Assert.Throws<ArgumentException>(() => new CudaEvent(context, CudaEventOptions.Timing | CudaEventOptions.Interprocess));
    }

    [Fact]
    public void Failed_capture_leaves_an_ordinary_stream()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaStream stream = new(context);
            foreach (long leavesGraph in (long[])[0, 1])
            {
                driver.Set("graph_with_error", leavesGraph);
                stream.BeginCapture();
                _ = Assert.Throws<CudaException>(stream.Synchronize);
                Assert.Equal(CudaCaptureStatus.Invalidated, stream.CaptureStatus);
                CudaException error = Assert.Throws<CudaException>(stream.EndCapture);
                Assert.Equal((CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, false), (error.Status, error.IsSticky));
                Assert.Equal(CudaCaptureStatus.None, stream.CaptureStatus);
                stream.BeginCapture();
                stream.DiscardCapture();
                stream.DiscardCapture();
                stream.Synchronize();
                Assert.Equal(0, driver.Live("graphs"));
            }
        }

        driver.AssertClean();
    }

    [Fact]
    public void Pointer_is_known_for_what_it_is()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        using CudaDeviceMemory memory = new(context, 1000);
        using CudaPinnedMemory pinned = CudaPinnedMemory.Allocate(context, 1000, CudaPinnedOptions.WriteCombined);
        CUdeviceptr inside = memory.Address.Offset(10);
        Assert.Equal(
            new CudaPointerInfo(CudaPointerKind.Device, 0, inside, 0, memory.Address.Value, 1000, context.Handle),
            context.GetPointerInfo(inside.Value));
        CudaPointerInfo host = context.GetPointerInfo((ulong)pinned.Pointer);
        Assert.Equal((CudaPointerKind.Host, (nint)pinned.Pointer, 1000UL), (host.Kind, host.HostAddress, host.RangeBytes));
        int local = 0;
        Assert.Equal(new CudaPointerInfo(CudaPointerKind.Unknown, -1, default, 0, 0, 0, default), context.GetPointerInfo((ulong)&local));
    }

    [Fact]
    public void Windows_on_pinned_memory_stay_inside()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        using CudaPinnedMemory pinned = CudaPinnedMemory.Allocate(context, 100);
        pinned.AsSpan(90, 10).Fill(5);
        Assert.Equal(5, ((byte*)pinned.Pointer)[99]);
        Assert.Equal(0, pinned.AsSpan(100, 0).Length);
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => pinned.AsSpan(91, 10));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => pinned.AsSpan(nuint.MaxValue, 10));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => pinned.AsSpan(0, -1));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => CudaPinnedMemory.Allocate(context, 0));
        _ = Assert.Throws<ArgumentException>(() => CudaPinnedMemory.Allocate(context, 1, CudaPinnedOptions.ReadOnly));
        _ = Assert.Throws<ArgumentException>(() => CudaPinnedMemory.Register(context, pinned.Pointer, 1, CudaPinnedOptions.WriteCombined));
        CudaException twice = Assert.Throws<CudaException>(() => CudaPinnedMemory.Register(context, pinned.Pointer, 1));
        Assert.Contains("page-locked already", twice.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Handles_of_other_processes_have_one_length()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        using CudaStream stream = new(context);
        using CudaDeviceMemory onStream = CudaDeviceMemory.AllocateOn(stream, 64);
        using CudaEvent shared = new(context, CudaEventOptions.Interprocess);
        _ = Assert.Throws<ArgumentException>(() => shared.GetIpcHandle(new byte[63]));
        _ = Assert.Throws<ArgumentException>(() => new CudaIpcMemory(context, new byte[65]));
        _ = Assert.Throws<ArgumentException>(() => CudaEvent.Open(context, default));
        _ = Assert.Throws<InvalidOperationException>(() => onStream.GetIpcHandle(new byte[64]));
        // The last byte comes across, too: the stand-in refuses a handle without it.
        byte[] handle = new byte[64];
        shared.GetIpcHandle(handle);
        handle[63] = 0;
        _ = Assert.Throws<CudaException>(() => CudaEvent.Open(context, handle));
    }

    private static CudaGraph Capture(CudaStream stream, CudaDeviceMemory memory, int fills)
    {
        stream.BeginCapture();
        for (int i = 0; i < fills; i++)
        {
            stream.Fill(memory.Address, 1, 64);
        }

        return stream.EndCapture();
    }
}
