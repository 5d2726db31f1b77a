using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Takes a second way to compute a convolution where that is faster.</summary>
/// <remarks>
/// cuDNN's heuristics propose several ways, and their first is not always the fastest: in the smallest batch, whose latency counts, and in the
/// largest, whose rate counts, the second is tried too, for those convolutions that take most of the network's time. One is timed at a time, while
/// other threads compile. Any thread with the context current; disposed when nothing is timed any more.
/// </remarks>
internal sealed class CudnnTuning : IDisposable
{
    // Of a batch's convolutions, by the time they take, this part is tried in a second way. One takes some 40 ms of an opening on however many
    // threads.
    private const int TriedPart = 4;

    private readonly CudnnLibrary library;
    private readonly CudaContext context;
    private readonly ConvolutionShape[] shapes;
    private readonly int[] counts;
    private readonly float[] times;
    private readonly (int Smallest, int Largest) batches;
    private readonly Lock gate = new();
    private CudaStream? stream;
    private PlanTimer? timer;

    /// <param name="library">cuDNN.</param>
    /// <param name="context">The device's context.</param>
    /// <param name="shapes">The convolutions, each once.</param>
    /// <param name="counts">How often the network has each.</param>
    public CudnnTuning(CudnnLibrary library, CudaContext context, ConvolutionShape[] shapes, int[] counts)
    {
        this.library = library;
        this.context = context;
        this.shapes = shapes;
        this.counts = counts;
        times = new float[shapes.Length];
        batches = (shapes.Min(static shape => shape.Batch), shapes.Max(static shape => shape.Batch));
    }

    /// <summary>Most convolutions that are tried in a second way.</summary>
    public int MostTried => shapes.Where(IsTuned).GroupBy(static shape => shape.Batch).Sum(static batch => TriedOf(batch.Count()));

    /// <summary>Times the first way of a convolution, if a second may be tried. Plans that were stored were tuned when they were made.</summary>
    /// <param name="handle">The thread's handle, which stays on the stream of the timing.</param>
    /// <param name="number">Which of the convolutions.</param>
    /// <param name="plan">The first way.</param>
    /// <exception cref="CudaException">The device failed.</exception>
    public void TimeFirst(CudnnHandle handle, int number, CudnnPlan plan)
    {
        if (IsTuned(shapes[number]) && !plan.IsStored)
        {
            times[number] = Time(handle, number, plan);
        }
    }

    /// <summary>Puts faster plans in the place of others, which it disposes.</summary>
    /// <param name="plans">A plan of each convolution, the first ways timed.</param>
    /// <param name="onTried">Told on the calling thread how many are compiled in a second way.</param>
    /// <exception cref="CudaException">The device failed.</exception>
    public void Improve(CudnnPlan?[] plans, Action<int> onTried)
    {
        int[] tried =
        [
            .. Enumerable.Range(0, shapes.Length).Where(i => IsTuned(shapes[i]) && !plans[i]!.IsStored).GroupBy(i => shapes[i].Batch)
                .SelectMany(batch => batch.OrderByDescending(i => times[i] * counts[i]).Take(TriedOf(batch.Count()))),
        ];
        CudnnWork.ForEach(library, context, tried.Length, (handle, place) => TrySecond(handle, tried[place], ref plans[tried[place]]), onTried);
    }

    public void Dispose()
    {
        timer?.Dispose();
        stream?.Dispose();
    }

    private static int TriedOf(int count) => (count + TriedPart - 1) / TriedPart;

    private bool IsTuned(ConvolutionShape shape) => shape.Batch == batches.Smallest || shape.Batch == batches.Largest;

    private void TrySecond(CudnnHandle handle, int number, ref CudnnPlan? plan)
    {
        CudnnPlan? slower = CudnnPlan.TryCompileSecond(library.Api, handle, shapes[number]);
        try
        {
            if (slower is not null && Time(handle, number, slower) < times[number])
            {
                (plan, slower) = (slower, plan);
            }
        }
        finally
        {
            slower?.Dispose();
        }
    }

    /// <summary>Milliseconds; infinite where the plan does not run.</summary>
    private float Time(CudnnHandle handle, int number, CudnnPlan plan)
    {
        lock (gate)
        {
            stream ??= new CudaStream(context);
            if (timer is null || timer.WorkspaceBytes < plan.WorkspaceBytes)
            {
                timer?.Dispose();
                timer = null;
                timer = new PlanTimer(context, stream, shapes, plan.WorkspaceBytes);
            }

            return timer.Time(handle, shapes[number], plan);
        }
    }
}
