using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;

namespace YoloZeroCopy;

/// <summary>A reusable source of one <see cref="ValueTask{TResult}"/> at a time, which gives its result to exactly one await.</summary>
/// <remarks>
/// Written instead of the framework's <see cref="ManualResetValueTaskSourceCore{TResult}"/> for three things. Completing it runs no code of others:
/// the continuation is queued, as this object itself and so without an allocation, to a thread of the pool, and a context or scheduler that the
/// awaiting code wants is called from there. Only a continuation that may run synchronously and wants no context runs on the completing thread. A
/// second await of the same value task gets an exception that says so, where the framework ends the process; only where it comes in the moment in
/// which the first goes on may it be the one that gets the result. And a value task that is awaited too late touches nothing of the next use.
/// </remarks>
internal abstract class PooledValueTaskSource<T> : PooledContinuation, IValueTaskSource<T>
{
    // The state word is the version, counted up at each use, over these flags.
    private const int VersionShift = 5;

    /// <summary>Somebody awaits. Only he may take the result.</summary>
    private const int Claimed = 1;

    /// <summary>His continuation is written down.</summary>
    private const int Registered = 2;

    private const int Done = 4;

    /// <summary>His continuation runs or has run.</summary>
    private const int Continued = 8;

    private const int Taken = 16;

    private static readonly SendOrPostCallback ContinueOnContext = static self => ((PooledValueTaskSource<T>)self!).Continue();
    private static readonly Action<object?> ContinueOnScheduler = static self => ((PooledValueTaskSource<T>)self!).Continue();

    // The source whose second await runs on this thread just now.
    [ThreadStatic]
    private static PooledValueTaskSource<T>? refused;

    private int word;
    private T? result;
    private Exception? error;
    private Action<object?>? continuation;
    private object? continuationState;
    private object? scheduler;
    private ExecutionContext? executionContext;

    public short Version => VersionOf(Volatile.Read(ref word));

    /// <summary>Throws never: the framework asks on threads where nobody would catch it.</summary>
    public ValueTaskSourceStatus GetStatus(short token)
    {
        int seen = Volatile.Read(ref word);
        if (VersionOf(seen) != token || (seen & Taken) != 0 || ReferenceEquals(refused, this))
        {
            return ValueTaskSourceStatus.Faulted;
        }

        return (seen & Done) == 0 ? ValueTaskSourceStatus.Pending
            : error is null ? ValueTaskSourceStatus.Succeeded
            : error is OperationCanceledException ? ValueTaskSourceStatus.Canceled
            : ValueTaskSourceStatus.Faulted;
    }

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        object? target = (flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) != 0 ? CurrentScheduler() : null;
        ExecutionContext? context = (flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != 0 ? ExecutionContext.Capture() : null;
        if (!TryClaim(token))
        {
            // Thrown here, the exception would end the process: the framework lets nobody catch it.
            new RefusedAwait(this, continuation, state, target, context).Queue();
            return;
        }

        // From here until the continuation runs the result cannot be taken, and so this object not be used anew.
        this.continuation = continuation;
        continuationState = state;
        scheduler = target;
        executionContext = context;
        if ((Interlocked.Or(ref word, Registered) & Done) != 0)
        {
            QueueContinuation();
        }
    }

    public T GetResult(short token)
    {
        if (ReferenceEquals(refused, this))
        {
            refused = null;
            throw AwaitedBefore();
        }

        int seen = Volatile.Read(ref word);
        while (true)
        {
            if (VersionOf(seen) != token || (seen & Taken) != 0 || (seen & (Claimed | Continued)) == Claimed)
            {
                throw AwaitedBefore();
            }

            if ((seen & Done) == 0)
            {
                throw new InvalidOperationException("The result is not there yet; await the value task instead of asking for its result.");
            }

            int before = Interlocked.CompareExchange(ref word, seen | Taken, seen);
            if (before == seen)
            {
                break;
            }

            seen = before;
        }

        T? taken = result;
        Exception? thrown = error;
        OnTaken(succeeded: thrown is null);
        if (thrown is not null)
        {
            ExceptionDispatchInfo.Throw(thrown);
        }

        return taken!;
    }

    /// <summary>Goes on with the one who awaits, on a thread of the pool or, from there, on the context or scheduler that it wants.</summary>
    protected override void Execute()
    {
        int seen = Volatile.Read(ref word);
        if (!TryCallScheduler(scheduler, ContinueOnContext, ContinueOnScheduler, this))
        {
            Continue(VersionOf(seen));
        }
    }

    /// <param name="value">The result.</param>
    /// <param name="runSynchronously">Whether the one who awaits goes on on this thread, before this returns, unless it wants a context. What it
    /// throws comes out here.</param>
    protected void SetResult(T value, bool runSynchronously = false)
    {
        result = value;
        Complete(runSynchronously);
    }

    protected void SetException(Exception value)
    {
        error = value;
        Complete(runSynchronously: false);
    }

    /// <summary>Makes the source ready for its next use; the version changes, so that earlier value tasks are stale.</summary>
    protected void Reset()
    {
        result = default;
        error = null;
        continuation = null;
        continuationState = null;
        scheduler = null;
        executionContext = null;
        Volatile.Write(ref word, ((word >> VersionShift) + 1) << VersionShift);
    }

    /// <summary>The result, or the error, was taken by the one who awaited: once for each use, whatever callers do.</summary>
    protected abstract void OnTaken(bool succeeded);

    private static short VersionOf(int word) => (short)(word >> VersionShift);

    private static InvalidOperationException AwaitedBefore() =>
        new("The value task was awaited before. It gives its result to one await; to wait at several places, "
            + "call AsTask() once and await that task.");

    private static object? CurrentScheduler()
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        if (context is not null && context.GetType() != typeof(SynchronizationContext))
        {
            return context;
        }

        return TaskScheduler.Current == TaskScheduler.Default ? null : TaskScheduler.Current;
    }

    /// <summary>
    /// Hands work to a context or scheduler; false when there is none or it throws, so that the caller does the work itself: late on a wrong thread
    /// is better than never.
    /// </summary>
    private static bool TryCallScheduler(object? target, SendOrPostCallback forContext, Action<object?> forScheduler, object state)
    {
        try
        {
            switch (target)
            {
                case null:
                    return false;
                case SynchronizationContext context:
                    context.Post(forContext, state);
                    return true;
                default:
                    Task queued = Task.Factory.StartNew(
                        forScheduler, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach, (TaskScheduler)target);
                    _ = queued;
                    return true;
            }
        }
        catch (Exception)
        {
            return false;
        }
    }

    private static void Invoke(Action<object?> action, object? state, ExecutionContext? context)
    {
        if (context is null)
        {
            action(state);
        }
        else
        {
            ExecutionContext.Run(context, new ContextCallback(action), state);
        }
    }

    private bool TryClaim(short token)
    {
        int seen = Volatile.Read(ref word);
        while (VersionOf(seen) == token && (seen & (Claimed | Taken)) == 0)
        {
            int before = Interlocked.CompareExchange(ref word, seen | Claimed, seen);
            if (before == seen)
            {
                return true;
            }

            seen = before;
        }

        return false;
    }

    private void Complete(bool runSynchronously)
    {
        if ((Interlocked.Or(ref word, Done) & Registered) == 0)
        {
            return;
        }

        if (runSynchronously && scheduler is null)
        {
            Continue();
        }
        else
        {
            QueueContinuation();
        }
    }

    private void Continue() => Continue(Version);

    /// <summary>Runs the continuation of this use unless that was done: a context may call twice, or throw after it called.</summary>
    private void Continue(short version)
    {
        int seen = Volatile.Read(ref word);
        while (VersionOf(seen) == version && (seen & (Registered | Done | Continued)) == (Registered | Done))
        {
            Action<object?> action = continuation!;
            object? state = continuationState;
            ExecutionContext? context = executionContext;
            int before = Interlocked.CompareExchange(ref word, seen | Continued, seen);
            if (before == seen)
            {
                Invoke(action, state, context);
                return;
            }

            seen = before;
        }
    }

    /// <summary>Lets the second await of a value task go on, to find out that it is the second.</summary>
    private sealed class RefusedAwait(
        PooledValueTaskSource<T> source, Action<object?> continuation, object? state, object? scheduler, ExecutionContext? context)
            : IThreadPoolWorkItem
    {
        public void Queue() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

        public void Execute()
        {
            if (!TryCallScheduler(scheduler, static self => ((RefusedAwait)self!).Continue(), static self => ((RefusedAwait)self!).Continue(), this))
            {
                Continue();
            }
        }

        private void Continue()
        {
            refused = source;
            try
            {
                Invoke(continuation, state, context);
            }
            finally
            {
                refused = null;
            }
        }
    }
}
