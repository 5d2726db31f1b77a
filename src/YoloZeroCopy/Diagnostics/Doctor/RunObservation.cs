using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>What was measured of a running detector. Times in seconds; means of a number are over the time watched.</summary>
/// <remarks>
/// A frame's time at a place comes from Little's law: the mean number of frames there, divided by the rate. It needs no clock in a frame's way, only
/// somebody who counts now and then.
/// </remarks>
internal sealed record RunObservation
{
    public required double Seconds { get; init; }

    public required int Lanes { get; init; }

    public double? ExpectedRate { get; init; }

    public TimeSpan MaxBatchDelay { get; init; }

    public long Submitted { get; init; }

    public long Completed { get; init; }

    public long Dropped { get; init; }

    public long Failed { get; init; }

    public long HostCopies { get; init; }

    public double MeanBatch { get; init; }

    /// <summary>Slots rented and not submitted.</summary>
    public double MeanRented { get; init; }

    /// <summary>Results ready and not disposed.</summary>
    public double MeanHeld { get; init; }

    public double MeanInFlight { get; init; }

    /// <summary>Frames that waited while a lane was idle, 0 at all other times.</summary>
    public double MeanWaitingBesideIdleLane { get; init; }

    /// <summary>Time that a frame waited for a lane.</summary>
    public double QueueSeconds { get; init; }

    /// <summary>Time that a frame's batch was in a lane.</summary>
    public double LaneSeconds { get; init; }

    /// <summary>Share of the time in which a lane had a batch; on CUDA in which its compute stream worked, where that is known.</summary>
    public double LaneUse { get; init; }

    /// <summary>Share of the time that the dispatcher spent handing batches to lanes.</summary>
    public double StartShare { get; init; }

    /// <summary>Time that handing over one batch took.</summary>
    public double MeanStart { get; init; }

    public double GcPauseShare { get; init; }

    public double LongestGcPause { get; init; }

    public int Collections { get; init; }

    /// <summary>Median time until work queued to the thread pool ran.</summary>
    public double PoolDelay { get; init; }

    /// <summary>Median time that a sleeping thread woke too late: how crowded the processor is.</summary>
    public double WakeDelay { get; init; }

    public DeviceObservation? Device { get; init; }

    /// <summary>Why batches are no replays of one graph; null where they are, or where there are no graphs.</summary>
    public string? GraphFallback { get; init; }

    public double Rate => Completed / Seconds;

    public double FillSeconds => PerFrame(MeanRented, Submitted);

    public double HeldSeconds => PerFrame(MeanHeld, Completed);

    public double BatchWaitSeconds => PerFrame(MeanWaitingBesideIdleLane, Submitted);

    /// <summary>From the renting of its slot until its result is disposed.</summary>
    public double WholeSeconds => FillSeconds + QueueSeconds + LaneSeconds + HeldSeconds;

    private double PerFrame(double mean, long frames) => frames == 0 ? mean * Seconds : mean * Seconds / frames;
}

/// <summary>What was measured of the CUDA device meanwhile.</summary>
internal sealed record DeviceObservation
{
    /// <summary>Share of the recorded time in which a compute stream worked, on average over streams.</summary>
    public double ComputeUse { get; init; }

    /// <summary>Share of the recorded time in which a compute stream rested although its next batch was uploaded.</summary>
    public double GapShare { get; init; }

    /// <summary>Share of the recorded time in which frames went up.</summary>
    public double CopyUse { get; init; }

    public double BytesPerSecond { get; init; }

    /// <summary>What the link gave while a batch went up, at its best.</summary>
    public double LinkBytesPerSecond { get; init; }

    public double? SmClock { get; init; }

    public double? SmClockMax { get; init; }

    public CudaClockLimits ClockLimits { get; init; }

    public double? DecoderUse { get; init; }

    public double? MemoryTotal { get; init; }

    public double? MemoryFree { get; init; }

    /// <summary>Held by others than this detector.</summary>
    public double? MemoryOfOthers { get; init; }
}
