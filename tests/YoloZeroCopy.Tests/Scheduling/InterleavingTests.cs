using System.Collections.Concurrent;

namespace YoloZeroCopy.Tests;

/// <summary>
/// The pipeline's promises under thousands of random interleavings: no slot lost, order per source, every caller answered once, every owner of a
/// frame told once, every frame counted, no frame mixed up.
/// </summary>
/// <remarks>
/// Lanes finish out of order and at once, callers cancel, await twice, on contexts that throw, and on the thread that brings results; listeners
/// and owners throw; frames are dropped inside submit; registered memory is disposed with frames in it; detectors are disposed early, twice and at
/// once, or abandoned.
/// </remarks>
public sealed class InterleavingTests
{
    [Theory]
    [InlineData(0, 800, false)]
    [InlineData(10_000, 800, false)]
    [InlineData(20_000, 800, true)]
    public async Task Promises_hold(int firstSeed, int runs, bool hasDevices)
    {
        for (int seed = firstSeed; seed < firstSeed + runs; seed++)
        {
            try
            {
                await new Run(seed, hasDevices).ExecuteAsync().WaitAsync(TimeSpan.FromSeconds(120));
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Seed {seed}: {error.Message}", error);
            }
        }
    }

    private sealed class Run : IDisposable
    {
        private readonly Random random;
        private readonly ConcurrentQueue<LaneBatch> inFlight = new();
        private readonly SemaphoreSlim started = new(0);
        private readonly int faultAt;
        private readonly PipelineHarness harness;
        private readonly OverflowPolicy overflow;
        private readonly bool synchronously;
        private readonly bool onDevice;
        private readonly Ring[] rings = [new(2), new(2), new(2)];
        private readonly RegisteredMemory[] memories;
        private volatile bool done;
        private int submitted;
        private int answered;
        private int seen;

        public Run(int seed, bool hasDevices)
        {
            random = new Random(seed);
            overflow = (OverflowPolicy)random.Next(3);
            synchronously = random.Next(3) == 0;
            faultAt = random.Next(10) == 0 ? random.Next(1, 20) : int.MaxValue;
            onDevice = random.Next(2) == 0;
            int laneCount = hasDevices ? random.Next(2, 6) : random.Next(1, 4);
            int devices = hasDevices ? random.Next(2, laneCount + 1) : 1;
            FakeLane[] lanes = [.. Enumerable.Range(0, laneCount).Select(number => new FakeLane((_, batch) =>
            {
                inFlight.Enqueue(batch);
                started.Release();
            })
            {
                OnDevice = onDevice,
                Device = number % devices,
                HomeOf = hasDevices ? frame => (int)((ulong)frame.Token % (ulong)devices) : null,
            })];
            harness = new PipelineHarness(
                lanes,
                slots: random.Next(1, 7),
                maxBatch: random.Next(1, 5),
                overflow: overflow,
                queueCapacity: overflow == OverflowPolicy.Wait ? 0 : random.Next(1, 4),
                maxFrameAge: random.Next(4) == 0 ? TimeSpan.FromMilliseconds(1) : TimeSpan.Zero,
                maxBatchDelay: random.Next(6) == 0 ? TimeSpan.FromMilliseconds(1) : TimeSpan.Zero,
                spinTime: random.Next(3) == 0 ? TimeSpan.FromMicroseconds(50) : TimeSpan.Zero,
                allowSynchronousContinuations: synchronously);
            memories = [.. rings.Select(ring => ring.Register(harness.Pipeline))];
            if (random.Next(3) == 0)
            {
                int heard = 0;
                rings[0].OnFree = static token =>
                {
                    if (token == 0)
                    {
                        throw new InvalidOperationException("an owner threw");
                    }
                };
                harness.Pipeline.LatencyObserver = _ =>
                {
                    if (Interlocked.Increment(ref heard) % 3 == 0)
                    {
                        throw new InvalidOperationException("a listener threw");
                    }
                };
            }
        }

        public async Task ExecuteAsync()
        {
            using Run self = this;
            Task device = Task.Run(DriveDeviceAsync);
            int[] seeds = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next())];
            int disposals = random.Next(6) == 0 ? random.Next(1, 4) : 0;
            bool abandons = random.Next(8) == 0;
            Task producers = Task.WhenAll(seeds.Select((seed, source) => Task.Run(() => ProduceAsync(source, new Random(seed)))));
            if (abandons)
            {
                await Task.Yield();
                harness.Pipeline.Abandon();
            }

            Task unregistering = random.Next(6) == 0 ? Task.Run(memories[0].Dispose) : Task.CompletedTask;
            await Task.WhenAll(Enumerable.Range(0, disposals).Select(_ => Task.Run(() => DisposeAsync(harness))));
            await producers;
            await unregistering;
            DetectorStatistics statistics = harness.Pipeline.Snapshot();
            await Task.WhenAll(DisposeAsync(harness), Task.Run(() => DisposeAsync(harness)));
            await harness.DisposeAsync();
            done = true;
            started.Release();
            await device;

            // What was submitted as the detector ended is told on the pool.
            Assert.True(SpinWait.SpinUntil(() => harness.Pipeline.Snapshot().ExternalFramesHeld == 0, TimeSpan.FromSeconds(60)));
            Assert.All(rings, static ring => Assert.Equal((0, 0), (ring.Missing, ring.Surplus)));
            foreach (RegisteredMemory memory in memories)
            {
                memory.Dispose();
            }

            Assert.Equal(0, harness.Lanes[0].Registrations);
            Assert.Equal(0, harness.Pool.SlotsInUse);
            Assert.All(harness.Lanes, lane => Assert.True(lane.IsDisposed));
            Assert.Equal(submitted, answered);
            Assert.InRange(statistics.FramesSubmitted, 0, submitted);
            Assert.Equal(statistics.FramesSubmitted, statistics.FramesCompleted + statistics.FramesFailed + statistics.FramesCanceled
                + statistics.FramesDropped);
        }

        public void Dispose()
        {
            started.Dispose();
            foreach (Ring ring in rings)
            {
                ring.Dispose();
            }
        }

        private static async Task DisposeAsync(PipelineHarness harness)
        {
            await harness.Pipeline.DisposeAsync();
            Assert.All(harness.Lanes, lane => Assert.True(lane.IsDisposed, "a caller of DisposeAsync came back before the lanes were disposed"));
        }

        // Finishes batches in random order and ways, one by one and at once, as a device with several streams might.
        private async Task DriveDeviceAsync()
        {
            Random chance = new(random.Next());
            List<LaneBatch> batches = [];
            List<Task> finishing = [];
            while (true)
            {
                await started.WaitAsync();
                while (inFlight.TryDequeue(out LaneBatch? batch))
                {
                    batches.Add(batch);
                }

                if (done && batches.Count == 0)
                {
                    await Task.WhenAll(finishing);
                    return;
                }

                while (batches.Count > 0)
                {
                    if (chance.Next(3) == 0)
                    {
                        await Task.Yield();
                    }

                    int pick = chance.Next(batches.Count);
                    LaneBatch batch = batches[pick];
                    batches.RemoveAt(pick);
                    Random own = new(chance.Next());
                    if (chance.Next(2) == 0)
                    {
                        finishing.Add(Task.Run(() => FinishSomehow(batch, own)));
                    }
                    else
                    {
                        FinishSomehow(batch, own);
                    }
                }
            }
        }

        private void FinishSomehow(LaneBatch batch, Random chance)
        {
            if (Interlocked.Increment(ref seen) == faultAt)
            {
                batch.Fault(new InvalidOperationException("injected"));
                return;
            }

            for (int index = 0; index < batch.Count; index++)
            {
                switch (chance.Next(8))
                {
                    case 0:
                        batch.SetError(index, new InferenceException("injected"));
                        break;
                    case 1:
                        break;
                    default:
                        FakeLane.Answer(batch, index);
                        break;
                }
            }

            batch.Complete(default);
        }

        private async Task ProduceAsync(int source, Random chance)
        {
            List<(int Number, ValueTask<DetectionResult> Result, CancellationTokenSource? Cancel)> pending = [];
            for (int turn = 0; turn < 12; turn++)
            {
                int number = (source * 1000) + turn;
                CancellationTokenSource? cancel = chance.Next(4) == 0 ? new CancellationTokenSource() : null;
                ValueTask<DetectionResult> result;
                if (chance.Next(2) == 0)
                {
                    if (!TrySubmitExternal(source, number, chance, cancel?.Token ?? default, out result))
                    {
                        cancel?.Dispose();
                        await Task.Yield();
                        continue;
                    }
                }
                else
                {
                    FrameSlot? rented = await RentAsync(chance);
                    if (rented is not FrameSlot slot || chance.Next(8) == 0)
                    {
                        rented?.Dispose();
                        cancel?.Dispose();
                        continue;
                    }

                    FakeLane.Stamp(slot, number);
                    result = harness.Pipeline.Submit(slot, source, 0, cancel?.Token ?? default);
                    slot.Dispose();
                }

                Interlocked.Increment(ref submitted);
                pending.Add((number, result, cancel));
                if (cancel is not null && chance.Next(2) == 0)
                {
                    await cancel.CancelAsync();
                }

                if (pending.Count > chance.Next(6))
                {
                    await TakeAsync(pending, chance, source);
                    Interlocked.Increment(ref answered);
                }
            }

            while (pending.Count > 0)
            {
                await TakeAsync(pending, chance, source);
                Interlocked.Increment(ref answered);
            }
        }

        private bool TrySubmitExternal(
            int source, int number, Random chance, CancellationToken cancellationToken, out ValueTask<DetectionResult> result)
        {
            int buffer = chance.Next(2);
            if (!rings[source].IsFree(buffer))
            {
                result = default;
                return false;
            }

            rings[source].Stamp(buffer, number);
            ExternalFrame frame = onDevice && chance.Next(2) == 0
                ? rings[source].OnDevice(buffer)
                : rings[source].InRegistered(memories[source], buffer);
            result = harness.Pipeline.Submit(frame, source, 0, cancellationToken);
            return true;
        }

        private async Task<FrameSlot?> RentAsync(Random chance)
        {
            try
            {
                if (chance.Next(2) == 0)
                {
                    return harness.Pool.TryRent(PipelineHarness.Format, out FrameSlot slot) ? slot : null;
                }

                using CancellationTokenSource cancel = new();
                ValueTask<FrameSlot> rent = harness.Pool.RentAsync(PipelineHarness.Format, cancel.Token);
                if (!rent.IsCompleted && chance.Next(2) == 0)
                {
                    await Task.Yield();
                    await cancel.CancelAsync();
                }

                return await rent;
            }
            catch (OperationCanceledException)
            {
                return null;
            }
            catch (ObjectDisposedException)
            {
                return null;
            }
            catch (DetectorFaultedException)
            {
                return null;
            }
        }

        // Awaits a random pending frame; all earlier ones of this source that nobody cancelled must be answered by then.
        private static async Task TakeAsync(
            List<(int Number, ValueTask<DetectionResult> Result, CancellationTokenSource? Cancel)> pending, Random chance, int source)
        {
            int pick = chance.Next(pending.Count);
            (int number, ValueTask<DetectionResult> task, CancellationTokenSource? cancel) = pending[pick];
            bool twice = chance.Next(6) == 0;
            try
            {
                Task<DetectionResult> first = chance.Next(3) == 0 ? AwaitOn(new UnreliableContext(chance.Next()), task) : task.AsTask();
                using DetectionResult result = await (twice ? await TakerAsync(first, AwaitAsync(task)) : first);
                Assert.Equal(source, result.Source);
                if (!result.IsDropped)
                {
                    Assert.Equal(number, Assert.Single(result.Detections.ToArray()).ClassId);
                }

                for (int earlier = 0; earlier < pick; earlier++)
                {
                    Assert.True(pending[earlier].Result.IsCompleted, $"frame {pending[earlier].Number} was overtaken by {number}");
                }
            }
            catch (OperationCanceledException)
            {
                Assert.NotNull(cancel);
            }
            catch (InferenceException)
            {
            }
            catch (DetectorFaultedException)
            {
            }
            catch (DeviceException)
            {
            }
            catch (ObjectDisposedException)
            {
            }

            if (twice)
            {
                await AssertRefusedAsync(task);
            }

            cancel?.Dispose();
            pending.RemoveAt(pick);
        }

        // A frame that a closed detector did not take at all says so at every await; all others are for one.
        private static async Task AssertRefusedAsync(ValueTask<DetectionResult> frame)
        {
            Exception error = await Assert.ThrowsAnyAsync<Exception>(async () => (await frame).Dispose());
            Assert.True(error is DetectorFaultedException or DeviceException or ObjectDisposedException
                || error.Message.Contains("awaited before", StringComparison.Ordinal), error.ToString());
        }

        // Of two awaits one gets the result or error: the first, unless the second is there in the moment in which the first goes on.
        private static async Task<Task<DetectionResult>> TakerAsync(Task<DetectionResult> first, Task<DetectionResult> second)
        {
            if (await IsRefusedAsync(second))
            {
                return first;
            }

            Assert.True(await IsRefusedAsync(first)
                || second.Exception?.InnerException is DetectorFaultedException or DeviceException or ObjectDisposedException);
            return second;
        }

        private static async Task<bool> IsRefusedAsync(Task<DetectionResult> awaiting)
        {
            Exception? error = await Record.ExceptionAsync(() => awaiting);
            return error is InvalidOperationException && error.Message.Contains("awaited before", StringComparison.Ordinal);
        }

        private static async Task<DetectionResult> AwaitAsync(ValueTask<DetectionResult> frame) => await frame;

        private static Task<DetectionResult> AwaitOn(SynchronizationContext context, ValueTask<DetectionResult> frame) =>
            Contexts.Run(context, () => AwaitAsync(frame));
    }

    /// <summary>Posts, or throws instead, or throws after it has called, or calls twice.</summary>
    private sealed class UnreliableContext(int seed) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
            switch (new Random(seed).Next(4))
            {
                case 0:
                    ThreadPool.QueueUserWorkItem(_ => d(state));
                    break;
                case 1:
                    throw new InvalidOperationException("refused");
                case 2:
                    d(state);
                    throw new InvalidOperationException("refused after it was called");
                default:
                    ThreadPool.QueueUserWorkItem(_ => d(state));
                    d(state);
                    break;
            }
        }
    }
}
