using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>What the pipeline itself costs a frame, from rent to disposed result, over a lane that computes nothing.</summary>
[MemoryDiagnoser]
public class PipelineBenchmarks : IDisposable
{
    private const int Frames = 10_000;

    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 8, 2);

    private readonly ValueTask<DetectionResult>[] pending = new ValueTask<DetectionResult>[8];
    private readonly FramePool pool;
    private readonly Pipeline pipeline;
    private ActivityListener? listener;

    public PipelineBenchmarks()
    {
        pool = new FramePool(16, Format.ByteCount);
        pipeline = new Pipeline(
            pool, [new NullLane(), new NullLane()], new PipelineOptions(4, TimeSpan.Zero, OverflowPolicy.Wait, 16, TimeSpan.Zero, 4));
    }

    /// <summary>Whether somebody listens to the activities of frames, with all their tags.</summary>
    [Params(false, true)]
    public bool IsTraced { get; set; }

    /// <summary>Whether the doctor writes batches down.</summary>
    [Params(false, true)]
    public bool IsWatched { get; set; }

    [GlobalSetup]
    public void Listen()
    {
        pipeline.Recorder = IsWatched ? new RunRecorder(8192) : null;
        pipeline.Tracing = new FrameTracing("benchmark", "cpu");
        if (IsTraced)
        {
            listener = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == FrameTracing.SourceName,
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            };
            ActivitySource.AddActivityListener(listener);
        }
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    public async Task One_frame_at_a_time()
    {
        for (int number = 0; number < Frames; number++)
        {
            FrameSlot slot = await pool.RentAsync(Format);
            (await pipeline.Submit(slot, 0, 0, default)).Dispose();
        }
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    [SuppressMessage("Reliability", "CA2012", Justification = "Each is awaited once.")]
    public async Task Eight_frames_in_flight()
    {
        for (int number = 0; number < Frames; number++)
        {
            int place = number % pending.Length;
            if (number >= pending.Length)
            {
                (await pending[place]).Dispose();
            }

            FrameSlot slot = await pool.RentAsync(Format);
            pending[place] = pipeline.Submit(slot, 0, 0, default);
        }

        foreach (ValueTask<DetectionResult> last in pending)
        {
            (await last).Dispose();
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        listener?.Dispose();
        pipeline.Dispose();
        GC.SuppressFinalize(this);
    }

    private sealed class NullLane : Lane
    {
        public override void Prepare(OpeningSteps steps) => steps.Advance();

        public override void Start(LaneBatch batch)
        {
            for (int index = 0; index < batch.Count; index++)
            {
                batch.ReleaseFrame(index);
                batch.SetResult(index, 0);
            }

            batch.Complete(default);
        }

        public override void Dispose()
        {
        }
    }
}
