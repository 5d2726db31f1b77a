using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <summary>The layout of a detector on the processor.</summary>
internal sealed class CpuLayout : DetectorLayout
{
    private readonly InferenceEngine engine;
    private readonly DetectorOptions options;

    [SetsRequiredMembers]
    private CpuLayout(InferenceEngine engine, DetectorOptions options)
    {
        this.engine = engine;
        this.options = options;
        MaxBatch = Opening.MaxBatchOf(engine, options, CpuOpening.DefaultBatch);
        InputSizes = engine.InputSizes;
        LaneCount = options.Lanes == 0 ? DefaultLanes(options.Threads) : options.Lanes;
        SlotCount = Opening.SlotCountOf(options, LaneCount, MaxBatch);
        int tensorBatch = Math.Max(MaxBatch, engine.Model.FixedBatch);
        Plan = new MemoryPlan(
        [
            FramePool.Plan(SlotCount, options.SlotBytes, MemoryPlace.Host),
            Tensors(MemoryItem.Inputs, engine.Model.InputBytes),
            Tensors(MemoryItem.Outputs, engine.OutputBytes),
            .. engine.Plan([tensorBatch], LaneCount),
        ])
        {
            Lanes = LaneCount,
            MaxBatch = MaxBatch,
            Slots = SlotCount,
            SlotBytes = options.SlotBytes,
            InputSizes = SizesOf(engine, [tensorBatch], LaneCount, static sized => (long)sized.InputBytes + sized.OutputBytes),
            Budget = new MemoryBudget(null, Opening.AvailableHostBytes, options.MemoryMargin),
        };

        MemoryPlanEntry Tensors(MemoryItem item, long pictureBytes) => new(
            item, MemoryPlace.Host, LaneCount * tensorBatch * pictureBytes, MemoryEvidence.Formula,
            FormattableString.Invariant($"{LaneCount} lanes x {tensorBatch} pictures x {pictureBytes} bytes"));
    }

    /// <summary>One lane for every four threads.</summary>
    /// <remarks>
    /// The engine splits a batch between its threads, and past four of them most of their time goes by in waiting for each other; lanes share the
    /// threads, so that one frame alone still has all of them (docs/performance.md).
    /// </remarks>
    internal static int DefaultLanes(int threads) => Math.Clamp((threads == 0 ? Environment.ProcessorCount : threads) / 4, 1, 16);

    /// <summary>The layout that the options ask for or, where they allow it, the largest one that fits.</summary>
    public static CpuLayout For(InferenceEngine engine, DetectorOptions options)
    {
        CpuLayout wanted = new(engine, options);
        return options.ShrinkToFit ? Fit(wanted) : wanted;
    }

    /// <inheritdoc/>
    /// <remarks>A lane fewer; with one lane, half the batch.</remarks>
    protected override CpuLayout? Smaller() =>
        LaneCount > 1 ? new CpuLayout(engine, options with { Lanes = LaneCount - 1, MaxBatch = MaxBatch })
        : MaxBatch > 1 && engine.Model.FixedBatch == 0 ? new CpuLayout(engine, options with { Lanes = 1, MaxBatch = MaxBatch / 2 })
        : null;
}
