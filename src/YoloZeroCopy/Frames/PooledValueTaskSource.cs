using System.Threading.Tasks.Sources;

namespace YoloZeroCopy;

/// <summary>A reusable source of one <see cref="ValueTask{TResult}"/> at a time whose continuations run on the thread pool without an allocation, or at once where that is asked for.</summary>
/// <remarks>
/// The framework's <see cref="ManualResetValueTaskSourceCore{TResult}"/> either runs the continuation on the completing thread, which here is one that drives a device and runs a caller's
/// code only where the caller asked for it, or allocates a work item for it. So it is given a continuation of ours, which queues this object itself as the work item.
/// </remarks>
internal abstract class PooledValueTaskSource<T> : IValueTaskSource<T>, IThreadPoolWorkItem
{
    private ManualResetValueTaskSourceCore<T> core;
    private Action<object?>? continuation;
    private object? continuationState;
    private object? scheduler;
    private ExecutionContext? executionContext;
    private bool synchronously;

    public short Version => core.Version;

    public ValueTaskSourceStatus GetStatus(short token) => core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        this.continuation = continuation;
        continuationState = state;
        executionContext = (flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != 0 ? ExecutionContext.Capture() : null;
        scheduler = (flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) != 0 ? CurrentScheduler() : null;
        core.OnCompleted(static self => ((PooledValueTaskSource<T>)self!).Schedule(), this, token, ValueTaskSourceOnCompletedFlags.None);
    }

    public T GetResult(short token)
    {
        // An await that is late, early or doubled fails here, before it can touch another's result.
        ValueTaskSourceStatus status = core.GetStatus(token);
        if (status == ValueTaskSourceStatus.Pending)
        {
            throw new InvalidOperationException("The result is not there yet; await the value task instead of asking for its result.");
        }

        try
        {
            return core.GetResult(token);
        }
        finally
        {
            OnConsumed(succeeded: status == ValueTaskSourceStatus.Succeeded);
        }
    }

    /// <summary>Runs the continuation on a thread of the pool.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        Action<object?> action = continuation!;
        object? state = continuationState;
        ExecutionContext? context = executionContext;
        continuation = null;
        continuationState = null;
        executionContext = null;
        if (context is null)
        {
            action(state);
        }
        else
        {
            ExecutionContext.Run(context, new ContextCallback(action), state);
        }
    }

    /// <param name="result">The result.</param>
    /// <param name="runSynchronously">Whether the one who awaits goes on on this thread, before this returns, unless its context wants another.</param>
    protected void SetResult(T result, bool runSynchronously = false)
    {
        synchronously = runSynchronously;
        core.SetResult(result);
    }

    protected void SetException(Exception error) => core.SetException(error);

    /// <summary>Makes the source ready for its next use; the version changes, so that earlier tasks are stale.</summary>
    protected void Reset()
    {
        synchronously = false;
        core.Reset();
    }

    /// <summary>The result was taken, or its error thrown, by the one who awaited.</summary>
    protected abstract void OnConsumed(bool succeeded);

    private static object? CurrentScheduler()
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        if (context is not null && context.GetType() != typeof(SynchronizationContext))
        {
            return context;
        }

        return TaskScheduler.Current == TaskScheduler.Default ? null : TaskScheduler.Current;
    }

    private void Schedule()
    {
        object? target = scheduler;
        scheduler = null;
        switch (target)
        {
            case null when synchronously:
                ((IThreadPoolWorkItem)this).Execute();
                break;
            case null:
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                break;
            case SynchronizationContext context:
                context.Post(static self => ((IThreadPoolWorkItem)self!).Execute(), this);
                break;
            default:
                Task queued = Task.Factory.StartNew(
                    static self => ((IThreadPoolWorkItem)self!).Execute(), this, CancellationToken.None, TaskCreationOptions.DenyChildAttach, (TaskScheduler)target);
                _ = queued;
                break;
        }
    }
}
