using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>The system's priority of threads. .NET's own has no effect on Linux.</summary>
internal static partial class ThreadPriorities
{
    // Of 0 to 19: such a thread gets a tenth of what one of the usual priority gets where both want one processor.
    private const int Nice = 10;

    private const int OfOneThread = 0;
    private const uint ThisThread = 0;

    /// <summary>Lets this thread, and those it will start, give way to others, for good. Where the system refuses, nothing changes.</summary>
    public static void GiveWay()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = SetPriority(OfOneThread, ThisThread, Nice);
        }
        else
        {
            Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;
        }
    }

    // int setpriority(int which, id_t who, int prio): on Linux a process of that call is a thread.
    [LibraryImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int SetPriority(int which, uint who, int priority);
}
