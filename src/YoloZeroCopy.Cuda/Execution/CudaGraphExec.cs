using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Outcome of an update of an executable graph. Values are those of the driver.</summary>
public enum CudaGraphUpdateResult
{
    /// <summary>The executable graph does what the given graph does.</summary>
    Success = 0,

    /// <summary>It failed for a reason that the status tells.</summary>
    Error = 1,

    /// <summary>The graphs have other nodes or edges.</summary>
    TopologyChanged = 2,

    /// <summary>A node is of another type.</summary>
    NodeTypeChanged = 3,

    /// <summary>A kernel is another one, which the driver cannot exchange.</summary>
    FunctionChanged = 4,

    /// <summary>Parameters changed in a way that the driver cannot exchange.</summary>
    ParametersChanged = 5,

    /// <summary>A node is of a type that cannot be updated.</summary>
    NotSupported = 6,

    /// <summary>A kernel was changed in a way that is not supported.</summary>
    UnsupportedFunctionChange = 7,

    /// <summary>Attributes of a node changed in a way that the driver cannot exchange.</summary>
    AttributesChanged = 8,
}

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

    /// <summary>Moves the graph to the device ahead of its first launch, so that this costs no more than later ones.</summary>
    /// <param name="stream">A stream of the same context; the upload is queued there.</param>
    /// <exception cref="ObjectDisposedException">The graph or the stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void Upload(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ThrowIfFailed(Api.cuGraphUpload(Handle, stream.Handle), "uploading a graph");
        GC.KeepAlive(stream);
    }

    /// <summary>
    /// Takes over the parameters of a newly captured graph with the same nodes and edges. Launches that are queued keep the old ones. Any thread.
    /// </summary>
    /// <param name="graph">The graph to take over.</param>
    /// <returns><see cref="CudaGraphUpdateResult.Success"/>, or why a fresh executable graph must be made; this one is then unchanged.</returns>
    /// <exception cref="ObjectDisposedException">A graph is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused for a reason other than a difference between the graphs.</exception>
    public CudaGraphUpdateResult TryUpdate(CudaGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        using ContextBinding binding = Context.Bind();
        CUgraphExecUpdateResultInfo info = default;
        CUresult status;
        if (Api.cuGraphExecUpdate_v2 != null)
        {
            status = Api.cuGraphExecUpdate_v2(Handle, graph.Handle, &info);
        }
        else
        {
            CudaGraphUpdateResult result = default;
            nint node;
            status = Api.cuGraphExecUpdate(Handle, graph.Handle, &node, &result);
            info.result = result;
        }

        GC.KeepAlive(graph);
        bool isDifference = status == CUresult.CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE && info.result != CudaGraphUpdateResult.Success;
        if (!isDifference)
        {
            ThrowIfFailed(status, "updating a graph", nameof(DriverApi.cuGraphExecUpdate));
        }

        return info.result;
    }

    private protected override CUresult Destroy(nint native) => Api.cuGraphExecDestroy(new CUgraphExec(native));
}
