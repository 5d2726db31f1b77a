namespace YoloZeroCopy;

/// <summary>Gives finished frames to their callers, in the order of <see cref="ResultOrder"/>, by one thread at a time.</summary>
/// <param name="gate">The pipeline's gate.</param>
/// <param name="order">Whose turn it is.</param>
/// <param name="counters">Counts what was given.</param>
/// <param name="foreign">Runs what callers and listeners do with it.</param>
/// <param name="clock">Time of results.</param>
/// <param name="onEmpty">Called with the gate held when there is nothing to give; runs no code of others.</param>
internal sealed class ResultDelivery(
    object gate, ResultOrder order, Counters counters, ForeignCode foreign, TimeProvider clock, Action onEmpty)
{
    // Other threads may finish frames for as long as this one gives them.
    private const int MostHeld = 32;

    private int thread;

    /// <summary>Whether a thread is at it. Guarded by the gate.</summary>
    public bool IsBusy { get; private set; }

    /// <summary>Whether that thread is this one: code of others that a result runs.</summary>
    public bool IsOnThisThread
    {
        get
        {
            lock (gate)
            {
                return IsBusy && thread == Environment.CurrentManagedThreadId;
            }
        }
    }

    /// <summary>
    /// Answers finished frames from the heads of the order lists. Whoever finds another thread at it leaves the rest to that thread, which looks
    /// again under the gate.
    /// </summary>
    public void Run()
    {
        PooledContinuation.Hold();
        Give();
        PooledContinuation.Release();
    }

    private void Give()
    {
        bool entered = false;
        int held = 0;
        while (true)
        {
            PendingFrame frame;
            bool answer;
            lock (gate)
            {
                if (!entered && IsBusy)
                {
                    return;
                }

                if (!order.HasResult)
                {
                    IsBusy = false;
                    onEmpty();
                    return;
                }

                IsBusy = entered = true;
                thread = Environment.CurrentManagedThreadId;
                frame = order.Take();
                answer = !frame.IsAnswered;
                frame.IsAnswered = true;
                if (answer)
                {
                    Count(frame);
                }
            }

            if (answer)
            {
                foreign.Answer(frame);
                if (++held % MostHeld == 0)
                {
                    PooledContinuation.Flush();
                }
            }

            frame.ReleaseHolder();
        }
    }

    private void Count(PendingFrame frame)
    {
        if (frame.Queue.Record is SourceRecord record)
        {
            GiveAt(clock.GetTimestamp(), frame);
            record.Count(frame);
        }

        counters.Frames.Count(frame);
    }

    // A result may have waited for an earlier one of its source that another lane took longer for.
    private static void GiveAt(long now, PendingFrame frame)
    {
        frame.GivenAt = now;
        if (frame.Status == FrameStatus.Completed && frame.Queue.Settings.DropsAgedResults && frame.IsTooOld(now))
        {
            frame.Status = FrameStatus.DroppedTooOld;
        }
    }
}
