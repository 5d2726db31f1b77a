using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>A share in the primary context of a device. Everything that is made in it keeps it alive.</summary>
/// <remarks>
/// <para>
/// Thread rule of this library: constructors, <c>Allocate</c>, <c>Register</c>, <c>Open</c> and Dispose run on any thread; they bind the context by
/// themselves and leave the thread's own current context as it was. The members that queue or await work (of streams, events, kernels and graphs)
/// bind nothing, because they are called for each frame: the thread must have called <see cref="MakeCurrent"/> once.
/// </para>
/// <para>
/// Dispose gives the share back. The driver destroys the context when the last share of the process is given back, that of other libraries included.
/// An object that is being disposed must not be in use on another thread; a user on another thread can hold a lease
/// (<see cref="SafeHandle.DangerousAddRef"/>).
/// </para>
/// </remarks>
public sealed unsafe class CudaContext : SafeHandle
{
    private readonly int resets;
    private volatile bool isDisposed;
    private volatile bool isFaulted;

    internal CudaContext(CudaDevice device, CudaSchedule? schedule)
        : base(0, ownsHandle: true)
    {
        Device = device;
        resets = Api.Resets(device.Ordinal);
        if (schedule is CudaSchedule wanted)
        {
            SetSchedule(wanted);
        }

        CUcontext context;
        ThrowIfFailed(Api.cuDevicePrimaryCtxRetain(&context, device.Handle), "taking the primary context of a device");
        SetHandle(context.Value);
    }

    /// <summary>The device.</summary>
    public CudaDevice Device { get; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>True once a call in this context met a sticky error: nothing works in it any more.</summary>
    public bool IsFaulted => isFaulted;

    /// <summary>True once the context was reset: it and all that was made in it are gone; dispose them and open a fresh context.</summary>
    public bool IsReset => Api.Resets(Device.Ordinal) != resets;

    /// <summary>The raw handle, for other libraries. Valid until Dispose or <see cref="Reset"/>.</summary>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public CUcontext Handle
    {
        get
        {
            ThrowIfGone();
            return RawHandle;
        }
    }

    /// <summary>True when this context is current on the calling thread.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    public bool IsCurrent
    {
        get
        {
            CUcontext current;
            ThrowIfFailed(Api.cuCtxGetCurrent(&current), "asking for the current context");
            return current == RawHandle;
        }
    }

    /// <summary>How threads wait for the device, as it is set now.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    public CudaSchedule Schedule => (CudaSchedule)(ReadFlags(out _) & CudaFlags.CU_CTX_SCHED_MASK);

    internal DriverApi Api => Device.Api;

    internal CUcontext RawHandle => new(handle);

    /// <summary>
    /// Makes the context current on the calling thread, in place of any other. Call it once on each thread that queues or awaits work.
    /// </summary>
    /// <remarks>It stays until the thread makes another one current. A thread of a pool keeps it, too.</remarks>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void MakeCurrent() => ThrowIfFailed(Api.cuCtxSetCurrent(Handle), "making a context current");

    /// <summary>Reads how much device memory is free. Any thread.</summary>
    /// <remarks>Other processes and other libraries change it at any time; memory that a pool keeps in reserve counts as used.</remarks>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public CudaMemoryInfo GetMemoryInfo()
    {
        using ContextBinding binding = Bind();
        nuint free, total;
        ThrowIfFailed(Api.cuMemGetInfo_v2(&free, &total), "reading the free device memory");
        return new CudaMemoryInfo(free, total);
    }

    /// <summary>Reads the range of stream priorities. Lower numbers go first. Any thread.</summary>
    /// <returns>The least urgent priority, usually 0, and the most urgent one, for example -5; both 0 when the device has no priorities.</returns>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public (int Least, int Greatest) GetStreamPriorityRange()
    {
        using ContextBinding binding = Bind();
        int least, greatest;
        ThrowIfFailed(Api.cuCtxGetStreamPriorityRange(&least, &greatest), "reading the range of stream priorities");
        return (least, greatest);
    }

    /// <summary>Asks the driver what an address is. Any thread.</summary>
    /// <param name="address">A host or device address.</param>
    /// <returns>What it is; its kind is <see cref="CudaPointerKind.Unknown"/> for memory that CUDA did not allocate and that is not
    /// registered.</returns>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public CudaPointerInfo GetPointerInfo(ulong address)
    {
        using ContextBinding binding = Bind();
        return CudaPointerInfo.Read(this, address);
    }

    /// <summary>Asks whether an event has passed, also one that another library made. Does not wait. Any thread.</summary>
    /// <param name="passed">A live event; it need not be one of this library's, nor of this context.</param>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    /// <exception cref="CudaException">The handle is no event's, or the work before the event failed.</exception>
    public bool HasPassed(CUevent passed)
    {
        using ContextBinding binding = Bind();
        CUresult status = Api.cuEventQuery(passed);
        if (status == CUresult.CUDA_ERROR_NOT_READY)
        {
            return false;
        }

        ThrowIfFailed(status, "asking whether an event has passed", nameof(DriverApi.cuEventQuery));
        return true;
    }

    /// <summary>Waits until all queued work of a stream is done, also of one that another library made. Blocks in the way of
    /// <see cref="Schedule"/>.</summary>
    /// <param name="stream">A live stream of this context; it need not be one of this library's.</param>
    /// <remarks>Any thread.</remarks>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    /// <exception cref="CudaException">Earlier work failed.</exception>
    public void Synchronize(CUstream stream)
    {
        using ContextBinding binding = Bind();
        ThrowIfFailed(Api.cuStreamSynchronize(stream), "waiting for a stream");
    }

    /// <summary>
    /// Destroys the primary context with all that is in it, for this whole process.
    /// </summary>
    /// <remarks>
    /// <para>
    /// All device and page-locked memory of the device in this process is unmapped, that of other libraries too: nobody may touch it afterwards, and
    /// no other thread may be inside a driver call for this device. Every object made in any context of this device is dead from here on: its members
    /// throw,
    /// its Dispose works and reaches the driver no more. Dispose this context as well, then open a fresh one.
    /// </para>
    /// <para>Blocks until the device has stopped. It is no cure for a sticky error: driver 580 (CUDA 13.0) refuses a fresh context afterwards with
    /// the same error, and only a new process works.</para>
    /// </remarks>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset already.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void Reset()
    {
        ThrowIfGone();
        Api.NoteReset(Device.Ordinal);
        ThrowIfFailed(Api.cuDevicePrimaryCtxReset_v2(Device.Handle), "resetting the primary context of a device");
    }

    internal ContextBinding Bind()
    {
        ThrowIfGone();
        return new ContextBinding(this);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void ThrowIfFailed(CUresult status, string doing, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != CUresult.CUDA_SUCCESS)
        {
            Throw(status, doing, call);
        }
    }

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Throw(CUresult status, string doing, string call, ulong requestedBytes = 0)
    {
        NoteFault(status);
        Api.Throw(status, doing, call, requestedBytes);
    }

    internal void NoteFault(CUresult status) => isFaulted |= CudaException.IsStickyStatus(status);

    internal void ThrowIfGone()
    {
        if (isDisposed || IsReset)
        {
            ThrowGone();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        isDisposed = true;
        if (!disposing && !IsInvalid)
        {
            Api.NoteFinalizerRelease();
        }

        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        // Also after a reset, which takes no share away.
        Api.NoteRelease(Api.cuDevicePrimaryCtxRelease_v2(Device.Handle), nameof(DriverApi.cuDevicePrimaryCtxRelease_v2));
        return true;
    }

    private void SetSchedule(CudaSchedule schedule)
    {
        if (schedule is not (CudaSchedule.Auto or CudaSchedule.Spin or CudaSchedule.Yield or CudaSchedule.BlockingSync))
        {
            throw new ArgumentOutOfRangeException(nameof(schedule), schedule, "One of Auto, Spin, Yield and BlockingSync is wanted.");
        }

        uint flags = (ReadFlags(out bool isActive) & ~CudaFlags.CU_CTX_SCHED_MASK) | (uint)schedule;
        CUresult status = Api.cuDevicePrimaryCtxSetFlags_v2(Device.Handle, flags);
        // Some drivers refuse while the context is in use; what is set then stays, and Schedule tells.
        if (!(isActive && status == CUresult.CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE))
        {
            ThrowIfFailed(status, "setting how threads wait for a device", nameof(DriverApi.cuDevicePrimaryCtxSetFlags_v2));
        }
    }

    private uint ReadFlags(out bool isActive)
    {
        uint flags;
        int active;
        ThrowIfFailed(Api.cuDevicePrimaryCtxGetState(Device.Handle, &flags, &active), "reading the state of a primary context");
        isActive = active != 0;
        return flags;
    }

    [DoesNotReturn]
    private void ThrowGone() => throw new ObjectDisposedException(
        nameof(CudaContext), IsReset ? "The context was reset; open a fresh one." : "The context is disposed.");
}
