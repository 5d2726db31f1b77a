namespace YoloZeroCopy.Cuda;

// One type for each kind of native handle, so that a mix-up does not compile. They own nothing: the classes named Cuda... do.

/// <summary>A context: the state of one device in one process. A raw handle that owns nothing.</summary>
/// <param name="Value">The driver's pointer; 0 is none.</param>
public readonly record struct CUcontext(nint Value);

/// <summary>A stream: a queue of device work in order. 0 is the legacy default stream, never used here. A raw handle that owns nothing.</summary>
/// <param name="Value">The driver's pointer; 0 is none.</param>
public readonly record struct CUstream(nint Value);

/// <summary>An event: a point in a stream. A raw handle that owns nothing.</summary>
/// <param name="Value">The driver's pointer; 0 is none.</param>
public readonly record struct CUevent(nint Value);

/// <summary>A loaded module of device code. A raw handle that owns nothing.</summary>
/// <param name="Value">The driver's pointer; 0 is none.</param>
public readonly record struct CUmodule(nint Value);

/// <summary>A kernel of a module. A raw handle that owns nothing.</summary>
/// <param name="Value">The driver's pointer; 0 is none.</param>
public readonly record struct CUfunction(nint Value);

/// <summary>A graph as it was captured. A raw handle that owns nothing.</summary>
/// <param name="Value">The driver's pointer; 0 is none.</param>
public readonly record struct CUgraph(nint Value);

/// <summary>A graph that can be launched. A raw handle that owns nothing.</summary>
/// <param name="Value">The driver's pointer; 0 is none.</param>
public readonly record struct CUgraphExec(nint Value);

/// <summary>A pool for stream-ordered allocation. A raw handle that owns nothing.</summary>
/// <param name="Value">The driver's pointer; 0 is none.</param>
public readonly record struct CUmemoryPool(nint Value);

/// <summary>An address in device memory. Owns nothing, and can be computed with.</summary>
/// <param name="Value">The address; 0 is none.</param>
public readonly record struct CUdeviceptr(ulong Value)
{
    /// <summary>The address some bytes further on. Nothing checks that it is inside the same allocation.</summary>
    /// <param name="bytes">Distance in bytes.</param>
    public CUdeviceptr Offset(ulong bytes) => new(Value + bytes);
}
