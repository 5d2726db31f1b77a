using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>
/// A batch size, at an input size, that a lane is ready for: the engine's context, which the lane borrows, and, where the engine can be captured, one
/// graph of all work from tensor to results, or two.
/// </summary>
internal sealed class BatchBucket(EngineAtSize sized, int size, EngineContext? context) : IDisposable
{
    private const int Factor = 8;

    /// <summary>The engine at the bucket's input size.</summary>
    public EngineAtSize Sized => sized;

    public int Size => size;

    /// <summary>The engine's context; may be null where there are graphs.</summary>
    public EngineContext? Context => context;

    /// <summary>Preprocessing, engine, decoding and the copy of the results; null where each is queued by itself.</summary>
    public CudaGraphExec? Graph { get; set; }

    /// <summary>The same up to the candidates, for batches whose results come on the result stream; null where none do, too.</summary>
    public CudaGraphExec? ScanGraph { get; set; }

    /// <summary>
    /// Sizes 1, 8, 64 ... and the largest batch, from the smallest that the engine takes; a model with a fixed batch has that one only.
    /// </summary>
    /// <remarks>
    /// Every bucket costs compiling at a first opening, and a context for each stream: seconds. A batch of 2 that runs as one of 8 costs the device
    /// some tenths of a millisecond at a moment when it is not busy.
    /// </remarks>
    public static int[] SizesFor(int maxBatch, int fixedBatch, int minBatch = 1)
    {
        if (fixedBatch != 0)
        {
            return [fixedBatch];
        }

        List<int> sizes = [];
        for (int size = minBatch; size < maxBatch; size *= Factor)
        {
            sizes.Add(size);
        }

        sizes.Add(Math.Max(maxBatch, minBatch));
        return [.. sizes];
    }

    /// <summary>May be called twice.</summary>
    public void Dispose()
    {
        Graph?.Dispose();
        ScanGraph?.Dispose();
        (Graph, ScanGraph) = (null, null);
    }
}
