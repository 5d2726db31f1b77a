namespace YoloZeroCopy;

/// <summary>
/// One batch size of an <see cref="OnnxRuntimeEngine"/>. It keeps the engine's session alive, so both may be disposed in any order.
/// </summary>
internal sealed class OnnxRuntimeContext : EngineContext
{
    private readonly OnnxRuntimeBinding binding;

    /// <summary>Takes over a binding whose input and output are bound.</summary>
    public OnnxRuntimeContext(OnnxRuntimeBinding boundBinding) => binding = boundBinding;

    /// <inheritdoc/>
    /// <remarks>Returns when the output is written. Allocates no managed memory.</remarks>
    public override void Enqueue() => binding.Run();

    public override void Dispose() => binding.Dispose();
}
