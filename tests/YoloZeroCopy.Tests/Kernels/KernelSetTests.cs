using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>Kernels compiled when they are asked for, over the stand-in for the driver, which counts what is not given back.</summary>
[Collection(CudaTests.Name)]
public sealed class KernelSetTests(CompiledSources sources)
{
    private const string Name = "yzc_suppress";
    private const string Load = "cuModuleLoadDataEx";

    [Fact]
    public void Only_what_is_asked_for_is_compiled_and_once()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        using (KernelSet kernels = new(context))
        {
            Assert.Equal(0, driver.Calls(Load));
            Assert.Equal(Name, kernels.Get(Name).Name);
            Assert.Equal(Name, kernels.Get(Name).Name);
            Assert.Equal(1, driver.Calls(Load));
            Assert.Contains($".entry {Name}(", driver.LastImage, StringComparison.Ordinal);
            _ = Assert.Throws<ArgumentException>(() => kernels.Get("yzc_nothing"));
        }

        driver.AssertClean();
    }

    [Fact]
    public void What_was_begun_is_not_compiled_again()
    {
        DriverDouble driver = new(sources);
        string[] names = [.. LayerKernels.Names, Name];
        using (CudaContext context = driver.OpenContext())
        using (KernelSet kernels = new(context))
        {
            kernels.Begin([.. names, Name]);
            Assert.All(names, name => Assert.Equal(name, kernels.Get(name).Name));
            kernels.Begin(names);
            Assert.All(names, name => Assert.Equal(name, kernels.Get(name).Name));
            Assert.Equal(names.Length, driver.Calls(Load));
        }

        driver.AssertClean();
    }

    [Fact]
    public void What_fails_meanwhile_is_told_by_who_asks_for_it()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        using (KernelSet kernels = new(context))
        {
            driver.Fail(Load, CUresult.CUDA_ERROR_OUT_OF_MEMORY);
            kernels.Begin([Name, "yzc_nothing"]);
            _ = Assert.Throws<CudaOutOfMemoryException>(() => kernels.Get(Name));
            _ = Assert.Throws<ArgumentException>(() => kernels.Get("yzc_nothing"));
            Assert.Equal("yzc_copy_f16", kernels.Get("yzc_copy_f16").Name);
        }

        driver.AssertClean();
    }

    [Fact]
    public void Disposed_while_they_are_compiled_it_loses_none()
    {
        for (int round = 0; round < 20; round++)
        {
            DriverDouble driver = new(sources);
            using (CudaContext context = driver.OpenContext())
            {
                KernelSet kernels = new(context);
                kernels.Begin(LayerKernels.Names);
                Parallel.Invoke(kernels.Dispose, kernels.Dispose);
                _ = Assert.Throws<ObjectDisposedException>(() => kernels.Get(Name));
                _ = Assert.Throws<ObjectDisposedException>(() => kernels.Begin([Name]));
            }

            driver.AssertClean();
        }
    }
}
