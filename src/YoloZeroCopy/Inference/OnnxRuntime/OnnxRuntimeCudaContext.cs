namespace YoloZeroCopy;

/// <summary>One batch size of an <see cref="OnnxRuntimeCudaEngine"/> on one stream. It owns its session.</summary>
internal sealed class OnnxRuntimeCudaContext : EngineContext
{
    private readonly OnnxRuntimeBinding binding;
    private readonly int threadId = Environment.CurrentManagedThreadId;

    /// <summary>Takes over a binding whose input and output are bound and which this thread has warmed up.</summary>
    public OnnxRuntimeCudaContext(OnnxRuntimeBinding boundBinding, string? reason)
    {
        binding = boundBinding;
        GraphFallbackReason = reason;
    }

    /// <inheritdoc/>
    public override string? GraphFallbackReason { get; }

    /// <inheritdoc/>
    public override bool CanCapture => GraphFallbackReason is null;

    /// <inheritdoc/>
    /// <remarks>
    /// Returns when the run is queued; where there is a <see cref="GraphFallbackReason"/>, when it is done. Allocates no managed memory.
    /// </remarks>
    /// <exception cref="InvalidOperationException">This is not the thread that created the context.</exception>
    public override void Enqueue()
    {
        if (Environment.CurrentManagedThreadId != threadId)
        {
            ThrowWrongThread();
        }

        binding.Run();
    }

    public override void Dispose() => binding.Dispose();

    // The runtime would not complain: it would take memory of the device once more for that thread.
    private static void ThrowWrongThread() => throw new InvalidOperationException("A CUDA context is run by the thread that created it.");
}
