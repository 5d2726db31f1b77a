namespace YoloZeroCopy.Tests;

/// <summary>A pipeline over fake lanes, with small slots.</summary>
internal sealed class PipelineHarness : IAsyncDisposable
{
    public static readonly FrameFormat Format = new(PixelFormat.Gray8, 8, 2);

    private int number;

    public PipelineHarness(
        FakeLane[] lanes,
        int slots = 4,
        int maxBatch = 2,
        OverflowPolicy overflow = OverflowPolicy.Wait,
        int queueCapacity = 0,
        TimeSpan maxFrameAge = default,
        TimeSpan maxBatchDelay = default,
        TimeSpan spinTime = default,
        bool allowSynchronousContinuations = false,
        Action<string>? warning = null,
        TimeProvider? clock = null,
        int slotBytes = 0,
        TimeSpan latencyGoal = default,
        InputSizes? sizes = null)
    {
        Lanes = lanes;
        Pool = new FramePool(slots, slotBytes == 0 ? Format.ByteCount : slotBytes);
        Pipeline = new Pipeline(
            Pool, lanes, new PipelineOptions(
                maxBatch, maxBatchDelay, overflow, queueCapacity == 0 ? slots : queueCapacity, maxFrameAge, MaxDetections: 4, spinTime,
                allowSynchronousContinuations, warning, clock, IsDriven: clock is not null, latencyGoal, sizes));
    }

    public FakeLane[] Lanes { get; }

    public FramePool Pool { get; }

    public Pipeline Pipeline { get; }

    public ValueTask<DetectionResult> Submit(
        int source = 0, long capturedAt = 0, FrameFormat? format = null, CancellationToken cancellationToken = default)
    {
        Assert.True(TrySubmit(out ValueTask<DetectionResult> result, source, capturedAt, format, cancellationToken));
        return result;
    }

    /// <summary>Submits a frame, if a slot is free for it.</summary>
    public bool TrySubmit(
        out ValueTask<DetectionResult> result, int source = 0, long capturedAt = 0, FrameFormat? format = null,
        CancellationToken cancellationToken = default)
    {
        if (!Pool.TryRent(format ?? Format, out FrameSlot slot))
        {
            result = default;
            return false;
        }

        FakeLane.Stamp(slot, number++);
        result = Pipeline.Submit(slot, source, capturedAt, cancellationToken);
        return true;
    }

    /// <summary>A detector over the pipeline, which it owns, and these parts.</summary>
    public YoloDetector Detector(params IDisposable[] parts) => Detector(name: null, parts);

    public YoloDetector Detector(string? name, params IDisposable[] parts) =>
        new(Pipeline, null, parts, new FakeCudaEngine().Model, name, "fake", "fake lanes", new MemoryPlan());

    public async ValueTask DisposeAsync()
    {
        await Pipeline.DisposeAsync();
        Pool.Dispose();
    }
}
