using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>Gives lanes their batches, as the <see cref="Batcher"/> says: one thread that prepares the lanes and waits for frames.</summary>
/// <remarks>
/// Waking a thread costs more processor time than all else of a batch. So where a batch ends and the next one can go, the thread that learnt of the
/// end begins it (<see cref="TakeOver"/>): under load this one sleeps. It is woken only where a batch goes before it would wake up by itself.
/// With several devices each has such a thread, which begins batches there and nowhere else, beside those of the others.
/// </remarks>
/// <param name="pipeline">Answers frames that were dropped on the way.</param>
/// <param name="gate">The pipeline's gate.</param>
/// <param name="batcher">What waits.</param>
/// <param name="counters">Counts what the thread allocates.</param>
/// <param name="lanes">The lanes, not prepared.</param>
/// <param name="spinTime">How long the thread looks for work before it sleeps.</param>
internal sealed class Dispatcher(Pipeline pipeline, object gate, Batcher batcher, Counters counters, Lane[] lanes, TimeSpan spinTime)
{
    private readonly TaskCompletionSource prepared = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Thread? thread;
    private OpeningSteps? opening;

    // When the thread wakes up or looks again by itself; 0 while it is awake, or woken.
    private long sleepsUntil;
    private bool isDone;

    /// <summary>Whether no lane is given a further batch, by any thread. Guarded by the gate.</summary>
    public bool IsDone => isDone && !batcher.IsStarting;

    /// <summary>Starts the thread and returns when every lane is prepared.</summary>
    /// <param name="steps">Told of every part of it, on the thread.</param>
    /// <exception cref="Exception">What a lane threw; the thread ends then.</exception>
    public void Start(OpeningSteps steps)
    {
        opening = steps;
        thread = new Thread(Run) { IsBackground = true, Name = "YoloZeroCopy dispatcher" };

        // Without the opener's context: that would be held, and seen by listeners, for as long as the thread runs.
        thread.UnsafeStart();
        prepared.Task.GetAwaiter().GetResult();
    }

    /// <summary>Prepares the lanes on this thread, for tests with a time of their own: <see cref="DispatchOne"/> does the rest.</summary>
    public void StartDriven(OpeningSteps steps)
    {
        opening = steps;
        isDone = TryPrepare();
        prepared.Task.GetAwaiter().GetResult();
    }

    /// <summary>Wakes the thread if a batch goes, or the pipeline ends, before it would look by itself. Called with the gate held.</summary>
    public void WakeIfDue()
    {
        // Whoever starts a batch looks again behind it.
        long due = !batcher.IsOver ? batcher.GoesAt : batcher.IsStarting ? long.MaxValue : 0;
        if (due < sleepsUntil)
        {
            Volatile.Write(ref sleepsUntil, 0);
            Monitor.Pulse(gate);
        }
    }

    /// <summary>
    /// A lane of a device is done: the batch that its thread is to begin now with <see cref="Begin"/>; null where there is none, or where the
    /// dispatcher does it. Frames may have been dropped, which are to be answered. Called with the gate held.
    /// </summary>
    public LaneBatch? TakeOver(LaneDevice ended)
    {
        LaneBatch? batch = null;
        // The lane that gets it may be bound to the dispatcher's thread, although the one that has ended is not.
        if (!isDone && batcher.DeviceFor(batcher.Now, out _) is LaneDevice device && device == ended && device.Idle.Lane.StartsOnAnyThread)
        {
            batch = batcher.Fill(device, out _);
            device.IsStarting = batch is not null;
        }

        WakeIfDue();
        return batch;
    }

    /// <summary>Begins a batch that was taken over.</summary>
    public void Begin(LaneBatch batch)
    {
        LaneDevice device = batch.Device;
        Start(batch);
        lock (gate)
        {
            device.IsStarting = false;
            WakeIfDue();
        }
    }

    /// <summary>Returns when the thread has ended.</summary>
    public void Join() => thread?.Join();

    /// <summary>When a batch is to go next; the end of time for never. For tests that drive.</summary>
    public long NextAt
    {
        get
        {
            lock (gate)
            {
                return batcher.GoesAt;
            }
        }
    }

    /// <summary>Gives one batch to a lane; false when there is nothing to do. For tests that drive.</summary>
    public bool DispatchOne()
    {
        LaneBatch? batch;
        bool dropped;
        lock (gate)
        {
            if (batcher.DeviceFor(batcher.Now, out _) is not LaneDevice device)
            {
                return false;
            }

            batch = batcher.Fill(device, out dropped);
        }

        if (dropped)
        {
            pipeline.GiveResults();
        }

        if (batch is not null)
        {
            Start(batch);
        }

        return true;
    }

    private static void Start(LaneBatch batch)
    {
        try
        {
            batch.Start();
        }
        catch (Exception error)
        {
            // Whatever it is: the frames' callers must hear of it, and this thread must not die unseen.
            batch.Fault(error);
        }
    }

    private void Run()
    {
        if (!TryPrepare())
        {
            return;
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread();
        while (NextBatch() is LaneBatch batch)
        {
            LaneDevice device = batch.Device;
            Start(batch);
            long now = GC.GetAllocatedBytesForCurrentThread();
            lock (gate)
            {
                device.IsStarting = false;
                counters.ManagedBytes += now - allocated;
            }

            allocated = now;
        }

        // For whoever waits for the end.
        pipeline.GiveResults();
    }

    private bool TryPrepare()
    {
        // Not kept: what the caller of an opening gave for its progress may hold the detector, and this thread must not.
        OpeningSteps steps = opening!;
        opening = null;
        try
        {
            steps.Begin(OpeningStep.PrepareLanes, lanes.Sum(static lane => lane.Preparations));
            foreach (Lane lane in lanes)
            {
                lane.Prepare(steps);
            }
        }
        catch (Exception error)
        {
            prepared.SetException(error);
            return false;
        }

        prepared.SetResult();
        return true;
    }

    /// <summary>Waits for frames and an idle lane, and joins them; null when the pipeline ends.</summary>
    private LaneBatch? NextBatch()
    {
        bool maySpin = spinTime > TimeSpan.Zero;
        while (true)
        {
            bool dropped = false;
            LaneBatch? batch = null;
            lock (gate)
            {
                if (batcher.IsOver)
                {
                    isDone = true;
                    return null;
                }

                long now = batcher.Now;
                if (batcher.DeviceFor(now, out long goesAt) is LaneDevice device)
                {
                    batch = batcher.Fill(device, out dropped);
                    device.IsStarting = batch is not null;
                }
                else
                {
                    sleepsUntil = goesAt;
                    if (goesAt != long.MaxValue || !maySpin)
                    {
                        Sleep(goesAt - now);
                        sleepsUntil = 0;
                        maySpin = spinTime > TimeSpan.Zero;
                        continue;
                    }
                }
            }

            if (dropped)
            {
                pipeline.GiveResults();
            }

            if (batch is not null)
            {
                return batch;
            }

            if (!dropped)
            {
                maySpin = SpinUntilWoken();
            }
        }
    }

    private void Sleep(long ticks)
    {
        TimeSpan time = sleepsUntil == long.MaxValue ? Timeout.InfiniteTimeSpan : Stopwatch.GetElapsedTime(0, ticks);
        bool pulsed = Monitor.Wait(gate, time);
        _ = pulsed;
    }

    /// <summary>
    /// Looks for work without sleeping: a sleeping thread takes tens of microseconds to wake. True when woken, false when it was in vain for the
    /// whole time.
    /// </summary>
    private bool SpinUntilWoken()
    {
        long start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref sleepsUntil) != 0)
        {
            if (Stopwatch.GetElapsedTime(start) > spinTime)
            {
                return false;
            }

            Thread.SpinWait(8);
        }

        return true;
    }
}
