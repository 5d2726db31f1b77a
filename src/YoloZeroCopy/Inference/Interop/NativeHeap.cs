using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>The C library's heap, which ONNX Runtime allocates from.</summary>
internal static unsafe class NativeHeap
{
    private static readonly delegate* unmanaged<nuint, int> MallocTrim = FindMallocTrim();

    /// <summary>
    /// Gives the system back what native code has freed. Reading and optimising a model leaves freed copies of its weights behind, and glibc keeps
    /// them:
    /// 14 MiB for the sample's 12 MB, 170 MiB for a model of 150 MB. Other C libraries give large blocks back by themselves.
    /// </summary>
    /// <remarks>Takes some milliseconds: for opening, never for a frame.</remarks>
    public static void Trim()
    {
        if (MallocTrim != null)
        {
            _ = MallocTrim(0);
        }
    }

    private static delegate* unmanaged<nuint, int> FindMallocTrim() =>
        OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out nint library)
            && NativeLibrary.TryGetExport(library, "malloc_trim", out nint export)
            ? (delegate* unmanaged<nuint, int>)export
            : null;
}
