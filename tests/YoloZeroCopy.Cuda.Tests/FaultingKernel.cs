namespace YoloZeroCopy.Cuda.Tests;

/// <summary>A process of its own whose kernel writes where nothing is: CUDA does not work in it any more afterwards.</summary>
internal static class FaultingKernel
{
    public static int Run()
    {
        CudaContext context = CudaDevice.Get(0).OpenContext();
        context.MakeCurrent();
        CudaStream stream = new(context);
        CudaEvent passed = new(context);
        CudaDeviceMemory memory = new(context, 4096);
        CudaPinnedMemory pinned = CudaPinnedMemory.Allocate(context, 4096);
        CudaModule module = new(context, Ptx.Bytes);

        // An address that no allocation has.
        module.GetKernel("add_index").Launch(
            stream, new CudaSize(1), new CudaSize(32), new AddIndex { Words = new CUdeviceptr(0x10), Count = 32, Added = 1 });
        CudaException error = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.Equal((CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, true), (error.Status, error.IsSticky));
        Assert.Contains("restart the process", error.Message, StringComparison.Ordinal);
        Assert.True(context.IsFaulted);
        Assert.True(Assert.Throws<CudaException>(() => new CudaDeviceMemory(context, 64)).IsSticky);
        foreach (IDisposable gone in (IDisposable[])[passed, pinned, memory, module, stream, context])
        {
            gone.Dispose();
        }

        // Said by CUDA 13.0's driver; one that gives a working context is as good.
        try
        {
            using CudaContext fresh = CudaDevice.Get(0).OpenContext();
            fresh.MakeCurrent();
            CopyChecks.Run(fresh);
            Console.WriteLine("a fresh context works");
        }
        catch (CudaException refused)
        {
            Assert.True(refused.IsSticky, refused.Message);
            Assert.Contains("restart the process", refused.Message, StringComparison.Ordinal);
        }

        return 0;
    }
}
