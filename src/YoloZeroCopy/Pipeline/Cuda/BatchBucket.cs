using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>A batch size that a lane is ready for: the engine's context and, where the engine can be captured, one graph of all work from tensor to results.</summary>
internal sealed class BatchBucket(int size, EngineContext context, CudaGraphExec? graph) : IDisposable
{
    public int Size => size;

    public EngineContext Context => context;

    /// <summary>Preprocessing, engine, decoding and the copy of the results; null where each is queued by itself.</summary>
    public CudaGraphExec? Graph => graph;

    /// <summary>Sizes 1, 2, 4, 8 ... and the largest batch; a model with a fixed batch has that one only.</summary>
    public static int[] SizesFor(int maxBatch, int fixedBatch)
    {
        if (fixedBatch != 0)
        {
            return [fixedBatch];
        }

        List<int> sizes = [];
        for (int size = 1; size < maxBatch; size *= 2)
        {
            sizes.Add(size);
        }

        sizes.Add(maxBatch);
        return [.. sizes];
    }

    public void Dispose()
    {
        graph?.Dispose();
        context.Dispose();
    }
}
