using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>The engine alone on CUDA: as many contexts as the detector has lanes, of its largest batch, each on a stream of its own and run back to
/// back.</summary>
/// <remarks>One thread queues the lanes in turn. Each has one run waiting behind the one that computes, so that none ever idles for the
/// host.</remarks>
internal sealed class CudaEngineBenchmark : IEngineBenchmark
{
    private const int Depth = 2;

    private readonly DeviceThread thread;
    private readonly List<EngineLane> lanes = [];
    private readonly List<CudaEvent> passed = [];
    private readonly int batch;

    public CudaEngineBenchmark(BenchDevice device, InferenceEngine engine, int maxBatch, int laneCount)
    {
        thread = device.Thread;
        batch = engine.Model.FixedBatch == 0 ? maxBatch : engine.Model.FixedBatch;
        try
        {
            thread.Run(() =>
            {
                for (int number = 0; number < laneCount; number++)
                {
                    lanes.Add(new EngineLane(device.Context, engine, batch));
                }

                for (int number = 0; number < laneCount * Depth; number++)
                {
                    passed.Add(new CudaEvent(device.Context, CudaEventOptions.BlockingSync));
                }
            });
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public EngineSlice Run(TimeSpan duration, CancellationToken stop) => thread.Run(() => RunHere(duration, stop));

    public void Dispose() => thread.Run(() =>
    {
        passed.ForEach(static item => item.Dispose());
        lanes.ForEach(static lane => lane.Dispose());
        passed.Clear();
        lanes.Clear();
    });

    private EngineSlice RunHere(TimeSpan duration, CancellationToken stop)
    {
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        int inFlight = passed.Count;
        long queued = 0;
        do
        {
            int place = (int)(queued % inFlight);
            if (queued >= inFlight)
            {
                passed[place].Synchronize();
            }

            EngineLane lane = lanes[place % lanes.Count];
            lane.Launch();
            passed[place].Record(lane.Stream);
            queued++;
        }
        while (Stopwatch.GetElapsedTime(start) < duration && !stop.IsCancellationRequested);

        // Every run counts, because every one is waited for; an event that was not recorded in this slice has passed.
        passed.ForEach(static item => item.Synchronize());
        return new EngineSlice(queued * batch, Stopwatch.GetElapsedTime(start), Environment.CpuUsage.TotalTime - cpu);
    }
}
