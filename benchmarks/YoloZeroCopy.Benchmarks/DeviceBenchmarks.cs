using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>
/// What one dispatcher for several devices can do, from rent to disposed result, over lanes that compute nothing: at once, or after the time that a
/// batch takes in a lane of an H200 with eight in flight (1.18 ms for one frame, 4.45 ms for eight: 14,380 frames a second of each device).
/// </summary>
/// <remarks>One thread plays all devices, another one the producer of all sources: two cores are what this needs.</remarks>
[MemoryDiagnoser]
public class DeviceBenchmarks
{
    private const int Frames = 20_000;
    private const int LanesOfDevice = 8;
    private const int MaxBatch = 8;
    private const int SourcesOfDevice = 64;

    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 8, 2);

    private ValueTask<DetectionResult>[] pending = [];
    private Stage stage = null!;
    private FramePool pool = null!;
    private Pipeline pipeline = null!;

    [Params(1, 2, 4, 8)]
    public int Devices { get; set; }

    [Params("none", "measured")]
    public string Time { get; set; } = "none";

    [GlobalSetup]
    public void Setup()
    {
        stage = new Stage(Time == "measured");
        int inFlight = Devices * LanesOfDevice * MaxBatch;
        pending = new ValueTask<DetectionResult>[2 * inFlight];
        pool = new FramePool(2 * inFlight, Format.ByteCount);
        pipeline = new Pipeline(
            pool,
            [.. Enumerable.Range(0, Devices * LanesOfDevice).Select(number => new StageLane(stage, number % Devices))],
            new PipelineOptions(MaxBatch, TimeSpan.Zero, OverflowPolicy.Wait, pool.SlotCount, TimeSpan.Zero, 4));
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    [SuppressMessage("Reliability", "CA2012", Justification = "Each is awaited once.")]
    public async Task Frame()
    {
        for (int number = 0; number < Frames; number++)
        {
            int place = number % pending.Length;
            if (number >= pending.Length)
            {
                (await pending[place]).Dispose();
            }

            FrameSlot slot = await pool.RentAsync(Format);
            pending[place] = pipeline.Submit(slot, number % (SourcesOfDevice * Devices), 0, default);
        }

        foreach (ValueTask<DetectionResult> last in pending)
        {
            (await last).Dispose();
        }
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        pipeline.Dispose();
        stage.Dispose();
    }

    /// <summary>All devices: a thread that ends batches when their time has come.</summary>
    private sealed class Stage : IDisposable
    {
        private readonly PriorityQueue<LaneBatch, long> begun = new();
        private readonly Thread thread;
        private readonly bool takesTime;
        private volatile bool isOver;

        public Stage(bool takesTime)
        {
            this.takesTime = takesTime;
            thread = new Thread(Run) { IsBackground = true, Name = "devices" };
            thread.Start();
        }

        public void Begin(LaneBatch batch)
        {
            // The frames are uploaded.
            for (int index = 0; index < batch.Count; index++)
            {
                batch.ReleaseFrame(index);
            }

            double milliseconds = takesTime ? 1.18 + (3.27 * (batch.Count - 1) / (MaxBatch - 1)) : 0;
            long due = Stopwatch.GetTimestamp() + (long)(milliseconds * Stopwatch.Frequency / 1000);
            lock (begun)
            {
                begun.Enqueue(batch, due);
            }
        }

        public void Dispose()
        {
            isOver = true;
            thread.Join();
        }

        private void Run()
        {
            while (!isOver)
            {
                LaneBatch? batch = null;
                lock (begun)
                {
                    if (begun.TryPeek(out _, out long due) && due <= Stopwatch.GetTimestamp())
                    {
                        batch = begun.Dequeue();
                    }
                }

                if (batch is null)
                {
                    bool yielded = Thread.Yield();
                    _ = yielded;
                    continue;
                }

                for (int index = 0; index < batch.Count; index++)
                {
                    batch.SetResult(index, 0);
                }

                batch.Complete(default);
            }
        }
    }

    private sealed class StageLane(Stage stage, int device) : Lane
    {
        public override int DeviceIndex => device;

        public override void Prepare(OpeningSteps steps) => steps.Advance();

        public override void Start(LaneBatch batch) => stage.Begin(batch);

        public override void Dispose()
        {
        }
    }
}
