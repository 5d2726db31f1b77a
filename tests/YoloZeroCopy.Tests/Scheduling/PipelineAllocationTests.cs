namespace YoloZeroCopy.Tests;

/// <summary>Alone in its collection: it measures what the whole process allocates.</summary>
[CollectionDefinition(nameof(PipelineAllocationTests), DisableParallelization = true)]
[Collection(nameof(PipelineAllocationTests))]
public sealed class PipelineAllocationTests
{
    [Fact]
    public async Task A_frame_from_rent_to_disposed_result_allocates_nothing_in_steady_state()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new([lane], slots: 4, maxBatch: 2);
        const int Frames = 20_000;
        const int Slices = 5;
        await Run(harness, Frames);
        double least = double.MaxValue;
        for (int slice = 0; slice < Slices; slice++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            DetectorStatistics first = harness.Pipeline.Snapshot();
            await Run(harness, Frames);
            long allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
            DetectorStatistics second = harness.Pipeline.Snapshot();
            Assert.Equal(Frames, second.FramesCompleted - first.FramesCompleted);

            // The pipeline's own threads: nothing, ever.
            Assert.Equal(0, second.ManagedBytes - first.ManagedBytes);
            least = Math.Min(least, allocated / (double)Frames);
        }

        // The process: under half a byte a frame, for the snapshot, this method's own state machine and the test host's timers. What is allocated for each frame shows in every slice; on a busy
        // machine the runtime makes a thread for its pool now and then, which does not.
        Assert.InRange(least, 0, 0.5);
    }

    private static async Task Run(PipelineHarness harness, int frames)
    {
        ValueTask<DetectionResult> earlier = default;
        for (int number = 0; number < frames; number++)
        {
            FrameSlot slot = await harness.Pool.RentAsync(PipelineHarness.Format);
            FakeLane.Stamp(slot, number);
            ValueTask<DetectionResult> next = harness.Pipeline.Submit(slot, 0, 0, default);
            if (number > 0)
            {
                (await earlier).Dispose();
            }

            earlier = next;
        }

        (await earlier).Dispose();
    }
}
