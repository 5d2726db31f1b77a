using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>The library's kernels on a device, each compiled by the driver when it is first asked for: a detector needs few of them.</summary>
/// <param name="context">Context to load into, which lives longer.</param>
/// <remarks>Any thread. Dispose unloads the code: nothing of it may be running or queued, and no graph may hold a kernel of it.</remarks>
internal sealed class KernelSet(CudaContext context) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, CudaModule> modules = [];
    private bool disposed;

    /// <summary>A kernel, ready to be launched and captured. Blocks up to some tenths of a second where the driver has to compile it.</summary>
    /// <exception cref="ArgumentException">There is no such kernel.</exception>
    /// <exception cref="CudaException">The driver refused it.</exception>
    /// <exception cref="ObjectDisposedException">The set or its context is disposed.</exception>
    public CudaKernel Get(string name)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (!modules.TryGetValue(name, out CudaModule? module))
            {
                module = new CudaModule(context, KernelSource.Of(name));
                modules.Add(name, module);
            }

            return module.GetKernel(name);
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            foreach (CudaModule module in modules.Values)
            {
                module.Dispose();
            }

            modules.Clear();
        }
    }
}
