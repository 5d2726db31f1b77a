namespace YoloZeroCopy;

/// <summary>Plans of the frame sizes seen last. One thread at a time.</summary>
internal sealed class ResamplePlanCache(int inputWidth, int inputHeight)
{
    /// <summary>Plans kept; the least recently used one goes first.</summary>
    public const int Capacity = 8;

    // Most recently used first.
    private readonly ResamplePlan?[] plans = new ResamplePlan?[Capacity];

    /// <summary>Finds the plan of a frame size, or makes it. A plan found allocates nothing.</summary>
    public ResamplePlan Get(int frameWidth, int frameHeight, int samplesPerPixel)
    {
        int index = 0;
        ResamplePlan? plan = null;
        for (; index < Capacity && plans[index] is { } candidate; index++)
        {
            if (candidate.Letterbox.FrameWidth == frameWidth && candidate.Letterbox.FrameHeight == frameHeight
                && candidate.SamplesPerPixel == samplesPerPixel)
            {
                plan = candidate;
                break;
            }
        }

        plan ??= new ResamplePlan(new Letterbox(frameWidth, frameHeight, inputWidth, inputHeight), samplesPerPixel);
        index = Math.Min(index, Capacity - 1);
        Array.Copy(plans, 0, plans, 1, index);
        plans[0] = plan;
        return plan;
    }
}
