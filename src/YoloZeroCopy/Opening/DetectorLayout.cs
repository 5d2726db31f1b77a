using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>How many lanes, frames in a batch and slots a detector has, and what that takes of memory. Immutable.</summary>
internal abstract class DetectorLayout
{
    public required int MaxBatch { get; init; }

    public required int LaneCount { get; init; }

    public required int SlotCount { get; init; }

    /// <summary>Input sizes that frames may get.</summary>
    public required InputSizes InputSizes { get; init; }

    /// <summary>What is planned, with what there is.</summary>
    public required MemoryPlan Plan { get; init; }

    /// <summary>What the caller wanted and does not get, as the end of a sentence about the detector; empty where he gets it.</summary>
    public string Shrunk { get; private set; } = "";

    /// <summary>The largest layout, from this one on, that there is memory for; the smallest of all where there is none.</summary>
    public static T Fit<T>(T wanted)
        where T : DetectorLayout
    {
        T fitting = wanted;
        while (!fitting.Plan.IsWithinBudget && fitting.Smaller() is T smaller)
        {
            fitting = smaller;
        }

        if (fitting != wanted)
        {
            string wish = $"{wanted.LaneCount} and {wanted.MaxBatch}";
            fitting.Shrunk = $", {fitting.LaneCount} lanes and batches of {fitting.MaxBatch} for lack of memory instead of {wish}";
        }

        return fitting;
    }

    /// <summary>What each input size works in, of what all have together.</summary>
    /// <param name="engine">The engine, whose plan was made.</param>
    /// <param name="batches">Batch sizes that contexts are made for, in rising order.</param>
    /// <param name="streams">Sets of tensors and activations: lanes on the CPU, compute streams on CUDA.</param>
    /// <param name="tensorBytes">Bytes of a picture's tensors.</param>
    protected static ImmutableArray<MemoryPlanSize> SizesOf(
        InferenceEngine engine, ReadOnlySpan<int> batches, int streams, Func<InferenceEngine, long> tensorBytes)
    {
        ImmutableArray<InferenceEngine> sized = engine.AtSizes;
        int batch = batches[^1];
        long shared = sized.Max(one => batch * tensorBytes(one));
        bool isShared = engine.OwnBytes(batches, streams) == 0;
        long activations = isShared ? sized.Max(one => one.ActivationBytes(batch)) : sized.Sum(one => one.ActivationBytes(batch));
        List<MemoryPlanSize> sizes = [];
        foreach (InferenceEngine one in sized)
        {
            long work = (batch * tensorBytes(one)) + one.ActivationBytes(batch);
            double idle = 1 - ((double)work / (shared + activations));
            sizes.Add(new MemoryPlanSize(
                (one.Model.InputWidth, one.Model.InputHeight), streams * work, one.OwnBytes(batches, streams), Math.Max(0, idle)));
        }

        return [.. sizes];
    }

    /// <summary>The next smaller one, or null.</summary>
    protected abstract DetectorLayout? Smaller();
}
