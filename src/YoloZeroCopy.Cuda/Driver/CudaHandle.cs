using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Base of the objects that live in a context. Each keeps its context alive until it is released itself.</summary>
/// <remarks>
/// Dispose on any thread, in any order, once or often: it binds the context, releases, never throws, and counts what the driver refused
/// (<see cref="CudaDriver.FailedReleases"/>). An object with a lease (<see cref="SafeHandle.DangerousAddRef"/>) is released with the last lease.
/// An object that is not disposed is released by the finalizer, which is counted too (<see cref="CudaDriver.FinalizerReleases"/>).
/// </remarks>
public abstract unsafe class CudaHandle : SafeHandle
{
    private protected CudaHandle(CudaContext context)
        : base(0, ownsHandle: true)
    {
        ArgumentNullException.ThrowIfNull(context);
        Context = context;
    }

    /// <summary>The context that this lives in.</summary>
    public CudaContext Context { get; }

    /// <inheritdoc/>
    public sealed override bool IsInvalid => handle == 0;

    internal DriverApi Api => Context.Api;

    /// <summary>The native handle of an object that can be used now.</summary>
    private protected nint Live
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if (IsClosed || Context.IsReset)
            {
                ThrowGone();
            }

            return handle;
        }
    }

    /// <summary>Takes ownership of what was just made. Call it inside the binding in which it was made: nothing can fail in between.</summary>
    private protected void Own(nint native)
    {
        bool added = false;
        Context.DangerousAddRef(ref added);
        SetHandle(native);
    }

    /// <summary>
    /// Compares and branches; the text is made elsewhere, and only on failure. Its use of this object also keeps it alive across the call.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected void ThrowIfFailed(CUresult status, string doing, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != CUresult.CUDA_SUCCESS)
        {
            Context.Throw(status, doing, call);
        }
    }

    /// <summary>Releases the native object. The context is current.</summary>
    private protected abstract CUresult Destroy(nint native);

    /// <summary>Lets go of other objects that this one kept alive. Runs after <see cref="Destroy"/>, and also where that was not called.</summary>
    private protected virtual void ReleaseParents()
    {
    }

    /// <inheritdoc/>
    protected sealed override void Dispose(bool disposing)
    {
        if (!disposing && !IsInvalid)
        {
            Api.NoteFinalizerRelease();
        }

        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        try
        {
            // What was made before a reset died with it; its handle may be another object's by now.
            if (!Context.IsReset)
            {
                Release();
            }
        }
        finally
        {
            ReleaseParents();
            Context.DangerousRelease();
        }

        return true;
    }

    private void Release()
    {
        CUresult status = Api.cuCtxPushCurrent_v2(Context.RawHandle);
        if (status == CUresult.CUDA_SUCCESS)
        {
            try
            {
                status = Destroy(handle);
            }
            finally
            {
                CUcontext popped;
                _ = Api.cuCtxPopCurrent_v2(&popped);
            }
        }

        Context.NoteFault(status);
        Api.NoteRelease(status, GetType().Name);
    }

    [DoesNotReturn]
    private void ThrowGone() => throw new ObjectDisposedException(
        GetType().Name, Context.IsReset ? "Its context was reset; dispose it and make a new one in a fresh context." : "It is disposed.");
}
