using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>What a TensorRT engine needs of the device that it runs on. Tests have one without a GPU.</summary>
internal abstract class TensorRtDevice : IDisposable
{
    /// <summary>Name for reports.</summary>
    public abstract string Name { get; }

    /// <summary>A stream for what is asked of the engine before there are lanes.</summary>
    public abstract nint Stream { get; }

    /// <summary>Runs something where TensorRT finds the device, and leaves the calling thread's own CUDA context as it was.</summary>
    public abstract void Run(Action work);

    /// <summary>As <see cref="Run"/>, for giving things back: on a device that has faulted they are given back all the same.</summary>
    public void Release(Action work)
    {
        bool started = false;
        try
        {
            Run(() =>
            {
                started = true;
                work();
            });
        }
        catch (Exception error) when (!started && (error is CudaException or ObjectDisposedException))
        {
            work();
        }
    }

    /// <summary>Allocates device memory, aligned to 256 bytes.</summary>
    /// <exception cref="InsufficientMemoryException">The device has too little memory.</exception>
    public abstract TensorRtMemory Allocate(long bytes);

    /// <summary>Waits for a stream of the caller's, on a thread that queues work for the device.</summary>
    public abstract void Synchronize(nint stream);

    public abstract void Dispose();
}

/// <summary>Device memory that is given back by Dispose.</summary>
internal sealed class TensorRtMemory(nint address, long bytes, IDisposable owner) : IDisposable
{
    public nint Address => address;

    public long Bytes => bytes;

    public void Dispose() => owner.Dispose();
}

/// <summary>A CUDA device.</summary>
internal sealed class TensorRtCudaDevice(CudaContext context) : TensorRtDevice
{
    private readonly CudaStream stream = new(context);

    /// <inheritdoc/>
    public override string Name => $"CUDA device {context.Device.Ordinal}";

    /// <inheritdoc/>
    public override nint Stream => stream.Handle.Value;

    /// <inheritdoc/>
    public override void Run(Action work) => OwnThread.Run("YoloZeroCopy TensorRT", () =>
    {
        context.MakeCurrent();
        work();
    });

    /// <inheritdoc/>
    public override TensorRtMemory Allocate(long bytes)
    {
        try
        {
            CudaDeviceMemory memory = new(context, (nuint)bytes);
            return new TensorRtMemory((nint)memory.Address.Value, bytes, memory);
        }
        catch (CudaOutOfMemoryException error)
        {
            throw new InsufficientMemoryException(error.Message, error);
        }
    }

    /// <inheritdoc/>
    public override void Synchronize(nint waitedFor) => context.Synchronize(new CUstream(waitedFor));

    public override void Dispose() => stream.Dispose();
}
