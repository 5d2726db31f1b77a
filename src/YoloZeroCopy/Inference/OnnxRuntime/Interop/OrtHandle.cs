using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>Owns one object of ONNX Runtime. It keeps its parent alive: a binding its session, for example.</summary>
internal sealed unsafe class OrtHandle : SafeHandle
{
    private readonly delegate* unmanaged<nint, void> release;
    private readonly OrtHandle? parent;

    /// <summary>Takes over an object. When the parent is closed already, the object is freed before the exception leaves.</summary>
    /// <exception cref="ObjectDisposedException">The parent is closed.</exception>
    public OrtHandle(nint value, delegate* unmanaged<nint, void> releaseFunction, OrtHandle? parentHandle = null)
        : base(0, ownsHandle: true)
    {
        release = releaseFunction;
        SetHandle(value);
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

    /// <summary>The object itself; valid while this handle is open.</summary>
    public nint Value => handle;

    protected override bool ReleaseHandle()
    {
        release(handle);
        parent?.DangerousRelease();
        return true;
    }
}
