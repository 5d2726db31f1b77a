using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>Writes down a detector's last batches while somebody watches.</summary>
/// <remarks>A detector that nobody watches has none, and pays a look at a null for each batch. Any thread. All memory is taken beforehand.</remarks>
internal sealed class RunRecorder(int capacity)
{
    private readonly Lock sync = new();
    private readonly BatchRecord[] batches = new BatchRecord[capacity];
    private readonly StartRecord[] starts = new StartRecord[capacity];
    private readonly List<Lane> lanes = [];
    private long batchCount;
    private long startCount;
    private long startTicks;

    /// <summary>A lane was given a batch, which took since <paramref name="from"/>. It may have finished it already.</summary>
    public void OnStarted(long from)
    {
        long taken = Stopwatch.GetTimestamp() - from;
        lock (sync)
        {
            starts[startCount++ % capacity] = new StartRecord(from, taken);
            startTicks += taken;
        }
    }

    /// <summary>A lane has finished a batch, whose frames are still in it.</summary>
    public void OnDone(LaneBatch batch, in StageTimes times)
    {
        long now = Stopwatch.GetTimestamp();
        long first = long.MaxValue;
        foreach (PendingFrame frame in batch.Frames)
        {
            first = Math.Min(first, frame.SubmittedAt);
        }

        lock (sync)
        {
            int lane = lanes.IndexOf(batch.Lane);
            if (lane < 0)
            {
                lane = lanes.Count;
                lanes.Add(batch.Lane);
            }

            batches[batchCount++ % capacity] = new BatchRecord(lane, batch.Count, first, batch.Frames[0].DispatchedAt, now, times);
        }
    }

    /// <summary>The last batches that were finished, in their order.</summary>
    public BatchRecord[] Batches()
    {
        lock (sync)
        {
            return Last(batches, batchCount);
        }
    }

    /// <summary>The last times that a lane was given a batch, how many there were in all, and how long they took.</summary>
    public StartRecord[] Starts(out long count, out long ticks)
    {
        lock (sync)
        {
            count = startCount;
            ticks = startTicks;
            return Last(starts, startCount);
        }
    }

    private T[] Last<T>(T[] ring, long count)
    {
        int kept = (int)Math.Min(count, capacity);
        T[] all = new T[kept];
        for (int index = 0; index < kept; index++)
        {
            all[index] = ring[(count - kept + index) % capacity];
        }

        return all;
    }
}

/// <summary>A batch that a lane has finished. Moments are those of <see cref="Stopwatch"/>.</summary>
/// <param name="Lane">Number of the lane, in the order in which they were first seen.</param>
/// <param name="Frames">Frames in it.</param>
/// <param name="SubmittedAt">When its oldest frame was submitted.</param>
/// <param name="DispatchedAt">When the lane was chosen.</param>
/// <param name="FinishedAt">When the lane had the results.</param>
/// <param name="Times">Its times in the lane.</param>
internal readonly record struct BatchRecord(int Lane, int Frames, long SubmittedAt, long DispatchedAt, long FinishedAt, StageTimes Times);

/// <summary>The dispatcher gave a lane a batch.</summary>
internal readonly record struct StartRecord(long At, long Ticks);
