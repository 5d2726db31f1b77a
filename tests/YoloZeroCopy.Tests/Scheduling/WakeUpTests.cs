using System.Collections.Concurrent;

namespace YoloZeroCopy.Tests;

/// <summary>
/// Who wakes whom: under load the thread that ends a batch begins the next one, and a caller is woken once for what comes together.
/// </summary>
public sealed class WakeUpTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_thread_that_ends_a_batch_begins_the_next_one_where_the_lane_needs_no_other(bool needsDispatcher)
    {
        ConcurrentQueue<int> starters = new();
        BlockingCollection<LaneBatch> started = [];
        FakeLane lane = new((_, batch) =>
        {
            starters.Enqueue(Environment.CurrentManagedThreadId);
            started.Add(batch);
        })
        {
            NeedsDispatcher = needsDispatcher,
        };
        await using PipelineHarness harness = new([lane], slots: 8, maxBatch: 2);
        List<ValueTask<DetectionResult>> pending = [harness.Submit()];
        Assert.True(started.TryTake(out LaneBatch? batch, Patience));
        for (int frame = 0; frame < 6; frame++)
        {
            pending.Add(harness.Submit());
        }

        int own = 0;
        int ending = 0;
        Thread device = new(() =>
        {
            ending = Environment.CurrentManagedThreadId;
            while (batch is not null)
            {
                FakeLane.Finish(batch);
                own += started.Count > 0 ? 1 : 0;
                batch = lane.Started < 4 || started.Count > 0 ? started.Take() : null;
            }
        });
        device.Start();
        Assert.True(device.Join(Patience));
        foreach (ValueTask<DetectionResult> frame in pending)
        {
            (await frame).Dispose();
        }

        int[] threads = [.. starters];
        Assert.Equal(4, threads.Length);
        Assert.NotEqual(ending, threads[0]);
        if (needsDispatcher)
        {
            Assert.Single(threads.Distinct());
        }
        else
        {
            // Begun before the end of the batch before was through.
            Assert.Equal(3, own);
            Assert.All(threads[1..], thread => Assert.Equal(ending, thread));
        }
    }

    [Fact]
    public async Task A_lane_that_needs_the_dispatcher_gets_no_batch_from_the_thread_that_ended_another_lanes()
    {
        const int Frames = 400;
        ConcurrentDictionary<int, int> starters = [];
        BlockingCollection<LaneBatch> started = [];
        FakeLane bound = new((lane, batch) =>
        {
            _ = starters.AddOrUpdate(Environment.CurrentManagedThreadId, 1, static (_, count) => count + 1);
            started.Add(batch);
        })
        {
            NeedsDispatcher = true,
        };
        FakeLane free = new((_, batch) => started.Add(batch));
        await using PipelineHarness harness = new([bound, free], slots: 64, maxBatch: 1);
        Thread device = new(() =>
        {
            // Both lanes are busy whenever one ends.
            for (int done = 0; done < Frames; done += 2)
            {
                LaneBatch[] two = [started.Take(), started.Take()];
                Array.ForEach(two, FakeLane.Finish);
            }
        });
        device.Start();
        List<ValueTask<DetectionResult>> pending = [];
        for (int frame = 0; frame < Frames; frame++)
        {
            ValueTask<DetectionResult> one;
            while (!harness.TrySubmit(out one))
            {
                (await pending[0]).Dispose();
                pending.RemoveAt(0);
            }

            pending.Add(one);
        }

        foreach (ValueTask<DetectionResult> frame in pending)
        {
            (await frame).Dispose();
        }

        Assert.True(device.Join(Patience));
        Assert.DoesNotContain(device.ManagedThreadId, starters.Keys);
        Assert.Single(starters);
        Assert.Equal(Frames, bound.Started + free.Started);
    }

    [Fact]
    public async Task A_batch_that_nobody_may_begin_here_and_now_is_the_dispatchers()
    {
        // Of frames that come while a lane's thread begins a batch, none is left lying when that thread is through.
        using ManualResetEventSlim enter = new();
        using ManualResetEventSlim leave = new();
        FakeLane slow = new((_, batch) =>
        {
            if (batch.Frames[0].Sequence == 1)
            {
                enter.Set();
                Assert.True(leave.Wait(Patience));
            }

            FakeLane.Finish(batch);
        });
        FakeLane first = new();
        await using PipelineHarness harness = new([first, slow], slots: 8, maxBatch: 1);
        ValueTask<DetectionResult> zero = harness.Submit();
        LaneBatch batch = first.Next();

        // On the dispatcher, which stays inside for a while.
        ValueTask<DetectionResult> one = harness.Submit();
        Assert.True(enter.Wait(Patience));
        ValueTask<DetectionResult> two = harness.Submit();
        FakeLane.Finish(batch);
        (await zero.AsTask().WaitAsync(Patience)).Dispose();
        Assert.Equal(1, harness.Pipeline.Snapshot().FramesWaiting);
        leave.Set();
        FakeLane.Finish(first.Next());
        (await one.AsTask().WaitAsync(Patience)).Dispose();
        (await two.AsTask().WaitAsync(Patience)).Dispose();
    }

    [Fact]
    public async Task A_caller_that_is_woken_for_one_result_of_a_batch_finds_the_others_there()
    {
        FakeLane lane = new();
        await using PipelineHarness harness = new([lane], slots: 8, maxBatch: 8);
        ValueTask<DetectionResult> alone = harness.Submit();
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult>[] pending = [.. Enumerable.Range(0, 7).Select(_ => harness.Submit())];
        FakeLane.Finish(batch);
        (await alone).Dispose();
        batch = lane.Next();
        Assert.Equal(7, batch.Count);
        Task<int> caller = CountReadyAsync(pending);
        Assert.False(caller.IsCompleted);
        await Task.Run(() => FakeLane.Finish(batch));
        Assert.Equal(6, await caller.WaitAsync(Patience));

        static async Task<int> CountReadyAsync(ValueTask<DetectionResult>[] pending)
        {
            (await pending[0].ConfigureAwait(false)).Dispose();
            int ready = pending[1..].Count(static frame => frame.IsCompleted);
            foreach (ValueTask<DetectionResult> frame in pending[1..])
            {
                (await frame).Dispose();
            }

            return ready;
        }
    }

    [Fact]
    public void What_is_held_is_queued_in_its_order_when_the_outermost_hold_ends_and_nothing_is_held_while_others_run()
    {
        BlockingCollection<int> ran = [];
        PooledContinuation.Hold();
        PooledContinuation.Hold();
        new Work(ran, 1).Go();
        PooledContinuation.Release();
        Assert.False(ran.TryTake(out _, TimeSpan.FromMilliseconds(50)));
        int paused = PooledContinuation.Pause();
        Assert.True(ran.TryTake(out int first, Patience));
        new Work(ran, 2).Go();
        Assert.True(ran.TryTake(out int second, Patience));
        PooledContinuation.Resume(paused);
        new Work(ran, 3).Go();
        Assert.False(ran.TryTake(out _, TimeSpan.FromMilliseconds(50)));
        PooledContinuation.Release();
        Assert.True(ran.TryTake(out int third, Patience));
        new Work(ran, 4).Go();
        Assert.True(ran.TryTake(out int fourth, Patience));
        Assert.Equal([1, 2, 3, 4], [first, second, third, fourth]);
    }

    private sealed class Work(BlockingCollection<int> ran, int number) : PooledContinuation
    {
        public void Go() => QueueContinuation();

        protected override void Execute() => ran.Add(number);
    }
}
