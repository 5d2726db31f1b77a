using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Tests;

/// <summary>What the figures say, cause by cause: at its threshold, and just short of it.</summary>
public class LatencyJudgeTests
{
    // A camera of 30 frames/s on a GPU that is far from its limits.
    private static RunObservation Calm { get; } = new()
    {
        Seconds = 2,
        Lanes = 6,
        Submitted = 60,
        Completed = 60,
        MeanBatch = 1,
        MeanRented = 0.05,
        MeanHeld = 0.05,
        MeanInFlight = 0.1,
        QueueSeconds = 0.0001,
        LaneSeconds = 0.002,
        LaneUse = 0.05,
        StartShare = 0.002,
        MeanStart = 0.00005,
        PoolDelay = 0.00002,
        WakeDelay = 0.0001,
        Device = new DeviceObservation
        {
            ComputeUse = 0.05,
            CopyUse = 0.02,
            BytesPerSecond = 2e8,
            LinkBytesPerSecond = 5e10,
            SmClock = 1900,
            SmClockMax = 1980,
            DecoderUse = 0.3,
            MemoryTotal = 100,
            MemoryFree = 80,
            MemoryOfOthers = 5,
        },
    };

    [Fact]
    public void Nothing_is_said_of_what_is_well() => Assert.Empty(LatencyJudge.Causes(Calm));

    [Fact]
    public void The_thread_pool_is_named_where_its_delay_is_its_own()
    {
        Assert.Equal(LatencyCause.ThreadPoolDelay, First(Calm with { PoolDelay = 0.05, WakeDelay = 0.005 }));

        // A crowded processor delays every thread.
        Assert.Null(First(Calm with { PoolDelay = 0.05, WakeDelay = 0.02 }));

        // The collector stops every thread, and the pool's with them.
        Assert.Equal(LatencyCause.GarbageCollection, First(Calm with { PoolDelay = 0.7, WakeDelay = 0.02, GcPauseShare = 0.3 }));
        Assert.Equal(LatencyCause.ThreadPoolDelay, First(Calm with { PoolDelay = 0.7, WakeDelay = 0.02, GcPauseShare = 0.29 }));
    }

    [Fact]
    public void The_collector_is_named_by_its_share_of_the_time()
    {
        Assert.Equal(LatencyCause.GarbageCollection, First(Calm with { GcPauseShare = 0.05 }));
        Assert.Null(First(Calm with { GcPauseShare = 0.049 }));
    }

    [Fact]
    public void Memory_is_named_where_others_hold_it()
    {
        Assert.Equal(LatencyCause.DeviceMemory, First(Calm, Calm.Device! with { MemoryFree = 4, MemoryOfOthers = 60 }));
        Assert.Null(First(Calm, Calm.Device! with { MemoryFree = 4, MemoryOfOthers = 5 }));
        Assert.Null(First(Calm, Calm.Device! with { MemoryFree = 6, MemoryOfOthers = 60 }));
        Assert.Null(First(Calm, Calm.Device! with { MemoryFree = null }));
    }

    [Theory]
    [InlineData(CudaClockLimits.Idle, "idle", "nvidia-smi -lgc 1980")]
    [InlineData(CudaClockLimits.PowerCap | CudaClockLimits.Idle, "power limit", "nvidia-smi -pl")]
    [InlineData(CudaClockLimits.HardwareThermalSlowdown, "heat", "cooling")]
    public void Clocks_are_named_with_what_holds_them_down(CudaClockLimits limits, string cause, string remedy)
    {
        LatencyFinding finding = Assert.Single(LatencyJudge.Causes(Calm with { Device = Calm.Device! with { SmClock = 900, ClockLimits = limits } }));
        Assert.Equal(LatencyCause.LowClocks, finding.Cause);
        Assert.Contains(cause, finding.Evidence, StringComparison.Ordinal);
        Assert.Contains(remedy, finding.Remedy, StringComparison.Ordinal);
        Assert.Null(First(Calm, Calm.Device! with { SmClock = 1200, ClockLimits = limits }));
    }

    [Fact]
    public void Synchronisation_is_named_by_a_held_dispatcher_or_a_device_that_rests_beside_work()
    {
        Assert.Equal(LatencyCause.HiddenSynchronization, First(Calm with { StartShare = 0.3, MeanStart = 0.001 }));
        Assert.Equal(LatencyCause.HiddenSynchronization, First(Calm, Calm.Device! with { GapShare = 0.2 }));

        // An engine that asks the device how much it found, on small batches.
        Assert.Equal(LatencyCause.HiddenSynchronization, First(Calm with { StartShare = 0.93, MeanStart = 0.00015, MeanHeld = 41 }));

        // Many short starts are a busy detector.
        Assert.Null(First(Calm with { StartShare = 0.4, MeanStart = 0.00009 }));
        Assert.Null(First(Calm with { StartShare = 0.1, MeanStart = 0.01 }));
        Assert.Contains(
            "without CUDA graphs",
            LatencyJudge.Causes(Calm with { StartShare = 0.5, MeanStart = 0.01, GraphFallback = "without CUDA graphs: why" }).First().Evidence,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Copies_are_named_where_they_take_a_good_part_of_a_frame()
    {
        RunObservation copied = Calm with { HostCopies = 60 };
        Assert.Equal(LatencyCause.PageableFrames, First(copied with { MeanRented = 0.5 }));
        Assert.Null(First(copied with { MeanRented = 0.01 }));
        Assert.Null(First(Calm with { MeanRented = 0.5 }));
    }

    [Fact]
    public void The_link_is_named_where_it_is_busy()
    {
        Assert.Equal(LatencyCause.TransferBound, First(Calm, Calm.Device! with { CopyUse = 0.8 }));
        Assert.Null(First(Calm, Calm.Device! with { CopyUse = 0.79 }));
    }

    [Fact]
    public void Waiting_for_company_is_named_where_it_was_asked_for()
    {
        RunObservation waiting = Calm with { MeanWaitingBesideIdleLane = 0.3, QueueSeconds = 0.01 };
        Assert.Equal(LatencyCause.BatchWait, First(waiting with { MaxBatchDelay = TimeSpan.FromMilliseconds(20) }));
        Assert.Null(First(waiting));
        Assert.Null(First(waiting with { MaxBatchDelay = TimeSpan.FromMilliseconds(20), MeanWaitingBesideIdleLane = 0.1 }));
    }

    [Fact]
    public void A_consumer_is_named_where_it_always_holds_results_and_that_is_most_of_their_time()
    {
        Assert.Equal(LatencyCause.SlowConsumer, First(Calm with { MeanHeld = 0.8 }));
        Assert.Equal(LatencyCause.SlowConsumer, First(Calm with { MeanHeld = 126, LaneUse = 0.79 }));

        // Lanes that work all the time are not kept waiting by anybody.
        Assert.Equal([LatencyCause.EngineBound], LatencyJudge.Causes(Calm with { MeanHeld = 126, LaneUse = 1 }).Select(static one => one.Cause));
        Assert.Null(First(Calm with { MeanHeld = 0.7 }));
        Assert.Null(First(Calm with { MeanHeld = 1, LaneSeconds = 0.05 }));
    }

    [Fact]
    public void Decoders_are_named_where_lanes_have_room()
    {
        Assert.Equal(LatencyCause.DecoderBound, First(Calm, Calm.Device! with { DecoderUse = 0.9 }));
        Assert.Null(First(Calm, Calm.Device! with { DecoderUse = 0.89 }));
        Assert.Equal(LatencyCause.EngineBound, First(Calm with { LaneUse = 0.9 }, Calm.Device! with { DecoderUse = 0.95 }));
    }

    [Fact]
    public void The_engine_is_named_where_lanes_are_busy_and_what_makes_them_so_stands_before_it()
    {
        Assert.Equal(LatencyCause.EngineBound, First(Calm with { LaneUse = 0.8 }));
        Assert.Null(First(Calm with { LaneUse = 0.79 }));
        RunObservation hot = Calm with { LaneUse = 0.95, Device = Calm.Device! with { SmClock = 900, ClockLimits = CudaClockLimits.PowerCap } };
        Assert.Equal([LatencyCause.LowClocks, LatencyCause.EngineBound], LatencyJudge.Causes(hot).Select(static finding => finding.Cause));
    }

    [Fact]
    public void A_producer_is_named_below_the_rate_that_was_to_come_else_where_it_always_fills()
    {
        Assert.Equal(LatencyCause.StarvedProducer, First(Calm with { MeanRented = 0.8 }));
        Assert.Null(First(Calm with { MeanRented = 0.79 }));
        Assert.Null(First(Calm with { MeanRented = 1, ExpectedRate = 30 }));
        Assert.Equal(LatencyCause.StarvedProducer, First(Calm with { ExpectedRate = 40 }));
        Assert.Equal(LatencyCause.StarvedProducer, First(Calm with { Submitted = 0, Completed = 0 }));
    }

    [Fact]
    public void Use_of_the_device_is_that_of_its_streams_and_of_the_link()
    {
        // Two streams; uploads one behind the other, 10 MB in 1 ms; the second batch of stream 0 begins 2 ms after it could.
        TimelineSpan[] spans =
        [
            new(0, 8, 0, 1, 1, 4, Stream: 0, Bytes: 10_000_000),
            new(1, 8, 1, 2, 2, 5, Stream: 1, Bytes: 10_000_000),
            new(2, 8, 2, 3, 6, 9, Stream: 0, Bytes: 10_000_000),
            new(3, 8, 3, 4, 5, 10, Stream: 1, Bytes: 10_000_000),
        ];
        DeviceUse use = DeviceUse.Of(spans)!.Value;
        Assert.Equal(0.4, use.CopyUse, 6);
        Assert.Equal((0.6 + 0.8) / 2, use.ComputeUse, 6);
        Assert.Equal(0.1, use.GapShare, 6);
        Assert.Equal(4e9, use.BytesPerSecond, 0);
        Assert.Equal(1e10, use.LinkBytesPerSecond, 0);

        // Results that come on a stream of their own keep none busy, and hide no gap.
        TimelineSpan[] early = [.. spans.Select(static span => span with { StreamEnd = span.ComputeEnd - 0.5 })];
        use = DeviceUse.Of(early)!.Value;
        Assert.Equal((0.5 + 0.7) / 2, use.ComputeUse, 6);
        Assert.Equal((0.25 + 0.05) / 2, use.GapShare, 6);
        Assert.Null(DeviceUse.Of(spans.AsSpan(0, 2)));
    }

    private static LatencyCause? First(RunObservation observation, DeviceObservation? device = null) =>
        LatencyJudge.Causes(observation with { Device = device ?? observation.Device }).FirstOrDefault()?.Cause;
}
