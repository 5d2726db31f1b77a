using System.Runtime.CompilerServices;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>Disposing a detector twice, at once, with parts that fail; and a detector that nobody disposes.</summary>
[Collection(CudaTests.Name)]
public sealed class DisposalTests(CompiledSources sources)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Everyone_who_disposes_waits_for_the_whole_disposal_and_every_part_is_disposed_once()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        using ManualResetEventSlim release = new();
        using SemaphoreSlim entered = new(0);
        int disposals = 0;
        PipelineHarness harness = new([lane]);
        YoloDetector detector = harness.Detector(new Part(() =>
        {
            Interlocked.Increment(ref disposals);
            entered.Release();
            release.Wait();
        }));
        Task first = Task.Run(() => detector.DisposeAsync().AsTask());
        Assert.True(await entered.WaitAsync(Patience));
        Task second = Task.Run(() => detector.DisposeAsync().AsTask());
        Task third = Task.Run(() => detector.DisposeAsync().AsTask());
        Assert.False(await Task.WhenAny(second, third, Task.Delay(300)) is { } early && (early == second || early == third),
            "a second caller returned while parts were being disposed");
        release.Set();
        await Task.WhenAll(first, second, third).WaitAsync(Patience);
        Assert.Equal(1, disposals);
        Assert.True(lane.IsDisposed);
        await detector.DisposeAsync();
    }

    [Fact]
    public async Task A_part_that_cannot_be_disposed_keeps_no_other_from_it_and_everyone_hears_of_it()
    {
        FakeLane lane = new();
        bool last = false;
        YoloDetector detector =
            new PipelineHarness([lane]).Detector(new Part(static () => throw new InvalidOperationException("stuck")), new Part(() => last = true));
        for (int turn = 0; turn < 2; turn++)
        {
            Assert.Equal("stuck", (await Assert.ThrowsAsync<InvalidOperationException>(() => detector.DisposeAsync().AsTask())).Message);
            Assert.True(last);
        }

        Assert.True(lane.IsDisposed);
    }

    [Fact]
    public async Task A_detector_on_cuda_may_be_disposed_twice_and_at_once()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new();
        for (int turn = 0; turn < 10; turn++)
        {
            YoloDetector detector = CudaHarness.OpenDetector(driver, engine);
            for (int frame = 0; frame < 3; frame++)
            {
                (await detector.DetectAsync(new byte[PipelineHarness.Format.ByteCount], PipelineHarness.Format)).Dispose();
            }

            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => detector.DisposeAsync().AsTask()))).WaitAsync(Patience);
            await detector.DisposeAsync();
        }

        Assert.Equal(0, engine.LiveContexts);
        driver.AssertClean();
    }

    [Fact]
    public async Task A_detector_that_nobody_disposes_answers_what_it_was_given_and_goes_when_it_is_collected()
    {
        FakeLane lane = new();
        using ManualResetEventSlim disposed = new();
        (WeakReference detector, Task<int> pending) = OpenAndForget(lane, disposed);
        LaneBatch batch = lane.Next();
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    return !detector.IsAlive;
                },
                Patience),
            "its threads keep the detector");

        // What it was given before is still answered; a finalizer waits for nothing.
        Assert.False(disposed.IsSet);
        FakeLane.Finish(batch);
        batch = lane.Next();
        FakeLane.Finish(batch);
        Assert.Equal(1, await pending.WaitAsync(Patience));
        Assert.True(await Task.Run(() => disposed.Wait(Patience)));
        Assert.True(lane.IsDisposed);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Detector, Task<int> Pending) OpenAndForget(FakeLane lane, ManualResetEventSlim disposed)
    {
        PipelineHarness harness = new([lane], maxBatch: 1);
        YoloDetector detector = harness.Detector(new Part(disposed.Set));
        _ = harness.Submit().AsTask();
        Task<int> pending = ReadAsync(harness.Submit());
        return (new WeakReference(detector), pending);

        static async Task<int> ReadAsync(ValueTask<DetectionResult> frame)
        {
            using DetectionResult result = await frame;
            return result.Detections[0].ClassId;
        }
    }

    private sealed class Part(Action onDispose) : IDisposable
    {
        public void Dispose() => onDispose();
    }
}
