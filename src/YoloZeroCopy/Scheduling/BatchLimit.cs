namespace YoloZeroCopy;

/// <summary>
/// How many frames a batch may have so that results come within <see cref="DetectorOptions.LatencyGoal"/>. Guarded by the pipeline's gate.
/// </summary>
/// <remarks>
/// A large batch makes a detector fast and its frames wait: for the batch before, until a lane is idle, and for their own. Of n lanes one becomes
/// idle in an nth of a batch's time. So the largest batch within the goal is that whose time, and an nth of it, are no longer than the goal: it gives
/// the highest rate at which the goal holds. Frames that may be dropped and have waited longer than that go in a batch small enough for them, down to
/// half of it: drops bound how long such frames wait. Frames that nobody drops would only wait longer behind smaller batches. For what has waited
/// longer still the goal is lost, as more frames come than that rate, and the size with the highest rate of all ends it soonest.
/// </remarks>
internal sealed class BatchLimit
{
    private readonly int maxBatch;
    private readonly int lanes;
    private readonly long goal;
    private readonly ServiceTimes times;
    private readonly long[] atMost;
    private int fastest;
    private bool isKnown;

    /// <param name="maxBatch">Largest batch.</param>
    /// <param name="lanes">Number of lanes.</param>
    /// <param name="goal">Ticks from submit to result; 0 for none.</param>
    /// <param name="times">Times of batches as measured.</param>
    public BatchLimit(int maxBatch, int lanes, long goal, ServiceTimes times)
    {
        this.maxBatch = maxBatch;
        this.lanes = lanes;
        this.goal = goal;
        this.times = times;
        atMost = new long[maxBatch + 1];
        fastest = maxBatch;
        WithinGoal = goal == 0 ? maxBatch : 1;
    }

    /// <summary>Largest batch within the goal, and at least one frame; nothing is known before the first batch.</summary>
    public int WithinGoal { get; private set; }

    /// <summary>Most frames of a batch with a frame that has waited so long, and could have been dropped for another or not.</summary>
    public int For(long waited, bool isDroppable)
    {
        if (goal == 0)
        {
            return maxBatch;
        }

        int size = WithinGoal;
        while (size > 0 && waited > goal - atMost[size])
        {
            size--;
        }

        return size == WithinGoal || (isDroppable && size > 0 && size >= WithinGoal / 2) ? size : fastest;
    }

    /// <summary>How long so many frames may wait for company on an idle lane, for the sake of the goal.</summary>
    public long Patience(int frames)
    {
        if (goal == 0)
        {
            return long.MaxValue;
        }

        long time = atMost[Math.Min(frames, WithinGoal)];
        return isKnown ? Math.Max(0, goal - time - (time / lanes)) : 0;
    }

    /// <summary>Decides anew, after a batch was measured.</summary>
    public void Update(long now)
    {
        if (goal == 0)
        {
            return;
        }

        fastest = times.Fastest(now);
        times.AtMost(atMost, now);
        isKnown = true;
        WithinGoal = 1;
        for (int size = 2; size <= maxBatch && atMost[size] <= goal - (atMost[size] / lanes); size++)
        {
            WithinGoal = size;
        }
    }
}
