using System.Runtime.CompilerServices;

namespace YoloZeroCopy.Cuda.Tests;

[Collection(CudaTests.Name)]
public class LifetimeTests(CompiledSources sources)
{
    public static TheoryData<string> Work => [.. Scenario.Work];

    public static TheoryData<string> Releases => [.. Scenario.Releases];

    [Fact]
    public void Everything_is_released_once()
    {
        DriverDouble driver = new(sources);
        Scenario.Run(driver);
        driver.AssertClean();
        Assert.All(Scenario.Work.Concat(Scenario.Releases), function => Assert.True(driver.Calls(function) > 0, $"{function} was not called."));
    }

    [Theory]
    [MemberData(nameof(Work))]
    public void Failed_call_leaks_nothing(string function)
    {
        DriverDouble driver = new(sources);
        Scenario.Run(driver);
        long calls = driver.Calls(function);
        // Every call of it that the scenario makes fails once.
        for (int nth = 1; nth <= calls; nth++)
        {
            driver.Fail(function, CUresult.CUDA_ERROR_UNKNOWN, nth);
            CudaException error = Assert.Throws<CudaException>(() => Scenario.Run(driver));
            Assert.Equal(CUresult.CUDA_ERROR_UNKNOWN, error.Status);
            Assert.Equal(function.Replace("_v2", "", StringComparison.Ordinal), error.Call.Replace("_v2", "", StringComparison.Ordinal));
            Assert.Equal("CUDA_ERROR_UNKNOWN", error.StatusName);
            driver.AssertClean();
        }
    }

    [Theory]
    [MemberData(nameof(Releases))]
    public void Refused_release_is_counted_and_not_thrown(string function)
    {
        DriverDouble driver = new(sources);
        driver.Fail(function, CUresult.CUDA_ERROR_UNKNOWN);
        Scenario.Run(driver);
        Assert.Equal(1, driver.Api.FailedReleases);
        Assert.EndsWith(": CUDA_ERROR_UNKNOWN", driver.Api.LastFailedRelease, StringComparison.Ordinal);
        // The driver is left with what it refused, and with nothing else, unless the context took it along.
        Assert.InRange(driver.Live(), 0, 1);
    }

    [Theory]
    [MemberData(nameof(Releases))]
    public void Release_while_the_process_ends_is_no_failure(string function)
    {
        DriverDouble driver = new(sources);
        driver.Fail(function, CUresult.CUDA_ERROR_DEINITIALIZED);
        Scenario.Run(driver);
        Assert.Equal(0, driver.Api.FailedReleases);
    }

    [Fact]
    public void Failed_binding_of_the_context_leaks_nothing()
    {
        DriverDouble driver = new(sources);
        Scenario.Run(driver);
        long pushes = driver.Calls("cuCtxPushCurrent_v2");
        Assert.True(pushes > 30);
        for (int nth = 1; nth <= pushes; nth++)
        {
            DriverDouble fresh = new(sources);
            fresh.Fail("cuCtxPushCurrent_v2", CUresult.CUDA_ERROR_UNKNOWN, nth);
            bool isThrown = Record.Exception(() => Scenario.Run(fresh)) is CudaException;
            // Either a member failed and cleaned up, or one release could not be made and was counted.
            Assert.Equal(isThrown ? 0 : 1, fresh.Api.FailedReleases);
            Assert.True(fresh.Live() == 0, $"Push {nth} left {fresh.Live()} objects.");
        }
    }

    [Fact]
    public void Any_order_of_dispose_releases_everything()
    {
        DriverDouble driver = new(sources);
        Random random = new(20260101);
        for (int round = 0; round < 200; round++)
        {
            IDisposable[] objects = MakeAll(driver);
            Assert.True(driver.Live() > 8);
            random.Shuffle(objects);
            foreach (IDisposable one in objects)
            {
                one.Dispose();
                one.Dispose();
            }

            driver.AssertClean();
        }
    }

    [Fact]
    public void Context_lives_until_its_last_child_goes()
    {
        DriverDouble driver = new(sources);
        CudaContext context = driver.OpenContext();
        CudaStream stream = new(context);
        context.Dispose();
        Assert.Equal(1, driver.Live("contexts"));
        _ = Assert.Throws<ObjectDisposedException>(() => new CudaEvent(context));
        stream.Synchronize();
        stream.Dispose();
        driver.AssertClean();
    }

    [Fact]
    public void Memory_of_a_stream_keeps_stream_and_pool()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            CudaStream stream = new(context);
            CudaMemoryPool pool = new(context);
            CudaDeviceMemory memory = pool.AllocateOn(stream, 100);
            pool.Dispose();
            stream.Dispose();
            Assert.Equal((1, 1), (driver.Live("streams"), driver.Live("pools")));
            memory.Dispose();
            Assert.Equal((0, 0, 0), (driver.Live("streams"), driver.Live("pools"), driver.Live("memory")));
        }

        driver.AssertClean();
    }

    [Fact]
    public void Leased_object_is_released_with_its_lease()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            CudaStream stream = new(context);
            bool isLeased = false;
            stream.DangerousAddRef(ref isLeased);
            stream.Dispose();
            stream.Synchronize();
            Assert.Equal(1, driver.Live("streams"));
            stream.DangerousRelease();
            Assert.Equal(0, driver.Live("streams"));
            _ = Assert.Throws<ObjectDisposedException>(stream.Synchronize);
        }

        driver.AssertClean();
    }

    [Fact]
    public void Dispose_works_on_a_thread_without_a_context_and_leaves_none()
    {
        DriverDouble driver = new(sources);
        CudaContext context = driver.OpenContext();
        CudaStream stream = new(context);
        CudaDeviceMemory memory = new(context, 64);
        bool isCurrentElsewhere = true;
        Thread thread = new(() =>
        {
            stream.Dispose();
            memory.Dispose();
            isCurrentElsewhere = context.IsCurrent;
        });
        thread.Start();
        thread.Join();
        Assert.False(isCurrentElsewhere);
        Assert.True(context.IsCurrent);
        context.Dispose();
        driver.AssertClean();
    }

    [Fact]
    public void Forgotten_objects_are_released_and_counted_as_leaks()
    {
        DriverDouble driver = new(sources);
        Forget(driver);
        for (int i = 0; i < 10 && driver.Live() > 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(3, driver.Api.FinalizerReleases);
        driver.AssertClean();
    }

    [Fact]
    public void Use_after_dispose_is_an_exception_and_reaches_no_driver()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            CudaStream stream = new(context);
            CudaEvent passed = new(context);
            CudaModule module = new(context, Ptx.Bytes);
            CudaKernel kernel = module.GetKernel("store");
            passed.Dispose();
            _ = Assert.Throws<ObjectDisposedException>(() => stream.WaitFor(passed));
            _ = Assert.Throws<ObjectDisposedException>(() => passed.Record(stream));
            module.Dispose();
            _ = Assert.Throws<ObjectDisposedException>(() => kernel.Launch(stream, new CudaSize(1), new CudaSize(1), []));
            _ = Assert.Throws<ObjectDisposedException>(() => kernel.GetAttribute(CudaKernelAttribute.Registers));
            stream.Dispose();
            _ = Assert.Throws<ObjectDisposedException>(stream.Synchronize);
        }

        driver.AssertClean();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(DriverDouble driver)
    {
        CudaContext context = driver.Device.OpenContext();
        CudaStream stream = new(context);
        _ = CudaDeviceMemory.AllocateOn(stream, 64);
    }

    private static IDisposable[] MakeAll(DriverDouble driver)
    {
        CudaContext context = driver.OpenContext();
        CudaStream stream = new(context);
        CudaMemoryPool pool = new(context);
        CudaModule module = new(context, Ptx.Bytes);
        CudaKernel kernel = module.GetKernel("add_index");
        stream.BeginCapture();
        kernel.Launch(stream, new CudaSize(1), new CudaSize(1), default(AddIndex));
        CudaGraph graph = stream.EndCapture();
        return
        [
            context, stream, pool, module, graph, graph.Instantiate(), new CudaEvent(context), new CudaDeviceMemory(context, 64),
            pool.AllocateOn(stream, 64), CudaDeviceMemory.AllocateOn(stream, 64), CudaPinnedMemory.Allocate(context, 64),
        ];
    }
}
