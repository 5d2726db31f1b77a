namespace YoloZeroCopy;

/// <summary>One batch size of a <see cref="TensorRtEngine"/>, bound to its tensors, its memory and its stream. It keeps the plan open.</summary>
internal sealed class TensorRtContext : EngineContext
{
    private readonly TensorRtExecution execution;
    private readonly TensorRtDevice device;
    private readonly nint stream;
    private readonly Action returnMemory;
    private bool disposed;

    /// <summary>Takes over an execution that is bound and has run once.</summary>
    public TensorRtContext(TensorRtExecution boundExecution, TensorRtDevice runsOn, nint runsIn, string? captureRefusal, Action returnMemoryAction)
    {
        execution = boundExecution;
        device = runsOn;
        stream = runsIn;
        returnMemory = returnMemoryAction;
        GraphFallbackReason = captureRefusal;
    }

    /// <inheritdoc/>
    public override string? GraphFallbackReason { get; }

    /// <inheritdoc/>
    public override bool CanCapture => GraphFallbackReason is null;

    /// <inheritdoc/>
    /// <remarks>Returns when the run is queued. Allocates no managed memory.</remarks>
    public override void Enqueue() => execution.Enqueue(stream);

    public override void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            device.Release(execution.Dispose);
            returnMemory();
        }
    }
}
