using System.Text;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>A kernel that writes to an address that no allocation has.</summary>
internal sealed class FaultingKernel : IDisposable
{
    private const string Ptx = """
        .version 7.5
        .target sm_75
        .address_size 64

        .visible .entry store(.param .u64 address)
        {
            .reg .b32 %r<2>;
            .reg .b64 %rd<3>;
            ld.param.u64 %rd1, [address];
            mov.u32 %r1, 7;
            cvta.to.global.u64 %rd2, %rd1;
            st.global.u32 [%rd2], %r1;
            ret;
        }
        """;

    private readonly CudaStream stream;
    private readonly CudaModule module;
    private readonly CudaKernel store;

    public FaultingKernel(CudaContext context)
    {
        stream = new CudaStream(context);
        module = new CudaModule(context, [.. Encoding.UTF8.GetBytes(Ptx), 0]);
        store = module.GetKernel("store");
    }

    /// <summary>Runs it and waits for its error. On a thread on which the context is current.</summary>
    public void Run()
    {
        store.Launch(stream, new CudaSize(1), new CudaSize(1), 0x10UL);
        CudaException error = Assert.Throws<CudaException>(stream.Synchronize);
        Console.WriteLine($"the kernel: {error.Message}");
        Assert.True(error.IsSticky);
    }

    public void Dispose()
    {
        module.Dispose();
        stream.Dispose();
    }
}
