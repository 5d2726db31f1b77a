using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Slots in device memory that are this process's, with an event for each that says when it is written: another process may open
/// both.</summary>
internal sealed class IpcRing : IFrameOwner, IDisposable
{
    private const int Alignment = 256;

    private readonly CudaDeviceMemory memory;

    public IpcRing(CudaContext context, int slots, int bytes)
    {
        Step = (bytes + Alignment - 1) / Alignment * Alignment;
        memory = new CudaDeviceMemory(context, (nuint)(Step * (long)slots));
        Written = [.. Enumerable.Range(0, slots).Select(_ => new CudaEvent(context, CudaEventOptions.Interprocess))];
    }

    /// <summary>Bytes from slot to slot.</summary>
    public int Step { get; }

    public CudaEvent[] Written { get; }

    public CUdeviceptr Address => memory.Address;

    /// <summary>Where a slot's number goes when its frame has been read.</summary>
    public Stream? Free { get; set; }

    /// <summary>What another process needs: the handles of memory and events, as hexadecimal words.</summary>
    public string Handles()
    {
        byte[] handle = new byte[CudaIpc.HandleBytes];
        memory.GetIpcHandle(handle);
        List<string> words = [Convert.ToHexString(handle)];
        foreach (CudaEvent written in Written)
        {
            written.GetIpcHandle(handle);
            words.Add(Convert.ToHexString(handle));
        }

        return string.Join(' ', words);
    }

    public void OnFrameFree(long token)
    {
        Free!.WriteByte((byte)token);
        Free.Flush();
    }

    public void Dispose()
    {
        foreach (CudaEvent written in Written)
        {
            written.Dispose();
        }

        memory.Dispose();
    }
}
