using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>Asks the thread pool how long work waits in it, by giving it some.</summary>
internal sealed class PoolProbe(int most)
{
    private readonly Lock sync = new();
    private readonly List<double> delays = [];
    private readonly Queue<long> waiting = [];

    /// <summary>Gives the pool one more piece of work, where not too much waits.</summary>
    public void Send(long now)
    {
        lock (sync)
        {
            if (waiting.Count == most)
            {
                return;
            }

            waiting.Enqueue(now);
        }

        ThreadPool.UnsafeQueueUserWorkItem(static probe => probe.Arrive(), this, preferLocal: false);
    }

    /// <summary>Seconds that each piece waited; what waits still counts with the time until now.</summary>
    public double[] Delays()
    {
        lock (sync)
        {
            long now = Stopwatch.GetTimestamp();
            return [.. delays, .. waiting.Select(at => (double)(now - at) / Stopwatch.Frequency)];
        }
    }

    // All pieces are alike: the one that runs first stands for the one that was sent first.
    private void Arrive()
    {
        lock (sync)
        {
            delays.Add((double)(Stopwatch.GetTimestamp() - waiting.Dequeue()) / Stopwatch.Frequency);
        }
    }
}
