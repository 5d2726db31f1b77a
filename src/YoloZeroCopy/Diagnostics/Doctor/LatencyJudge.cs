using System.Globalization;

namespace YoloZeroCopy;

/// <summary>Names causes from what was measured. A function of the figures alone.</summary>
/// <remarks>
/// The order is that of cause and effect: a full thread pool makes a slow consumer, pauses and low clocks make a busy engine, so what is behind the
/// other stands first.
/// </remarks>
internal static class LatencyJudge
{
    // A continuation that waits this long for a thread is seen in every latency; less is what a busy machine does.
    private const double LongPoolDelay = 0.02;
    private const double MuchGc = 0.05;
    private const double MostlyGc = 0.3;

    // Of the device's memory.
    private const double LittleMemory = 0.05;
    private const double MuchOfOthers = 0.1;
    private const double LowClock = 0.6;

    // Of the dispatcher's time, and for one batch. A graph is started in some tens of microseconds; an engine that asks the device in between took
    // 150 for two frames on an H200.
    private const double MuchStarting = 0.3;
    private const double LongStart = 0.0001;
    private const double ManyGaps = 0.2;
    private const double BusyLink = 0.8;
    private const double BusyLanes = 0.8;
    private const double IdleLanes = 0.7;
    private const double BusyDecoder = 0.9;

    // Of a frame's whole time.
    private const double MuchOfLatency = 0.3;
    private const double MostOfLatency = 0.5;

    // On average at least so many results or slots are with the caller: one of his threads always works on one.
    private const double Always = 0.8;

    public static IEnumerable<LatencyFinding> Causes(RunObservation o)
    {
        LatencyFinding?[] found =
        [
            ThreadPool(o), Garbage(o), Memory(o), Clocks(o), Synchronization(o), Pageable(o), Transfer(o), BatchWait(o), Consumer(o), Decoder(o),
            Engine(o), Producer(o),
        ];
        return found.OfType<LatencyFinding>();
    }

    private static LatencyFinding? ThreadPool(RunObservation o)
    {
        // Where the garbage collector stops all threads for much of the time, the pool's delay says nothing of the pool.
        return o.GcPauseShare >= MostlyGc || o.PoolDelay < LongPoolDelay + (3 * o.WakeDelay) ? null : new LatencyFinding(
            LatencyCause.ThreadPoolDelay,
            Text($"work queued to the thread pool runs after {Ms(o.PoolDelay)} (median), while a thread of its own wakes {Ms(o.WakeDelay)} late"),
            "block no thread of the pool: await instead of .Result, Wait and Thread.Sleep; work that blocks on threads of its own "
                + "(TaskCreationOptions.LongRunning); ThreadPool.SetMinThreads, DetectorOptions.AllowSynchronousContinuations");
    }

    private static LatencyFinding? Garbage(RunObservation o) => o.GcPauseShare < MuchGc ? null : new LatencyFinding(
        LatencyCause.GarbageCollection,
        Text($"{o.Collections} collections stopped all threads for {o.GcPauseShare:P0} of the time, the longest for {Ms(o.LongestGcPause)}"),
        "allocate less for each frame: pooled arrays, no copies of pixels (`dotnet-trace collect --profile gc-verbose` shows who does); "
            + "<ConcurrentGarbageCollection>true, <ServerGarbageCollector>true");

    private static LatencyFinding? Memory(RunObservation o) =>
        o.Device is not { MemoryTotal: double total, MemoryFree: double free, MemoryOfOthers: double others }
            || free >= LittleMemory * total || others < MuchOfOthers * total ? null : new LatencyFinding(
            LatencyCause.DeviceMemory,
            Text($"{free / 1048576:F0} of the device's {total / 1048576:F0} MiB are free; others than this detector hold {others / 1048576:F0} MiB"),
            "`nvidia-smi` lists who holds it; another device, DetectorOptions.Device; fewer Lanes or a smaller MaxBatch");

    private static LatencyFinding? Clocks(RunObservation o)
    {
        if (o.Device is not { SmClock: double clock, SmClockMax: double best } device || clock >= LowClock * best)
        {
            return null;
        }

        string cause = DeviceFindings.ClockCause(device.ClockLimits) ?? "rest between frames: the device goes down while it is idle";
        return new LatencyFinding(
            LatencyCause.LowClocks,
            Text($"the multiprocessors ran at {clock:F0} of {best:F0} MHz because of {cause}"),
            DeviceFindings.ClockRemedy(device.ClockLimits)
                ?? Text($"`sudo nvidia-smi -lgc {best:F0}` holds them up; `sudo nvidia-smi -rgc` lets them go again"));
    }

    private static LatencyFinding? Synchronization(RunObservation o)
    {
        bool isHeld = o.StartShare >= MuchStarting && o.MeanStart >= LongStart;
        bool hasGaps = o.Device is { GapShare: >= ManyGaps };
        if (!isHeld && !hasGaps)
        {
            return null;
        }

        string gaps = hasGaps ? Text($"; the device rested for {o.Device!.GapShare:P0} of the time although a batch was there") : "";
        string graphs = o.GraphFallback is string reason ? $"; {reason}" : "";
        return new LatencyFinding(
            LatencyCause.HiddenSynchronization,
            Text($"handing a batch to its lane takes {Ms(o.MeanStart)}, {o.StartShare:P0} of the dispatcher's time{gaps}{graphs}"),
            "an engine whose runs can be captured: the one on cuDNN (DetectorOptions.CudnnPath, Precision.Auto), a TensorRT engine, or a model "
                + "exported without NMS and loops; `yzc info` says what is in the way");
    }

    private static LatencyFinding? Pageable(RunObservation o) =>
        o.HostCopies == 0 || o.HostCopies < o.Submitted / 2 || o.FillSeconds < MuchOfLatency * o.WholeSeconds ? null : new LatencyFinding(
            LatencyCause.PageableFrames,
            Text($"{o.HostCopies} of {o.Submitted} frames came in ordinary memory and were copied; filling a slot takes ")
                + Text($"{Ms(o.FillSeconds)} of a frame's {Ms(o.WholeSeconds)}"),
            "write into slots (RentAsync, slot.Span) instead of DetectAsync(pixels), or register the camera's own buffers: Register, ExternalFrame");

    private static LatencyFinding? Transfer(RunObservation o) => o.Device is not { CopyUse: >= BusyLink } device ? null : new LatencyFinding(
        LatencyCause.TransferBound,
        Text($"frames go up for {device.CopyUse:P0} of the time, {device.BytesPerSecond / 1e9:F2} of the ")
            + Text($"{device.LinkBytesPerSecond / 1e9:F2} GB/s that the link gave"),
        "smaller frames: PixelFormat.Nv12 or Bayer take half or a third of Bgr24; decode on the device (VideoDecoding.Gpu); "
            + "`yzc doctor` shows the link");

    private static LatencyFinding? BatchWait(RunObservation o) =>
        o.MaxBatchDelay == TimeSpan.Zero || o.BatchWaitSeconds < MuchOfLatency * (o.QueueSeconds + o.LaneSeconds) ? null : new LatencyFinding(
            LatencyCause.BatchWait,
            Text($"a frame waits {Ms(o.BatchWaitSeconds)} for company while a lane is idle, and is {Ms(o.LaneSeconds)} in the lane; ")
                + Text($"batches have {o.MeanBatch:F1} frames"),
            Text($"DetectorOptions.MaxBatchDelay, now {Ms(o.MaxBatchDelay.TotalSeconds)}: shorter, or zero; a smaller MaxBatch, which fills sooner"));

    // Where the lanes work all the time anyway, results that lie with the caller keep nothing back.
    private static LatencyFinding? Consumer(RunObservation o) =>
        o.LaneUse >= BusyLanes || o.MeanHeld < Always || o.HeldSeconds < MostOfLatency * o.WholeSeconds ? null : new LatencyFinding(
            LatencyCause.SlowConsumer,
            Text($"a result is taken and disposed {Ms(o.HeldSeconds)} after it is ready, of a frame's {Ms(o.WholeSeconds)}; ")
                + Text($"{o.MeanHeld:F1} are held at a time"),
            "take results on several tasks, and dispose them before slow work (ToArray keeps the detections); "
                + "submit the next frame before this one is done with");

    private static LatencyFinding? Decoder(RunObservation o) =>
        o.Device is not { DecoderUse: double use } || use < BusyDecoder || o.LaneUse >= IdleLanes ? null : new LatencyFinding(
            LatencyCause.DecoderBound,
            Text($"the device's video decoders are busy for {use:P0} of the time, the lanes for {o.LaneUse:P0}"),
            "fewer or smaller streams on this device, HEVC instead of H.264, or some decoded on the processor: VideoDecoding.Cpu");

    private static LatencyFinding? Engine(RunObservation o) => o.LaneUse < BusyLanes ? null : new LatencyFinding(
        LatencyCause.EngineBound,
        Text($"the lanes work for {o.LaneUse:P0} of the time; a batch of {o.MeanBatch:F1} takes {Ms(o.LaneSeconds)}, and a frame waits ")
            + Text($"{Ms(o.QueueSeconds)} for its turn"),
        "nothing else is in the way. For more: a smaller model or InputSize, a larger MaxBatch, Precision.Half or integers (`yzc quantize`), "
            + "another device; for fresh results: OverflowPolicy.DropOldest, MaxFrameAge");

    private static LatencyFinding? Producer(RunObservation o)
    {
        double submitted = o.Submitted / o.Seconds;
        bool isSlow = o.Submitted == 0 || (o.ExpectedRate is double wanted ? submitted < 0.95 * wanted : o.MeanRented >= Always);
        if (!isSlow || o.LaneUse >= IdleLanes || o.MeanHeld >= Math.Max(Always, o.MeanRented))
        {
            return null;
        }

        string goal = o.ExpectedRate is double rate ? Text($" of {rate:F1}") : "";
        return new LatencyFinding(
            LatencyCause.StarvedProducer,
            Text($"{submitted:F1}{goal} frames/s come, and the lanes work for {o.LaneUse:P0} of the time; a slot is filled in {Ms(o.FillSeconds)}"),
            "read and decode on more threads or on the device (VideoDecoding.Auto); write frames straight into slots. "
                + "A live camera gives no more than its rate: say it, WatchOptions.ExpectedRate, --rate");
    }

    private static string Ms(double seconds) => Text($"{seconds * 1000:F2} ms");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
