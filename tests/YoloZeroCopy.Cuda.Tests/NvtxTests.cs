using YoloZeroCopy.Tests;
using System.Runtime.InteropServices;
using System.Text;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>Ranges for a profiler, on a stand-in for its library.</summary>
[Collection(CudaTests.Name)]
public unsafe class NvtxTests(CompiledSources sources)
{
    [Fact]
    public void A_profiler_is_let_in_and_hears_of_ranges()
    {
        string library = sources.Library("nvtx_double/nvtx_double.c");
        NvtxInjection injection = NvtxInjection.Open(library)!;
        Assert.NotNull(injection);
        fixed (byte* outer = Encoding.UTF8.GetBytes("outer\0"))
        fixed (byte* inner = Encoding.UTF8.GetBytes("inner\0"))
        {
            injection.Push(outer);
            injection.Push(inner);
            injection.Pop();
            injection.Push(inner);
            injection.Pop();
            injection.Pop();
            nint module = NativeLibrary.Load(library);
            delegate* unmanaged<byte*, long> count = (delegate* unmanaged<byte*, long>)NativeLibrary.GetExport(module, "yzc_count");
            Assert.Equal((1, 2), (count(outer), count(inner)));
            Assert.Equal(3, ((delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_pops"))());
            Assert.Equal(0, ((delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_wrong"))());
        }
    }

    [Fact]
    public void Without_a_profiler_or_with_one_that_does_not_come_there_is_none()
    {
        Assert.Null(NvtxInjection.Open(null));
        Assert.Null(NvtxInjection.Open("/nowhere/libinjection.so"));
        Assert.Null(NvtxInjection.Open(sources.Library("nvtx_double/nvtx_double.c", "-DYZC_DOUBLE_REFUSES")));
        Assert.Null(NvtxInjection.Open(sources.Library("nvml_double/nvml_double.c")));
    }

    [Fact]
    public void Ranges_that_nobody_reads_are_nothing()
    {
        Assert.SkipWhen(CudaProfiler.IsAttached, "This test runs under a profiler.");
        CudaProfilerName name = new("test");
        Assert.Equal(0, name.Address);
        Assert.Equal(0, AllocationSlices.LeastHere(() =>
        {
            for (int turn = 0; turn < 1000; turn++)
            {
                using CudaProfilerRange range = CudaProfiler.Range(name);
            }
        }));
    }
}
