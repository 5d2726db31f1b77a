using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Stands between TensorRT's progress callback and the caller's <see cref="IProgress{T}"/>: carries steps out, and cancellation and
/// exceptions back.</summary>
internal sealed class TensorRtBuildMonitor : IDisposable
{
    private const int MaxNameBytes = 1024;

    private readonly IProgress<TensorRtBuildProgress>? progress;
    private readonly CancellationToken stop;
    private readonly Lock gate = new();
    private readonly Dictionary<string, int> stepsOf = [];
    private GCHandle<TensorRtBuildMonitor> self;
    private ExceptionDispatchInfo? failure;

    public TensorRtBuildMonitor(IProgress<TensorRtBuildProgress>? progress, CancellationToken stop)
    {
        this.progress = progress;
        this.stop = stop;
        self = new GCHandle<TensorRtBuildMonitor>(this);
    }

    /// <summary>What the callback's <c>user</c> is.</summary>
    public nint User => GCHandle<TensorRtBuildMonitor>.ToIntPtr(self);

    /// <summary>The shim's progress callback; a result other than 0 cancels.</summary>
    [UnmanagedCallersOnly]
    public static unsafe int OnProgress(nint user, int kind, byte* phase, byte* parent, int step, int steps)
    {
        try
        {
            return GCHandle<TensorRtBuildMonitor>.FromIntPtr(user).Target.Report(
                (TrtProgressKind)kind, Utf8.Read(phase, MaxNameBytes), Utf8.Read(parent, MaxNameBytes), step, steps) ? 0 : 1;
        }
        catch (Exception)
        {
            // Not reached: Report keeps what it meets. No exception may reach native code.
            return 1;
        }
    }

    /// <summary>Throws what the caller's progress threw.</summary>
    public void ThrowIfFailed() => failure?.Throw();

    public void Dispose() => self.Dispose();

    private bool Report(TrtProgressKind kind, string phase, string parent, int step, int steps)
    {
        if (stop.IsCancellationRequested || failure is not null)
        {
            return false;
        }

        try
        {
            int total;
            lock (gate)
            {
                if (kind == TrtProgressKind.Start)
                {
                    stepsOf[phase] = steps;
                }

                total = Math.Max(0, stepsOf.GetValueOrDefault(phase, steps));
            }

            // The shim tells which step is completed, counted from 0.
            int done = kind switch { TrtProgressKind.Start => 0, TrtProgressKind.Step => Math.Min(step + 1, total), _ => total };
            progress?.Report(new TensorRtBuildProgress(phase, parent, done, total));
            return true;
        }
        catch (Exception error)
        {
            failure = ExceptionDispatchInfo.Capture(error);
            return false;
        }
    }
}
