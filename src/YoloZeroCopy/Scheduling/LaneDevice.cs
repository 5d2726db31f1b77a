using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>
/// One device of a detector as the batcher sees it: its lanes, how long batches take there, and what became of it. Guarded by the pipeline's gate.
/// </summary>
internal sealed class LaneDevice
{
    private readonly LaneBatch[] lanes;
    private readonly Queue<LaneBatch> idle;
    private readonly ServiceTimes[] times;
    private readonly BatchLimit[] limits;

    // By input size, and by the batches that were in flight on the device as one was given to it. Only where there is a choice.
    private readonly ServiceTimes[][] waits;
    private StageTimes stages;
    private long frames;
    private long batches;

    /// <param name="index">Its place among the detector's.</param>
    /// <param name="options">How to run lanes.</param>
    /// <param name="lanes">Its lanes, all idle.</param>
    /// <param name="sizeCount">Input sizes of the detector.</param>
    /// <param name="isOneOfSeveral">Whether the detector has others.</param>
    public LaneDevice(int index, in PipelineOptions options, LaneBatch[] lanes, int sizeCount, bool isOneOfSeveral)
    {
        Index = index;
        this.lanes = lanes;
        idle = new Queue<LaneBatch>(lanes);
        times = new ServiceTimes[sizeCount];
        limits = new BatchLimit[sizeCount];
        waits = new ServiceTimes[isOneOfSeveral ? sizeCount : 0][];
        for (int size = 0; size < sizeCount; size++)
        {
            times[size] = new ServiceTimes(options.MaxBatch);
            limits[size] = new BatchLimit(options.MaxBatch, lanes.Length, SourceSettings.Ticks(options.LatencyGoal), times[size]);
        }

        for (int size = 0; size < waits.Length; size++)
        {
            waits[size] = new ServiceTimes[lanes.Length];
            for (int ahead = 0; ahead < lanes.Length; ahead++)
            {
                waits[size][ahead] = new ServiceTimes(options.MaxBatch);
            }
        }

        foreach (LaneBatch lane in lanes)
        {
            lane.Device = this;
        }
    }

    public int Index { get; }

    /// <summary>The device as metrics name it.</summary>
    public string Name => lanes[0].Lane.DeviceName;

    public int LaneCount => lanes.Length;

    /// <summary>A lane of it, for what is the device's.</summary>
    public Lane AnyLane => lanes[0].Lane;

    /// <summary>Batches that its lanes work on.</summary>
    public int InFlight { get; private set; }

    /// <summary>Whether a lane waits for a batch.</summary>
    public bool HasIdleLane => idle.Count > 0;

    /// <summary>Whether a thread is about to begin a batch on it: one at a time does.</summary>
    public bool IsStarting { get; set; }

    /// <summary>The error that it cannot go on after; null while it can.</summary>
    public Exception? Fault { get; set; }

    /// <summary>Frames that were lost with it.</summary>
    public long FramesLost { get; set; }

    /// <summary>Whether it may be given a batch now.</summary>
    public bool IsReady => idle.Count > 0 && !IsStarting && Fault is null;

    /// <summary>The lane that gets the next batch.</summary>
    public LaneBatch Idle => idle.Peek();

    public ServiceTimes TimesAt(int sizeIndex) => times[sizeIndex];

    public BatchLimit LimitAt(int sizeIndex) => limits[sizeIndex];

    /// <summary>Ticks until the result of a batch that it were given now, at least, as measured lately; 0 where nothing is known.</summary>
    public long WaitFor(int sizeIndex, int batchFrames, long now)
    {
        // Of fewer batches ahead what they take at least.
        long wait = 0;
        for (int known = Math.Min(InFlight, lanes.Length - 1); known >= 0 && wait == 0; known--)
        {
            wait = waits[sizeIndex][known].AtLeast(batchFrames, now);
        }

        return wait;
    }

    /// <summary>When its next lane becomes idle, by what is measured; 0 where that is not known.</summary>
    public long NextIdleAt
    {
        get
        {
            long earliest = long.MaxValue;
            foreach (LaneBatch lane in lanes)
            {
                earliest = lane.ExpectedAt == 0 ? earliest : Math.Min(earliest, lane.ExpectedAt);
            }

            return earliest == long.MaxValue ? 0 : earliest;
        }
    }

    /// <summary>The idle lane is given its batch.</summary>
    public void Begin(LaneBatch batch, long now)
    {
        _ = idle.Dequeue();
        batch.Ahead = InFlight;
        if (waits.Length > 0)
        {
            long expected = WaitFor(batch.SizeIndex, batch.Count, now);
            batch.ExpectedAt = expected == 0 ? 0 : now + expected;
        }

        InFlight++;
        frames += batch.Count;
        batches++;
    }

    /// <summary>A lane took so long for a batch, until now.</summary>
    public void Measure(LaneBatch batch, long ticks, long now)
    {
        times[batch.SizeIndex].Add(batch.Count, ticks, now);
        limits[batch.SizeIndex].Update(now);
        if (waits.Length > 0)
        {
            waits[batch.SizeIndex][batch.Ahead].Add(batch.Count, ticks, now);
        }
    }

    public void Add(in StageTimes taken) => stages += taken;

    /// <summary>A lane is done with its batch.</summary>
    public void SetIdle(LaneBatch batch)
    {
        InFlight--;
        batch.ExpectedAt = 0;
        idle.Enqueue(batch);
    }

    public DeviceStatistics ToStatistics() => new()
    {
        Device = Name,
        Frames = frames,
        Batches = batches,
        BatchesInFlight = InFlight,
        FramesLost = FramesLost,
        Fault = Fault,
        ComputeTime = Stopwatch.GetElapsedTime(0, stages.Compute),
        UploadTime = AnyLane.IsOnDevice ? Stopwatch.GetElapsedTime(0, stages.Upload) : null,
    };
}
