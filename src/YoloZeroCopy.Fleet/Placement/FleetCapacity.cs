namespace YoloZeroCopy;

/// <summary>How many cameras a node carries.</summary>
public static class FleetCapacity
{
    /// <summary>The part of a measured rate that cameras may ask for together, so that ages stay short when frames come at once.</summary>
    public const double UsableRate = 0.8;

    /// <summary>Cameras by memory and by rate: the smaller of both, 1 or more.</summary>
    /// <param name="plan">The memory plan of the node's detector (<see cref="YoloDetector.PlanAsync"/>), made with one stream or more.</param>
    /// <param name="budget">The node's memory.</param>
    /// <param name="framesPerSecond">What the detector does, as <c>yzc bench</c> measured it on this node with this model.</param>
    /// <param name="cameraFramesPerSecond">What each camera asks for.</param>
    /// <exception cref="ArgumentOutOfRangeException">A rate is not above 0, or not finite.</exception>
    public static int Of(MemoryPlan plan, MemoryBudget budget, double framesPerSecond, double cameraFramesPerSecond)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return Of(plan.StreamsWithin(budget).Streams ?? int.MaxValue, framesPerSecond, cameraFramesPerSecond);
    }

    internal static int Of(long byMemory, double framesPerSecond, double cameraFramesPerSecond)
    {
        ThrowIfNoRate(framesPerSecond, nameof(framesPerSecond));
        ThrowIfNoRate(cameraFramesPerSecond, nameof(cameraFramesPerSecond));
        return (int)Math.Clamp(Math.Min(byMemory, Math.Floor(framesPerSecond * UsableRate / cameraFramesPerSecond)), 1, int.MaxValue);
    }

    private static void ThrowIfNoRate(double rate, string name)
    {
        if (!(rate > 0 && double.IsFinite(rate)))
        {
            throw new ArgumentOutOfRangeException(name, rate, FormattableString.Invariant($"The rate is {rate}; it must be above 0."));
        }
    }
}
