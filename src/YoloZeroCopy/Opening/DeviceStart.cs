using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>
/// A device that gets ready on a thread of its own while the model is read: driver, context, the kernel that takes the driver longest to compile and,
/// where it is wanted, cuDNN.
/// </summary>
/// <remarks>Each takes some tenths of a second, and none needs anything of the others. Dispose waits, and disposes kernels and context.</remarks>
internal sealed class DeviceStart : IDisposable
{
    private readonly Task<DeviceParts> ready;

    /// <param name="getDevice">Looks for the device.</param>
    /// <param name="cudnn">Where cuDNN is looked for; null where it is not wanted.</param>
    public DeviceStart(Func<CudaDevice> getDevice, CudnnSearch? cudnn) => ready = Task.Factory.StartNew(
        () => Start(getDevice, cudnn), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Waits for what is ready then, which lives until this is disposed.</summary>
    /// <exception cref="CudaUnavailableException">There is no usable driver or device.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public DeviceParts Finish() => ready.GetAwaiter().GetResult();

    public void Dispose()
    {
        // What it threw is told by Finish, if anybody asks.
        _ = ((IAsyncResult)ready).AsyncWaitHandle.WaitOne();
        if (ready.Exception is null)
        {
            ready.Result.Kernels.Dispose();
            ready.Result.Context.Dispose();
        }
    }

    private static DeviceParts Start(Func<CudaDevice> getDevice, CudnnSearch? cudnn)
    {
        CudaContext context = getDevice().OpenContext();
        KernelSet kernels = new(context);
        try
        {
            // The engine's libraries and weights are in the plan, so what is free is read before they come.
            long free = (long)context.GetMemoryInfo().FreeBytes;

            // Nearly every model needs it, whatever else it does.
            kernels.Begin([DecodeKernels.SuppressName]);
            if (cudnn is not null)
            {
                Load(cudnn, context);
            }

            return new DeviceParts(context, free, kernels);
        }
        catch
        {
            kernels.Dispose();
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

/// <summary>A device that is ready.</summary>
/// <param name="Context">The device's context.</param>
/// <param name="FreeBytes">Bytes of the device that were free when there was nothing but the context.</param>
/// <param name="Kernels">Where the library's kernels come from.</param>
internal readonly record struct DeviceParts(CudaContext Context, long FreeBytes, KernelSet Kernels);
