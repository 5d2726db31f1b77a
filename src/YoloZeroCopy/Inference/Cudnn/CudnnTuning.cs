using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Takes a second way to compute a convolution where that is faster.</summary>
/// <remarks>
/// cuDNN's heuristics propose several ways, and their first is not always the fastest: in the smallest batch, whose latency counts, and in the
/// largest, whose rate counts, the second is tried too, for those convolutions that take most of the network's time. Nothing is compiled while plans
/// are timed: a handle of cuDNN waits for the whole device when it is given back, and that would end the timing's capture.
/// </remarks>
internal sealed class CudnnTuning
{
    // Of a batch's convolutions, by the time they take, this part is tried in a second way. One takes some 40 ms of an opening on however many
    // threads.
    private const int TriedPart = 4;

    private readonly CudnnLibrary library;
    private readonly CudaContext context;
    private readonly ConvolutionShape[] shapes;
    private readonly int[] counts;
    private readonly (int Smallest, int Largest) batches;
    private readonly CudnnEffort effort;

    /// <param name="library">cuDNN.</param>
    /// <param name="context">The device's context.</param>
    /// <param name="batches">The smallest and the largest batch that the network runs in.</param>
    /// <param name="shapes">Convolutions, each once.</param>
    /// <param name="counts">How often the network has each.</param>
    /// <param name="effort">What it may take.</param>
    public CudnnTuning(
        CudnnLibrary library, CudaContext context, (int Smallest, int Largest) batches, ConvolutionShape[] shapes, int[] counts, CudnnEffort effort)
    {
        this.library = library;
        this.context = context;
        this.batches = batches;
        this.shapes = shapes;
        this.counts = counts;
        this.effort = effort;
    }

    /// <summary>Most convolutions that are tried in a second way.</summary>
    public int MostTried => shapes.Where(IsTuned).GroupBy(static shape => shape.Batch).Sum(static batch => TriedOf(batch.Count()));

    /// <summary>Puts faster plans in the place of others, which it disposes. Plans that were stored were tuned when they were made.</summary>
    /// <param name="plans">A plan of each shape.</param>
    /// <param name="onTried">Told on the calling thread how many are compiled in a second way.</param>
    /// <exception cref="CudaException">The device failed.</exception>
    public void Improve(CudnnPlan?[] plans, Action<int> onTried)
    {
        int[] fresh = [.. Enumerable.Range(0, shapes.Length).Where(i => IsTuned(shapes[i]) && !plans[i]!.IsStored)];
        Dictionary<int, float> times = Time(plans, fresh);
        int[] tried =
        [
            .. fresh.GroupBy(i => shapes[i].Batch)
                .SelectMany(batch => batch.OrderByDescending(i => times[i] * counts[i]).Take(TriedOf(batch.Count()))),
        ];
        CudnnPlan?[] second = new CudnnPlan?[shapes.Length];
        try
        {
            CudnnWork.ForEach(
                library, context, tried.Length,
                (handle, place) =>
                    second[tried[place]] = CudnnPlan.TryCompileSecond(library.Api, handle, shapes[tried[place]], effort.WorkspaceLimit),
                onTried, effort);
            foreach ((int i, float time) in Time(second, [.. tried.Where(i => second[i] is not null)]))
            {
                if (time < times[i])
                {
                    (plans[i], second[i]) = (second[i], plans[i]);
                }
            }
        }
        finally
        {
            CudnnWork.Release(context, () => CudnnPlans.DisposeAll(second));
        }
    }

    private static int TriedOf(int count) => (count + TriedPart - 1) / TriedPart;

    private bool IsTuned(ConvolutionShape shape) => shape.Batch == batches.Smallest || shape.Batch == batches.Largest;

    /// <summary>Times some of the plans; infinite where one does not run.</summary>
    private Dictionary<int, float> Time(CudnnPlan?[] plans, int[] numbers)
    {
        Dictionary<int, float> times = [];
        if (numbers.Length > 0)
        {
            CudnnWork.Run(context, () =>
            {
                using CudaStream stream = new(context);
                using CudnnHandle handle = new(library.Api);
                handle.SetStream(stream.Handle.Value);
                using PlanTimer timer = new(context, stream, shapes, numbers.Max(i => plans[i]!.WorkspaceBytes), effort.TimedLaunches);
                foreach (int i in numbers)
                {
                    times.Add(i, timer.Time(handle, shapes[i], plans[i]!));
                }
            });
        }

        return times;
    }
}
