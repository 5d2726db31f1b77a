using System.Diagnostics;

namespace YoloZeroCopy.Server;

/// <summary>How much of a model's work is open, and how fast it is done: from both, how long a frame would wait now. Any thread.</summary>
/// <remarks>
/// The time between two results while there is work is what a frame costs the queue, whatever lanes and batches there are: frames of a batch come
/// together, and its time counts once.
/// </remarks>
internal sealed class QueueLoad
{
    private const int Memory = 16;

    private readonly Lock gate = new();
    private int open;
    private long lastDone;
    private double ticksEach;

    /// <summary>How long a frame that came now would wait.</summary>
    public TimeSpan Wait
    {
        get
        {
            lock (gate)
            {
                return Stopwatch.GetElapsedTime(0, (long)(open * ticksEach));
            }
        }
    }

    /// <summary>Takes frames in, unless the last of them would wait longer than allowed; <paramref name="wait"/> is how long the queue is.</summary>
    public bool TryEnter(int frames, TimeSpan limit, out TimeSpan wait)
    {
        lock (gate)
        {
            wait = Stopwatch.GetElapsedTime(0, (long)(open * ticksEach));
            if (wait > limit)
            {
                return false;
            }

            if (open == 0)
            {
                lastDone = Stopwatch.GetTimestamp();
            }

            open += frames;
            return true;
        }
    }

    /// <summary>Frames are done, or given up: only those that were computed say how fast it goes.</summary>
    public void Leave(int frames, int computed)
    {
        long now = Stopwatch.GetTimestamp();
        lock (gate)
        {
            open -= frames;
            for (int frame = 0; frame < computed; frame++)
            {
                double taken = now - lastDone;
                lastDone = now;
                ticksEach = ticksEach == 0 ? taken : ticksEach + ((taken - ticksEach) / Memory);
            }
        }
    }
}
