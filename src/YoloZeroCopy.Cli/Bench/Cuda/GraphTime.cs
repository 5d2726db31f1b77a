using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>How long a launch takes as one of many in a graph, from node to node, as it does in a lane: launched one by one, the host's calls would
/// be timed.</summary>
internal static class GraphTime
{
    /// <summary>Median microseconds of a launch. On the device's thread.</summary>
    /// <param name="context">The device.</param>
    /// <param name="stream">The stream that <paramref name="queue"/> queues on.</param>
    /// <param name="launches">Launches in the graph.</param>
    /// <param name="repeats">Replays.</param>
    /// <param name="queue">Queues a launch; given its number.</param>
    /// <param name="stop">Ends it early.</param>
    public static double Measure(
        CudaContext context, CudaStream stream, int launches, int repeats, Action<int> queue, CancellationToken stop)
    {
        // The first launch of a kernel may load it, which no capture allows.
        queue(0);
        stream.Synchronize();
        using CudaGraph graph = Captures.Capture(stream, () =>
        {
            for (int launch = 0; launch < launches; launch++)
            {
                queue(launch);
            }
        });
        using CudaGraphExec executable = graph.Instantiate();
        using CudaEvent begin = new(context, CudaEventOptions.Timing);
        using CudaEvent end = new(context, CudaEventOptions.Timing);
        List<double> times = new(repeats);
        executable.Launch(stream);
        for (int repeat = 0; repeat < repeats && !stop.IsCancellationRequested; repeat++)
        {
            begin.Record(stream);
            executable.Launch(stream);
            end.Record(stream);
            end.Synchronize();
            times.Add(end.ElapsedSince(begin) * 1000.0 / launches);
        }

        return Statistics.Median(times);
    }
}
