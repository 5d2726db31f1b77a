namespace YoloZeroCopy;

/// <summary>What opening has in common on every device: numbers left to us, and the pipeline over finished lanes.</summary>
internal static class Opening
{
    // A camera's next frame comes tens of milliseconds later, a caller's who awaits one frame at a time some microseconds: spinning is for the
    // latter.
    private static readonly TimeSpan DispatcherSpin = TimeSpan.FromMilliseconds(2);

    public static int MaxBatchOf(InferenceEngine engine, DetectorOptions options, int defaultBatch) =>
        MaxBatchOf(engine.Model, engine.AtSizes.Min(static sized => sized.MaxBatch), options, defaultBatch);

    public static int MaxBatchOf(ModelInfo model, int engineMaxBatch, DetectorOptions options, int defaultBatch)
    {
        if (options.MaxBatch > engineMaxBatch)
        {
            throw new ArgumentException(
                model.FixedBatch == 0
                    ? $"MaxBatch is {options.MaxBatch}, and model '{model.Path}' takes batches up to {engineMaxBatch}; build it for larger ones."
                    : $"MaxBatch is {options.MaxBatch}, and model '{model.Path}' is exported for batches of {model.FixedBatch}; "
                        + $"export it with a dynamic batch for more.",
                nameof(options));
        }

        return options.MaxBatch != 0 ? options.MaxBatch : model.FixedBatch != 0 ? model.FixedBatch : Math.Min(defaultBatch, engineMaxBatch);
    }

    /// <summary>Where the caller leaves it to us: slots for a batch in every lane and, behind them, for one batch more, or for one frame more than
    /// may wait.</summary>
    public static int SlotCountOf(DetectorOptions options, int laneCount, int maxBatch) =>
        options.Slots == 0 ? Math.Clamp((laneCount * maxBatch) + Math.Max(maxBatch, options.QueueCapacity + 1), 4, FramePool.MaxSlotCount)
            : options.Slots;

    public static DecodingOptions DecodingOf(DetectorOptions options) => new()
    {
        ScoreThreshold = options.ScoreThreshold,
        IouThreshold = options.IouThreshold,
        MaxDetections = options.MaxDetections,
        ClassAgnostic = options.ClassAgnostic,
        Classes = options.Classes is null ? null : [.. options.Classes],
    };

    /// <summary>What the pipeline over finished lanes is told.</summary>
    public static PipelineOptions PipelineOf(FramePool pool, Lane[] lanes, DetectorOptions options, int maxBatch, InputSizes? sizes = null) => new(
        maxBatch,
        options.MaxBatchDelay,
        options.Overflow,
        options.Overflow == OverflowPolicy.Wait ? pool.SlotCount : options.QueueCapacity == 0 ? maxBatch : options.QueueCapacity,
        options.MaxFrameAge,
        options.MaxDetections,

        // Without a device the processor is the engine's: no spinning.
        lanes[0].IsOnDevice && options.WaitMode == WaitMode.Spin ? DispatcherSpin : TimeSpan.Zero,
        options.AllowSynchronousContinuations,
        options.Warning,
        LatencyGoal: options.LatencyGoal,
        Sizes: sizes);

    /// <summary>Bytes of the host that the process may have.</summary>
    public static long AvailableHostBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Starts the pipeline of a layout, and tells of what it lacks.</summary>
    public static Pipeline Start(FramePool pool, Lane[] lanes, DetectorOptions options, DetectorLayout layout, OpeningSteps steps)
    {
        Pipeline pipeline = Start(pool, lanes, options, layout.MaxBatch, layout.InputSizes, steps);
        if (layout.Shrunk.Length > 0)
        {
            pipeline.Warnings.Say($"The detector has been opened smaller than wanted{layout.Shrunk}.");
        }

        return pipeline;
    }

    /// <summary>Starts the pipeline, which prepares the lanes. On an error lanes and pool remain the caller's.</summary>
    public static Pipeline Start(
        FramePool pool, Lane[] lanes, DetectorOptions options, int maxBatch, InputSizes sizes, OpeningSteps? steps = null) =>
        new(pool, lanes, PipelineOf(pool, lanes, options, maxBatch, sizes), steps);

    /// <summary>Undoes an opening that failed, in the opposite order.</summary>
    public static void Dispose(IEnumerable<IDisposable?> made)
    {
        foreach (IDisposable? part in made.Reverse())
        {
            part?.Dispose();
        }
    }
}
