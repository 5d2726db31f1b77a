using System.Collections.Concurrent;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>The provocations that need no GPU. Times are slept, so that a busy machine changes little.</summary>
internal static class ProcessorProvocations
{
    private static readonly ModelInfo Model = ModelInfo.OfClasses(["part"]);
    private static readonly FrameFormat Small = new(PixelFormat.Gray8, 64, 48);

    public static IReadOnlyList<Provocation> All { get; } =
    [
        new("camera of 5 frames/s, 20 ms each", LatencyCause.Healthy, time => PacedAsync(time, new DetectorOptions(), 200, 20)),
        new("live reader that waits with its slot, rate given", LatencyCause.Healthy, LiveReaderAsync),
        new("producer that fills a slot in 200 ms", LatencyCause.StarvedProducer, time => FilledAsync(time, fill: 200, expectedRate: null)),
        new("camera that gives half of its rate", LatencyCause.StarvedProducer, time => FilledAsync(time, fill: 100, expectedRate: 20)),
        new("no frame at all", LatencyCause.StarvedProducer, NothingAsync),
        new("consumer that holds each result for 200 ms", LatencyCause.SlowConsumer, HoldingAsync),
        new("results that pile up before one slow task", LatencyCause.SlowConsumer, PilingAsync),
        new("batches of 8 that wait 200 ms for company", LatencyCause.BatchWait, time => PacedAsync(
            time, new DetectorOptions { MaxBatch = 8, MaxBatchDelay = TimeSpan.FromMilliseconds(200) }, 250, 2)),
        new("engine of 150 ms, frames without end", LatencyCause.EngineBound, SaturatedAsync),
        new("garbage collections without end", LatencyCause.GarbageCollection, CollectingAsync),
        new("threads of the pool that all block", LatencyCause.ThreadPoolDelay, BlockedPoolAsync),
        new("large pictures in ordinary memory", LatencyCause.PageableFrames, PageableAsync),
        new("lane that waits inside its start", LatencyCause.HiddenSynchronization, WaitingLaneAsync),
    ];

    /// <summary>Watches a detector while <paramref name="feed"/> runs on a thread of its own, and ends it after.</summary>
    public static async Task<LatencyReport> WatchAsync(
        YoloDetector detector, TimeSpan time, Action<CancellationToken> feed, double? expectedRate = null, Func<YoloDetector, Task>? ready = null)
    {
        using CancellationTokenSource enough = new();
        Task feeding = Task.Factory.StartNew(
            () => feed(enough.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        LatencyReport report;
        try
        {
            await (ready is null ? Task.CompletedTask : ready(detector));
            report = await Doctor.WatchAsync(detector, new WatchOptions { Duration = time, ExpectedRate = expectedRate }, CancellationToken.None);
        }
        finally
        {
            await enough.CancelAsync();
            await feeding;
        }

        return report;
    }

    /// <summary>Rents, fills and submits until told to stop, and takes the results on a thread of its own.</summary>
    public static void Feed(
        YoloDetector detector, FrameFormat format, Action beforeRent, Action<FrameSlot> fill, Action<DetectionResult> take, CancellationToken stop)
    {
        using BlockingCollection<Task<DetectionResult>> pending = [];
        Thread consumer = new(() =>
        {
            foreach (Task<DetectionResult> task in pending.GetConsumingEnumerable())
            {
                using DetectionResult result = task.GetAwaiter().GetResult();
                take(result);
            }
        });
        consumer.Start();
        try
        {
            while (!stop.IsCancellationRequested)
            {
                beforeRent();
                using FrameSlot slot = detector.RentAsync(format, stop).AsTask().GetAwaiter().GetResult();
                fill(slot);
                pending.Add(detector.SubmitAsync(slot, cancellationToken: CancellationToken.None).AsTask(), CancellationToken.None);
            }
        }
        catch (OperationCanceledException)
        {
        }

        pending.CompleteAdding();
        consumer.Join();
    }

    private static YoloDetector Open(DetectorOptions options, int milliseconds) => YoloDetector.FromFunction(
        Model,
        (_, _) =>
        {
            Sleep(milliseconds);
            return [];
        },
        options);

    private static void Sleep(int milliseconds)
    {
        if (milliseconds > 0)
        {
            Thread.Sleep(milliseconds);
        }
    }

    private static async Task<LatencyReport> PacedAsync(TimeSpan time, DetectorOptions options, int every, int milliseconds)
    {
        await using YoloDetector detector = Open(options, milliseconds);
        return await WatchAsync(
            detector, time, stop => Feed(detector, Small, () => Sleep(every), static _ => { }, static _ => { }, stop));
    }

    private static Task<LatencyReport> LiveReaderAsync(TimeSpan time) => FilledAsync(time, fill: 50, expectedRate: 5);

    private static async Task<LatencyReport> FilledAsync(TimeSpan time, int fill, double? expectedRate)
    {
        await using YoloDetector detector = Open(new DetectorOptions(), milliseconds: 2);
        return await WatchAsync(
            detector, time, stop => Feed(detector, Small, static () => { }, _ => Sleep(fill), static _ => { }, stop), expectedRate);
    }

    private static async Task<LatencyReport> NothingAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(new DetectorOptions(), milliseconds: 2);
        return await WatchAsync(detector, time, static _ => { });
    }

    private static async Task<LatencyReport> HoldingAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(new DetectorOptions(), milliseconds: 2);
        return await WatchAsync(detector, time, stop =>
        {
            while (!stop.IsCancellationRequested)
            {
                FrameSlot slot = detector.RentAsync(Small, CancellationToken.None).AsTask().GetAwaiter().GetResult();
                using DetectionResult result =
                    detector.SubmitAsync(slot, cancellationToken: CancellationToken.None).AsTask().GetAwaiter().GetResult();
                Sleep(200);
            }
        });
    }

    private static async Task<LatencyReport> PilingAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(new DetectorOptions(), milliseconds: 2);
        return await WatchAsync(detector, time, stop =>
        {
            int submitted = 0;
            Feed(
                detector, Small, () => Sleep(submitted++ > 100 ? 100 : 10), static _ => { }, _ => Sleep(stop.IsCancellationRequested ? 0 : 60), stop);
        });
    }

    private static async Task<LatencyReport> SaturatedAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(new DetectorOptions(), milliseconds: 150);
        return await WatchAsync(detector, time, stop => Feed(detector, Small, static () => { }, static _ => { }, static _ => { }, stop));
    }

    private static async Task<LatencyReport> CollectingAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(new DetectorOptions(), milliseconds: 20);
        object[] live = [.. Enumerable.Range(0, 1_000_000).Select(static _ => new object())];
        using CancellationTokenSource enough = new();
        Thread collector = new(() =>
        {
            while (!enough.IsCancellationRequested)
            {
                GC.Collect(2, GCCollectionMode.Forced, blocking: true);
                Sleep(5);
            }

            GC.KeepAlive(live);
        });
        collector.Start();
        try
        {
            return await WatchAsync(
                detector, time, stop => Feed(detector, Small, static () => Sleep(100), static _ => { }, static _ => { }, stop));
        }
        finally
        {
            await enough.CancelAsync();
            collector.Join();
        }
    }

    private static async Task<LatencyReport> BlockedPoolAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(new DetectorOptions(), milliseconds: 20);
        using ManualResetEvent enough = new(false);
        const int Blockers = 200;
        using CountdownEvent ended = new(Blockers);
        for (int index = 0; index < Blockers; index++)
        {
            bool queued = ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    enough.WaitOne();
                    ended.Signal();
                },
                null);
            Assert.True(queued);
        }

        using CancellationTokenSource stop = new();
        Thread feed = new(() => Submit(detector, stop.Token));
        feed.Start();
        try
        {
            // Not awaited: what is behind an await would wait in the same pool.
            Task<LatencyReport> watch = Doctor.WatchAsync(detector, new WatchOptions { Duration = time }, CancellationToken.None);
            watch.Wait(CancellationToken.None);
            return await watch;
        }
        finally
        {
            enough.Set();
            ended.Wait(CancellationToken.None);
            await stop.CancelAsync();
            feed.Join();
        }
    }

    private static void Submit(YoloDetector detector, CancellationToken stop)
    {
        List<Task<DetectionResult>> pending = [];
        while (!stop.IsCancellationRequested)
        {
            Sleep(100);
            if (detector.TryRent(Small, out FrameSlot slot))
            {
                pending.Add(detector.SubmitAsync(slot, cancellationToken: CancellationToken.None).AsTask());
            }
        }

        foreach (Task<DetectionResult> task in pending)
        {
            task.GetAwaiter().GetResult().Dispose();
        }
    }

    private static async Task<LatencyReport> PageableAsync(TimeSpan time)
    {
        FrameFormat large = new(PixelFormat.Bgr24, 7680, 4320);
        byte[] pixels = new byte[large.ByteCount];
        await using YoloDetector detector = Open(new DetectorOptions { Slots = 2, SlotBytes = large.ByteCount }, milliseconds: 0);
        return await WatchAsync(detector, time, stop =>
        {
            while (!stop.IsCancellationRequested)
            {
                using DetectionResult result =
                    detector.DetectAsync(pixels, large, cancellationToken: CancellationToken.None).AsTask().GetAwaiter().GetResult();
            }
        });
    }

    private static async Task<LatencyReport> WaitingLaneAsync(TimeSpan time)
    {
        FramePool pool = new(8, Small.ByteCount);
        Pipeline pipeline = new(
            pool, [new WaitingLane(), new WaitingLane()], new PipelineOptions(1, TimeSpan.Zero, OverflowPolicy.Wait, 8, TimeSpan.Zero, 10));
        await using YoloDetector detector = new(pipeline, engine: null, [], Model, name: null, "test", "test", new MemoryPlan());
        return await WatchAsync(detector, time, stop => Feed(detector, Small, static () => { }, static _ => { }, static _ => { }, stop));
    }

    /// <summary>Waits for its device where it only should have told it what to do, as an engine does that synchronises.</summary>
    private sealed class WaitingLane : Lane
    {
        public override bool IsOnDevice => false;

        public override void Prepare(OpeningSteps steps) => steps.Advance();

        public override void Start(LaneBatch batch)
        {
            Sleep(50);
            for (int index = 0; index < batch.Count; index++)
            {
                batch.ReleaseFrame(index);
                batch.SetResult(index, 0);
            }

            batch.Complete(new StageTimes(Stopwatch.Frequency / 20));
        }

        public override void Dispose()
        {
        }
    }
}
