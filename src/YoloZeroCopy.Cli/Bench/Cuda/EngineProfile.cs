using YoloZeroCopy.Cli.Interop;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>What kinds of kernels take of an engine's time on the device.</summary>
internal static class EngineProfile
{
    private const int Launches = 20;
    private const int RecordedRuns = 10;

    /// <summary>
    /// The launches of an engine of ours, each alone, in order, but for a first one that reads pictures; none where the engine does not tell its
    /// launches.
    /// </summary>
    /// <remarks>
    /// Each is replayed many times in a graph of its own, so that no call of the host is timed. It finds its input in the device's cache, as it
    /// mostly does behind the launch that wrote it; how far the sum is from a whole run shows what that is worth. On the device's thread.
    /// </remarks>
    public static LayerTime[] Replay(CudaContext context, EngineLane lane, int repeats, CancellationToken stop)
    {
        if (lane.Context is not CudnnContext own)
        {
            return [];
        }

        List<LayerTime> times = [];
        foreach (CudnnStep step in own.Steps[(own.Stem is null ? 0 : 1)..])
        {
            double time = GraphTime.Measure(context, lane.Stream, Launches, repeats, _ => step.Enqueue(), stop);
            times.Add(new LayerTime(step.Label.Kind, step.Label.Size, time));
        }

        return [.. times];
    }

    /// <summary>Launches added up by kind, the longest first.</summary>
    public static KernelClass[] ByKind(IEnumerable<LayerTime> layers) =>
    [
        .. layers.GroupBy(static layer => layer.Kind)
            .Select(static kind => new KernelClass(kind.Key, kind.Count(), kind.Sum(static layer => layer.Microseconds)))
            .OrderByDescending(static kind => kind.Microseconds),
    ];

    /// <summary>The kernels and copies of a run of any engine by name, as CUPTI records them, the longest first. On the device's thread.</summary>
    /// <remarks>Launched one by one: a time is that of a kernel on the device, whatever is between it and the next.</remarks>
    /// <exception cref="InvalidOperationException">CUPTI is not there, or it refused.</exception>
    public static KernelClass[] Record(CudaContext context, InferenceEngine engine, int batch)
    {
        Cupti cupti = Cupti.Load();
        using EngineLane lane = new(context, engine, batch, useGraph: false);
        IReadOnlyList<KernelRecord> records = cupti.Record(() =>
        {
            for (int run = 0; run < RecordedRuns; run++)
            {
                lane.Launch();
            }

            lane.Stream.Synchronize();
        });
        return
        [
            .. records.GroupBy(static record => record.Name)
                .Select(static same => new KernelClass(
                    same.Key, (double)same.Count() / RecordedRuns, same.Sum(static record => record.Microseconds) / RecordedRuns))
                .OrderByDescending(static kernel => kernel.Microseconds),
        ];
    }

    /// <summary>Kernels by name, added up by what their names say.</summary>
    public static KernelClass[] ByKind(IEnumerable<KernelClass> kernels) =>
    [
        .. kernels.GroupBy(static kernel => KernelKinds.Of(kernel.Name))
            .Select(static kind => new KernelClass(
                kind.Key, kind.Sum(static kernel => kernel.Launches), kind.Sum(static kernel => kernel.Microseconds)))
            .OrderByDescending(static kind => kind.Microseconds),
    ];
}
