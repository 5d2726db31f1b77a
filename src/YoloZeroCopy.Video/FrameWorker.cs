using System.Threading.Tasks.Sources;

namespace YoloZeroCopy;

/// <summary>
/// A thread that does one blocking operation after the other for an asynchronous caller, without allocating. Reads and writes of a pipe block; only a
/// thread of their own lets a frame go straight between the pipe and the caller's memory, and the memory is never touched after the operation has
/// ended, cancelled or not.
/// </summary>
internal sealed class FrameWorker : IValueTaskSource<bool>, IThreadPoolWorkItem
{
    private readonly Func<ReadOnlyMemory<byte>, long, bool> operation;
    private readonly Action cancel;
    private readonly object gate = new();
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ManualResetValueTaskSourceCore<bool> source;
    private CancellationTokenRegistration registration;
    private CancellationToken cancellation;
    private ReadOnlyMemory<byte> memory;
    private long time;
    private Exception? error;
    private bool result;

    // Under the gate: an operation is between RunAsync and the caller's GetResult, it waits for the thread, the thread shall end.
    private bool busy;
    private bool pending;
    private bool stopping;

    /// <param name="name">Name of the thread.</param>
    /// <param name="operation">Run on the thread; its result or exception is the caller's.</param>
    /// <param name="cancel">Called on cancellation, by any thread, and under the lock of this: makes a running operation end soon, and takes no
    /// lock.</param>
    public FrameWorker(string name, Func<ReadOnlyMemory<byte>, long, bool> operation, Action cancel)
    {
        this.operation = operation;
        this.cancel = cancel;
        Thread thread = new(Loop) { IsBackground = true, Name = name };
        thread.Start();
    }

    /// <summary>Starts an operation.</summary>
    /// <param name="argument">The frame's memory.</param>
    /// <param name="argumentTime">The frame's time, where the operation is told one.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="InvalidOperationException">One is running.</exception>
    /// <exception cref="ObjectDisposedException">The thread was told to end.</exception>
    public ValueTask<bool> RunAsync(ReadOnlyMemory<byte> argument, long argumentTime, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<bool>(cancellationToken);
        }

        short token;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(stopping, typeof(FrameWorker));
            if (busy)
            {
                throw new InvalidOperationException("A frame of this video is still on its way; wait for it before the next one.");
            }

            // Registering may call `cancel` at once.
            busy = true;
            source.Reset();
            memory = argument;
            time = argumentTime;
            cancellation = cancellationToken;
            registration = cancellationToken.UnsafeRegister(static state => ((FrameWorker)state!).cancel(), this);
            token = source.Version;
            pending = true;
            Monitor.Pulse(gate);
        }

        return new ValueTask<bool>(this, token);
    }

    /// <summary>Lets the thread end after a running operation.</summary>
    public Task StopAsync()
    {
        lock (gate)
        {
            stopping = true;
            Monitor.Pulse(gate);
        }

        return ended.Task;
    }

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        try
        {
            return source.GetResult(token);
        }
        finally
        {
            lock (gate)
            {
                busy = false;
            }
        }
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        source.OnCompleted(continuation, state, token, flags);

    // On the thread pool, so that the caller's code does not run on the worker's thread.
    void IThreadPoolWorkItem.Execute()
    {
        registration.Dispose();
        registration = default;
        memory = default;
        Exception? failure = error;
        error = null;
        if (failure is null)
        {
            source.SetResult(result);
        }
        else
        {
            source.SetException(failure);
        }
    }

    private void Loop()
    {
        while (true)
        {
            bool run;
            bool stop;
            lock (gate)
            {
                while (!pending && !stopping)
                {
                    _ = Monitor.Wait(gate);
                }

                run = pending;
                pending = false;
                stop = stopping;
            }

            if (run)
            {
                RunOperation();
            }

            if (stop)
            {
                break;
            }
        }

        ended.SetResult();
    }

    private void RunOperation()
    {
        try
        {
            result = operation(memory, time);
        }
#pragma warning disable CA1031 // Whatever goes wrong belongs to the caller who waits for it.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            error = cancellation.IsCancellationRequested ? new OperationCanceledException(cancellation) : failure;
        }

        _ = ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
