namespace YoloZeroCopy;

/// <summary>Looks from time to time whether an engine's activations have grown past their plan, and says so, once for every tenth more.</summary>
/// <remarks>The timer holds the engine and not the detector, which can be collected all the same.</remarks>
internal sealed class MemoryWatch : IDisposable
{
    /// <summary>How far the plan may be off, as its own tests allow it.</summary>
    public const double Tolerance = 0.15;

    private const double NextStep = 1.1;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(30);

    private readonly Func<long?> read;
    private readonly MemoryPlanEntry planned;
    private readonly Action<string> say;
    private readonly Lock gate = new();
    private readonly Timer timer;
    private double toldAbove;
    private bool disposed;

    /// <param name="read">What the activations take now; null where nobody knows.</param>
    /// <param name="planned">What was planned for them.</param>
    /// <param name="say">Told of growth, on a thread of the pool.</param>
    public MemoryWatch(Func<long?> read, MemoryPlanEntry planned, Action<string> say)
    {
        this.read = read;
        this.planned = planned;
        this.say = say;
        toldAbove = planned.Bytes * (1 + Tolerance);
        timer = new Timer(static watch => ((MemoryWatch)watch!).Look(), this, Period, Period);
    }

    /// <summary>Looks now.</summary>
    public void Look()
    {
        long taken;
        lock (gate)
        {
            if (disposed || read() is not long bytes || bytes <= toldAbove)
            {
                return;
            }

            taken = bytes;
            toldAbove = bytes * NextStep;
        }

        say($"The engine's {planned.Name} take {MemoryPlan.Mebibytes(taken)}, and "
            + $"{MemoryPlan.Mebibytes(planned.Bytes)} were planned ({planned.Basis}). "
            + $"Fewer {nameof(DetectorOptions.Lanes)} or a smaller {nameof(DetectorOptions.MaxBatch)} need less.");
    }

    /// <summary>After it the engine is not asked any more.</summary>
    public void Dispose()
    {
        timer.Dispose();
        lock (gate)
        {
            disposed = true;
        }
    }
}
