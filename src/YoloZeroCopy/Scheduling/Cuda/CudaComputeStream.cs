using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>A compute stream with the engine's contexts and tensors on it, shared by two lanes.</summary>
/// <remarks>
/// While one lane's batch computes, the other's is uploaded and queued behind it, so that the device goes on without the host between. They can share
/// tensors, as all input sizes do, because the stream runs one after the other, and contexts because those are bound to tensors and stream; what a
/// batch needs for itself, frames, descriptors, candidates, results and graphs, is the lane's.
/// </remarks>
internal sealed class CudaComputeStream : IDisposable
{
    private readonly CudaDeviceMemory tensors;
    private readonly Dictionary<(EngineAtSize Sized, int Batch), EngineContext> contexts = [];

    public CudaComputeStream(CudaContext context, in CudaLaneSizes sizes)
    {
        Stream = new CudaStream(context);
        try
        {
            tensors = new CudaDeviceMemory(context, (nuint)sizes.ComputeBytes);
        }
        catch
        {
            Stream.Dispose();
            throw;
        }

        Input = sizes.InputBytes == 0 ? 0 : tensors.Address.Value;
        Output = tensors.Address.Value + (ulong)CudaLaneMemory.Align(sizes.TensorBatch * sizes.InputBytes);
    }

    public CudaStream Stream { get; }

    /// <summary>Device address; 0 where there is no input tensor, since the engine reads pictures.</summary>
    public ulong Input { get; }

    /// <summary>Device address.</summary>
    public ulong Output { get; }

    /// <summary>The context for a batch bucket, made at the first call. The dispatcher thread only.</summary>
    public EngineContext ContextFor(EngineAtSize sized, int batch)
    {
        if (!contexts.TryGetValue((sized, batch), out EngineContext? context))
        {
            if (contexts.Count == 0)
            {
                // Here and not where the memory is made: on that thread no context is current.
                Stream.Fill(tensors.Address, 0, tensors.Bytes);
            }

            context = sized.Engine.CreateContext(batch, (nint)Input, (nint)Output, Stream.Handle.Value);
            contexts.Add((sized, batch), context);
        }

        return context;
    }

    /// <summary>Called when the lanes that share it are disposed: their graphs hold the contexts' kernels.</summary>
    public void Dispose()
    {
        foreach (EngineContext context in contexts.Values)
        {
            context.Dispose();
        }

        tensors.Dispose();
        Stream.Dispose();
    }
}
