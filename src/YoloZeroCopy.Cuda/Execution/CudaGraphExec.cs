namespace YoloZeroCopy.Cuda;

/// <summary>A graph that can be launched, any number of times: a recorded piece of work for the price of one call.</summary>
/// <remarks>
/// One thread at a time. The addresses in it are fixed: memory, kernels' modules and events that were captured must stay alive as long as this.
/// A launch waits, on the device, for an earlier launch of the same executable graph. Dispose may be called while it runs: the driver frees it
/// afterwards.
/// </remarks>
public sealed unsafe class CudaGraphExec : CudaHandle
{
    /// <summary>Takes ownership of an executable graph. The context is bound.</summary>
    internal CudaGraphExec(CudaContext context, CUgraphExec graph)
        : base(context) => Own(graph.Value);

    private CUgraphExec Handle => new(Live);

    /// <summary>Queues the whole graph as one piece of work. Allocates nothing; needs the context current on the thread.</summary>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ObjectDisposedException">The graph or the stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused, or earlier work failed.</exception>
    public void Launch(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ThrowIfFailed(Api.cuGraphLaunch(Handle, stream.Handle), "launching a graph");
        GC.KeepAlive(stream);
    }

    private protected override CUresult Destroy(nint native) => Api.cuGraphExecDestroy(new CUgraphExec(native));
}
