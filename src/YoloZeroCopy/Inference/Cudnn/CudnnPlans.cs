using System.Collections.Concurrent;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>The compiled convolutions of a network, for the batch sizes that it runs in.</summary>
/// <remarks>
/// One plan serves all streams. What was found goes to the cache. Any thread, but one at a time compiles. Disposal wants the context current.
/// </remarks>
internal sealed class CudnnPlans : IDisposable
{
    // Kinds of parts in the cache: plans that were chosen, and those that nothing was compared with yet.
    private const string TheWay = "";
    private const string FirstWay = ", first way";

    private readonly CudnnLibrary library;
    private readonly CudaContext context;
    private readonly EngineCache? cache;
    private readonly (int Smallest, int Largest) batches;
    private readonly ConcurrentDictionary<ConvolutionShape, CudnnPlan> plans = [];

    /// <param name="library">cuDNN.</param>
    /// <param name="context">The device's context.</param>
    /// <param name="batches">The smallest and the largest batch that there will be plans for.</param>
    /// <param name="cache">Where plans of earlier openings lie, or null.</param>
    public CudnnPlans(CudnnLibrary library, CudaContext context, (int Smallest, int Largest) batches, EngineCache? cache)
    {
        this.library = library;
        this.context = context;
        this.batches = batches;
        this.cache = cache;
    }

    /// <summary>Device memory that the plan which needs most works in.</summary>
    public long WorkspaceBytes => plans.Values.Max(static plan => plan.WorkspaceBytes);

    /// <summary>The plan of a shape that was among those to compile.</summary>
    public CudnnPlan this[in ConvolutionShape shape] => plans[shape];

    /// <summary>Whether all shapes seem to be in the cache.</summary>
    public bool AreKept(IEnumerable<ConvolutionShape> shapes) => cache is not null && shapes.All(shape => cache.Has(PartOf(shape, TheWay)));

    /// <summary>Reads or compiles plans, on threads of its own. Where it throws, there are no more than before.</summary>
    /// <remarks>What is compiled when the caller cancels goes to the cache as a first way, so that programs that run shortly get there,
    /// too.</remarks>
    /// <param name="shapes">What to compile, and what was not before.</param>
    /// <param name="effort">What it may take.</param>
    /// <param name="onProgress">Told on the calling thread how many of how many shapes are compiled, from 0 on; what it throws ends the work.</param>
    /// <exception cref="CudaException">The device failed.</exception>
    /// <exception cref="InferenceException">cuDNN cannot compute one of the shapes on this device.</exception>
    public void Compile(IEnumerable<ConvolutionShape> shapes, CudnnEffort effort, Action<int, int> onProgress)
    {
        Dictionary<ConvolutionShape, int> counts = shapes.CountBy(static shape => shape).ToDictionary();
        ConvolutionShape[] distinct = [.. counts.Keys];
        CudnnTuning tuning = new(library, context, batches, distinct, [.. counts.Values], effort);
        int total = distinct.Length + tuning.MostTried;
        int told = 0;
        CudnnPlan?[] made = new CudnnPlan?[distinct.Length];
        try
        {
            Tell(0);
            CudnnWork.ForEach(
                library, context, distinct.Length, (handle, i) => made[i] = ReadOrCompile(handle, distinct[i], effort.WorkspaceLimit), Tell, effort);
            if (Array.Exists(made, static plan => !plan!.IsStored))
            {
                tuning.Improve(made, done => Tell(distinct.Length + done));
                Store(distinct, made, TheWay);
                Array.ForEach(distinct, shape => cache?.TryRemove(PartOf(shape, FirstWay)));
            }

            if (told < total)
            {
                Tell(total);
            }
        }
        catch (Exception error)
        {
            if (error is OperationCanceledException)
            {
                Store(distinct, made, FirstWay);
            }

            CudnnWork.Release(context, () => DisposeAll(made));
            throw;
        }

        foreach ((ConvolutionShape shape, CudnnPlan? plan) in distinct.Zip(made))
        {
            plans[shape] = plan!;
        }

        void Tell(int done)
        {
            told = done;
            onProgress(done, total);
        }
    }

    /// <summary>Disposes those that are there. The context is current.</summary>
    public static void DisposeAll(IEnumerable<CudnnPlan?> plans)
    {
        foreach (CudnnPlan? plan in plans)
        {
            plan?.Dispose();
        }
    }

    public void Dispose() => DisposeAll(plans.Values);

    private CudnnPlan ReadOrCompile(CudnnHandle handle, in ConvolutionShape shape, long workspaceLimit)
    {
        foreach (string way in (string[])[TheWay, FirstWay])
        {
            if (cache?.TryRead(PartOf(shape, way)) is byte[] json
                && CudnnPlan.TryRead(library.Api, handle, shape, json, isStored: way == TheWay) is CudnnPlan read)
            {
                if (read.WorkspaceBytes <= workspaceLimit)
                {
                    return read;
                }

                read.Dispose();
            }
        }

        return CudnnPlan.Compile(library.Api, handle, shape, workspaceLimit);
    }

    private void Store(ConvolutionShape[] shapes, CudnnPlan?[] made, string way)
    {
        foreach ((ConvolutionShape shape, CudnnPlan? plan) in shapes.Zip(made))
        {
            if (plan is { IsStored: false } && plan.ToJson() is byte[] json)
            {
                cache?.TryWrite(PartOf(shape, way), json);
            }
        }
    }

    private static string PartOf(in ConvolutionShape shape, string way) => $"{shape}{way}";
}
