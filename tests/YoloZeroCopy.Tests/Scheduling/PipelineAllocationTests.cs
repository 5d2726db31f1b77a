using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Alone in its collection: it measures what the whole process allocates.</summary>
[CollectionDefinition(nameof(PipelineAllocationTests), DisableParallelization = true)]
[Collection(nameof(PipelineAllocationTests))]
public sealed class PipelineAllocationTests
{
    [Fact]
    public Task A_frame_from_rent_to_disposed_result_allocates_nothing_in_steady_state() => MeasureAsync(Run);

    [Fact]
    public async Task A_frame_in_registered_memory_from_submit_until_its_owner_hears_allocates_nothing_in_steady_state()
    {
        Turn turn = new();
        byte[] bytes = new byte[4096];
        RegisteredMemory? memory = null;
        await MeasureAsync((detector, frames) =>
        {
            memory ??= detector.Register(bytes);
            return RunRegistered(detector, memory, turn, frames);
        });
        memory!.Dispose();
    }

    [Fact]
    public Task A_frame_of_a_source_that_was_added_allocates_nothing_in_steady_state()
    {
        FrameSource? source = null;
        return MeasureAsync((detector, frames) =>
        {
            source ??= detector.AddSource(0, new SourceOptions
            {
                QueueCapacity = 4,
                MaxFrameAge = TimeSpan.FromMinutes(10),
                DropsAgedResults = true,
                Deadline = TimeSpan.FromMinutes(10),
                DeadlineMissed = static _ => { },
            });
            return Run(detector, frames);
        });
    }

    private static async Task MeasureAsync(Func<YoloDetector, int, Task> run)
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness harness = new([lane], slots: 4, maxBatch: 2);

        // With its meter and its source of activities, to which nobody listens.
        await using YoloDetector detector = harness.Detector();
        const int Frames = 20_000;

        // Bytes a frame of the whole process, for the snapshots, this method's own state machine and the test host's timers.
        const double MostOfProcess = 0.5;

        // Away from the test runner's context, which would queue continuations to itself and allocate for each.
        await Task.Run(() => run(detector, Frames));
        double process = double.MaxValue;
        double own = await AllocationSlices.LeastAsync(async () =>
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            DetectorStatistics first = harness.Pipeline.Snapshot();
            await Task.Run(() => run(detector, Frames));
            process = Math.Min(process, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Frames);
            DetectorStatistics second = harness.Pipeline.Snapshot();
            Assert.Equal(Frames, second.FramesCompleted - first.FramesCompleted);

            // A slice in which the process was disturbed is not looked at.
            return process > MostOfProcess ? double.MaxValue : second.ManagedBytes - first.ManagedBytes;
        });

        Assert.InRange(process, 0, MostOfProcess);
        Assert.Equal(0, own);
    }

    private static async Task Run(YoloDetector detector, int frames)
    {
        ValueTask<DetectionResult> earlier = default;
        for (int number = 0; number < frames; number++)
        {
            FrameSlot slot = await detector.RentAsync(PipelineHarness.Format);
            FakeLane.Stamp(slot, number);
            ValueTask<DetectionResult> next = detector.SubmitAsync(slot);
            if (number > 0)
            {
                (await earlier).Dispose();
            }

            earlier = next;
        }

        (await earlier).Dispose();
    }

    private static async Task RunRegistered(YoloDetector detector, RegisteredMemory memory, Turn turn, int frames)
    {
        for (int number = 0; number < frames; number++)
        {
            (await detector.SubmitAsync(ExternalFrame.InRegistered(memory, 0, PipelineHarness.Format, turn, number))).Dispose();
            turn.Wait(number);
        }
    }

    private sealed class Turn : IFrameOwner
    {
        private long last = -1;

        public void OnFrameFree(long token) => Volatile.Write(ref last, token);

        /// <summary>Without anything that would allocate to wait.</summary>
        public void Wait(long token)
        {
            long start = Stopwatch.GetTimestamp();
            while (Volatile.Read(ref last) != token)
            {
                Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60), "the owner has not heard");
                bool yielded = Thread.Yield();
                _ = yielded;
            }
        }
    }
}
