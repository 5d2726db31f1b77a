using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>One detector under load: order, counts, memory, cancels, drops.</summary>
public sealed class GpuLoadTests(BrightnessDetector shared) : IClassFixture<BrightnessDetector>
{
    [GpuFact]
    public async Task Steady_state_allocates_nothing_copies_nothing_and_takes_no_device_memory()
    {
        YoloDetector detector = shared.Detector;
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        await Feed.RunAsync(detector, frames: 500, inFlight: 24);
        long managed = detector.Statistics.ManagedBytes;
        long copies = detector.Statistics.HostCopies;
        ulong free = context.GetMemoryInfo().FreeBytes;
        await Feed.RunAsync(detector, frames: 2000, inFlight: 24);
        Assert.Equal(0, detector.Statistics.ManagedBytes - managed);
        Assert.Equal(0, detector.Statistics.HostCopies - copies);
        Assert.Equal(free, context.GetMemoryInfo().FreeBytes);
        await Feed.AssertNoSlotInUseAsync(detector);
    }

    [GpuFact]
    public async Task Eight_producers_get_their_own_results_in_their_own_order()
    {
        YoloDetector detector = shared.Detector;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(source => Task.Run(() => ProduceAsync(detector, source))));
        await Feed.AssertNoSlotInUseAsync(detector);
    }

    [GpuFact]
    public async Task A_storm_of_cancels_answers_every_frame_and_loses_no_slot()
    {
        YoloDetector detector = shared.Detector;
        DetectorStatistics before = detector.Statistics;
        Random random = new(11);
        List<(int Level, Task<DetectionResult> Result)> pending = [];
        for (int frame = 0; frame < 1000; frame++)
        {
            using CancellationTokenSource source = new();
            int level = frame * 3 % 256;
            FrameSlot slot = await Feed.RentGrayAsync(detector, level);
            int when = random.Next(4);
            if (when == 0)
            {
                await source.CancelAsync();
            }

            pending.Add((level, detector.SubmitAsync(slot, cancellationToken: source.Token).AsTask()));
            if (when == 1)
            {
                Thread.SpinWait(random.Next(5000));
                await source.CancelAsync();
            }
        }

        int canceled = 0;
        foreach ((int level, Task<DetectionResult> task) in pending)
        {
            try
            {
                using DetectionResult result = await task.WaitAsync(Feed.Limit);
                Feed.AssertBrightness(result, level);
            }
            catch (OperationCanceledException)
            {
                canceled++;
            }
        }

        Assert.InRange(canceled, 150, 850);
        await Feed.AssertNoSlotInUseAsync(detector);
        DetectorStatistics after = detector.Statistics;
        Assert.Equal(
            after.FramesSubmitted - before.FramesSubmitted,
            after.FramesCompleted - before.FramesCompleted + (after.FramesCanceled - before.FramesCanceled));

        // And it goes on.
        await Feed.RunAsync(detector, frames: 50, inFlight: 8);
    }

    [GpuTheory]
    [InlineData(OverflowPolicy.DropNewest)]
    [InlineData(OverflowPolicy.DropOldest)]
    public async Task Under_load_frames_are_dropped_by_policy_and_every_one_is_answered(OverflowPolicy policy)
    {
        await using YoloDetector detector =
            shared.Open(new DetectorOptions { MaxBatch = 1, Lanes = 1, Slots = 16, Overflow = policy, QueueCapacity = 2 });
        List<(int Level, Task<DetectionResult> Result)> pending = [];
        for (int frame = 0; frame < 500; frame++)
        {
            int level = frame % 256;
            pending.Add((level, (await Feed.SubmitGrayAsync(detector, level)).AsTask()));
        }

        FrameStatus wanted = policy == OverflowPolicy.DropNewest ? FrameStatus.DroppedNewest : FrameStatus.DroppedOldest;
        int dropped = 0;
        foreach ((int level, Task<DetectionResult> task) in pending)
        {
            using DetectionResult result = await task.WaitAsync(Feed.Limit);
            if (result.IsDropped)
            {
                Assert.Equal(wanted, result.Status);
                dropped++;
                continue;
            }

            Feed.AssertBrightness(result, level);
        }

        Assert.InRange(dropped, 1, 499);
        Assert.Equal((dropped, 500 - dropped), (detector.Statistics.FramesDropped, detector.Statistics.FramesCompleted));
        await Feed.AssertNoSlotInUseAsync(detector);
    }

    [GpuFact]
    public async Task Two_detectors_share_the_device()
    {
        await using YoloDetector other = shared.Open(new DetectorOptions { MaxBatch = 4 });
        await Task.WhenAll(
            Task.Run(() => Feed.RunAsync(shared.Detector, frames: 1000, inFlight: 20)),
            Task.Run(() => Feed.RunAsync(other, frames: 1000, inFlight: 12)));
        Assert.Equal(0, other.Statistics.FramesFailed);
    }

    private static async Task ProduceAsync(YoloDetector detector, int source)
    {
        const int Frames = 250;
        const int Window = 5;
        Queue<(int Level, ValueTask<DetectionResult> Result)> pending = new();
        long last = -1;
        for (int frame = 0; frame < Frames; frame++)
        {
            int level = ((source * 31) + (frame * 7)) % 256;
            pending.Enqueue((level, await Feed.SubmitGrayAsync(detector, level, source)));
            if (pending.Count < Window && frame < Frames - 1)
            {
                continue;
            }

            // The newest first: when it has its answer, all before it have theirs.
            while (!pending.Last().Result.IsCompleted)
            {
                await Task.Yield();
            }

            Assert.All(pending, static item => Assert.True(item.Result.IsCompleted));
            while (pending.TryDequeue(out (int Level, ValueTask<DetectionResult> Result) item))
            {
                using DetectionResult result = await item.Result;
                Feed.AssertBrightness(result, item.Level);
                Assert.Equal(source, result.Source);
                Assert.True(result.Sequence > last, $"{result.Sequence} after {last}");
                last = result.Sequence;
            }
        }
    }
}
