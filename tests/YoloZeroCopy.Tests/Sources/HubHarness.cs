using System.Collections.Concurrent;

namespace YoloZeroCopy.Tests;

/// <summary>A hub over a detector of fake lanes, and what its sources were told.</summary>
internal sealed class HubHarness : IAsyncDisposable
{
    /// <summary>Far more than anything takes, on a busy machine too.</summary>
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(120);

    private readonly PipelineHarness pipeline;

    /// <param name="lane">The lane; null for one that finishes each batch at once.</param>
    /// <param name="clock">The hub's clock; null for the machine's.</param>
    public HubHarness(FakeLane? lane = null, TimeProvider? clock = null)
    {
        Lane = lane ?? new FakeLane(static (_, batch) => FakeLane.Finish(batch));
        pipeline = new PipelineHarness([Lane], slots: 1, maxBatch: 4, warning: Warnings.Enqueue);
        Detector = pipeline.Detector();
        Hub = new SourceHub(Detector, firstNumber: 1, clock ?? TimeProvider.System);
    }

    public FakeLane Lane { get; }

    public YoloDetector Detector { get; }

    public SourceHub Hub { get; }

    public ConcurrentQueue<string> Warnings { get; } = new();

    /// <summary>Waits for what another thread brings about.</summary>
    public static void Until(Func<bool> condition, string what) => Assert.True(SpinWait.SpinUntil(condition, Long), what);

    /// <summary>Writes its number into a frame, as the model finds it, and submits it.</summary>
    public static async Task SubmitAsync(SourceFeed feed, int number)
    {
        using SourceSlot slot = await feed.RentAsync(PipelineHarness.Format);
        Stamp(slot, number);
        feed.Submit(slot, TimeSpan.FromSeconds(number));
    }

    public static void Stamp(in SourceSlot slot, int number) => System.Runtime.InteropServices.MemoryMarshal.Write(slot.Span, number);

    /// <summary>A producer of so many frames.</summary>
    public static FrameProducer Frames(int count) => async (feed, stop) =>
    {
        for (int number = 0; number < count; number++)
        {
            await SubmitAsync(feed, number);
        }
    };

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync().AsTask().WaitAsync(Long);
        await Detector.DisposeAsync();
        await pipeline.DisposeAsync();
    }
}
