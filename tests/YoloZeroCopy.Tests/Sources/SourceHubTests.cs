using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>What a hub does with its sources: their frames, states, faults, and how they come and go.</summary>
public sealed class SourceHubTests
{
    private static readonly HubSourceOptions EveryFrame = new() { Overflow = OverflowPolicy.Wait };

    [Fact]
    public async Task Every_frame_of_a_producer_is_handled_in_order_with_its_pixels_and_its_source_ends_then()
    {
        await using HubHarness harness = new();
        List<(int Run, long Number, int ClassId, int Pixels, TimeSpan Timestamp)> seen = [];
        List<SourceState> states = [];
        HubSource source = harness.Hub.Add(
            "belt",
            HubHarness.Frames(100),
            (frame, result) =>
            {
                Assert.Equal("belt", frame.Source.Name);
                Assert.Equal(frame.Source.Number, result.Source);
                Assert.InRange(frame.CapturedAt, 1, Stopwatch.GetTimestamp());
                seen.Add((frame.Run, frame.Number, result.Detections[0].ClassId, MemoryMarshal.Read<int>(frame.Pixels.Span), frame.Timestamp));
                return default;
            },
            EveryFrame with { StateChanged = (state, problem) => states.Add(state) });
        await source.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal(Enumerable.Range(0, 100).Select(static n => (0, (long)n, n, n, TimeSpan.FromSeconds(n))), seen);
        Assert.Equal([SourceState.Live, SourceState.Ended], states);
        HubSourceStatistics statistics = source.Statistics;
        Assert.Equal(
            (SourceState.Ended, null, 1, 0L, 100L, 0L, 100L),
            (statistics.State, statistics.Problem, statistics.Runs, statistics.Faults, statistics.FramesHandled, statistics.FramesSkipped,
                statistics.Frames.FramesCompleted));
        Assert.Equal(PipelineHarness.Format, statistics.Format);
        Assert.True(statistics.AgeP50 > TimeSpan.Zero && statistics.AgeP99 >= statistics.AgeP50 && statistics.HandledPerSecond > 0);
        Assert.Same(source, harness.Hub.Find("belt"));
        await source.DisposeAsync();
        Assert.Equal(SourceState.Removed, source.State);
        Assert.Null(harness.Hub.Find("belt"));
        Assert.Empty(harness.Warnings);
    }

    [Fact]
    public async Task A_frame_of_memory_elsewhere_is_handled_and_its_owner_hears()
    {
        await using HubHarness harness = new();
        byte[] bytes = new byte[PipelineHarness.Format.ByteCount];
        bytes[0] = 7;
        using RegisteredMemory memory = harness.Detector.Register(bytes);
        using Owner owner = new();
        ConcurrentQueue<(long Token, int ClassId, bool FollowsDamage, bool HasPixels)> seen = [];
        HubSource source = harness.Hub.Add(
            "ring",
            async (feed, stop) =>
            {
                await feed.WaitForRoomAsync();
                Assert.True(feed.TrySubmit(
                    ExternalFrame.InRegistered(memory, 0, PipelineHarness.Format, owner, token: 5), followsDamage: true));
            },
            (frame, result) =>
            {
                seen.Enqueue((frame.Token, result.Detections[0].ClassId, frame.FollowsDamage, !frame.Pixels.IsEmpty));
                return default;
            });
        await source.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal((5, 7, true, false), Assert.Single(seen));
        Assert.Equal(5, owner.Next());
    }

    [Fact]
    public async Task No_more_frames_are_ahead_than_the_options_say()
    {
        FakeLane lane = new();
        await using HubHarness harness = new(lane);
        TaskCompletionSource full = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int handled = 0;
        HubSource source = harness.Hub.Add(
            "camera",
            async (feed, stop) =>
            {
                for (int number = 0; number < 3; number++)
                {
                    await HubHarness.SubmitAsync(feed, number);
                }

                Assert.False(feed.TryRent(PipelineHarness.Format, out _));
                Assert.False(feed.TrySubmit(default));
                ValueTask<SourceSlot> fourth = feed.RentAsync(PipelineHarness.Format);
                Assert.False(fourth.IsCompleted);
                _ = Assert.Throws<InvalidOperationException>(() => feed.WaitForRoomAsync().AsTask().GetAwaiter().GetResult());
                full.SetResult();
                (await fourth).Dispose();
                await goOn.Task;
            },
            (_, _) =>
            {
                _ = Interlocked.Increment(ref handled);
                return default;
            },
            EveryFrame with { FramesAhead = 3 });
        await full.Task.WaitAsync(HubHarness.Long);
        Assert.Equal((2, 0), (source.Statistics.FramesSkipped, Volatile.Read(ref handled)));
        goOn.SetResult();
        while (Volatile.Read(ref handled) < 3)
        {
            FakeLane.Finish(lane.Next());
            HubHarness.Until(() => source.Statistics.Frames.FramesCompleted == source.Statistics.FramesHandled, "nothing was handled");
        }

        await source.Completion.WaitAsync(HubHarness.Long);
        Assert.Empty(harness.Warnings);
    }

    [Fact]
    public async Task A_producer_that_fails_is_called_again_later_each_time_and_disturbs_nobody()
    {
        ManualTime time = new();
        await using HubHarness harness = new(clock: time);
        int calls = 0;
        ConcurrentQueue<(SourceState, string?)> states = [];
        ConcurrentQueue<int> runs = [];
        HubSource faulty = harness.Hub.Add(
            "faulty",
            async (feed, stop) =>
            {
                // What it leaves rented is its own loss.
                _ = await feed.RentAsync(PipelineHarness.Format);
                if (++calls % 3 != 0)
                {
                    throw new IOException($"call {calls}");
                }

                await HubHarness.SubmitAsync(feed, calls);
                throw new IOException("after a frame");
            },
            (frame, _) =>
            {
                runs.Enqueue(frame.Run);
                return default;
            },
            new HubSourceOptions { StateChanged = (state, problem) => states.Enqueue((state, problem)), RetryDelay = TimeSpan.FromSeconds(1) });
        HubSource well = harness.Hub.Add("well", HubHarness.Frames(50), static (_, _) => default, EveryFrame);
        foreach (double seconds in new[] { 1, 2, 4, 5, 5 })
        {
            Assert.InRange(await time.PassDelayAsync(), TimeSpan.FromSeconds(seconds * 0.79), TimeSpan.FromSeconds(seconds * 1.21));
        }

        HubHarness.Until(() => runs.Count == 2, "not called again");
        Assert.Equal([2, 5], runs);
        HubHarness.Until(() => states.Count == 8, string.Join(", ", states));
        Assert.Equal(
            [(SourceState.Failed, "call 1"), (SourceState.Failed, "call 2"), (SourceState.Live, null), (SourceState.Failed, "after a frame"),
                (SourceState.Failed, "call 4"), (SourceState.Failed, "call 5"), (SourceState.Live, null), (SourceState.Failed, "after a frame")],
            states);
        Assert.Equal(6, faulty.Statistics.Faults);
        await well.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal(50, well.Statistics.FramesHandled);
    }

    [Fact]
    public async Task The_delay_begins_anew_after_ten_seconds_with_frames()
    {
        ManualTime time = new();
        await using HubHarness harness = new(clock: time);
        HubSource source = harness.Hub.Add(
            "camera",
            async (feed, stop) =>
            {
                if (feed.Run == 2)
                {
                    await HubHarness.SubmitAsync(feed, 0);
                    time.Advance(TimeSpan.FromSeconds(10));
                    await HubHarness.SubmitAsync(feed, 1);
                }

                throw new IOException();
            },
            static (_, _) => default,
            new HubSourceOptions { RetryDelay = TimeSpan.FromSeconds(1), MaxRetryDelay = TimeSpan.FromMinutes(1) });
        foreach (double seconds in new[] { 1, 2, 1, 2 })
        {
            Assert.InRange(await time.PassDelayAsync(), TimeSpan.FromSeconds(seconds * 0.79), TimeSpan.FromSeconds(seconds * 1.21));
        }
    }

    [Fact]
    public async Task A_source_without_retries_ends_with_its_fault_and_one_that_repeats_begins_anew()
    {
        await using HubHarness harness = new();
        HubSource fails = harness.Hub.Add(
            "fails", static (_, _) => throw new IOException("no such camera"), static (_, _) => default,
            new HubSourceOptions { RetryDelay = TimeSpan.Zero });
        await fails.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal((SourceState.Failed, "no such camera", 1), (fails.State, fails.Problem, fails.Statistics.Runs));

        ConcurrentQueue<(int, long)> seen = [];
        ConcurrentQueue<SourceState> states = [];
        HubSource repeats = harness.Hub.Add(
            "repeats",
            HubHarness.Frames(3),
            (frame, _) =>
            {
                seen.Enqueue((frame.Run, frame.Number));
                return default;
            },
            EveryFrame with { Repeats = true, StateChanged = (state, _) => states.Enqueue(state) });
        HubHarness.Until(() => seen.Count >= 9, "it did not begin anew");
        await repeats.RemoveAsync().WaitAsync(HubHarness.Long);
        Assert.Equal([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)], seen.Take(9));
        Assert.Equal([SourceState.Live, SourceState.Removed], states);

        // One that gives nothing is not called for ever.
        HubSource empty = harness.Hub.Add(
            "empty", HubHarness.Frames(0), static (_, _) => default, EveryFrame with { Repeats = true, RetryDelay = TimeSpan.Zero });
        await empty.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal((SourceState.Ended, 1), (empty.State, empty.Statistics.Runs));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_source_that_is_removed_drains_or_drops_as_asked(bool drain)
    {
        FakeLane lane = new();
        await using HubHarness harness = new(lane);
        TaskCompletionSource submitted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ConcurrentQueue<int> seen = [];
        HubSource source = harness.Hub.Add(
            "camera",
            async (feed, stop) =>
            {
                for (int number = 0; number < 3; number++)
                {
                    await HubHarness.SubmitAsync(feed, number);
                }

                submitted.SetResult();
                await Task.Delay(Timeout.Infinite, stop);
            },
            (_, result) =>
            {
                seen.Enqueue(result.Detections[0].ClassId);
                return default;
            },
            EveryFrame);
        await submitted.Task.WaitAsync(HubHarness.Long);
        LaneBatch first = lane.Next();
        int inLane = first.Count;
        Task removal = source.RemoveAsync(drain);
        Assert.Same(removal, source.RemoveAsync(drain: true));
        HubHarness.Until(() => drain || source.Statistics.Frames.FramesWaiting == 0, "nothing was dropped");
        Assert.False(removal.IsCompleted);
        FakeLane.Finish(first);
        if (drain && inLane < 3)
        {
            FakeLane.Finish(lane.Next());
        }

        await removal.WaitAsync(HubHarness.Long);
        Assert.Equal(drain ? [0, 1, 2] : [], seen);
        Assert.Equal(drain ? 0 : 3 - inLane, source.Statistics.Frames.DroppedRemoved);
        Assert.Equal(3, source.Statistics.Frames.FramesSubmitted);
        Assert.Empty(harness.Hub.Sources);
        HubHarness.Until(() => harness.Detector.Statistics.ExternalFramesHeld == 0, "an owner has not heard");
        Assert.Equal(SourceState.Removed, source.State);
    }

    [Fact]
    public async Task What_its_own_code_throws_is_told_once_and_ends_nothing()
    {
        await using HubHarness harness = new();
        HubSource source = harness.Hub.Add(
            "clumsy",
            async (feed, stop) =>
            {
                _ = stop.Register(static () => throw new IOException("cancellation"));
                await HubHarness.Frames(20)(feed, stop);
                await Task.Delay(Timeout.Infinite, stop);
            },
            static (frame, _) => frame.Number % 2 == 0 ? throw new IOException("handler") : default,
            EveryFrame with { StateChanged = static (_, _) => throw new IOException("state") });
        HubHarness.Until(() => source.Statistics.FramesHandled == 20, "it stood still");
        Assert.Equal(10, source.Statistics.HandlerFailures);
        await source.RemoveAsync().WaitAsync(HubHarness.Long);
        HubHarness.Until(() => harness.Warnings.Count == 3, string.Join("\n", harness.Warnings));
        Assert.All(new[] { "handler", "state", "cancellation" }, thrown => Assert.Single(harness.Warnings, text => text.Contains(
            $"IOException: {thrown}", StringComparison.Ordinal)));
        Assert.All(harness.Warnings, static text => Assert.Contains("'clumsy'", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_producer_tells_of_its_states_and_errors_and_is_not_heard_once_it_has_ended()
    {
        await using HubHarness harness = new();
        ConcurrentQueue<(SourceState, string?)> states = [];
        SourceFeed? kept = null;
        SourceSlot slot = default;
        HubSource source = harness.Hub.Add(
            "camera",
            async (feed, stop) =>
            {
                kept = feed;
                slot = await feed.RentAsync(PipelineHarness.Format);
                feed.Tell(SourceState.Refused, "wrong password");
                feed.Tell(SourceState.Refused, "wrong password");
                await HubHarness.SubmitAsync(feed, 1);
                feed.Tell(SourceState.Stalled, "silent");
                feed.Tell(SourceState.Live);
                feed.CountDecodeErrors(3);
                feed.CountDecodeErrors();
                _ = Assert.Throws<ArgumentException>("state", () => feed.Tell(SourceState.Ended));
            },
            static (_, _) => default,
            EveryFrame with { StateChanged = (state, problem) => states.Enqueue((state, problem)) });
        await source.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal(
            [(SourceState.Refused, "wrong password"), (SourceState.Live, null), (SourceState.Stalled, "silent"), (SourceState.Live, null),
                (SourceState.Ended, null)],
            states);
        Assert.Equal((2, 4), (source.Statistics.Faults, source.Statistics.DecodeErrors));
        kept!.Tell(SourceState.Failed, "late");
        Assert.Equal(SourceState.Ended, source.State);
        _ = Assert.Throws<InvalidOperationException>(() => kept.Submit(slot));
        _ = Assert.Throws<InvalidOperationException>(() => kept.TryRent(PipelineHarness.Format, out _));
        _ = Assert.Throws<InvalidOperationException>(() => slot.Memory);
        slot.Dispose();
    }

    [Fact]
    public async Task A_slot_is_submitted_once_and_by_its_own_feed()
    {
        await using HubHarness harness = new();
        TaskCompletionSource<SourceSlot> foreign = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        HubSource other = harness.Hub.Add(
            "other",
            async (feed, stop) =>
            {
                foreign.SetResult(await feed.RentAsync(PipelineHarness.Format));
                await done.Task;
            },
            static (_, _) => default);
        HubSource source = harness.Hub.Add(
            "camera",
            async (feed, stop) =>
            {
                SourceSlot slot = await feed.RentAsync(PipelineHarness.Format);
                SourceSlot copy = slot;
                Assert.True(slot == copy && slot.Format == PipelineHarness.Format && slot.Memory.Length == PipelineHarness.Format.ByteCount);
                SourceSlot another = await foreign.Task;
                _ = Assert.Throws<ArgumentException>("slot", () => feed.Submit(another));
                _ = Assert.Throws<InvalidOperationException>(() => feed.Submit(default));
                _ = Assert.Throws<ArgumentException>(() => feed.TryRent(default, out _));
                _ = Assert.Throws<ArgumentException>(() => feed.TryRent(new FrameFormat(PixelFormat.Gray8, 100, 100), out _));
                feed.Submit(slot);
                _ = Assert.Throws<InvalidOperationException>(() => feed.Submit(copy));
                copy.Dispose();
                SourceSlot disposed = await feed.RentAsync(PipelineHarness.Format);
                disposed.Dispose();
                disposed.Dispose();
                _ = Assert.Throws<InvalidOperationException>(() => feed.Submit(disposed));
            },
            static (_, _) => default,
            EveryFrame with { RetryDelay = TimeSpan.Zero });
        await source.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal((SourceState.Ended, null), (source.State, source.Problem));
        Assert.Equal(1, source.Statistics.FramesHandled);
        done.SetResult();
        await other.Completion.WaitAsync(HubHarness.Long);
    }

    [Fact]
    public async Task A_faulted_detector_ends_every_source_with_its_fault()
    {
        FakeLane lane = new((lane, batch) => batch.Fault(new InvalidOperationException("the device is gone")));
        await using HubHarness harness = new(lane);
        HubSource gives = harness.Hub.Add("gives", HubHarness.Frames(int.MaxValue), static (_, _) => default, EveryFrame);
        await gives.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal(SourceState.Failed, gives.State);
        Assert.Contains("the device is gone", gives.Problem, StringComparison.Ordinal);
        Assert.Equal(1, gives.Statistics.Runs);
        _ = Assert.Throws<DetectorFaultedException>(() => harness.Hub.Add("late", HubHarness.Frames(1), static (_, _) => default));
        Assert.Null(harness.Hub.Find("late"));
        Assert.Empty(harness.Warnings);
    }

    [Fact]
    public async Task A_disposed_detector_ends_its_sources_and_the_hub_can_still_be_disposed()
    {
        await using HubHarness harness = new();
        HubSource source = harness.Hub.Add("gives", HubHarness.Frames(int.MaxValue), static (_, _) => default, EveryFrame);
        HubHarness.Until(() => source.Statistics.FramesHandled > 5, "it gives nothing");
        await harness.Detector.DisposeAsync();
        await source.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal(SourceState.Failed, source.State);
        await harness.Hub.StopAsync(drain: true).WaitAsync(HubHarness.Long);
        Assert.Equal(SourceState.Removed, source.State);
        _ = Assert.Throws<ObjectDisposedException>(() => harness.Hub.Add("late", HubHarness.Frames(1), static (_, _) => default));
    }

    [Fact]
    public async Task A_source_that_has_submitted_nothing_when_its_detector_goes_is_not_tried_for_ever()
    {
        await using HubHarness harness = new();
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
        HubSource source = harness.Hub.Add(
            "late",
            async (feed, stop) =>
            {
                begun.SetResult();
                await gone.Task;
                await HubHarness.SubmitAsync(feed, 0);
            },
            static (_, _) => default,
            new HubSourceOptions { RetryDelay = TimeSpan.FromMilliseconds(1) });
        await begun.Task.WaitAsync(HubHarness.Long);
        await harness.Detector.DisposeAsync();
        gone.SetResult();
        await source.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal((SourceState.Failed, 1), (source.State, source.Statistics.Runs));
    }

    [Fact]
    public async Task A_name_is_used_once_at_a_time_and_wrong_options_are_refused()
    {
        await using HubHarness harness = new();
        FrameProducer waits = static (_, stop) => Task.Delay(Timeout.Infinite, stop);
        HubSource first = harness.Hub.Add("one", waits, static (_, _) => default);
        _ = Assert.Throws<InvalidOperationException>(() => harness.Hub.Add("one", waits, static (_, _) => default));
        await first.DisposeAsync();
        HubSource second = harness.Hub.Add("one", waits, static (_, _) => default);
        Assert.NotEqual(first.Number, second.Number);
        Assert.Equal([second], harness.Hub.Sources);
        HubSourceOptions[] wrong =
        [
            new() { FramesAhead = 1 },
            new() { FramesAhead = 65 },
            new() { QueueCapacity = 4 },
            new() { RetryDelay = TimeSpan.FromSeconds(-1) },
            new() { MaxRetryDelay = TimeSpan.FromMilliseconds(100) },
            new() { MaxRetryDelay = TimeSpan.FromHours(2) },
            new() { Weight = 0 },
        ];
        Assert.All(wrong, options => Assert.ThrowsAny<ArgumentException>(() => harness.Hub.Add("two", waits, static (_, _) => default, options)));
        _ = Assert.Throws<ArgumentException>("name", () => harness.Hub.Add("", waits, static (_, _) => default));

        // Somebody else's source has the next number; the name is free again.
        using (FrameSource taken = harness.Detector.AddSource(second.Number + 1))
        {
            _ = Assert.Throws<InvalidOperationException>(() => harness.Hub.Add("two", waits, static (_, _) => default));
        }

        _ = harness.Hub.Add("two", waits, static (_, _) => default);
    }

    [Fact]
    public async Task Larger_frames_of_a_later_call_get_other_slots_and_within_a_call_they_are_refused()
    {
        FakeLane lane = new(static (_, batch) => FakeLane.Finish(batch));
        await using PipelineHarness pipeline = new([lane], slots: 1, slotBytes: 1 << 20);
        await using YoloDetector detector = pipeline.Detector();
        await using SourceHub hub = new(detector);
        FrameFormat large = new(PixelFormat.Gray8, 500, 500);
        HubSource source = hub.Add(
            "camera",
            async (feed, stop) =>
            {
                using SourceSlot slot = await feed.RentAsync(feed.Run == 0 ? PipelineHarness.Format : large);
                feed.Submit(slot);
                if (feed.Run == 0)
                {
                    _ = Assert.Throws<ArgumentException>(() => feed.TryRent(large, out SourceSlot _));
                    throw new IOException("comes back larger");
                }
            },
            static (_, _) => default,
            new HubSourceOptions { RetryDelay = TimeSpan.FromMilliseconds(1) });
        await source.Completion.WaitAsync(HubHarness.Long);
        Assert.Equal((2, 2L, SourceState.Ended), (source.Statistics.Runs, source.Statistics.FramesHandled, source.State));
        Assert.Equal(large, source.Statistics.Format);
    }

    [Fact]
    public async Task Memory_of_slots_is_registered_on_pages_of_its_own_and_let_go_of_with_the_source()
    {
        FakeLane lane = new(static (_, batch) => FakeLane.Finish(batch)) { OnDevice = true };
        await using HubHarness harness = new(lane);
        HubSource[] sources = [.. Enumerable.Range(0, 8).Select(number => harness.Hub.Add(
            $"{number}", HubHarness.Frames(5), static (_, _) => default, EveryFrame))];
        await Task.WhenAll(sources.Select(static source => source.Completion)).WaitAsync(HubHarness.Long);
        Assert.Equal(8, lane.Registrations);
        Assert.All(lane.Registered, static one => Assert.Equal((0, 0), (one.Address % 4096, one.ByteCount % 4096)));
        await harness.Hub.StopAsync(drain: false).WaitAsync(HubHarness.Long);
        Assert.Equal(0, lane.Registrations);
    }

    private sealed class Owner : IFrameOwner, IDisposable
    {
        private readonly BlockingCollection<long> heard = [];

        public void OnFrameFree(long token) => heard.Add(token);

        public long Next()
        {
            Assert.True(heard.TryTake(out long token, HubHarness.Long), "the owner has not heard");
            return token;
        }

        public void Dispose() => heard.Dispose();
    }
}
