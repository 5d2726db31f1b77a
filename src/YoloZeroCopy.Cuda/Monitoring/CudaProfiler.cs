using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Names what threads do for a profiler that is attached, by NVTX ranges: Nsight Systems shows them above the device's work.</summary>
/// <remarks>
/// Any thread. A profiler attaches when it starts the process, by the environment variable <c>NVTX_INJECTION64_PATH</c>. Without one a range is a
/// look at a constant.
/// </remarks>
public static unsafe class CudaProfiler
{
    private static readonly NvtxInjection? Injection = NvtxInjection.Open(Environment.GetEnvironmentVariable(NvtxInjection.LibraryVariable));

    /// <summary>Whether a profiler is attached.</summary>
    public static bool IsAttached => Injection is not null;

    /// <summary>Begins a range on the calling thread, which ends where what is returned is disposed. Allocates nothing.</summary>
    /// <param name="name">What the thread does meanwhile.</param>
    public static CudaProfilerRange Range(CudaProfilerName name)
    {
        if (Injection is null)
        {
            return default;
        }

        ArgumentNullException.ThrowIfNull(name);
        Injection.Push((byte*)name.Address);
        return new CudaProfilerRange(isOpen: true);
    }

    internal static void End() => Injection?.Pop();
}

/// <summary>A range that a thread has begun. It is disposed once, on the same thread.</summary>
public readonly ref struct CudaProfilerRange
{
    private readonly bool isOpen;

    internal CudaProfilerRange(bool isOpen) => this.isOpen = isOpen;

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        if (isOpen)
        {
            CudaProfiler.End();
        }
    }
}

/// <summary>What a range is called. Made once: its text stays in memory, where a profiler is attached.</summary>
public sealed class CudaProfilerName
{
    /// <param name="text">The text.</param>
    public CudaProfilerName(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        Address = CudaProfiler.IsAttached ? Marshal.StringToCoTaskMemUTF8(text) : 0;
    }

    /// <summary>The text as UTF-8 that ends in 0; 0 where nobody reads it.</summary>
    internal nint Address { get; }
}
