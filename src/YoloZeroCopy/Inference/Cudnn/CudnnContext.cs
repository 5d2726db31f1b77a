namespace YoloZeroCopy;

/// <summary>One batch size of a <see cref="CudnnEngine"/>: its layers, bound to their tensors and their stream. It keeps the engine's plans and
/// weights.</summary>
/// <param name="onInput">The launches of a run on the input tensor, in order; none where there is no tensor.</param>
/// <param name="onPictures">Those of a run on pictures, which the first one gets; none where they cannot be read.</param>
/// <param name="release">Gives back what it was made with.</param>
internal sealed class CudnnContext(CudnnStep[] onInput, CudnnStep[] onPictures, Action release) : EngineContext
{
    private bool disposed;

    /// <summary>The launches of a run, in order, for profiles: on pictures, where they can be read.</summary>
    public ReadOnlySpan<CudnnStep> Steps => onPictures.Length != 0 ? onPictures : onInput;

    /// <summary>The first of <see cref="Steps"/> where it reads pictures, which it is given at each run; else null.</summary>
    public KernelStep? Stem => onPictures.Length != 0 ? (KernelStep)onPictures[0] : null;

    /// <inheritdoc/>
    public override bool CanCapture => true;

    /// <inheritdoc/>
    /// <remarks>Returns when the run is queued. Allocates no managed memory.</remarks>
    public override void Enqueue()
    {
        if (onInput.Length == 0)
        {
            throw new NotSupportedException("The context has no input tensor.");
        }

        foreach (CudnnStep step in onInput)
        {
            step.Enqueue();
        }
    }

    /// <inheritdoc/>
    /// <remarks>Returns when the run is queued. Allocates no managed memory.</remarks>
    public override void Enqueue(ulong pictures)
    {
        Stem!.Enqueue(pictures);
        foreach (CudnnStep step in onPictures.AsSpan(1))
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
