using System.Collections.Immutable;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Keeps the newest of what TensorRT warned of. Any thread, TensorRT's own included.</summary>
/// <remarks>The shim calls it by a handle to it, which is freed by Dispose: only after the last object of the library is gone.</remarks>
internal sealed class TensorRtLog : IDisposable
{
    private const int MaxLines = 100;
    private const int MaxLineBytes = 4096;

    private readonly Lock gate = new();
    private readonly Queue<string> lines = [];
    private GCHandle<TensorRtLog> self;

    public TensorRtLog() => self = new GCHandle<TensorRtLog>(this);

    /// <summary>What the callback's <c>user</c> is.</summary>
    public nint User => GCHandle<TensorRtLog>.ToIntPtr(self);

    /// <summary>Warnings and errors so far, oldest first.</summary>
    public ImmutableArray<string> Lines
    {
        get
        {
            lock (gate)
            {
                return [.. lines];
            }
        }
    }

    /// <summary>The shim's log callback.</summary>
    [UnmanagedCallersOnly]
    public static unsafe void OnMessage(nint user, int severity, byte* text)
    {
        try
        {
            GCHandle<TensorRtLog>.FromIntPtr(user).Target.Add((TrtSeverity)severity, Utf8.Read(text, MaxLineBytes));
        }
        catch (Exception)
        {
            // No exception may reach native code, and a lost line of a log is not worth the process.
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            if (self.IsAllocated)
            {
                self.Dispose();
            }
        }
    }

    private void Add(TrtSeverity severity, string text)
    {
        if (severity > TrtSeverity.Warning)
        {
            return;
        }

        lock (gate)
        {
            lines.Enqueue(text.Trim());
            if (lines.Count > MaxLines)
            {
                _ = lines.Dequeue();
            }
        }
    }
}
