using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>Owns one object of the shim, and keeps its parent open: a context its engine, for example.</summary>
internal sealed unsafe class TrtHandle : SafeHandle
{
    private readonly delegate* unmanaged<ulong, TrtStatus> release;
    private readonly TrtHandle? parent;
    private readonly IDisposable? last;

    /// <summary>Takes over an object. When the parent is closed already, the object is freed before the exception leaves.</summary>
    /// <param name="value">The shim's number for it.</param>
    /// <param name="releaseFunction">Frees it.</param>
    /// <param name="parentHandle">What it was made of.</param>
    /// <param name="disposedLast">What must stay until the object is freed.</param>
    /// <exception cref="ObjectDisposedException">The parent is closed.</exception>
    public TrtHandle(
        ulong value, delegate* unmanaged<ulong, TrtStatus> releaseFunction, TrtHandle? parentHandle = null, IDisposable? disposedLast = null)
        : base(0, ownsHandle: true)
    {
        release = releaseFunction;
        last = disposedLast;
        SetHandle((nint)value);
        try
        {
            bool added = false;
            parentHandle?.DangerousAddRef(ref added);
            parent = parentHandle;
        }
        catch (ObjectDisposedException)
        {
            Dispose();
            throw;
        }
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>The shim's number; valid while this handle is open.</summary>
    public ulong Value => (ulong)handle;

    protected override bool ReleaseHandle()
    {
        bool freed = release((ulong)handle) == TrtStatus.Ok;
        last?.Dispose();
        parent?.DangerousRelease();
        return freed;
    }
}
