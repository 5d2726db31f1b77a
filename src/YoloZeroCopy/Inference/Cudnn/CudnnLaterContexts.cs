namespace YoloZeroCopy;

/// <summary>Contexts of a batch size that <see cref="CudnnEngine"/> has compiled behind the frames.</summary>
/// <param name="workspace">Handle and memory of their stream, which this owns.</param>
/// <param name="create">Makes a context with that handle, for tensors and their stream.</param>
internal sealed class CudnnLaterContexts(CudnnWorkspace workspace, Func<nint, nint, nint, CudnnContext> create) : LaterContexts
{
    public override EngineContext CreateContext(nint input, nint output, nint stream) => create(input, output, stream);

    public override void Dispose() => workspace.Dispose();
}
