using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>What the contexts of one stream share, since it runs them one after the other: activations, memory to work in, and a handle of
/// cuDNN.</summary>
internal sealed class CudnnWorkspace : IDisposable
{
    private readonly CudaDeviceMemory memory;

    /// <summary>Takes the memory. The context is current.</summary>
    /// <exception cref="CudaOutOfMemoryException">The device has too little.</exception>
    /// <exception cref="InferenceException">cuDNN cannot use the device.</exception>
    public CudnnWorkspace(CudaContext context, CudnnApi api, nint stream, long bytes)
    {
        Handle = new CudnnHandle(api);
        try
        {
            Handle.SetStream(stream);
            memory = new CudaDeviceMemory(context, (nuint)bytes);
        }
        catch
        {
            Handle.Dispose();
            throw;
        }
    }

    public CudnnHandle Handle { get; }

    /// <summary>Device address.</summary>
    public ulong Address => memory.Address.Value;

    public long Bytes => (long)memory.Bytes;

    /// <summary>Contexts that are bound to it. Under the engine's lock.</summary>
    public int Users { get; set; }

    /// <summary>Called when its stream is idle, with the context current.</summary>
    public void Dispose()
    {
        Handle.Dispose();
        memory.Dispose();
    }
}
