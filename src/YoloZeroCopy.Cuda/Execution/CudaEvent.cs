using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>What an event can do beyond marking a point.</summary>
[Flags]
public enum CudaEventOptions
{
    /// <summary>Marks a point, at the least cost.</summary>
    None = 0,

    /// <summary>Takes the device's time, so that <see cref="CudaEvent.ElapsedSince"/> works.</summary>
    Timing = 1,

    /// <summary><see cref="CudaEvent.Synchronize"/> sleeps instead of spinning.</summary>
    BlockingSync = 2,

    /// <summary>Can be opened by other processes. Not together with <see cref="Timing"/>.</summary>
    Interprocess = 4,
}

/// <summary>A point in a stream that others can wait for.</summary>
/// <remarks>
/// The members allocate nothing and need the context current on the thread. <see cref="IsDone"/> and <see cref="Synchronize"/> may run on another
/// thread than
/// <see cref="Record(CudaStream)"/>; they tell of the latest recording before them. Only <see cref="Synchronize"/> waits.
/// </remarks>
public sealed unsafe class CudaEvent : CudaHandle
{
    /// <summary>Makes an event. It has passed until it is recorded. Any thread.</summary>
    /// <param name="context">Context to work in.</param>
    /// <param name="options">What it can do.</param>
    /// <exception cref="ArgumentException">The options exclude each other.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public CudaEvent(CudaContext context, CudaEventOptions options = CudaEventOptions.None)
        : base(context)
    {
        if (options.HasFlag(CudaEventOptions.Interprocess) && options.HasFlag(CudaEventOptions.Timing))
        {
            throw new ArgumentException($"An event is shared between processes or takes the time, not both; given is {options}.", nameof(options));
        }

        uint flags = options.HasFlag(CudaEventOptions.Timing) ? 0 : CudaFlags.CU_EVENT_DISABLE_TIMING;
        flags |= options.HasFlag(CudaEventOptions.BlockingSync) ? CudaFlags.CU_EVENT_BLOCKING_SYNC : 0;
        flags |= options.HasFlag(CudaEventOptions.Interprocess) ? CudaFlags.CU_EVENT_INTERPROCESS : 0;
        using ContextBinding binding = context.Bind();
        CUevent made;
        ThrowIfFailed(Api.cuEventCreate(&made, flags), "making an event");
        Own(made.Value);
    }

    private CudaEvent(CudaContext context, CUipcEventHandle shared)
        : base(context)
    {
        using ContextBinding binding = context.Bind();
        CUevent opened;
        ThrowIfFailed(Api.cuIpcOpenEventHandle(&opened, shared), "opening an event of another process");
        Own(opened.Value);
    }

    /// <summary>The raw handle, for other libraries. Valid until Dispose, or until the context is reset.</summary>
    /// <exception cref="ObjectDisposedException">The event is disposed or its context was reset.</exception>
    public CUevent Handle => new(Live);

    /// <summary>Opens an event of another process. Any thread.</summary>
    /// <param name="context">Context on the same device.</param>
    /// <param name="handle">The <see cref="CudaIpc.HandleBytes"/> bytes that <see cref="GetIpcHandle"/> gave over there.</param>
    /// <exception cref="ArgumentException">The handle has another length.</exception>
    /// <exception cref="CudaException">The driver refused, for example because the handle is of this very process.</exception>
    public static CudaEvent Open(CudaContext context, ReadOnlySpan<byte> handle)
    {
        CudaIpc.CheckLength(handle.Length);
        CUipcEventHandle shared;
        handle.CopyTo(new Span<byte>(shared.reserved, CudaIpc.HandleBytes));
        return new CudaEvent(context, shared);
    }

    /// <summary>Queues the event behind what the stream holds now. It replaces an earlier recording.</summary>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ObjectDisposedException">The event or the stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void Record(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ThrowIfFailed(Api.cuEventRecord(Handle, stream.Handle), "recording an event");
        GC.KeepAlive(stream);
    }

    /// <summary>Queues the event behind what another library's stream holds now.</summary>
    /// <param name="stream">A live stream of the same context.</param>
    /// <exception cref="ObjectDisposedException">The event is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void Record(CUstream stream) => ThrowIfFailed(Api.cuEventRecord(Handle, stream), "recording an event");

    /// <summary>Asks whether the event has passed. Does not wait.</summary>
    /// <exception cref="ObjectDisposedException">The event is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The work before the event failed.</exception>
    public bool IsDone()
    {
        CUresult status = Api.cuEventQuery(Handle);
        if (status == CUresult.CUDA_ERROR_NOT_READY)
        {
            return false;
        }

        ThrowIfFailed(status, "asking whether an event has passed", nameof(DriverApi.cuEventQuery));
        return true;
    }

    /// <summary>Waits until the event has passed: spinning, or sleeping with <see cref="CudaEventOptions.BlockingSync"/>.</summary>
    /// <exception cref="ObjectDisposedException">The event is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The work before the event failed.</exception>
    public void Synchronize() => ThrowIfFailed(Api.cuEventSynchronize(Handle), "waiting for an event");

    /// <summary>
    /// Milliseconds on the device between two events, to about half a microsecond. Both must have passed, with <see cref="CudaEventOptions.Timing"/>.
    /// </summary>
    /// <param name="start">The earlier event.</param>
    /// <exception cref="ObjectDisposedException">An event is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">An event has not passed, was not recorded or takes no time.</exception>
    public float ElapsedSince(CudaEvent start)
    {
        ArgumentNullException.ThrowIfNull(start);
        float milliseconds;
        ThrowIfFailed(Api.cuEventElapsedTime(&milliseconds, start.Handle, Handle), "reading the time between events");
        GC.KeepAlive(start);
        return milliseconds;
    }

    /// <summary>Gives the handle by which another process opens this event. Needs <see cref="CudaEventOptions.Interprocess"/>. Any thread.</summary>
    /// <param name="handle">Receives exactly <see cref="CudaIpc.HandleBytes"/> bytes.</param>
    /// <exception cref="ArgumentException">The span has another length.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void GetIpcHandle(Span<byte> handle)
    {
        CudaIpc.CheckLength(handle.Length);
        using ContextBinding binding = Context.Bind();
        CUipcEventHandle shared;
        ThrowIfFailed(Api.cuIpcGetEventHandle(&shared, Handle), "sharing an event");
        new ReadOnlySpan<byte>(shared.reserved, CudaIpc.HandleBytes).CopyTo(handle);
    }

    private protected override CUresult Destroy(nint native) => Api.cuEventDestroy_v2(new CUevent(native));
}
