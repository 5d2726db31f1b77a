namespace YoloZeroCopy;

/// <summary>
/// Gives the memory of frames back: slots to their pool, and owners hear that theirs is free, on a thread of its own, since code of others is to hold
/// up neither the dispatcher nor a lane.
/// </summary>
/// <remarks>
/// Where a frame becomes free a lock may be held; here none is. The thread begins with the first frame, so that slots alone need none.
/// </remarks>
internal sealed class FrameOwners(FramePool pool, Warnings warnings)
{
    private readonly object sync = new();
    private readonly Queue<(IFrameOwner Owner, long Token)> free = new();
    private Thread? thread;
    private bool ended;
    private int held;
    private int warned;

    /// <summary>Frames that the detector has and whose owners have not heard yet.</summary>
    public int Held => Volatile.Read(ref held);

    public bool IsCurrentThread => Volatile.Read(ref thread) == Thread.CurrentThread;

    /// <summary>The detector takes a frame: <see cref="Tell"/> follows.</summary>
    public void Take()
    {
        if (Volatile.Read(ref thread) is null)
        {
            Start();
        }

        Interlocked.Increment(ref held);
    }

    /// <summary>Gives back the memory of a frame that still holds it. One thread at a time for a frame; any lock may be held.</summary>
    public void GiveBack(PendingFrame frame)
    {
        if (frame.HoldsMemory)
        {
            int slotIndex = frame.SlotIndex;
            ExternalFrame external = frame.External;
            frame.ForgetMemory();
            GiveBack(slotIndex, external);
        }
    }

    /// <summary>The same for what has not become a frame.</summary>
    public void GiveBack(int slotIndex, in ExternalFrame external)
    {
        if (external.Owner is IFrameOwner owner)
        {
            // First, so that an owner who hears of its last frame may dispose the memory.
            external.Memory?.Leave();
            Tell(owner, external.Token);
        }
        else
        {
            pool.Recycle(slotIndex);
        }
    }

    /// <summary>The frame is free. Returns at once and runs no code of others.</summary>
    public void Tell(IFrameOwner owner, long token)
    {
        lock (sync)
        {
            if (!ended)
            {
                free.Enqueue((owner, token));
                Monitor.Pulse(sync);
                return;
            }
        }

        // Submitted as the detector was disposed, and refused.
        ThreadPool.UnsafeQueueUserWorkItem(static told => told.Self.Call(told.Owner, told.Token), (Self: this, Owner: owner, Token: token),
            preferLocal: false);
    }

    /// <summary>Returns when every owner has heard, and the thread is gone.</summary>
    public void End()
    {
        Thread? running;
        lock (sync)
        {
            ended = true;
            running = thread;
            Monitor.Pulse(sync);
        }

        running?.Join();
    }

    private void Start()
    {
        lock (sync)
        {
            if (thread is null && !ended)
            {
                Thread made = new(Run) { IsBackground = true, Name = "YoloZeroCopy frame owners" };
                made.UnsafeStart();
                thread = made;
            }
        }
    }

    private void Run()
    {
        while (true)
        {
            (IFrameOwner Owner, long Token) next;
            lock (sync)
            {
                // In vain it clears what it found last, so that this thread keeps no owner, and with it perhaps the detector, while it waits.
                while (!free.TryDequeue(out next))
                {
                    if (ended)
                    {
                        return;
                    }

                    bool pulsed = Monitor.Wait(sync);
                    _ = pulsed;
                }
            }

            Call(next.Owner, next.Token);
        }
    }

    private void Call(IFrameOwner owner, long token)
    {
        try
        {
            owner.OnFrameFree(token);
        }
        catch (Exception error)
        {
            warnings.SayOnce(ref warned, "An owner of frames threw as it heard that one is free", error);
        }

        Interlocked.Decrement(ref held);
    }
}
