using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>A frame's way through a hub of so many sources, from producer to the end of its handler, over a model that costs nothing.</summary>
/// <remarks>All sources produce as fast as they are let. The time is that of one frame of all of them together.</remarks>
[MemoryDiagnoser]
public class SourceBenchmarks
{
    private const int Frames = 20_000;

    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 32, 32);

    private readonly SemaphoreSlim done = new(0);
    private readonly SemaphoreSlim slices = new(0);
    private YoloDetector detector = null!;
    private SourceHub hub = null!;
    private RegisteredMemory memory = null!;
    private int left;

    [Params(1, 8, 64)]
    public int Sources { get; set; }

    [Params("slots of its own", "registered memory")]
    public string Memory { get; set; } = "slots of its own";

    [GlobalSetup]
    public void Setup()
    {
        detector = YoloDetector.FromFunction(
            ModelInfo.OfClasses("object"),
            static (_, _) => [],
            new DetectorOptions { Lanes = 2, MaxBatch = 8, Slots = 1, SlotBytes = Format.ByteCount });
        memory = detector.Register(new byte[Format.ByteCount]);
        hub = new SourceHub(detector);
        for (int source = 0; source < Sources; source++)
        {
            _ = hub.Add($"source {source}", ProduceAsync, Handle, new HubSourceOptions { Overflow = OverflowPolicy.Wait });
        }
    }

    [GlobalCleanup]
    public async Task Cleanup()
    {
        await hub.DisposeAsync();
        memory.Dispose();
        await detector.DisposeAsync();
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    public async Task Frame()
    {
        left = Frames / Sources * Sources;
        _ = slices.Release(Sources);
        await done.WaitAsync();
    }

    private async Task ProduceAsync(SourceFeed feed, CancellationToken stop)
    {
        bool isRegistered = Memory == "registered memory";
        Nobody owner = new();
        while (true)
        {
            await slices.WaitAsync(stop);
            for (int frame = 0; frame < Frames / Sources; frame++)
            {
                if (isRegistered)
                {
                    await feed.WaitForRoomAsync();
                    _ = feed.TrySubmit(ExternalFrame.InRegistered(memory, 0, Format, owner));
                }
                else
                {
                    using SourceSlot slot = await feed.RentAsync(Format);
                    feed.Submit(slot);
                }
            }
        }
    }

    private ValueTask Handle(SourceFrame frame, DetectionResult result)
    {
        if (Interlocked.Decrement(ref left) == 0)
        {
            _ = done.Release();
        }

        return default;
    }

    private sealed class Nobody : IFrameOwner
    {
        public void OnFrameFree(long token)
        {
        }
    }
}
