namespace YoloZeroCopy.Tests;

/// <summary>A detector over a function: the real slots, queue and policies, and what an application may rely on in its tests.</summary>
public sealed class FromFunctionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly ModelInfo Model = ModelInfo.OfClasses("bolt", "nut");
    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 16, 8);

    [Fact]
    public async Task Gives_what_the_function_finds_in_the_frame()
    {
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model,
            static (pixels, format) => [new Detection(pixels[0], 0.5f, 0, 0, format.Width, format.Height)],
            new DetectorOptions { Name = "fake" });
        Assert.Equal(("fake", "cpu, a function in place of a model"), (detector.Name, detector.Device));
        Assert.Same(Model, detector.Model);
        for (byte wanted = 0; wanted < 2; wanted++)
        {
            using FrameSlot slot = await detector.RentAsync(Format);
            slot.Span.Fill(wanted);
            using DetectionResult result = await detector.SubmitAsync(slot, source: 5);
            Assert.Equal([new Detection(wanted, 0.5f, 0, 0, 16, 8)], result.Detections);
            Assert.Equal((5, (long)wanted), (result.Source, result.Sequence));
            Assert.Same(Model, result.Model);
        }

        Assert.Equal(2, detector.Statistics.FramesCompleted);
    }

    [Fact]
    public async Task The_options_hold_for_what_it_finds()
    {
        float[] scores = [0.2f, 0.6f, 0.9f, 0.25f, 0.6f, 0.3f, 0.95f];
        Detection[] found = [.. scores.Select(static (score, place) => new Detection(0, score, place, 0, place + 1, 1))];
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model, (_, _) => found, new DetectorOptions { ScoreThreshold = 0.25f, MaxDetections = 4 });
        using DetectionResult result = await detector.DetectAsync(new byte[Format.ByteCount], Format);
        Assert.Equal([found[6], found[2], found[1], found[4]], result.Detections);
    }

    [Fact]
    public async Task Classes_that_are_not_asked_for_are_left_out()
    {
        Detection[] found = [new(0, 0.5f, 0, 0, 1, 1), new(1, 0.9f, 0, 0, 1, 1), new(0, 0.6f, 0, 0, 1, 1)];
        await using YoloDetector detector = YoloDetector.FromFunction(Model, (_, _) => found, new DetectorOptions { Classes = [0] });
        using DetectionResult result = await detector.DetectAsync(new byte[Format.ByteCount], Format);
        Assert.Equal([found[2], found[0]], result.Detections);
        _ = Assert.Throws<ArgumentException>(() => YoloDetector.FromFunction(Model, (_, _) => found, new DetectorOptions { Classes = [2] }));
    }

    [Fact]
    public async Task What_it_throws_is_the_frames_error_and_costs_no_slot()
    {
        InferenceException own = new("as an engine fails");
        Exception? thrown = null;
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model, (_, _) => thrown is null ? [] : throw thrown, new DetectorOptions { Slots = 2 });
        for (int time = 0; time < 3; time++)
        {
            thrown = own;
            Assert.Same(own, await Assert.ThrowsAsync<InferenceException>(DetectAsync));
            thrown = new IOException("disk");
            Assert.Same(thrown, (await Assert.ThrowsAsync<InferenceException>(DetectAsync)).InnerException);
            thrown = new OperationCanceledException("not the caller's");
            Assert.Same(thrown, (await Assert.ThrowsAsync<InferenceException>(DetectAsync)).InnerException);
        }

        thrown = null;
        await DetectAsync();
        Assert.Null(detector.Fault);
        Assert.Equal(0, detector.Statistics.SlotsInUse);

        async Task DetectAsync()
        {
            using DetectionResult result = await detector.DetectAsync(new byte[Format.ByteCount], Format).AsTask().WaitAsync(Patience);
            Assert.Equal(0, result.Detections.Length);
        }
    }

    [Fact]
    public async Task What_it_could_not_have_found_is_the_frames_error()
    {
        IReadOnlyList<Detection>? found = [new Detection(0, 0.5f, 0, 0, 17, 8)];
        await using YoloDetector detector = YoloDetector.FromFunction(Model, (_, _) => found!);
        InferenceException error =
            await Assert.ThrowsAsync<InferenceException>(() => detector.DetectAsync(new byte[Format.ByteCount], Format).AsTask());
        Assert.Contains("no box inside a frame of 16x8 pixels", error.Message, StringComparison.Ordinal);
        found = null;
        _ = await Assert.ThrowsAsync<InferenceException>(() => detector.DetectAsync(new byte[Format.ByteCount], Format).AsTask());
    }

    [Fact]
    public async Task It_can_fault_the_detector()
    {
        IOException cause = new("the device is gone");
        await using YoloDetector detector = YoloDetector.FromFunction(Model, (_, _) => throw new DetectorFaultedException(cause));
        DetectorFaultedException error =
            await Assert.ThrowsAsync<DetectorFaultedException>(() => detector.DetectAsync(new byte[Format.ByteCount], Format).AsTask());
        Assert.Same(cause, error.InnerException);
        Assert.Same(cause, detector.Fault);
        _ = Assert.Throws<DetectorFaultedException>(() => detector.TryRent(Format, out _));
        Assert.Equal(0, detector.Statistics.SlotsInUse);
    }

    [Fact]
    public async Task Policies_are_the_real_ones()
    {
        using SemaphoreSlim go = new(0);
        using SemaphoreSlim running = new(0);
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model,
            (_, _) =>
            {
                running.Release();
                go.Wait();
                return [];
            },
            new DetectorOptions { Overflow = OverflowPolicy.DropOldest, QueueCapacity = 1, Slots = 3 });
        Task<DetectionResult> first = detector.DetectAsync(new byte[Format.ByteCount], Format).AsTask();
        Assert.True(await running.WaitAsync(Patience));
        Task<DetectionResult> second = detector.DetectAsync(new byte[Format.ByteCount], Format).AsTask();
        Task<DetectionResult> third = detector.DetectAsync(new byte[Format.ByteCount], Format).AsTask();
        go.Release(2);
        using DetectionResult dropped = await second.WaitAsync(Patience);
        Assert.Equal(FrameStatus.DroppedOldest, dropped.Status);
        Assert.Same(Model, dropped.Model);
        using DetectionResult answered = await first.WaitAsync(Patience);
        using DetectionResult last = await third.WaitAsync(Patience);
        Assert.False(answered.IsDropped || last.IsDropped);
    }

    [Fact]
    public async Task Lanes_call_it_at_the_same_time_and_the_order_of_results_holds()
    {
        using CountdownEvent inside = new(3);
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model,
            (pixels, _) =>
            {
                if (!inside.IsSet)
                {
                    inside.Signal();
                    Assert.True(inside.Wait(Patience));
                }

                return [new Detection(pixels[0] & 1, 0.5f, 0, 0, pixels[0] / 16f, 1)];
            },
            new DetectorOptions { Lanes = 3 });
        Task<DetectionResult>[] all = new Task<DetectionResult>[3];
        for (int number = 0; number < all.Length; number++)
        {
            byte[] pixels = new byte[Format.ByteCount];
            pixels[0] = (byte)(number + 1);
            all[number] = detector.DetectAsync(pixels, Format).AsTask();
        }

        for (int number = 0; number < all.Length; number++)
        {
            using DetectionResult result = await all[number].WaitAsync(Patience);
            Assert.Equal((number + 1) / 16f, result.Detections[0].X2);
        }
    }

    [Fact]
    public async Task A_frame_allocates_nothing()
    {
        Detection[] found = [new Detection(1, 0.5f, 0, 0, 1, 1)];
        await using YoloDetector detector = YoloDetector.FromFunction(Model, (_, _) => found);
        for (int time = 0; time < 100; time++)
        {
            using FrameSlot slot = await detector.RentAsync(Format);
            using DetectionResult result = await detector.SubmitAsync(slot);
        }

        double least = await AllocationSlices.LeastAsync(async () =>
        {
            long before = detector.Statistics.ManagedBytes;
            for (int time = 0; time < 100; time++)
            {
                using FrameSlot slot = await detector.RentAsync(Format);
                using DetectionResult result = await detector.SubmitAsync(slot);
            }

            return detector.Statistics.ManagedBytes - before;
        });
        Assert.Equal(0, least);
    }

    [Fact]
    public void What_is_missing_or_wrong_is_refused()
    {
        _ = Assert.Throws<ArgumentNullException>("model", () => YoloDetector.FromFunction(null!, (_, _) => []));
        _ = Assert.Throws<ArgumentNullException>("detect", () => YoloDetector.FromFunction(Model, null!));
        DetectorOptions wrong = new() { Slots = -1 };
        _ = Assert.Throws<ArgumentOutOfRangeException>("Slots", () => YoloDetector.FromFunction(Model, (_, _) => [], wrong));
    }
}
