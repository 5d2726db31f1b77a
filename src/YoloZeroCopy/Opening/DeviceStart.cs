using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A device that gets ready on a thread of its own while the model is read: driver, context and, where it is wanted, cuDNN.</summary>
/// <remarks>Each takes some tenths of a second, and neither needs anything of the other. Dispose waits, and disposes the context.</remarks>
internal sealed class DeviceStart : IDisposable
{
    private readonly Task<(CudaContext Context, long FreeBytes)> ready;

    /// <param name="getDevice">Looks for the device.</param>
    /// <param name="cudnn">Where cuDNN is looked for; null where it is not wanted.</param>
    public DeviceStart(Func<CudaDevice> getDevice, CudnnSearch? cudnn) => ready = Task.Factory.StartNew(
        () => Start(getDevice, cudnn), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Waits for the context, which lives until this is disposed, and for how much of the device was free beside it.</summary>
    /// <exception cref="CudaUnavailableException">There is no usable driver or device.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public (CudaContext Context, long FreeBytes) Finish() => ready.GetAwaiter().GetResult();

    public void Dispose()
    {
        // What it threw is told by Finish, if anybody asks.
        _ = ((IAsyncResult)ready).AsyncWaitHandle.WaitOne();
        if (ready.Exception is null)
        {
            ready.Result.Context.Dispose();
        }
    }

    private static (CudaContext Context, long FreeBytes) Start(Func<CudaDevice> getDevice, CudnnSearch? cudnn)
    {
        CudaContext context = getDevice().OpenContext();
        try
        {
            // The engine's libraries and weights are in the plan, so what is free is read before they come.
            long free = (long)context.GetMemoryInfo().FreeBytes;
            if (cudnn is not null)
            {
                Load(cudnn, context);
            }

            return (context, free);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    // With the first handle come the other libraries of cuDNN. What is wrong with them the engine tells, which makes handles, too.
    private static void Load(CudnnSearch search, CudaContext context)
    {
        try
        {
            CudnnLibrary library = CudnnLibrary.Load(search);
            context.MakeCurrent();
            new CudnnHandle(library.Api).Dispose();
        }
        catch (YoloZeroCopyException)
        {
        }
    }
}
