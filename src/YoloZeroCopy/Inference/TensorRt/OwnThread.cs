using System.Runtime.ExceptionServices;

namespace YoloZeroCopy;

/// <summary>Runs work on a thread made for it, so that a CUDA context can be made current there and the caller's stays as it was.</summary>
internal static class OwnThread
{
    /// <summary>Returns when the work is done; what it threw comes out here.</summary>
    public static void Run(string name, Action work)
    {
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                work();
            }
            catch (Exception error)
            {
                failure = ExceptionDispatchInfo.Capture(error);
            }
        })
        {
            IsBackground = true,
            Name = name,
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
