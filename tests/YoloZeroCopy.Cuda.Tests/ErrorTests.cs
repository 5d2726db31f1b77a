namespace YoloZeroCopy.Cuda.Tests;

[Collection(CudaTests.Name)]
public unsafe class ErrorTests(CompiledSources sources)
{
    [Fact]
    public void Message_names_call_status_text_and_purpose()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        using CudaStream stream = new(context);
        driver.Fail("cuStreamSynchronize", CUresult.CUDA_ERROR_NOT_FOUND);
        CudaException error = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.Equal("cuStreamSynchronize answered CUDA_ERROR_NOT_FOUND (500: text of the stand-in) while waiting for a stream.", error.Message);
        Assert.Equal(
            (CUresult.CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "cuStreamSynchronize", false),
            (error.Status, error.StatusName, error.Call, error.IsSticky));
        // A status that neither the driver nor this library names.
        driver.Fail("cuStreamSynchronize", (CUresult)12345);
        Assert.Equal("CUDA error 12345", Assert.Throws<CudaException>(stream.Synchronize).StatusName);
    }

    [Fact]
    public void Out_of_memory_tells_bytes_wanted_free_and_total()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaDeviceMemory small = new(context, 1000);
            CudaOutOfMemoryException error = Assert.Throws<CudaOutOfMemoryException>(() => new CudaDeviceMemory(context, 1 << 30));
            Assert.Equal((1UL << 30, (1UL << 30) - 1000, 1UL << 30), (error.RequestedBytes, error.FreeBytes, error.TotalBytes));
            const string Numbers = "Wanted were 1,073,741,824 bytes. The device has 1,073,740,824 of 1,073,741,824 bytes free.";
            Assert.EndsWith(Numbers, error.Message, StringComparison.Ordinal);
            Assert.False(error.IsSticky);
            Assert.Equal(1UL << 30, Assert.Throws<CudaOutOfMemoryException>(() => CudaPinnedMemory.Allocate(context, 1 << 30)).RequestedBytes);
            using CudaStream stream = new(context);
            using CudaMemoryPool pool = new(context);
            Assert.Equal("cuMemAllocFromPoolAsync", Assert.Throws<CudaOutOfMemoryException>(() => pool.AllocateOn(stream, 1 << 30)).Call);
            Assert.Equal("cuMemAllocAsync", Assert.Throws<CudaOutOfMemoryException>(() => CudaDeviceMemory.AllocateOn(stream, 1 << 30)).Call);
            driver.Fail("cuEventCreate", CUresult.CUDA_ERROR_OUT_OF_MEMORY);
            Assert.Equal(0UL, Assert.Throws<CudaOutOfMemoryException>(() => new CudaEvent(context)).RequestedBytes);
        }

        driver.AssertClean();
    }

    [Fact]
    public void Work_without_a_current_context_says_what_to_do()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.Device.OpenContext();
        using CudaStream stream = new(context);
        CudaException error = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_CONTEXT, error.Status);
        Assert.Contains("CudaContext.MakeCurrent", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(214, true)]
    [InlineData(220, true)]
    [InlineData(226, true)]
    [InlineData(700, true)]
    [InlineData(702, true)]
    [InlineData(709, true)]
    [InlineData(710, true)]
    [InlineData(714, true)]
    [InlineData(715, true)]
    [InlineData(716, true)]
    [InlineData(717, true)]
    [InlineData(718, true)]
    [InlineData(719, true)]
    [InlineData(721, true)]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(201, false)]
    [InlineData(218, false)]
    [InlineData(600, false)]
    [InlineData(701, false)]
    [InlineData(900, false)]
    [InlineData(999, false)]
    public void Sticky_statuses_are_known(int status, bool isSticky) => Assert.Equal(isSticky, CudaException.IsStickyStatus((CUresult)status));

    [Fact]
    public void Sticky_error_stays_until_the_context_is_reset()
    {
        DriverDouble driver = new(sources);
        CudaContext context = driver.OpenContext();
        CudaStream stream = new(context);
        CudaEvent passed = new(context);
        CudaDeviceMemory memory = new(context, 64);
        CudaDeviceMemory onStream = CudaDeviceMemory.AllocateOn(stream, 64);
        CudaModule module = new(context, Ptx.Bytes);
        CudaKernel kernel = module.GetKernel("add_index");
        driver.Set("fault", 700);
        kernel.Launch(stream, new CudaSize(1), new CudaSize(1), default(AddIndex));
        Assert.False(context.IsFaulted);
        CudaException error = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.True(error.IsSticky);
        Assert.Contains("This error is sticky", error.Message, StringComparison.Ordinal);
        Assert.True(context.IsFaulted);
        Assert.True(Assert.Throws<CudaException>(() => new CudaStream(context)).IsSticky);

        // A release in this state is refused and counted; after the reset nothing reaches the driver.
        passed.Dispose();
        Assert.Equal((1, "CudaEvent: CUDA_ERROR_ILLEGAL_ADDRESS"), (driver.Api.FailedReleases, driver.Api.LastFailedRelease));
        driver.Set("fault", 0);
        long pushes = driver.Calls("cuCtxPushCurrent_v2");
        context.Reset();
        Assert.True(context.IsReset);
        _ = Assert.Throws<ObjectDisposedException>(stream.Synchronize);
        _ = Assert.Throws<ObjectDisposedException>(() => new CudaStream(context));
        _ = Assert.Throws<ObjectDisposedException>(context.MakeCurrent);
        _ = Assert.Throws<ObjectDisposedException>(context.Reset);
        foreach (IDisposable gone in (IDisposable[])[memory, stream, onStream, module, context])
        {
            gone.Dispose();
        }

        Assert.Equal(pushes, driver.Calls("cuCtxPushCurrent_v2"));
        Assert.Equal(0, driver.Live());

        // Nothing here stands in the way of a fresh context; a real driver may refuse one after a fault.
        using (CudaContext fresh = driver.OpenContext())
        {
            Assert.False(fresh.IsFaulted || fresh.IsReset);
            CopyChecks.Run(fresh);
        }

        Assert.Equal((1, 0), (driver.Api.FailedReleases, driver.Live()));
        Assert.Equal("", driver.Misuse);
    }

    [Fact]
    public void Reset_reaches_every_context_of_the_device_and_no_other_device()
    {
        DriverDouble driver = new(sources);
        driver.Set("devices", 1);
        using (CudaContext first = driver.Device.OpenContext())
        using (CudaContext second = driver.Device.OpenContext())
        using (CudaContext other = new CudaDevice(driver.Api, 1).OpenContext())
        {
            first.Reset();
            Assert.True(second.IsReset);
            Assert.False(other.IsReset);
            using CudaStream stream = new(other);
        }

        driver.AssertClean();
    }

    [Theory]
    [InlineData(CUresult.CUDA_ERROR_INVALID_PTX, "Log of the PTX compiler")]
    [InlineData(CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "PTX of ISA 7.5 needs a driver of CUDA 11.5 or newer; this driver is CUDA 12.8.")]
    [InlineData(CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND, "libnvidia-ptxjitcompiler")]
    [InlineData(CUresult.CUDA_ERROR_JIT_COMPILATION_DISABLED, "CUDA_DISABLE_PTX_JIT")]
    [InlineData(CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU, "another GPU")]
    public void Refused_ptx_says_why_and_holds_the_log(CUresult status, string words)
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            driver.Set("jit", (int)status);
            CudaPtxException error = Assert.Throws<CudaPtxException>(() => new CudaModule(context, Ptx.Bytes));
            Assert.Equal((status, "ptxas fatal: line 3, syntax error near 'nonsense'"), (error.Status, error.Log));
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
            Assert.EndsWith(error.Log, error.Message, StringComparison.Ordinal);
            driver.Set("jit", 700);
            Assert.True(Assert.Throws<CudaException>(() => new CudaModule(context, Ptx.Bytes)).IsSticky);
            Assert.True(context.IsFaulted);
        }

        driver.AssertClean();
    }

    [Fact]
    public void Ptx_is_closed_with_a_nul_and_kernels_are_found_by_name()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        // Without a NUL, and with one: the driver reads the same text.
        using CudaModule open = new(context, Ptx.Bytes);
        Assert.Equal((Ptx.Text, "compiled"), (driver.LastImage, open.Log));
        using CudaModule closed = new(context, (byte[])[.. Ptx.Bytes, 0]);
        Assert.Equal(Ptx.Text, driver.LastImage);
        Assert.Equal("store", closed.GetKernel("store").ToString());
        CudaException error = Assert.Throws<CudaException>(() => closed.GetKernel("stor"));
        Assert.Equal(CUresult.CUDA_ERROR_NOT_FOUND, error.Status);
        Assert.Contains("finding the kernel 'stor'", error.Message, StringComparison.Ordinal);
        _ = Assert.Throws<ArgumentException>(() => new CudaModule(context, []));
    }

    [Theory]
    [InlineData(".version 7.8\n", 78, 11080)]
    [InlineData("// text\n.version\t8.0", 80, 12000)]
    [InlineData(".version 8.6", 86, 12070)]
    [InlineData(".version 8.8", 88, 12090)]
    [InlineData(".version 9.1", 91, 13010)]
    [InlineData(".version 6.3", 63, 10000)]
    [InlineData(".version x.y", 0, 0)]
    [InlineData(".version 7", 0, 0)]
    [InlineData("", 0, 0)]
    public void Ptx_version_says_which_driver_it_needs(string text, int isa, int driver)
    {
        Assert.Equal(isa, CudaPtxException.ReadIsaVersion(System.Text.Encoding.UTF8.GetBytes(text)));
        Assert.Equal(driver, CudaPtxException.DriverForPtx(isa));
    }
}
