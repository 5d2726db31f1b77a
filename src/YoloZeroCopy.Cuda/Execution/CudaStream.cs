using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>A queue of device work that runs in order, beside other streams. It never waits for the legacy default stream.</summary>
/// <remarks>
/// The members queue work and return; only <see cref="Synchronize"/> waits. They allocate nothing and need the context current on the thread
/// (<see cref="CudaContext.MakeCurrent"/>). Two threads may queue at once; what they queue then has no order between them.
/// An error of earlier work can surface in any later call: it is sticky (<see cref="CudaException.IsSticky"/>).
/// Dispose does not wait: work that is queued still runs, and its memory must stay until then.
/// </remarks>
public sealed unsafe partial class CudaStream : CudaHandle
{
    /// <summary>Makes a stream. Any thread.</summary>
    /// <param name="context">Context to work in.</param>
    /// <param name="priority">Priority; lower numbers go first. One outside of the device's range (<see cref="CudaContext.GetStreamPriorityRange"/>)
    /// is moved into it.</param>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public CudaStream(CudaContext context, int priority = 0)
        : base(context)
    {
        using ContextBinding binding = context.Bind();
        CUstream stream;
        ThrowIfFailed(Api.cuStreamCreateWithPriority(&stream, CudaFlags.CU_STREAM_NON_BLOCKING, priority), "making a stream");
        Own(stream.Value);
    }

    /// <summary>The raw handle, for other libraries. Valid until Dispose, or until the context is reset.</summary>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    public CUstream Handle => new(Live);

    /// <summary>Lets later work of this stream wait, on the device, until an event has passed. The thread does not wait.</summary>
    /// <param name="passed">The event, as it was recorded last; one that was never recorded has passed.</param>
    /// <exception cref="ObjectDisposedException">The stream or the event is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void WaitFor(CudaEvent passed)
    {
        ArgumentNullException.ThrowIfNull(passed);
        ThrowIfFailed(Api.cuStreamWaitEvent(Handle, passed.Handle, 0), "letting a stream wait for an event");
        GC.KeepAlive(passed);
    }

    /// <summary>Lets later work of this stream wait, on the device, for an event of another library. The thread does not wait.</summary>
    /// <param name="passed">A live event of this device, or of another one in this process.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void WaitFor(CUevent passed) => ThrowIfFailed(Api.cuStreamWaitEvent(Handle, passed, 0), "letting a stream wait for an event");

    /// <summary>Asks whether all queued work is done. Does not wait.</summary>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">Earlier work failed.</exception>
    public bool IsIdle()
    {
        CUresult status = Api.cuStreamQuery(Handle);
        if (status == CUresult.CUDA_ERROR_NOT_READY)
        {
            return false;
        }

        ThrowIfFailed(status, "asking whether a stream is idle", nameof(DriverApi.cuStreamQuery));
        return true;
    }

    /// <summary>Waits until all queued work is done. Blocks the thread in the way of the context's <see cref="CudaSchedule"/>.</summary>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">Earlier work failed.</exception>
    public void Synchronize() => ThrowIfFailed(Api.cuStreamSynchronize(Handle), "waiting for a stream");

    private protected override CUresult Destroy(nint native) => Api.cuStreamDestroy_v2(new CUstream(native));
}
