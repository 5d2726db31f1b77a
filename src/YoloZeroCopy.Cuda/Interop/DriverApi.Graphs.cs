namespace YoloZeroCopy.Cuda.Interop;

internal sealed unsafe partial class DriverApi
{
    // CUresult cuGraphDestroy(CUgraph hGraph)
    public readonly delegate* unmanaged<CUgraph, CUresult> cuGraphDestroy;

    // CUresult cuGraphGetNodes(CUgraph hGraph, CUgraphNode *nodes, size_t *numNodes)
    public readonly delegate* unmanaged<CUgraph, nint*, nuint*, CUresult> cuGraphGetNodes;

    // CUresult cuGraphInstantiateWithFlags(CUgraphExec *phGraphExec, CUgraph hGraph, unsigned long long flags)
    public readonly delegate* unmanaged<CUgraphExec*, CUgraph, ulong, CUresult> cuGraphInstantiateWithFlags;

    // CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream)
    public readonly delegate* unmanaged<CUgraphExec, CUstream, CUresult> cuGraphLaunch;

    // CUresult cuGraphExecDestroy(CUgraphExec hGraphExec)
    public readonly delegate* unmanaged<CUgraphExec, CUresult> cuGraphExecDestroy;
}
