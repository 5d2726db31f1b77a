using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <summary>The layout of a detector on CUDA.</summary>
internal sealed class CudaLayout : DetectorLayout
{
    /// <summary>What CUDA keeps of a device for a process before anything is allocated. Measured on a Hopper GPU.</summary>
    public const long ContextBytes = 524L << 20;

    private readonly InferenceEngine engine;
    private readonly DetectorOptions options;
    private readonly MemoryBudget budget;

    [SetsRequiredMembers]
    private CudaLayout(InferenceEngine engine, DetectorOptions options, MemoryBudget budget)
    {
        this.engine = engine;
        this.options = options;
        this.budget = budget;
        MaxBatch = Opening.MaxBatchOf(engine, options, CudaOpening.DefaultBatch);
        LaneCount = options.Lanes == 0 ? CudaOpening.DefaultLanes : options.Lanes;
        SlotCount = Opening.SlotCountOf(options, LaneCount, MaxBatch);
        InputSizes = engine.InputSizes;
        Sizes = SizesOf(EngineAtSize.AllOf(engine, Opening.DecodingOf(options)), MaxBatch, options.SlotBytes, LaneCount);
        Buckets = [.. BatchBucket.SizesFor(MaxBatch, engine.Model.FixedBatch, engine.MinBatch)];
        Plan = new MemoryPlan(
        [
            .. SlotsOf(options, SlotCount),
            .. Sizes.Plan(LaneCount, ComputeCount),
            .. engine.Plan(Buckets.AsSpan(), ComputeCount),
            new MemoryPlanEntry(MemoryItem.Context, MemoryPlace.Device, ContextBytes, MemoryEvidence.Formula, "CUDA's own, once for a process"),
            .. ExpectedDecoders.Plan(options.ExpectedDecoders ?? []),
        ])
        {
            Lanes = LaneCount,
            MaxBatch = MaxBatch,
            Slots = SlotCount,
            SlotBytes = options.SlotBytes,
            InputSizes = SizesOf(engine, Buckets.AsSpan(), ComputeCount, static sized => (long)sized.LaneInputBytes + sized.OutputBytes),
            Budget = budget,
        };
    }

    public int ComputeCount => CudaOpening.ComputesOf(LaneCount);

    public CudaLaneSizes Sizes { get; }

    /// <summary>Sizes of the lanes' batch buckets, in rising order.</summary>
    public ImmutableArray<int> Buckets { get; }

    /// <summary>The layout that the options ask for or, where they allow it, the largest one that fits.</summary>
    /// <exception cref="ArgumentException">An option goes beyond what the engine or the device's kernels can do.</exception>
    public static CudaLayout For(InferenceEngine engine, DetectorOptions options, MemoryBudget budget)
    {
        CudaLayout wanted = new(engine, options, budget);
        return options.ShrinkToFit ? Fit(wanted) : wanted;
    }

    /// <summary>Sizes of the memory of lanes that are ready for all input sizes.</summary>
    internal static CudaLaneSizes SizesOf(ImmutableArray<EngineAtSize> sized, int maxBatch, int slotBytes, int laneCount) => new(
        maxBatch,
        Math.Max(maxBatch, sized.Max(static one => one.Engine.MinBatch)),
        FramePool.StepOf(slotBytes),
        sized.Max(static one => one.Engine.LaneInputBytes),
        sized.Max(static one => one.Engine.OutputBytes),
        sized.Max(static one => one.Decode.ScratchBytes),
        sized.Max(static one => one.Decode.ResultBytes),
        HasResultStream: laneCount > 1 && !sized[^1].Decode.RankReadsOutput,
        InputSizes: sized.Length);

    // What Auto tries takes no more of the host than page-locked memory does.
    private static IEnumerable<MemoryPlanEntry> SlotsOf(DetectorOptions options, int count)
    {
        bool isOrdinary = options.TransferMode is TransferMode.Managed or TransferMode.Pageable;
        yield return FramePool.Plan(count, options.SlotBytes, isOrdinary ? MemoryPlace.Host : MemoryPlace.Pinned);
        if (options.TransferMode == TransferMode.Managed)
        {
            yield return FramePool.Plan(count, options.SlotBytes, MemoryPlace.Device);
        }
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Two lanes fewer, which are a compute stream, as long as one can be filled while another computes; then the next smaller batch that the engine
    /// is ready for; then a single lane.
    /// </remarks>
    protected override CudaLayout? Smaller() =>
        LaneCount > 2 ? With(Math.Max(2, LaneCount - 2), MaxBatch)
        : Buckets.Length > 1 ? With(LaneCount, Buckets[^2])
        : LaneCount > 1 ? With(1, MaxBatch)
        : null;

    private CudaLayout With(int lanes, int maxBatch) => new(engine, options with { Lanes = lanes, MaxBatch = maxBatch }, budget);
}
