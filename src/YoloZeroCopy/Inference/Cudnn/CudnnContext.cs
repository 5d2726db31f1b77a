namespace YoloZeroCopy;

/// <summary>One batch size of a <see cref="CudnnEngine"/>: its layers, bound to their tensors and their stream. It keeps the engine's plans and
/// weights.</summary>
/// <param name="steps">The launches of a run, in order; where there is no input, those behind the first.</param>
/// <param name="stem">What takes the first one's place where pictures are read; null where they cannot be.</param>
/// <param name="hasInput">Whether there is an input tensor.</param>
/// <param name="release">Gives back what it was made with.</param>
internal sealed class CudnnContext(CudnnStep[] steps, KernelStep? stem, bool hasInput, Action release) : EngineContext
{
    private bool disposed;

    /// <summary>The launches of a run, in order, for profiles.</summary>
    public ReadOnlySpan<CudnnStep> Steps => steps;

    /// <summary>What runs instead of the first launch where pictures are read; null where they cannot be.</summary>
    public KernelStep? Stem => stem;

    /// <inheritdoc/>
    public override bool CanCapture => true;

    /// <inheritdoc/>
    /// <remarks>Returns when the run is queued. Allocates no managed memory.</remarks>
    public override void Enqueue()
    {
        if (!hasInput)
        {
            throw new NotSupportedException("The context has no input tensor.");
        }

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
        foreach (CudnnStep step in steps.AsSpan(hasInput ? 1 : 0))
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
