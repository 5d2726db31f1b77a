namespace YoloZeroCopy;

/// <summary>How many lanes, frames in a batch and slots a detector has, and what that takes of memory. Immutable.</summary>
internal abstract class DetectorLayout
{
    public required int MaxBatch { get; init; }

    public required int LaneCount { get; init; }

    public required int SlotCount { get; init; }

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

    /// <summary>The next smaller one, or null.</summary>
    protected abstract DetectorLayout? Smaller();
}
