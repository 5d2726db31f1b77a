namespace YoloZeroCopy;

/// <summary>One batch size of a <see cref="CudnnEngine"/>: its layers, bound to their tensors and their stream. It keeps the engine's plans and
/// weights.</summary>
internal sealed class CudnnContext(CudnnStep[] steps, StemStep? stem, Action release) : EngineContext
{
    private bool disposed;

    /// <summary>The launches of a run, in order, for profiles.</summary>
    public ReadOnlySpan<CudnnStep> Steps => steps;

    /// <summary>What runs instead of the first of <see cref="Steps"/> where pictures are read; null where they cannot be.</summary>
    public StemStep? Stem => stem;

    /// <inheritdoc/>
    public override bool CanCapture => true;

    /// <inheritdoc/>
    /// <remarks>Returns when the run is queued. Allocates no managed memory.</remarks>
    public override void Enqueue()
    {
        foreach (CudnnStep step in steps)
        {
            step.Enqueue();
        }
    }

    /// <inheritdoc/>
    /// <remarks>Returns when the run is queued. Allocates no managed memory.</remarks>
    public override void Enqueue(ulong pictures)
    {
        stem!.Enqueue(pictures);
        foreach (CudnnStep step in steps.AsSpan(1))
        {
            step.Enqueue();
        }
    }

    public override void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            release();
        }
    }
}
