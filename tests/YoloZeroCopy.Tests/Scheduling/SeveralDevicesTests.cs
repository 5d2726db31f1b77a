namespace YoloZeroCopy.Tests;

/// <summary>Several devices under one dispatcher, in virtual time: which of them gets a frame, and what becomes of one that fails.</summary>
public sealed class SeveralDevicesTests(ITestOutputHelper output)
{
    private static readonly TimeSpan End = TimeSpan.FromSeconds(4);

    [Theory]
    [InlineData(OverflowPolicy.DropOldest)]
    [InlineData(OverflowPolicy.DropNewest)]
    [InlineData(OverflowPolicy.Wait)]
    public async Task Where_more_comes_than_all_can_do_each_does_what_it_can(OverflowPolicy overflow)
    {
        // Two lanes each with batches of eight in 4, 8, 16 and 32 ms: 7,500 frames a second of all.
        await using VirtualSite site = Site([4, 8, 16, 32], overflow);
        Cameras(site, count: 400, rate: 30);
        site.Run(End);
        DeviceStatistics[] devices = [.. site.Harness.Pipeline.Snapshot().Devices];
        await site.DrainAsync();
        output.WriteLine(string.Join(", ", devices.Select(static device => device.Frames)));
        for (int device = 0; device < 4; device++)
        {
            double can = 2 * 8 * End.TotalMilliseconds / (4 << device);
            Assert.InRange(devices[device].Frames, can * 0.95, can * 1.02);
        }

        Assert.Equal(["fake:0", "fake:1", "fake:2", "fake:3"], devices.Select(static device => device.Device));
        AssertInOrder(site);
    }

    [Fact]
    public async Task One_slow_device_raises_no_age_while_the_others_can_do_it_all()
    {
        TimeSpan[] without = await AgesAsync([4, 4, 4]);
        TimeSpan[] with = await AgesAsync([4, 4, 4, 80]);
        output.WriteLine(
            $"p50 {without[without.Length / 2]} and {with[with.Length / 2]}, p99 {P99(without)} and {P99(with)}, last {without[^1]} and {with[^1]}");
        Assert.InRange(P99(with), TimeSpan.Zero, P99(without) * 1.1);

        // What was tried on it to know it, one batch every two seconds.
        Assert.InRange(with.Count(static age => age > TimeSpan.FromMilliseconds(70)), 0, 3 * 8);

        static async Task<TimeSpan[]> AgesAsync(int[] milliseconds)
        {
            await using VirtualSite site = Site(milliseconds, OverflowPolicy.DropOldest);
            Cameras(site, count: 300, rate: 30);
            site.Run(End);
            await site.DrainAsync();
            Assert.All(site.Answers, static answer => Assert.Equal(FrameStatus.Completed, answer.Status));
            return [.. site.Answers.Select(static answer => answer.Age).Order()];
        }

        static TimeSpan P99(TimeSpan[] ages) => ages[ages.Length * 99 / 100];
    }

    [Fact]
    public async Task A_lone_frame_goes_to_the_device_that_has_it_done_first()
    {
        await using VirtualSite site = Site([8, 2, 4], OverflowPolicy.Wait);
        site.Camera(0, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20), End);
        site.Run(End);
        await site.DrainAsync();

        // Each once, to know it, and now and then again, since it may have become faster.
        Assert.Equal([0, 1, 2], site.Places.Take(3).Select(static place => place.Device));
        Assert.InRange(site.Places.Count(static place => place.Device != 1), 2, 2 * 3);
    }

    [Fact]
    public async Task A_device_that_was_slow_once_is_tried_again()
    {
        bool hadHiccup = false;
        await using VirtualSite site = Site([4, 4], OverflowPolicy.DropOldest, (device, _) =>
        {
            bool isHiccup = device == 1 && !hadHiccup;
            hadHiccup |= device == 1;
            return Milliseconds(isHiccup ? 200 : 4);
        });
        Cameras(site, count: 100, rate: 30);
        site.Run(End);
        await site.DrainAsync();
        Assert.Contains(site.Places, static place => place.Device == 1 && place.At > Milliseconds(500) && place.At < Milliseconds(2500));
        Assert.InRange(site.Places.Count(static place => place.Device == 1 && place.At > Milliseconds(2500)), 50, int.MaxValue);
    }

    [Fact]
    public async Task A_device_that_does_not_end_in_time_is_waited_for_no_longer_than_the_slow_one_takes_more()
    {
        bool isStuck = false;
        await using VirtualSite site =
            Site([4, 40], OverflowPolicy.Wait, (device, _) => device == 0 && isStuck ? null : Milliseconds(device == 0 ? 4 : 40));
        for (int frame = 0; frame < 6; frame++)
        {
            site.At(Milliseconds(100 * frame), () => site.Submit(0));
        }

        site.At(Milliseconds(1000), () =>
        {
            isStuck = true;
            site.Submit(0);
        });
        site.At(Milliseconds(1000.1), () => site.Submit(1));
        site.At(Milliseconds(1000.2), () => site.Submit(2));
        site.Run(End);

        // Both lanes of the fast device have a batch, which is due by 1004 ms.
        (int device, TimeSpan at) = site.Places[^1];
        Assert.Equal(1, device);
        Assert.InRange(at, Milliseconds(1030), Milliseconds(1045));
        isStuck = false;
        site.Stuck.ForEach(FakeLane.Finish);
        await site.DrainAsync();
        Assert.Equal(site.Submitted, site.Answers.Count());
    }

    [Fact]
    public async Task A_frame_that_only_the_fast_device_has_done_in_time_is_left_for_it()
    {
        await using VirtualSite site = Site([4, 40], OverflowPolicy.DropOldest, lanes: 1);
        site.AddSource(1, new SourceOptions { Deadline = Milliseconds(20), QueueCapacity = 4 });

        // Both devices are known.
        for (int frame = 0; frame < 4; frame++)
        {
            site.At(Milliseconds(100 * frame), () => site.Submit(0));
        }

        for (int frame = 0; frame < 50; frame++)
        {
            site.At(Milliseconds(500 + (5 * frame)), () => site.Submit(1));
            site.At(Milliseconds(501 + (5 * frame)), () => site.Submit(1));
        }

        site.Run(End);
        await site.DrainAsync();
        Assert.Empty(site.Misses);
        Assert.All(site.Answers, static answer => Assert.Equal(FrameStatus.Completed, answer.Status));
    }

    [Fact]
    public async Task One_that_fails_takes_its_own_frames_along_and_the_others_go_on()
    {
        using SemaphoreSlim warned = new(0);
        string? warning = null;
        await using VirtualSite site =
            Site([4, 4, 4, 4], OverflowPolicy.DropOldest, (device, _) => device == 2 && isFailing ? null : Milliseconds(4), warning: text =>
        {
            warning = text;
            warned.Release();
        });
        Cameras(site, count: 300, rate: 30);
        site.At(Milliseconds(2000), () => isFailing = true);
        site.At(Milliseconds(2010), () => site.Stuck[0].Fault(new InvalidOperationException("fell off the bus")));
        site.At(Milliseconds(2012), () => site.Stuck[1].Fault(new InvalidOperationException("fell off the bus, too")));
        site.Run(End);
        DetectorStatistics statistics = site.Harness.Pipeline.Snapshot();
        await site.DrainAsync();
        VirtualSite.Answer[] failed = [.. site.Answers.Where(static answer => answer.Error is not null)];
        Assert.InRange(failed.Length, 2, 16);
        Assert.All(failed, static answer =>
        {
            DeviceException error = Assert.IsType<DeviceException>(answer.Error);
            Assert.Equal("fake:2", error.Device);
            Assert.Contains("fell off the bus", error.Message, StringComparison.Ordinal);
        });
        Assert.Equal(2, site.Stuck.Count);
        Assert.Null(site.Harness.Pipeline.FaultCause);
        Assert.Equal([0, 0, failed.Length, 0], statistics.Devices.Select(static device => device.FramesLost));
        Assert.Equal([true, true, false, true], statistics.Devices.Select(static device => device.Fault is null));
        Assert.Equal(failed.Length, statistics.FramesFailed);
        Assert.DoesNotContain(site.Places, static place => place.Device == 2 && place.At > Milliseconds(2010));
        Assert.True(await warned.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("fake:2 is lost", warning, StringComparison.Ordinal);

        // A source whose frame was lost goes on in its order.
        AssertInOrder(site);
        Assert.Equal(0, site.Harness.Pool.SlotsInUse);
    }

    [Fact]
    public async Task When_the_last_one_fails_the_detector_is_faulted()
    {
        await using VirtualSite site = Site([4, 4], OverflowPolicy.Wait, static (_, _) => null, lanes: 1);
        for (int source = 0; source < 3; source++)
        {
            site.Submit(source);
            site.Settle();
        }

        site.Stuck[0].Fault(new InvalidOperationException("first"));
        Assert.Null(site.Harness.Pipeline.FaultCause);
        site.Stuck[1].Fault(new InvalidOperationException("second"));
        await site.DrainAsync();
        Assert.Equal("second", site.Harness.Pipeline.FaultCause!.Message);
        Assert.Equal(
            [typeof(DeviceException), typeof(DetectorFaultedException), typeof(DetectorFaultedException)],
            site.Answers.OrderBy(static answer => answer.Source).Select(static answer => answer.Error!.GetType()));
        _ = Assert.Throws<DetectorFaultedException>(() => site.Harness.Pool.TryRent(PipelineHarness.Format, out _));
    }

    [Fact]
    public async Task A_frame_on_a_device_runs_there_and_is_lost_with_it()
    {
        const int Devices = 3;
        using Ring ring = new(64);
        bool isFailing = false;
        await using VirtualSite site = Site(
            [4, 8, 16], OverflowPolicy.Wait, (device, _) => device == 1 && isFailing ? null : Milliseconds(4 << device),
            homeOf: static frame => (int)(frame.Token % Devices));
        Dictionary<int, int> where = [];
        List<Task<DetectionResult>> results = [];
        site.OnBatch = batch =>
        {
            foreach (PendingFrame frame in batch.Frames)
            {
                Assert.True(frame.Home < 0 || frame.Home == batch.Device.Index);
                where[batch.Device.Index] = where.GetValueOrDefault(batch.Device.Index) + 1;
            }
        };
        for (int frame = 0; frame < 30; frame++)
        {
            int buffer = frame;
            site.At(Milliseconds(frame), () => results.Add(Submit(buffer)));
        }

        site.Run(End);
        foreach (Task<DetectionResult> result in results)
        {
            (await result).Dispose();
        }

        Assert.Equal([10, 10, 10], where.OrderBy(static one => one.Key).Select(static one => one.Value));

        // Four in its lanes, as a batch of one and one of three, and four that wait.
        isFailing = true;
        results.Clear();
        for (int frame = 0; frame < 24; frame++)
        {
            results.Add(Submit(30 + frame));
            site.Run(site.Now);
            site.Settle();
        }

        site.Stuck[0].Fault(new InvalidOperationException("gone"));
        site.Run(End + End);
        site.Stuck.Skip(1).ToList().ForEach(static batch => batch.Fault(new InvalidOperationException("gone")));
        for (int frame = 0; frame < 24; frame++)
        {
            if (frame % Devices == 1)
            {
                Assert.Equal("fake:1", (await Assert.ThrowsAsync<DeviceException>(() => results[frame])).Device);
            }
            else
            {
                (await results[frame]).Dispose();
            }
        }

        Assert.Equal(8, site.Harness.Pipeline.Snapshot().Devices[1].FramesLost);
        _ = await Assert.ThrowsAsync<DeviceException>(() => Submit(61));
        (await Done(Submit(60))).Dispose();
        await site.DisposeAsync();
        Assert.Equal((0, 0), (ring.Missing, ring.Surplus));

        Task<DetectionResult> Submit(int buffer)
        {
            ring.Stamp(buffer, 0);
            return site.Harness.Pipeline.Submit(ring.OnDevice(buffer), buffer, 0, default).AsTask();
        }

        async Task<DetectionResult> Done(Task<DetectionResult> frame)
        {
            site.Settle();
            site.Run(site.Now + TimeSpan.FromSeconds(1));
            return await frame;
        }
    }

    [Fact]
    public void More_devices_and_input_sizes_than_can_be_told_apart_are_refused()
    {
        InputSizes sizes = InputSizes.Of(Enumerable.Range(1, 8).Select(static side => (ModelInputSize)(32 * side)));
        Assert.Equal(64, new FrameKinds(sizes, deviceCount: 7).Count);
        ArgumentException error = Assert.Throws<ArgumentException>(() => new FrameKinds(sizes, deviceCount: 8));
        Assert.Contains("With 8 devices a detector may have 7 input sizes", error.Message, StringComparison.Ordinal);
        Assert.Equal(8, new FrameKinds(sizes, deviceCount: 1).Count);
    }

    private bool isFailing;

    private static TimeSpan Milliseconds(double count) => TimeSpan.FromMilliseconds(count);

    /// <summary>Devices of two lanes, each of which takes so long for a batch, whatever its size up to eight.</summary>
    private static VirtualSite Site(
        int[] milliseconds, OverflowPolicy overflow, Func<int, int, TimeSpan?>? service = null, int lanes = 2,
        Func<ExternalFrame, int>? homeOf = null, Action<string>? warning = null) => new(
        lanes, maxBatch: 8, slots: 1024, static _ => default, overflow, queueCapacity: overflow == OverflowPolicy.Wait ? 0 : 2,
        devices: milliseconds.Length, serviceOnDevice: service ?? ((device, _) => Milliseconds(milliseconds[device])), homeOf: homeOf,
        warning: warning);

    private static void Cameras(VirtualSite site, int count, int rate)
    {
        Random random = new(7);
        for (int camera = 0; camera < count; camera++)
        {
            site.Camera(camera, TimeSpan.FromSeconds(0.001 + (random.NextDouble() / rate)), TimeSpan.FromSeconds(1d / rate), End);
        }
    }

    private static void AssertInOrder(VirtualSite site)
    {
        foreach (IGrouping<int, VirtualSite.Answer> source in site.Answers.Where(static answer => answer.Error is null)
            .GroupBy(static answer => answer.Source))
        {
            Assert.Equal(source.OrderBy(static answer => answer.Sequence), source);
        }
    }
}
