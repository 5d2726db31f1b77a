using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>A context made current on this thread for the length of a using block, and kept alive for it.</summary>
internal readonly unsafe ref struct ContextBinding
{
    private readonly CudaContext context;

    public ContextBinding(CudaContext context)
    {
        this.context = context;
        bool added = false;
        context.DangerousAddRef(ref added);
        CUresult status = context.Api.cuCtxPushCurrent_v2(context.RawHandle);
        if (status != CUresult.CUDA_SUCCESS)
        {
            context.DangerousRelease();
            context.Throw(status, "binding a context to the calling thread", nameof(DriverApi.cuCtxPushCurrent_v2));
        }
    }

    /// <summary>Makes current again what was current before.</summary>
    public void Dispose()
    {
        CUcontext popped;
        // The thread's own stack is popped whatever state the context is in; there is nothing that a caller could do about a failure.
        _ = context.Api.cuCtxPopCurrent_v2(&popped);
        context.DangerousRelease();
    }
}
