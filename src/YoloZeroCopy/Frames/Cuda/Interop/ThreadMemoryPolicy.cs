using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>From which NUMA node Linux takes the memory that a thread asks for, the CUDA driver's page-locked memory included.</summary>
internal sealed unsafe partial class ThreadMemoryPolicy : IDisposable
{
    private const int Preferred = 1;

    // More than any machine has; the kernel wants room for all that it knows.
    private const int MostNodes = 1024;
    private const int Words = MostNodes / 64;

    // The C library has no functions for these two.
    private static readonly (nint Set, nint Get) Calls = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => (238, 239),
        Architecture.Arm64 => (237, 236),
        _ => default,
    };

    private readonly int mode;
    private readonly ulong[] nodes;

    private ThreadMemoryPolicy(int mode, ulong[] nodes) => (this.mode, this.nodes) = (mode, nodes);

    /// <summary>Prefers a node on this thread until what it returns is disposed there; null where the system does not let it.</summary>
    public static ThreadMemoryPolicy? TryPrefer(int node)
    {
        if (!OperatingSystem.IsLinux() || Calls.Set == 0 || node is < 0 or >= MostNodes)
        {
            return null;
        }

        int mode = 0;
        ulong[] before = new ulong[Words];
        fixed (ulong* mask = before)
        {
            if (Get(Calls.Get, &mode, mask, MostNodes, 0, 0) != 0)
            {
                return null;
            }
        }

        ulong[] wanted = new ulong[Words];
        wanted[node / 64] = 1UL << (node % 64);
        return Set(Preferred, wanted) ? new ThreadMemoryPolicy(mode, before) : null;
    }

    /// <summary>What was before is again.</summary>
    public void Dispose() => _ = Set(mode, nodes);

    private static bool Set(int mode, ulong[] nodes)
    {
        fixed (ulong* mask = nodes)
        {
            // The kernel reads one bit less than it is told. The default policy takes no nodes.
            bool isEmpty = !nodes.AsSpan().ContainsAnyExcept(0UL);
            return Set(Calls.Set, mode, isEmpty ? null : mask, isEmpty ? 0 : MostNodes + 1) == 0;
        }
    }

    // long set_mempolicy(int mode, const unsigned long *nodemask, unsigned long maxnode)
    [LibraryImport("libc", EntryPoint = "syscall")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint Set(nint call, nint mode, ulong* nodes, nint most);

    // long get_mempolicy(int *mode, unsigned long *nodemask, unsigned long maxnode, void *addr, unsigned long flags)
    [LibraryImport("libc", EntryPoint = "syscall")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint Get(nint call, int* mode, ulong* nodes, nint most, nint address, nint flags);
}
