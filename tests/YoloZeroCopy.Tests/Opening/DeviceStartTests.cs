using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>A device that gets ready beside the reading of a model, over the stand-in for the driver.</summary>
[Collection(CudaTests.Name)]
public sealed class DeviceStartTests(CompiledSources sources)
{
    [Fact]
    public void It_gives_a_context_and_what_was_free_before_anything_came()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        DeviceStart start = new(() => driver.Device, CudnnSearch.ForThisProcess(cudnn.File));
        (CudaContext context, long free, KernelSet kernels) = start.Finish();
        Assert.Equal((long)context.GetMemoryInfo().FreeBytes, free);

        // The kernel that the driver compiles longest is on its way, or there.
        kernels.Get(DecodeKernels.SuppressName);
        Assert.Equal(1, driver.Calls("cuModuleLoadDataEx"));
        start.Dispose();
        start.Dispose();
        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public async Task Disposed_before_it_is_ready_it_loses_nothing()
    {
        DriverDouble driver = new(sources);
        using ManualResetEventSlim goOn = new();
        DeviceStart start = new(
            () =>
            {
                goOn.Wait(TestContext.Current.CancellationToken);
                return driver.Device;
            },
            cudnn: null);
        Task disposed = Task.Run(start.Dispose, TestContext.Current.CancellationToken);
        goOn.Set();
        await disposed.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        driver.AssertClean();
    }

    [Fact]
    public void A_device_that_is_not_there_is_told_to_who_waits_for_it()
    {
        using DeviceStart start = new(static () => throw new CudaUnavailableException("none here"), cudnn: null);
        CudaUnavailableException error = Assert.Throws<CudaUnavailableException>(() => start.Finish());
        Assert.Equal("none here", error.Message);
    }

    [Fact]
    public void What_is_wrong_with_cuDNN_is_left_to_the_engine()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        cudnn.Fail("cudnnCreate", 1);
        foreach (string file in (string[])[cudnn.File, Path.Combine(AppContext.BaseDirectory, "none.so")])
        {
            using DeviceStart start = new(() => driver.Device, CudnnSearch.ForThisProcess(file));
            (CudaContext context, _, _) = start.Finish();
            Assert.True(context.GetMemoryInfo().FreeBytes > 0);
        }

        cudnn.Fail("cudnnCreate", 0);
        driver.AssertClean();
    }
}
