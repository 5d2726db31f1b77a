using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The same bindings on a real driver and device.</summary>
[Collection(CudaTests.Name)]
public unsafe class GpuTests
{
    [GpuFact]
    public void Device_is_described()
    {
        Assert.True(CudaDriver.TryInitialize(out string reason), reason);
        Assert.True(CudaDriver.Version >= CudaDriver.MinimumVersion);
        CudaDevice device = CudaDevice.Get(0);
        Assert.NotEmpty(device.Name);
        Assert.Matches("^[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-9]$", device.PciBusId);
        Assert.NotEqual(Guid.Empty, device.Uuid);
        Assert.True(device.ComputeCapability >= 75, $"{device.ComputeCapability}");
        Assert.True(device.GetAttribute(CudaDeviceAttribute.MultiprocessorCount) > 0);
        Assert.Equal(32, device.GetAttribute(CudaDeviceAttribute.WarpSize));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => CudaDevice.Get(CudaDriver.DeviceCount));
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Assert.Throws<CudaException>(() => device.GetAttribute((CudaDeviceAttribute)100_000)).Status);
    }

    [GpuFact]
    public void Context_is_made_current_and_reads_memory()
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext(CudaSchedule.BlockingSync);
        context.MakeCurrent();
        Assert.True(context.IsCurrent);
        Assert.Equal(CudaSchedule.BlockingSync, context.Schedule);
        CudaMemoryInfo memory = context.GetMemoryInfo();
        Assert.InRange(memory.FreeBytes, 1UL, memory.TotalBytes);
        (int least, int greatest) = context.GetStreamPriorityRange();
        Assert.True(greatest <= least);
        using CudaContext again = CudaDevice.Get(0).OpenContext(CudaSchedule.Spin);
        Assert.Equal(context.Handle, again.Handle);
    }

    [GpuFact]
    public void Copies_move_the_right_bytes()
    {
        using CudaContext context = Open();
        CopyChecks.Run(context);
    }

    [GpuFact]
    public void Registered_memory_is_copied_and_reached_by_a_kernel()
    {
        using CudaContext context = Open();
        using CudaStream stream = new(context);
        using CudaModule module = new(context, Ptx.Bytes);
        CudaKernel add = module.GetKernel("add_index");
        const int Words = 4096;
        void* own = NativeMemory.AlignedAlloc(Words * 4, 4096);
        try
        {
            new Span<byte>(own, Words * 4).Clear();
            using CudaPinnedMemory registered = CudaPinnedMemory.Register(context, own, Words * 4);
            Launch(add, stream, registered.DeviceAddress, Words, 11);
            stream.Synchronize();
            AssertWords(new ReadOnlySpan<uint>(own, Words), 11);
            Assert.Equal(
                CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED,
                Assert.Throws<CudaException>(() => CudaPinnedMemory.Register(context, own, Words * 4)).Status);
            Assert.Equal(CudaPointerKind.Host, context.GetPointerInfo((ulong)own).Kind);
        }
        finally
        {
            NativeMemory.AlignedFree(own);
        }

        int local = 0;
        Assert.Equal(CudaPointerKind.Unknown, context.GetPointerInfo((ulong)&local).Kind);
        using CudaDeviceMemory memory = new(context, 1000);
        CudaPointerInfo info = context.GetPointerInfo(memory.Address.Value);
        Assert.Equal((CudaPointerKind.Device, 0, memory.Address), (info.Kind, info.DeviceOrdinal, info.DeviceAddress));
    }

    [GpuFact]
    public void Write_combined_memory_has_a_device_address()
    {
        using CudaContext context = Open();
        using CudaStream stream = new(context);
        using CudaPinnedMemory combined = CudaPinnedMemory.Allocate(context, 4096, CudaPinnedOptions.WriteCombined);
        using CudaPinnedMemory back = CudaPinnedMemory.Allocate(context, 4096);
        using CudaDeviceMemory memory = new(context, 4096);
        combined.AsSpan(0, 4096).Fill(0x5A);
        Assert.NotEqual(default, combined.DeviceAddress);
        stream.CopyToDevice(memory.Address, combined.Pointer, 4096);
        stream.CopyToHost(back.Pointer, memory.Address, 4096);
        stream.Synchronize();
        Assert.True(back.AsSpan(0, 4096).IndexOfAnyExcept((byte)0x5A) < 0);
    }

    [GpuFact]
    public void Kernels_run_with_both_kinds_of_arguments()
    {
        using CudaContext context = Open();
        using CudaStream stream = new(context);
        using CudaModule module = new(context, Ptx.Bytes);
        CudaKernel add = module.GetKernel("add_index");
        using CudaDeviceMemory memory = new(context, 4000);
        Launch(add, stream, memory.Address, 1000, 5);
        CudaKernel store = module.GetKernel("store");
        CUdeviceptr address = memory.Address.Offset(40);
        uint value = 77;
        store.Launch(stream, new CudaSize(1), new CudaSize(1), [(nint)(&address), (nint)(&value)]);
        uint[] words = Read(stream, memory, 1000);
        Assert.Equal(77u, words[10]);
        words[10] = 15;
        AssertWords(words, 5);
        Assert.True(add.GetAttribute(CudaKernelAttribute.Registers) > 0);
        Assert.Equal(75, add.GetAttribute(CudaKernelAttribute.PtxVersion));
        add.SetAttribute(CudaKernelAttribute.MaxDynamicSharedBytes, 64 * 1024 - 1024);
        if (CudaDriver.Version >= 12040)
        {
            _ = Assert.Throws<ArgumentException>(() => add.Launch(stream, new CudaSize(1), new CudaSize(1), 1.0));
        }

        Assert.Equal(CUresult.CUDA_ERROR_NOT_FOUND, Assert.Throws<CudaException>(() => module.GetKernel("absent")).Status);
        Assert.False(Assert.Throws<CudaException>(() => add.Launch(stream, new CudaSize(1), new CudaSize(5000), default(AddIndex))).IsSticky);
    }

    [GpuFact]
    public void Events_order_streams_and_take_time()
    {
        using CudaContext context = Open();
        using CudaStream first = new(context, context.GetStreamPriorityRange().Greatest);
        using CudaStream second = new(context);
        using CudaEvent start = new(context, CudaEventOptions.Timing);
        using CudaEvent end = new(context, CudaEventOptions.Timing | CudaEventOptions.BlockingSync);
        using CudaDeviceMemory memory = new(context, 256 << 20);
        start.Record(first);
        for (int i = 0; i < 20; i++)
        {
            first.Fill(memory.Address, (byte)i, memory.Bytes);
        }

        end.Record(first);
        second.WaitFor(end);
        uint[] words = Read(second, memory, 4);
        Assert.All(words, word => Assert.Equal(0x13131313u, word));
        end.Synchronize();
        Assert.True(end.IsDone());
        Assert.InRange(end.ElapsedSince(start), 0.01f, 10_000f);
        Assert.True(first.IsIdle());
    }

    [GpuFact]
    public void Graph_replays()
    {
        using CudaContext context = Open();
        using CudaStream stream = new(context);
        using CudaModule module = new(context, Ptx.Bytes);
        CudaKernel add = module.GetKernel("add_index");
        using CudaDeviceMemory memory = new(context, 4000);
        using CudaGraph graph = Capture(stream, () => Launch(add, stream, memory.Address, 1000, 1));
        Assert.Equal(1, graph.NodeCount);
        using CudaGraphExec exec = graph.Instantiate();
        for (int i = 0; i < 100; i++)
        {
            stream.Fill(memory.Address, 0, 4000);
            exec.Launch(stream);
        }

        AssertWords(Read(stream, memory, 1000), 1);
    }

    [GpuFact]
    public void Failed_capture_leaves_an_ordinary_stream()
    {
        using CudaContext context = Open();
        using CudaStream stream = new(context);
        stream.BeginCapture();
        _ = Assert.Throws<CudaException>(stream.Synchronize);
        _ = Assert.Throws<CudaException>(stream.EndCapture);
        Assert.Equal(CudaCaptureStatus.None, stream.CaptureStatus);
        stream.BeginCapture();
        stream.DiscardCapture();
        stream.Synchronize();
        Assert.False(context.IsFaulted);
    }

    [GpuFact]
    public void Pool_serves_a_stream_and_gives_back()
    {
        CudaDevice device = CudaDevice.Get(0);
        Assert.Equal(1, device.GetAttribute(CudaDeviceAttribute.MemoryPoolsSupported));
        using CudaContext context = Open();
        using CudaStream stream = new(context);
        using CudaMemoryPool pool = new(context);
        Assert.Equal(ulong.MaxValue, pool.ReleaseThreshold);
        using (CudaDeviceMemory memory = pool.AllocateOn(stream, 1 << 20))
        {
            stream.Fill(memory.Address, 3, memory.Bytes);
            Assert.Equal(0x03030303u, Read(stream, memory, 1)[0]);
            Assert.True(pool.UsedBytes >= 1 << 20);
        }

        stream.Synchronize();
        Assert.Equal(0UL, pool.UsedBytes);
        Assert.True(pool.ReservedBytes >= 1 << 20);
        pool.Trim();
        Assert.Equal(0UL, pool.ReservedBytes);
        Assert.True(pool.MaxUsedBytes >= 1 << 20);
        using CudaDeviceMemory other = CudaDeviceMemory.AllocateOn(stream, 1000);
        stream.Fill(other.Address, 1, 1000);
        stream.Synchronize();
    }

    [GpuFact]
    public void Refused_ptx_holds_the_compilers_log()
    {
        using CudaContext context = Open();
        byte[] nonsense = System.Text.Encoding.UTF8.GetBytes(Ptx.Text.Replace("mad.lo.s32", "nonsense.s32", StringComparison.Ordinal));
        CudaPtxException error = Assert.Throws<CudaPtxException>(() => new CudaModule(context, nonsense));
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_PTX, error.Status);
        Assert.Contains("nonsense", error.Log, StringComparison.Ordinal);
        Assert.DoesNotContain('\0', error.Message);
        byte[] future = System.Text.Encoding.UTF8.GetBytes(Ptx.Text.Replace(".version 7.5", ".version 9.9", StringComparison.Ordinal));
        CudaPtxException tooNew = Assert.Throws<CudaPtxException>(() => new CudaModule(context, future));
        Assert.True(tooNew.Status is CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION or CUresult.CUDA_ERROR_INVALID_PTX, tooNew.Message);
        Assert.False(context.IsFaulted);
    }

    [GpuFact]
    public void Out_of_memory_leaves_a_usable_context()
    {
        using CudaContext context = Open();
        ulong total = context.Device.TotalMemory;
        CudaOutOfMemoryException error = Assert.Throws<CudaOutOfMemoryException>(() => new CudaDeviceMemory(context, (nuint)(total * 2)));
        Assert.Equal(total * 2, error.RequestedBytes);
        Assert.InRange(error.FreeBytes, 1UL, error.TotalBytes);
        Assert.False(context.IsFaulted);
        CopyChecks.Run(context);
    }

    [GpuFact]
    public void Hot_path_allocates_nothing()
    {
        using CudaContext context = Open();
        HotPath.AssertAllocatesNothing(context);
    }

    [GpuFact]
    public void Other_process_reads_shared_memory()
    {
        using CudaContext context = Open();
        using CudaStream stream = new(context);
        using CudaDeviceMemory memory = new(context, 4096);
        using CudaEvent written = new(context, CudaEventOptions.Interprocess);
        byte[] handle = new byte[CudaIpc.HandleBytes];
        byte[] eventHandle = new byte[CudaIpc.HandleBytes];
        memory.GetIpcHandle(handle);
        written.GetIpcHandle(eventHandle);
        stream.Fill(memory.Address, 7, 4096);
        written.Record(stream);
        (int exitCode, string output) = ChildProcess.Run(["--read-shared-memory", Convert.ToHexString(handle), Convert.ToHexString(eventHandle)]);
        Assert.Equal((0, $"{0x07070707}"), (exitCode, output));
        _ = Assert.Throws<CudaException>(() => new CudaIpcMemory(context, handle));
    }

    [GpuFact]
    public void Faulting_kernel_is_sticky_for_its_process_and_a_new_process_works()
    {
        (int exitCode, string output) = ChildProcess.Run(["--fault"]);
        Assert.True(exitCode == 0, output);
        (exitCode, output) = ChildProcess.Run(["--describe-driver"]);
        Assert.True(exitCode == 0 && !output.StartsWith("none", StringComparison.Ordinal), output);

        // Neither is this process harmed.
        using CudaContext context = Open();
        CopyChecks.Run(context);
    }

    [GpuFact]
    public void Nothing_was_leaked_or_refused()
    {
        using CudaContext context = Open();
        ulong before = context.GetMemoryInfo().FreeBytes;
        for (int i = 0; i < 50; i++)
        {
            using CudaStream stream = new(context);
            using CudaModule module = new(context, Ptx.Bytes);
            using CudaDeviceMemory memory = new(context, 32 << 20);
            using CudaGraph graph = Capture(stream, () => stream.Fill(memory.Address, 1, 64));
            using CudaGraphExec exec = graph.Instantiate();
            exec.Launch(stream);
            stream.Synchronize();
        }

        ulong after = context.GetMemoryInfo().FreeBytes;
        // The driver keeps some for itself; 50 x 32 MB would show.
        Assert.True(before <= after + (64UL << 20), $"{before:N0} bytes were free, {after:N0} are.");
        Assert.Equal((0L, null), (CudaDriver.FailedReleases, CudaDriver.LastFailedRelease));
    }

    private static CudaContext Open()
    {
        CudaContext context = CudaDevice.Get(0).OpenContext();
        context.MakeCurrent();
        return context;
    }

    private static void Launch(CudaKernel add, CudaStream stream, CUdeviceptr words, uint count, uint added) =>
        add.Launch(stream, new CudaSize((int)((count + 127) / 128)), new CudaSize(128), new AddIndex { Words = words, Count = count, Added = added });

    private static CudaGraph Capture(CudaStream stream, Action work)
    {
        stream.BeginCapture();
        try
        {
            work();
        }
        catch
        {
            stream.DiscardCapture();
            throw;
        }

        return stream.EndCapture();
    }

    private static uint[] Read(CudaStream stream, CudaDeviceMemory memory, int words)
    {
        using CudaPinnedMemory host = CudaPinnedMemory.Allocate(memory.Context, (nuint)words * 4);
        stream.CopyToHost(host.Pointer, memory.Address, (nuint)words * 4);
        stream.Synchronize();
        return new ReadOnlySpan<uint>(host.Pointer, words).ToArray();
    }

    private static void AssertWords(ReadOnlySpan<uint> words, uint added)
    {
        for (int i = 0; i < words.Length; i++)
        {
            Assert.True(words[i] == i + added, $"Word {i} is {words[i]}, wanted {i + added}.");
        }
    }
}
