using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>The compiled convolutions of a network, for the batch sizes that it runs in.</summary>
/// <remarks>One plan serves all streams. What was found goes to the cache. Immutable but for disposal, which wants the context current; any
/// thread.</remarks>
internal sealed class CudnnPlans : IDisposable
{
    private readonly Dictionary<ConvolutionShape, CudnnPlan> plans;

    private CudnnPlans(Dictionary<ConvolutionShape, CudnnPlan> plans) => this.plans = plans;

    /// <summary>Device memory that the plan which needs most works in.</summary>
    public long WorkspaceBytes => plans.Values.Max(static plan => plan.WorkspaceBytes);

    /// <summary>The plan of a shape that was among those to compile.</summary>
    public CudnnPlan this[in ConvolutionShape shape] => plans[shape];

    /// <summary>Reads or compiles plans, on threads of its own.</summary>
    /// <param name="library">cuDNN.</param>
    /// <param name="context">The device's context.</param>
    /// <param name="shapes">What to compile.</param>
    /// <param name="cache">Where plans of earlier openings lie, or null.</param>
    /// <param name="onProgress">Told on the calling thread how many of how many shapes are compiled, from 0 on; what it throws ends the work.</param>
    /// <exception cref="CudaException">The device failed.</exception>
    /// <exception cref="InferenceException">cuDNN cannot compute one of the shapes on this device.</exception>
    public static CudnnPlans Make(
        CudnnLibrary library, CudaContext context, IEnumerable<ConvolutionShape> shapes, EngineCache? cache, Action<int, int> onProgress)
    {
        Dictionary<ConvolutionShape, int> counts = shapes.CountBy(static shape => shape).ToDictionary();
        ConvolutionShape[] distinct = [.. counts.Keys];
        CudnnTuning tuning = new(library, context, distinct, [.. counts.Values]);
        int total = distinct.Length + tuning.MostTried;
        int told = 0;
        CudnnPlan?[] plans = new CudnnPlan?[distinct.Length];
        try
        {
            Tell(0);
            CudnnWork.ForEach(
                library, context, distinct.Length, (handle, i) => plans[i] = ReadOrCompile(library.Api, handle, distinct[i], cache), Tell);
            if (Array.Exists(plans, static plan => !plan!.IsStored))
            {
                tuning.Improve(plans, done => Tell(distinct.Length + done));
                Store(distinct, plans, cache);
            }

            if (told < total)
            {
                Tell(total);
            }

            return new CudnnPlans(distinct.Zip(plans).ToDictionary(static pair => pair.First, static pair => pair.Second!));
        }
        catch
        {
            CudnnWork.Release(context, () => DisposeAll(plans));
            throw;
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

    private static CudnnPlan ReadOrCompile(CudnnApi api, CudnnHandle handle, in ConvolutionShape shape, EngineCache? cache) =>
        cache?.TryRead(shape.ToString()) is byte[] json && CudnnPlan.TryRead(api, handle, shape, json) is CudnnPlan stored
            ? stored
            : CudnnPlan.Compile(api, handle, shape);

    private static void Store(ConvolutionShape[] shapes, CudnnPlan?[] plans, EngineCache? cache)
    {
        foreach ((ConvolutionShape shape, CudnnPlan? plan) in shapes.Zip(plans))
        {
            if (!plan!.IsStored && plan.ToJson() is byte[] json)
            {
                cache?.TryWrite(shape.ToString(), json);
            }
        }
    }
}
