namespace YoloZeroCopy.Tests;

/// <summary>The lane on the processor over an engine that counts.</summary>
public sealed class CpuLaneTests
{
    [Fact]
    public async Task Every_batch_is_run_once_also_the_first_of_its_size()
    {
        CountingEngine engine = new();
        FrameFormat format = new(PixelFormat.Gray8, 8, 2);
        FramePool pool = new(4, format.ByteCount);
        Pipeline pipeline = new(
            pool, [new CpuLane(engine, maxBatch: 4, new DecodingOptions(), number: 0)],
                new PipelineOptions(4, TimeSpan.FromSeconds(30), OverflowPolicy.Wait, 4, TimeSpan.Zero, 300));

        // On opening the largest is tried, and no context is left to be made when frames come.
        Assert.Equal([1, 2, 3, 4], engine.Made);
        Assert.Equal([4], engine.Ran);
        for (int turn = 0; turn < 2; turn++)
        {
            ValueTask<DetectionResult>[] frames = new ValueTask<DetectionResult>[4];
            for (int index = 0; index < frames.Length; index++)
            {
                Assert.True(pool.TryRent(format, out FrameSlot slot));
                frames[index] = pipeline.Submit(slot, 0, 0, default);
            }

            foreach (ValueTask<DetectionResult> frame in frames)
            {
                (await frame.AsTask().WaitAsync(TimeSpan.FromSeconds(60))).Dispose();
            }
        }

        Assert.Equal([4, 4, 4], engine.Ran);
        await pipeline.DisposeAsync();

        // Without a delay a frame alone is a batch of one.
        engine = new CountingEngine();
        pool = new FramePool(4, format.ByteCount);
        pipeline = new Pipeline(pool, [new CpuLane(engine, maxBatch: 4, new DecodingOptions(), number: 0)],
            new PipelineOptions(4, TimeSpan.Zero, OverflowPolicy.Wait, 4, TimeSpan.Zero, 300));
        Assert.True(pool.TryRent(format, out FrameSlot one));
        (await pipeline.Submit(one, 0, 0, default).AsTask().WaitAsync(TimeSpan.FromSeconds(60))).Dispose();
        Assert.Equal([4, 1], engine.Ran);
        Assert.Equal([1, 2, 3, 4], engine.Made);
        await pipeline.DisposeAsync();
        Assert.Equal(0, engine.Live);
    }

    private sealed class CountingEngine : InferenceEngine
    {
        public List<int> Made { get; } = [];

        public List<int> Ran { get; } = [];

        public int Live { get; private set; }

        public override ModelInfo Model { get; } = new FakeCudaEngine().Model;

        public override string Description => "counting";

        public override EngineContext CreateContext(int batch, nint input, nint output, nint stream)
        {
            Made.Add(batch);
            Live++;
            return new Context(this, batch);
        }

        public override void Dispose()
        {
        }

        private sealed class Context(CountingEngine engine, int batch) : EngineContext
        {
            public override void Enqueue() => engine.Ran.Add(batch);

            public override void Dispose() => engine.Live--;
        }
    }
}
