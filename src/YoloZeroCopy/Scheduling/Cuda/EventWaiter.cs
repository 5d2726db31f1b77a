using System.Collections.Concurrent;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>A thread that waits for events in the order in which they were recorded and tells each one's owner.</summary>
/// <remarks>
/// Two of them serve all lanes of a detector: one for uploads, which gives slots back early, and one for results. Waiting in order costs nothing that
/// matters: results leave in submit order anyway. A host function queued on the stream would be shorter, but none is called after an error, and a
/// frame would be lost. A wait that sleeps costs more processor time than all else of a batch, so an event that may be noticed a little later follows
/// one that is waited for anyhow.
/// </remarks>
internal sealed class EventWaiter : IDisposable
{
    private readonly ConcurrentQueue<Entry> recorded = new();
    private readonly ConcurrentQueue<Entry> followers = new();
    private readonly SemaphoreSlim available = new(0);
    private readonly CudaContext context;
    private readonly WaitMode mode;
    private readonly Thread thread;
    private int pending;

    // The first that has not passed; the waiter's thread only.
    private Entry follower;

    public EventWaiter(CudaContext context, WaitMode mode, string name)
    {
        this.context = context;
        this.mode = mode;
        thread = new Thread(Run) { IsBackground = true, Name = name };
        thread.UnsafeStart();
    }

    /// <summary>Whether every event added so far has passed.</summary>
    public bool IsIdle => Volatile.Read(ref pending) == 0;

    /// <summary>Options of the events that this mode can wait for.</summary>
    public static CudaEventOptions OptionsFor(WaitMode mode) => mode == WaitMode.Block ? CudaEventOptions.BlockingSync : CudaEventOptions.None;

    /// <summary>Waits on the calling thread for an event with <see cref="OptionsFor"/> its mode; the context is current.</summary>
    /// <exception cref="CudaException">The work before the event failed.</exception>
    /// <exception cref="ObjectDisposedException">The event is disposed or its context was reset.</exception>
    public static void WaitFor(CudaEvent passed, WaitMode mode)
    {
        if (mode == WaitMode.Block)
        {
            passed.Synchronize();
            return;
        }

        while (!passed.IsDone())
        {
            if (mode == WaitMode.Yield)
            {
                bool yielded = Thread.Yield();
                _ = yielded;
            }
            else
            {
                Thread.SpinWait(8);
            }
        }
    }

    /// <summary>
    /// Calls <paramref name="onPassed"/> on the waiter's thread when the event has passed: with null, or with the error that the device met.
    /// </summary>
    public void Add(CudaEvent passed, Action<Exception?> onPassed)
    {
        Interlocked.Increment(ref pending);
        recorded.Enqueue(new Entry(passed, onPassed));
        available.Release();
    }

    /// <summary>
    /// The same without a wait of its own: the event is looked at whenever one from <see cref="Add"/> has passed, before that one's owner hears of
    /// it. An event that the device passes before one added later is told no later than that one.
    /// </summary>
    /// <remarks>Those that follow must pass in the order of the calls.</remarks>
    public void Follow(CudaEvent passed, Action<Exception?> onPassed) => followers.Enqueue(new Entry(passed, onPassed));

    /// <summary>Ends the thread. Nothing may be waited for any more.</summary>
    public void Dispose()
    {
        recorded.Enqueue(default);
        available.Release();
        thread.Join();
        available.Dispose();
    }

    private void Run()
    {
        Exception? unusable = null;
        try
        {
            context.MakeCurrent();
        }
        catch (Exception error) when (error is CudaException or ObjectDisposedException)
        {
            unusable = error;
        }

        while (true)
        {
            available.Wait();
            bool found = recorded.TryDequeue(out Entry entry);
            if (!found || entry.OnPassed is null)
            {
                return;
            }

            Exception? error = unusable ?? Wait(entry.Passed!);

            // One caller may wait for a slot that a follower gives back, and then for a result: it is woken once.
            PooledContinuation.Hold();
            TellFollowers(error);
            Interlocked.Decrement(ref pending);
            entry.OnPassed(error);
            PooledContinuation.Release();
        }
    }

    // The queue is never peeked into: after that it would take new memory for what is added, instead of using its own again.
    private void TellFollowers(Exception? error)
    {
        while (follower.OnPassed is not null || followers.TryDequeue(out follower))
        {
            Exception? reported = error;
            if (reported is null && !HasPassed(follower.Passed!, out reported))
            {
                return;
            }

            Action<Exception?> onPassed = follower.OnPassed!;
            follower = default;
            onPassed(reported);
        }
    }

    private static bool HasPassed(CudaEvent passed, out Exception? error)
    {
        error = null;
        try
        {
            return passed.IsDone();
        }
        catch (Exception met) when (met is CudaException or ObjectDisposedException)
        {
            error = met;
            return true;
        }
    }

    private Exception? Wait(CudaEvent passed)
    {
        try
        {
            WaitFor(passed, mode);
            return null;
        }
        catch (Exception error) when (error is CudaException or ObjectDisposedException)
        {
            return error;
        }
    }

    private readonly record struct Entry(CudaEvent? Passed, Action<Exception?>? OnPassed);
}
