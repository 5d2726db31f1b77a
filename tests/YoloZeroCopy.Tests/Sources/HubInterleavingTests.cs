using System.Collections.Concurrent;

namespace YoloZeroCopy.Tests;

/// <summary>
/// A hub's promises under thousands of random interleavings: frames of a source are handled in order, with their own pixels, and none after a removal
/// that does not drain; a drained source loses none; every frame is accounted for, no slot is lost, every task ends.
/// </summary>
/// <remarks>
/// Sources come, go, and come back by the same name; producers give slots and memory of their own, fail, leave slots behind, end, repeat and are slow
/// to stop; handlers throw and are slow; removals are asked for twice, from handlers, with and without draining; detectors fault, or are disposed
/// first.
/// </remarks>
public sealed class HubInterleavingTests
{
    [Theory]
    [InlineData(0, 700)]
    [InlineData(10_000, 700)]
    [InlineData(20_000, 700)]
    public async Task Promises_hold(int firstSeed, int runs)
    {
        for (int seed = firstSeed; seed < firstSeed + runs; seed++)
        {
            try
            {
                await using Run run = new(seed);
                await run.ExecuteAsync().WaitAsync(HubHarness.Long);
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Seed {seed}: {error.Message}", error);
            }
        }
    }

    private sealed class Run : IAsyncDisposable
    {
        private readonly Random random;
        private readonly int faultAt;
        private readonly HubHarness harness;
        private readonly ConcurrentBag<Camera> cameras = [];
        private readonly ConcurrentQueue<string> wrong = new();
        private int batches;

        public Run(int seed)
        {
            random = new Random(seed);
            faultAt = random.Next(8) == 0 ? random.Next(1, 30) : int.MaxValue;
            int[] pauses = [.. Enumerable.Range(0, 16).Select(_ => random.Next(4) == 0 ? random.Next(200) : 0)];
            harness = new HubHarness(new FakeLane((_, batch) =>
            {
                int number = Interlocked.Increment(ref batches);
                int pause = pauses[number % pauses.Length];
                bool queued = ThreadPool.UnsafeQueueUserWorkItem(_ => Answer(batch, number, pause), null);
                Assert.True(queued);
            }));
        }

        public async Task ExecuteAsync()
        {
            int count = random.Next(1, 5);
            Task[] lives = [.. Enumerable.Range(0, count).Select(name => LiveAsync($"{name}", new Random(random.Next())))];
            bool disposesFirst = random.Next(10) == 0;
            if (disposesFirst)
            {
                await Task.Yield();
                await harness.Detector.DisposeAsync();
            }

            await Task.WhenAll(lives);
            bool drains = random.Next(2) == 0;
            await Task.WhenAll(harness.Hub.StopAsync(drains), harness.Hub.StopAsync(drains));
            foreach (Camera camera in cameras)
            {
                camera.Check(mayLose: faultAt < int.MaxValue || disposesFirst);
            }

            Assert.Empty(harness.Hub.Sources);
            Assert.Empty(wrong);
            HubHarness.Until(() => harness.Detector.Statistics.ExternalFramesHeld == 0, "an owner has not heard");
        }

        public ValueTask DisposeAsync() => harness.DisposeAsync();

        private void Answer(LaneBatch batch, int number, int pause)
        {
            Thread.SpinWait(pause);
            if (number == faultAt)
            {
                batch.Fault(new InvalidOperationException("the device is gone"));
            }
            else
            {
                FakeLane.Finish(batch);
            }
        }

        // One name's life: it is added, left alone for a while, removed, and comes back.
        private async Task LiveAsync(string name, Random own)
        {
            for (int life = own.Next(1, 4); life > 0; life--)
            {
                Camera camera = new(name, own.Next(), wrong);
                try
                {
                    camera.Add(harness);
                }
                catch (Exception error) when (error is ObjectDisposedException or DetectorFaultedException)
                {
                    return;
                }

                cameras.Add(camera);
                for (int turns = own.Next(30); turns > 0; turns--)
                {
                    await Task.Yield();
                    _ = own.Next(10) == 0 ? camera.Source.Statistics : null;
                }

                if (own.Next(4) == 0 && !camera.Repeats)
                {
                    // Whatever becomes of it, it must not be waited for without an end.
                    camera.LetEnd();
                    await camera.Source.Completion;
                }

                if (own.Next(5) == 0)
                {
                    // What is left is for the hub.
                    return;
                }

                bool drains = own.Next(2) == 0;
                camera.IsDrained = drains;
                Task removal = camera.Source.RemoveAsync(drains);
                if (own.Next(3) == 0)
                {
                    camera.IsDrained = false;
                    await Task.WhenAll(removal, camera.Source.RemoveAsync());
                }

                await removal;
                camera.NoteRemoved();
            }
        }
    }

    /// <summary>One source, and what is expected of it.</summary>
    private sealed class Camera(string name, int seed, ConcurrentQueue<string> wrong) : IFrameOwner
    {
        private readonly Random random = new(seed);
        private readonly List<(int Run, long Number)> handled = [];
        private RegisteredMemory? memory;
        private byte[] bytes = [];
        private int submitted;
        private int lent;
        private int heard;
        private volatile bool ends;
        private volatile bool isRemoved;
        private bool waits;
        private bool removesItself;
        private volatile HubSource? source;

        public HubSource Source => source!;

        public bool Repeats { get; private set; }

        /// <summary>Whether nothing that was submitted may be lost.</summary>
        public bool IsDrained { get; set; }

        public void Add(HubHarness harness)
        {
            waits = random.Next(2) == 0;
            removesItself = random.Next(10) == 0;
            bytes = new byte[4 * PipelineHarness.Format.ByteCount];
            memory = harness.Detector.Register(bytes);
            int kind = random.Next();
            Repeats = random.Next(3) == 0;
            source = harness.Hub.Add(
                name,
                (feed, stop) => ProduceAsync(feed, new Random(kind + feed.Run), stop),
                Handle,
                new HubSourceOptions
                {
                    Overflow = waits ? OverflowPolicy.Wait : (OverflowPolicy)random.Next(1, 3),
                    FramesAhead = random.Next(2, 6),
                    RetryDelay = random.Next(4) == 0 ? TimeSpan.Zero : TimeSpan.FromTicks(random.Next(1, 1000)),
                    MaxRetryDelay = TimeSpan.FromTicks(1000),
                    Repeats = Repeats,
                    StateChanged = random.Next(5) == 0 ? static (_, _) => throw new IOException("state") : null,
                });
        }

        public void LetEnd() => ends = true;

        public void NoteRemoved()
        {
            isRemoved = true;
            memory!.Dispose();
        }

        public void OnFrameFree(long token) => Interlocked.Increment(ref heard);

        public void Check(bool mayLose)
        {
            HubSourceStatistics statistics = Source.Statistics;
            SourceStatistics frames = statistics.Frames;
            Assert.Equal(SourceState.Removed, statistics.State);
            FrameSourceTests.AssertComplete(frames);
            Assert.Equal(0, frames.FramesWaiting);
            if (!mayLose)
            {
                // A detector that is gone refuses what it does not count.
                Assert.Equal(submitted, frames.FramesSubmitted);
            }

            Assert.Equal(statistics.FramesHandled, handled.Count);
            Assert.True(handled.Count <= frames.FramesCompleted);
            if (IsDrained && waits && !mayLose && !removesItself)
            {
                Assert.Equal(frames.FramesSubmitted, handled.Count);
            }

            Assert.Equal(handled.OrderBy(static frame => frame.Run).ThenBy(static frame => frame.Number), handled);
            Assert.Equal(handled.Count, handled.Distinct().Count());
            HubHarness.Until(() => Volatile.Read(ref heard) == Volatile.Read(ref lent), "an owner heard too often, or not at all");
            memory!.Dispose();
        }

        private async Task ProduceAsync(SourceFeed feed, Random own, CancellationToken stop)
        {
            int frames = own.Next(20);
            bool isLeaky = own.Next(6) == 0;
            bool hasLeaked = false;
            for (int frame = 0; frame < frames && !(ends && frame > 0); frame++)
            {
                if (own.Next(20) == 0 && !ends)
                {
                    throw new IOException("lost");
                }

                if (own.Next(8) == 0)
                {
                    feed.Tell(SourceState.Stalled, "silent");
                }

                if (own.Next(3) == 0)
                {
                    if (own.Next(2) == 0)
                    {
                        await feed.WaitForRoomAsync();
                    }

                    int place = own.Next(4) * PipelineHarness.Format.ByteCount;
                    _ = Interlocked.Increment(ref lent);
                    _ = Interlocked.Increment(ref submitted);
                    bool isTaken = false;
                    try
                    {
                        isTaken = feed.TrySubmit(ExternalFrame.InRegistered(memory!, place, PipelineHarness.Format, this, place));
                    }
                    finally
                    {
                        if (!isTaken)
                        {
                            _ = Interlocked.Decrement(ref lent);
                            _ = Interlocked.Decrement(ref submitted);
                        }
                    }
                }
                else
                {
                    SourceSlot slot = default;
                    if (own.Next(3) == 0
                        ? feed.TryRent(PipelineHarness.Format, out slot)
                        : (slot = await feed.RentAsync(PipelineHarness.Format)) != default)
                    {
                        HubHarness.Stamp(slot, (feed.Run * 1000) + frame);
                        if (isLeaky && !hasLeaked)
                        {
                            hasLeaked = true;
                            continue;
                        }

                        if (own.Next(10) == 0)
                        {
                            slot.Dispose();
                            continue;
                        }

                        _ = Interlocked.Increment(ref submitted);
                        try
                        {
                            feed.Submit(slot, TimeSpan.FromTicks((feed.Run * 1000) + frame));
                        }
                        catch
                        {
                            _ = Interlocked.Decrement(ref submitted);
                            throw;
                        }
                    }
                }

                if (own.Next(4) == 0)
                {
                    await Task.Yield();
                }
            }

            if (isLeaky && !ends)
            {
                throw new IOException("left slots behind");
            }

            if (own.Next(3) == 0 && !ends)
            {
                await Task.Delay(Timeout.Infinite, stop).WaitAsync(TimeSpan.FromMilliseconds(1), CancellationToken.None);
            }
        }

        private ValueTask Handle(SourceFrame frame, DetectionResult result)
        {
            handled.Add((frame.Run, frame.Number));
            if (isRemoved)
            {
                wrong.Enqueue($"{name}: handled after its removal");
            }

            if (!frame.Pixels.IsEmpty && (result.Detections[0].ClassId != frame.Timestamp.Ticks
                || System.Runtime.InteropServices.MemoryMarshal.Read<int>(frame.Pixels.Span) != frame.Timestamp.Ticks))
            {
                wrong.Enqueue($"{name}: the pixels of another frame");
            }

            if (removesItself && source is HubSource self)
            {
                _ = self.RemoveAsync(frame.Number % 2 == 0);
            }

            return frame.Number % 7 == 3 ? throw new IOException("handler") : frame.Number % 5 == 2 ? LateAsync() : default;
        }

        private static async ValueTask LateAsync() => await Task.Yield();
    }
}
