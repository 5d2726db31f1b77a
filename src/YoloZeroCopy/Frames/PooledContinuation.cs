namespace YoloZeroCopy;

/// <summary>Work for a thread of the pool that its maker may hold back for a moment, so that what belongs together is queued together.</summary>
/// <remarks>
/// Waking a thread of the pool costs more than a frame's whole way through here. Where a batch gives several slots and results to one caller, that
/// caller is to be woken once and find them all, not once for each. Held work is listed through the objects themselves, so nothing is allocated.
/// While code of others runs nothing may be held: that code may wait for it.
/// </remarks>
internal abstract class PooledContinuation : IThreadPoolWorkItem
{
    [ThreadStatic]
    private static int holders;

    [ThreadStatic]
    private static PooledContinuation? first;

    [ThreadStatic]
    private static PooledContinuation? last;

    private PooledContinuation? next;

    /// <summary>Holds back what this thread queues until the <see cref="Release"/> of the outermost hold.</summary>
    public static void Hold() => holders++;

    public static void Release()
    {
        if (--holders == 0)
        {
            Flush();
        }
    }

    /// <summary>Queues what is held, and holds nothing until <see cref="Resume"/> is given what this returns.</summary>
    public static int Pause()
    {
        int paused = holders;
        holders = 0;
        Flush();
        return paused;
    }

    public static void Resume(int paused) => holders = paused;

    /// <summary>Queues what is held, in the order in which it came.</summary>
    public static void Flush()
    {
        while (first is PooledContinuation held)
        {
            first = held.next;
            held.next = null;
            if (first is null)
            {
                last = null;
            }

            Enqueue(held);
        }
    }

    void IThreadPoolWorkItem.Execute() => Execute();

    protected abstract void Execute();

    /// <summary>Runs no code of others.</summary>
    protected void QueueContinuation()
    {
        if (holders == 0)
        {
            Enqueue(this);
        }
        else if (last is null)
        {
            first = last = this;
        }
        else
        {
            last = last.next = this;
        }
    }

    private static void Enqueue(PooledContinuation work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
}
