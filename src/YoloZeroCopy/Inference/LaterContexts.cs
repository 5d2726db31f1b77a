namespace YoloZeroCopy;

/// <summary>Makes contexts of one batch size while the engine's others run: on a stream of its own, only to be captured.</summary>
/// <remarks>One thread. Disposed when what was captured is a graph, which needs nothing of it.</remarks>
internal abstract class LaterContexts : IDisposable
{
    /// <summary>
    /// Makes a context bound to tensors and to what the contexts of a stream share there. It must not be run, which would disturb those; a capture of
    /// it on the stream of this may run on the tensors' stream, also after the context is disposed, as long as that stream has another context.
    /// </summary>
    /// <param name="input">As for <see cref="InferenceEngine.CreateContext"/>.</param>
    /// <param name="output">Likewise.</param>
    /// <param name="stream">The tensors' stream, for which there is a context of a larger batch.</param>
    public abstract EngineContext CreateContext(nint input, nint output, nint stream);

    public abstract void Dispose();
}
