using System.Collections.Concurrent;
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
    public async Task Disposing_without_an_await_waits_for_the_whole_disposal_as_every_other_does()
    {
        FakeLane lane = new();
        using ManualResetEventSlim release = new();
        using SemaphoreSlim entered = new(0);
        int disposals = 0;
        PipelineHarness harness = new([lane], maxBatch: 1);
        YoloDetector detector = harness.Detector(new Part(() =>
        {
            Interlocked.Increment(ref disposals);
            entered.Release();
            release.Wait();
        }));
        Task<DetectionResult> begun = harness.Submit().AsTask();
        LaneBatch batch = lane.Next();
        Task<DetectionResult> waiting = harness.Submit().AsTask();
        Task first = OnThread(detector.Dispose);
        Assert.True(SpinWait.SpinUntil(() => IsClosed(harness.Pool), Patience));
        Task[] others = [OnThread(detector.Dispose), Task.Run(() => detector.DisposeAsync().AsTask()), OnThread(detector.Dispose)];
        FakeLane.Finish(batch);
        (await begun.WaitAsync(Patience)).Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Patience));
        Assert.True(await entered.WaitAsync(Patience));
        Assert.False(first.IsCompleted || others.Any(static other => other.IsCompleted), "someone returned while parts were being disposed");
        release.Set();
        await Task.WhenAll([first, .. others]).WaitAsync(Patience);
        Assert.Equal(1, disposals);
        Assert.True(lane.IsDisposed);
        detector.Dispose();
        await detector.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Disposing_on_a_context_whose_one_thread_waits_for_it_ends(bool synchronously)
    {
        FakeLane lane = new();
        PipelineHarness harness = new([lane], maxBatch: 1, allowSynchronousContinuations: synchronously);
        YoloDetector detector = harness.Detector();
        QueueContext context = new();
        Task window = OnThread(() =>
        {
            SynchronizationContext.SetSynchronizationContext(context);

            // What is behind these awaits is posted to this thread, which is busy disposing until they could go on.
            Task begun = ReadAsync(harness.Submit());
            LaneBatch batch = lane.Next();
            Task waiting = ReadAsync(harness.Submit());
            Task finishing = OnThread(() =>
            {
                Assert.True(SpinWait.SpinUntil(() => IsClosed(harness.Pool), Patience));
                FakeLane.Finish(batch);
            });
            detector.Dispose();
            Assert.True(lane.IsDisposed);
            Assert.False(begun.IsCompleted || waiting.IsCompleted);
            while (!(begun.IsCompleted && waiting.IsCompleted))
            {
                context.RunOne(Patience);
            }

            Assert.True(begun.IsCompletedSuccessfully);
            Assert.IsType<ObjectDisposedException>(waiting.Exception?.InnerException);
            finishing.GetAwaiter().GetResult();
        });
        await window.WaitAsync(Patience);

        static async Task ReadAsync(ValueTask<DetectionResult> frame)
        {
            using DetectionResult result = await frame;
            Assert.Equal(1, result.Detections.Length);
        }
    }

    [Fact]
    public async Task Disposing_behind_an_await_on_the_thread_that_brings_results_begins_the_disposal_and_returns()
    {
        FakeLane lane = new();
        using ManualResetEventSlim disposed = new();
        PipelineHarness harness = new([lane], allowSynchronousContinuations: true);
        YoloDetector detector = harness.Detector(new Part(disposed.Set));
        await Task.Run(() =>
        {
            ConfiguredValueTaskAwaitable<DetectionResult>.ConfiguredValueTaskAwaiter awaiter = harness.Submit().ConfigureAwait(false).GetAwaiter();
            awaiter.UnsafeOnCompleted(() =>
            {
                awaiter.GetResult().Dispose();
                detector.Dispose();
                detector.Dispose();
            });
        });

        // Runs what is behind the await, and would not end if that waited for it.
        await OnThread(() => FakeLane.Finish(lane.Next())).WaitAsync(Patience);
        await detector.DisposeAsync().AsTask().WaitAsync(Patience);
        Assert.True(disposed.IsSet);
        Assert.True(lane.IsDisposed);
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

    [Fact]
    public async Task A_detector_whose_frames_owner_refers_to_it_goes_when_it_is_collected()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch));
        using ManualResetEventSlim disposed = new();
        WeakReference detector = FeedAndForget(lane, disposed);
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    return !detector.IsAlive;
                },
                Patience),
            "the thread that tells owners keeps the one that it told last");
        Assert.True(await Task.Run(() => disposed.Wait(Patience)));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference FeedAndForget(FakeLane lane, ManualResetEventSlim disposed)
    {
        PipelineHarness harness = new([lane], maxBatch: 1);
        Camera camera = new(harness.Detector(new Part(disposed.Set)));

        // On a thread of its own, whose stack is gone when this returns.
        OnThread(() => camera.RunAsync(10).GetAwaiter().GetResult()).GetAwaiter().GetResult();
        return new WeakReference(camera.Detector);
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

    private static bool IsClosed(FramePool pool)
    {
        try
        {
            if (pool.TryRent(PipelineHarness.Format, out FrameSlot slot))
            {
                slot.Dispose();
            }

            return false;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    private static Task OnThread(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Keeps what is posted until its thread asks for it, as a window does.</summary>
    private sealed class QueueContext : SynchronizationContext
    {
        private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> posted = [];

        public override void Post(SendOrPostCallback d, object? state) => posted.Add((d, state));

        public void RunOne(TimeSpan patience)
        {
            Assert.True(posted.TryTake(out (SendOrPostCallback Callback, object? State) one, patience), "nothing was posted");
            one.Callback(one.State);
        }
    }

    private sealed class Camera(YoloDetector detector) : IFrameOwner
    {
        private readonly TaskCompletionSource heard = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public YoloDetector Detector => detector;

        public async Task RunAsync(int frames)
        {
            RegisteredMemory memory = detector.Register(new byte[64]);
            for (int frame = 1; frame <= frames; frame++)
            {
                (await detector.SubmitAsync(ExternalFrame.InRegistered(memory, 0, PipelineHarness.Format, this, frames - frame))).Dispose();
            }

            await heard.Task.WaitAsync(Patience);
        }

        public void OnFrameFree(long token)
        {
            if (token == 0)
            {
                heard.SetResult();
            }
        }
    }

    private sealed class Part(Action onDispose) : IDisposable
    {
        public void Dispose() => onDispose();
    }
}
