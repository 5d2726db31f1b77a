namespace YoloZeroCopy.Cuda;

/// <summary>How a graph is made executable. Values are those of the driver.</summary>
[Flags]
public enum CudaGraphOptions
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>Frees at each launch what stream-ordered allocations in the graph still hold.</summary>
    AutoFreeOnLaunch = 1,

    /// <summary>Uses the priorities that were captured, instead of that of the stream it is launched in. Needs a driver of CUDA 11.7.</summary>
    UseNodePriority = 8,
}

/// <summary>
/// Work that a stream captured. Make it executable to launch it; after that it is not needed any more.
/// </summary>
/// <remarks>One thread at a time. Nothing here waits for the device.</remarks>
public sealed unsafe class CudaGraph : CudaHandle
{
    /// <summary>Takes ownership of a graph. The context is bound.</summary>
    internal CudaGraph(CudaContext context, CUgraph graph)
        : base(context) => Own(graph.Value);

    /// <summary>Number of nodes: 0 means that nothing was captured.</summary>
    /// <exception cref="ObjectDisposedException">The graph is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public int NodeCount
    {
        get
        {
            nuint count = 0;
            ThrowIfFailed(Api.cuGraphGetNodes(Handle, null, &count), "counting the nodes of a graph");
            return (int)count;
        }
    }

    internal CUgraph Handle => new(Live);

    /// <summary>Makes the graph executable. Takes from tens of microseconds to milliseconds. Any thread.</summary>
    /// <param name="options">How.</param>
    /// <returns>The executable graph, which the caller disposes; it does not need this one.</returns>
    /// <exception cref="ObjectDisposedException">The graph is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public CudaGraphExec Instantiate(CudaGraphOptions options = CudaGraphOptions.None)
    {
        using ContextBinding binding = Context.Bind();
        CUgraphExec made;
        ThrowIfFailed(Api.cuGraphInstantiateWithFlags(&made, Handle, (ulong)options), "making a graph executable");
        return new CudaGraphExec(Context, made);
    }

    private protected override CUresult Destroy(nint native) => Api.cuGraphDestroy(new CUgraph(native));
}
