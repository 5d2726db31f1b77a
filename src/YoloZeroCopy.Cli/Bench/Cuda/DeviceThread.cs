using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>A thread on which a CUDA context is current. Engine contexts must be made, run and disposed by one thread, and an awaiting method has
/// none of its own.</summary>
internal sealed class DeviceThread : IDisposable
{
    private readonly BlockingCollection<Action> queue = [];
    private readonly Thread thread;

    public DeviceThread(CudaContext context, string name)
    {
        thread = new Thread(Work) { IsBackground = true, Name = name };
        thread.Start();
        try
        {
            Run(context.MakeCurrent);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Does something there and waits for it; what it throws is thrown here.</summary>
    public void Run(Action work)
    {
        using ManualResetEventSlim done = new();
        ExceptionDispatchInfo? failure = null;
        queue.Add(() =>
        {
            try
            {
                work();
            }
            catch (Exception error)
            {
                failure = ExceptionDispatchInfo.Capture(error);
            }

            done.Set();
        });
        done.Wait();
        failure?.Throw();
    }

    public T Run<T>(Func<T> work)
    {
        T result = default!;
        Run(() => { result = work(); });
        return result;
    }

    public void Dispose()
    {
        queue.CompleteAdding();
        thread.Join();
        queue.Dispose();
    }

    private void Work()
    {
        foreach (Action work in queue.GetConsumingEnumerable())
        {
            work();
        }
    }
}
