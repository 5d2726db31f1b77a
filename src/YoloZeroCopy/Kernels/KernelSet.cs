using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>The library's kernels on a device, each compiled by the driver when it is first asked for: a detector needs few of them.</summary>
/// <param name="context">Context to load into, which lives longer.</param>
/// <remarks>Any thread. Dispose unloads the code: nothing of it may be running or queued, and no graph may hold a kernel of it.</remarks>
internal sealed class KernelSet(CudaContext context) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Lazy<CudaModule>> modules = [];
    private readonly List<Task> loading = [];
    private bool disposed;

    /// <summary>Has kernels compiled on threads of their own. <see cref="Get"/> finds them ready or waits, and tells what went wrong.</summary>
    /// <exception cref="ObjectDisposedException">The set is disposed.</exception>
    public void Begin(IEnumerable<string> names)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            foreach (string name in names.Distinct())
            {
                Lazy<CudaModule> module = ModuleOf(name);
                loading.Add(Task.Factory.StartNew(
                    () => Load(module), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
            }
        }
    }

    /// <summary>A kernel, ready to be launched and captured. Blocks up to some tenths of a second where the driver has to compile it.</summary>
    /// <exception cref="ArgumentException">There is no such kernel.</exception>
    /// <exception cref="CudaException">The driver refused it.</exception>
    /// <exception cref="ObjectDisposedException">The set or its context is disposed.</exception>
    public CudaKernel Get(string name)
    {
        Lazy<CudaModule> module;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            module = ModuleOf(name);
        }

        return module.Value.GetKernel(name);
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
        }

        // Nothing is added any more.
        Task.WaitAll(loading);
        foreach (Lazy<CudaModule> module in modules.Values)
        {
            if (module.IsValueCreated)
            {
                module.Value.Dispose();
            }
        }
    }

    private static void Load(Lazy<CudaModule> module)
    {
        try
        {
            _ = module.Value;
        }
        catch (Exception)
        {
            // It is kept, and comes out of Get.
        }
    }

    // Under the gate. It is compiled outside, by whoever is first.
    private Lazy<CudaModule> ModuleOf(string name)
    {
        if (!modules.TryGetValue(name, out Lazy<CudaModule>? module))
        {
            module = new Lazy<CudaModule>(() => new CudaModule(context, KernelSource.Of(name)));
            modules.Add(name, module);
        }

        return module;
    }
}
