using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>What the launches of an engine take, each alone, added up by kind.</summary>
/// <remarks>
/// Each is replayed many times in a graph of its own, so that no call of the host is timed. It finds its input in the device's cache, as it mostly does
/// behind the launch that wrote it; how far the sum is from a whole run shows what that is worth.
/// </remarks>
internal static class EngineProfile
{
    private const int Launches = 20;

    /// <summary>The kinds, the longest first; none where the engine does not tell its launches. On the device's thread.</summary>
    public static KernelClass[] Measure(CudaContext context, EngineLane lane, int repeats, CancellationToken stop)
    {
        if (lane.Context is not CudnnContext own)
        {
            return [];
        }

        List<(string Kind, double Microseconds)> times = [];
        foreach (CudnnStep step in own.Steps)
        {
            times.Add((step.Kind, GraphTime.Measure(context, lane.Stream, Launches, repeats, _ => step.Enqueue(), stop)));
        }

        return
        [
            .. times.GroupBy(static time => time.Kind)
                .Select(static kind => new KernelClass(kind.Key, kind.Count(), kind.Sum(static time => time.Microseconds)))
                .OrderByDescending(static kind => kind.Microseconds),
        ];
    }
}
