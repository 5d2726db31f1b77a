namespace YoloZeroCopy.Interop;

/// <summary>A handle of cuDNN: what plans are made and run with, in the CUDA context that was current when it was made.</summary>
/// <remarks>One thread at a time, with that context current.</remarks>
internal sealed unsafe class CudnnHandle : IDisposable
{
    private readonly CudnnApi api;
    private nint handle;

    /// <exception cref="InferenceException">cuDNN cannot use the device.</exception>
    public CudnnHandle(CudnnApi api)
    {
        this.api = api;
        nint created;
        api.ThrowIfFailed(api.Create(&created), "opening the device");
        handle = created;
    }

    public nint Value => handle;

    /// <summary>Runs what follows on a stream.</summary>
    public void SetStream(nint stream) => api.ThrowIfFailed(api.SetStream(handle, stream), "choosing a stream");

    public void Dispose()
    {
        nint old = Interlocked.Exchange(ref handle, 0);
        if (old != 0)
        {
            // It waits for the whole device, which ends every capture.
            Captures.KeepApart(() => _ = api.Destroy(old));
        }
    }
}
