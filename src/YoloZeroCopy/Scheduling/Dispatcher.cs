using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>The thread that prepares the lanes and then gives them batches, as the <see cref="Batcher"/> says.</summary>
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
    private int wakeUps;

    /// <summary>Whether it gives lanes no further batch. Guarded by the gate.</summary>
    public bool IsDone { get; private set; }

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
        IsDone = TryPrepare();
        prepared.Task.GetAwaiter().GetResult();
    }

    /// <summary>
    /// There may be something to do: a thread woken for nothing costs more than a frame's whole way through here. Called with the gate held.
    /// </summary>
    public void Wake()
    {
        wakeUps++;
        Monitor.Pulse(gate);
    }

    /// <summary>Returns when the thread has ended.</summary>
    public void Join() => thread?.Join();

    /// <summary>Gives one batch to a lane; false when there is nothing to do. For tests that drive.</summary>
    public bool DispatchOne()
    {
        LaneBatch? batch;
        bool dropped;
        lock (gate)
        {
            if (!batcher.HasWork)
            {
                return false;
            }

            batch = batcher.Fill(out dropped);
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
            Start(batch);
            long now = GC.GetAllocatedBytesForCurrentThread();
            lock (gate)
            {
                counters.ManagedBytes += now - allocated;
            }

            allocated = now;
        }

        lock (gate)
        {
            IsDone = true;
        }

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
        bool maySleep = spinTime == TimeSpan.Zero;
        while (true)
        {
            bool hasWork;
            bool dropped = false;
            int seenWakeUps;
            LaneBatch? batch = null;
            lock (gate)
            {
                seenWakeUps = wakeUps;
                if (batcher.IsOver)
                {
                    return null;
                }

                hasWork = batcher.HasWork;
                TimeSpan left = hasWork ? batcher.DelayLeft : Timeout.InfiniteTimeSpan;
                if (hasWork ? left > TimeSpan.Zero : maySleep)
                {
                    bool pulsed = Monitor.Wait(gate, left);
                    _ = pulsed;
                    maySleep = spinTime == TimeSpan.Zero;
                    continue;
                }

                if (hasWork)
                {
                    batch = batcher.Fill(out dropped);
                }
            }

            if (!hasWork)
            {
                maySleep = !SpinUntilWoken(seenWakeUps);
                continue;
            }

            if (dropped)
            {
                pipeline.GiveResults();
            }

            if (batch is not null)
            {
                return batch;
            }
        }
    }

    /// <summary>
    /// Looks for work without sleeping: a sleeping thread takes tens of microseconds to wake. True when woken, false when it was in vain for the
    /// whole time.
    /// </summary>
    private bool SpinUntilWoken(int seenWakeUps)
    {
        long start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref wakeUps) == seenWakeUps)
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
