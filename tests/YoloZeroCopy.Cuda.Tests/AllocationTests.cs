using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The members that run for each frame allocate nothing.</summary>
[Collection(CudaTests.Name)]
public unsafe class AllocationTests(CompiledSources sources)
{
    [Fact]
    public void Hot_path_allocates_nothing()
    {
        DriverDouble driver = new(sources);
        using CudaContext context = driver.OpenContext();
        HotPath.AssertAllocatesNothing(context);
    }
}

/// <summary>Copies, events, launches and waits, measured; on the stand-in and on a real device.</summary>
internal static unsafe class HotPath
{
    public static void AssertAllocatesNothing(CudaContext context)
    {
        using CudaStream stream = new(context);
        using CudaStream other = new(context);
        using CudaEvent passed = new(context);
        using CudaPinnedMemory host = CudaPinnedMemory.Allocate(context, 4096);
        using CudaDeviceMemory memory = new(context, 4096);
        using CudaModule module = new(context, Ptx.Bytes);
        CudaKernel kernel = module.GetKernel("add_index");
        CudaKernel store = module.GetKernel("store");
        AddIndex argument = new() { Words = memory.Address, Count = 16, Added = 1 };
        stream.BeginCapture();
        kernel.Launch(stream, new CudaSize(1), new CudaSize(32), argument);
        using CudaGraph graph = stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        void OneRound()
        {
            stream.CopyToDevice(memory.Address, host.Pointer, 4096);
            stream.CopyOnDevice(memory.Address, memory.Address.Offset(2048), 2048);
            stream.Fill(memory.Address, 1, 64);
            kernel.Launch(stream, new CudaSize(1), new CudaSize(32), argument);
            CUdeviceptr address = memory.Address;
            uint value = 3;
            nint* pointers = stackalloc nint[2] { (nint)(&address), (nint)(&value) };
            store.Launch(stream, new CudaSize(1), new CudaSize(1), new ReadOnlySpan<nint>(pointers, 2));
            exec.Launch(stream);
            stream.CopyToHost(host.Pointer, memory.Address, 4096);
            passed.Record(stream);
            other.WaitFor(passed);
            passed.Record(stream.Handle);
            _ = passed.IsDone();
            passed.Synchronize();
            _ = stream.IsIdle();
            stream.Synchronize();
            context.MakeCurrent();
            _ = host.AsSpan(0, 16)[0];
        }

        for (int i = 0; i < 100; i++)
        {
            OneRound();
        }

        Assert.Equal(0, AllocationSlices.LeastHere(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                OneRound();
            }
        }));
    }
}
