using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>What a detector takes it gives back: slots before results, everything on dispose, whatever is under way.</summary>
public sealed class GpuLifetimeTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuFact]
    public async Task Slots_are_free_again_before_their_results_are_there()
    {
        await using YoloDetector detector = YoloDetector.Open(TestData.Model, new DetectorOptions
        {
            Device = Device.Cuda(),
            InputSize = (640, 640),
            MaxBatch = 1,
            Lanes = 2,
            Slots = 1,
            WaitMode = WaitMode.Spin,
        });
        FrameFormat format = new(PixelFormat.Gray8, 640, 640);
        int early = 0;
        for (int turn = 0; turn < 60; turn++)
        {
            FrameSlot slot = await detector.RentAsync(format);
            ValueTask<DetectionResult> result = detector.SubmitAsync(slot);
            FrameSlot next;
            while (!detector.TryRent(format, out next))
            {
                Thread.SpinWait(1);
            }

            early += result.IsCompleted ? 0 : 1;
            next.Dispose();
            (await result).Dispose();
        }

        Assert.True(early >= 50, $"Only {early} of 60 slots were free before their result was there.");
    }

    [GpuFact]
    public async Task Disposing_with_batches_in_flight_answers_every_frame()
    {
        YoloDetector detector = Open(new DetectorOptions { MaxBatch = 4, Slots = 64 });
        List<Task<DetectionResult>> pending = [];
        for (int frame = 0; frame < 64; frame++)
        {
            pending.Add((await Feed.SubmitGrayAsync(detector, frame)).AsTask());
        }

        await detector.DisposeAsync().AsTask().WaitAsync(Feed.Limit);
        int refused = 0;
        for (int frame = 0; frame < pending.Count; frame++)
        {
            try
            {
                using DetectionResult result = await pending[frame].WaitAsync(Feed.Limit);
                Feed.AssertBrightness(result, frame);
            }
            catch (ObjectDisposedException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 0, 64);
        Assert.Equal(0, detector.Statistics.SlotsInUse);
        Assert.Throws<ObjectDisposedException>(() => detector.TryRent(GpuModels.Gray, out _));
    }

    [GpuFact]
    public async Task A_producer_that_keeps_its_slot_does_not_hold_up_dispose_and_may_still_write()
    {
        YoloDetector detector = Open(new DetectorOptions { MaxBatch = 2 });
        FrameSlot kept = await Feed.RentGrayAsync(detector, 9);
        await Feed.RunAsync(detector, frames: 20, inFlight: 3);
        await detector.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        kept.Span.Fill(7);
        Assert.Equal(7, kept.Span[^1]);
        kept.Dispose();
        Assert.Equal(0, detector.Statistics.SlotsInUse);
    }

    [GpuFact]
    public async Task Opening_and_disposing_again_and_again_leaves_no_device_memory_behind()
    {
        // Keeps the primary context, so that only what detectors take is compared.
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        List<long> free = [];
        for (int turn = 0; turn < 3; turn++)
        {
            await using (YoloDetector detector = Open(new DetectorOptions { MaxBatch = 4 }))
            {
                await Feed.RunAsync(detector, frames: 40, inFlight: 8);
            }

            free.Add((long)context.GetMemoryInfo().FreeBytes);
        }

        Console.WriteLine($"  free after each: {string.Join(", ", free.Select(static bytes => $"{bytes >> 20} MiB"))}");
        Assert.InRange(free[0] - free[2], -(1L << 40), 8L << 20);
        Assert.Equal(0, CudaDriver.FailedReleases);
    }

    [GpuTheory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Yield)]
    [InlineData(WaitMode.Spin)]
    public async Task Every_wait_mode_gives_the_same_results(WaitMode mode)
    {
        await using YoloDetector detector = Open(new DetectorOptions { MaxBatch = 4, WaitMode = mode });
        await Feed.RunAsync(detector, frames: 300, inFlight: 10);
        await Feed.RunAsync(detector, frames: 20, inFlight: 1);
        Assert.Equal((320, 0), (detector.Statistics.FramesCompleted, detector.Statistics.FramesFailed));
    }

    private YoloDetector Open(DetectorOptions options) =>
        YoloDetector.Open(GpuModels.Brightness(folder), options with { Device = Device.Cuda(), SlotBytes = 64 * 1024 });
}
