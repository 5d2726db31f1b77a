using System.Globalization;

namespace YoloZeroCopy.Video.Tests;

/// <summary>Detecting in a video with one call: the answers, the look-ahead, and that no way out costs a slot or leaves a process.</summary>
public sealed class VideoDetectionTests : IDisposable
{
    private const int Frames = 24;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly FrameFormat Small = new(PixelFormat.Bgr24, 4, 2);
    private static readonly ModelInfo Model = ModelInfo.OfClasses([.. Enumerable.Range(0, 256).Select(static number => $"number {number}")]);

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_frame_comes_in_order_with_its_number_its_time_and_what_it_shows()
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 60);
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model, static (pixels, format) =>
            {
                // Lanes overtake each other.
                int number = Clips.Read(pixels, format);
                Thread.SpinWait(number % 5 * 20_000);
                return number % 7 == 0 ? [] : [new Detection(number, 0.5f, 0, 0, 1, 1)];
            },
            new DetectorOptions { Lanes = 3, MaxBatch = 2 });

        List<VideoDetections> frames = [];
        await foreach (VideoDetections frame in detector.DetectVideoAsync(path, Options()))
        {
            frames.Add(frame);
        }

        Assert.Equal(Enumerable.Range(0, 60).Select(static i => (long)i), frames.Select(static frame => frame.FrameNumber));
        Assert.Equal(Enumerable.Range(0, 60).Select(static i => TimeSpan.FromMilliseconds(40 * i)), frames.Select(static frame => frame.Timestamp));
        Assert.All(frames, static frame =>
        {
            Assert.Equal((320, 180, FrameStatus.Completed), (frame.Format.Width, frame.Format.Height, frame.Status));
            Assert.Equal(frame.FrameNumber % 7 == 0 ? [] : [(int)frame.FrameNumber], frame.Detections.Select(static one => one.ClassId));
            Assert.True(frame.Latency > TimeSpan.Zero);
        });
        Assert.Equal("frame 8 at 0.320 s: 1 detections", frames[8].ToString());
        Assert.Equal(0, detector.Statistics.HostCopies);
        await AssertNoSlotIsLostAsync(detector);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(6)]
    public async Task The_look_ahead_keeps_every_lane_busy(int lanes)
    {
        // No lane ends a frame before every lane has one: this passes only with work for all of them at once, whatever the caller does.
        using Barrier allBusy = new(lanes);
        int alone = 0;
        int frames = lanes * 8;
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model, (_, _) =>
            {
                if (!allBusy.SignalAndWait(Limit))
                {
                    Interlocked.Increment(ref alone);
                }

                return [];
            },
            new DetectorOptions { Lanes = lanes, MaxBatch = 1 });
        int read = 0;

        await foreach (VideoDetections frame in detector.DetectVideoAsync(Any(), Options(Fake(frames))))
        {
            Assert.Equal(read++, frame.FrameNumber);
        }

        Assert.Equal((frames, 0), (read, alone));
    }

    [Fact]
    public async Task The_look_ahead_fills_the_batches_of_every_lane()
    {
        // Lanes hold their frames until all that they and the slots can take was submitted.
        const int Lanes = 3;
        const int Batch = 4;
        using ManualResetEventSlim allSubmitted = new();
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model, (_, _) => allSubmitted.Wait(Limit) ? [] : throw new TimeoutException(), new DetectorOptions { Lanes = Lanes, MaxBatch = Batch });

        await using IAsyncEnumerator<VideoDetections> frames = detector.DetectVideoAsync(Any(), Options(Fake(100))).GetAsyncEnumerator();
        Task<bool> first = frames.MoveNextAsync().AsTask();
        await Until.TrueAsync(() => detector.Statistics.SlotsInUse == detector.SlotCount && detector.Statistics.BatchesInFlight == Lanes);
        allSubmitted.Set();

        Assert.Equal((Lanes + 1) * Batch, detector.SlotCount);
        Assert.True(await first);
        while (await frames.MoveNextAsync())
        {
        }

        Assert.Equal(100, detector.Statistics.FramesCompleted);
        Assert.True(detector.Statistics.Batches < 100);
    }

    [Fact]
    public async Task The_look_ahead_is_bounded_by_the_slots()
    {
        const int Slots = 4;
        await using YoloDetector detector = YoloDetector.FromFunction(Model, static (_, _) => [], new DetectorOptions { Slots = Slots });
        await using IAsyncEnumerator<VideoDetections> frames = detector.DetectVideoAsync(Any(), Options(Fake(200))).GetAsyncEnumerator();

        Assert.True(await frames.MoveNextAsync());
        await Until.TrueAsync(() => detector.Statistics.FramesCompleted >= Slots + 1);
        await Task.Delay(200);

        Assert.InRange(detector.Statistics.FramesSubmitted, Slots + 1, Slots + 2);
        Assert.Equal(0, detector.Statistics.SlotsInUse);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(13)]
    public async Task Leaving_early_costs_no_slot_and_leaves_no_process(int after)
    {
        await using YoloDetector detector = Detector();
        int read = 0;
        for (int time = 0; time < 3; time++)
        {
            await foreach (VideoDetections frame in detector.DetectVideoAsync(Any(), Options(Endless())))
            {
                if (read++ == after)
                {
                    break;
                }
            }

            read = 0;
            await AssertNoSlotIsLostAsync(detector);
            await AssertGoneAsync();
        }
    }

    [Fact]
    public async Task A_caller_that_throws_costs_no_slot_and_leaves_no_process()
    {
        await using YoloDetector detector = Detector();

        ArithmeticException error = await Assert.ThrowsAsync<ArithmeticException>(async () =>
        {
            await foreach (VideoDetections frame in detector.DetectVideoAsync(Any(), Options(Endless())))
            {
                throw new ArithmeticException(frame.ToString());
            }
        });

        Assert.StartsWith("frame 0 ", error.Message, StringComparison.Ordinal);
        await AssertNoSlotIsLostAsync(detector);
        await AssertGoneAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(Frames)]
    public async Task Cancelling_ends_it_at_once(int after)
    {
        // The last case waits for a frame that never comes.
        await using YoloDetector detector = Detector();
        using CancellationTokenSource cancellation = new();
        string path = Any();
        VideoReaderOptions options = Options(Endless());
        int read = 0;

        OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            if (read == after)
            {
                await cancellation.CancelAsync();
            }

            await foreach (VideoDetections frame in detector.DetectVideoAsync(path, options, cancellation.Token))
            {
                if (++read == after)
                {
                    cancellation.CancelAfter(read == Frames ? 50 : 0);
                }
            }
        });

        Assert.Equal(cancellation.Token, error.CancellationToken);
        Assert.InRange(read, after, Frames);
        await AssertNoSlotIsLostAsync(detector);
        await AssertGoneAsync();
    }

    [Fact]
    public async Task The_token_of_the_enumeration_ends_it_too()
    {
        await using YoloDetector detector = Detector();
        using CancellationTokenSource cancellation = new();

        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (VideoDetections frame in detector.DetectVideoAsync(Any(), Options(Endless())).WithCancellation(cancellation.Token))
            {
                await cancellation.CancelAsync();
            }
        });

        await AssertNoSlotIsLostAsync(detector);
        await AssertGoneAsync();
    }

    [Fact]
    public async Task A_damaged_video_gives_its_frames_and_then_the_error()
    {
        await using YoloDetector detector = Detector();
        string fake = Clips.FakeFfmpeg(folder, Clips.Send, nut: Clips.Nut(Frames, more: 7));
        int read = 0;

        MediaException error = await Assert.ThrowsAsync<MediaException>(async () =>
        {
            await foreach (VideoDetections frame in detector.DetectVideoAsync(Any(), Options(fake)))
            {
                Assert.Equal(read++, frame.FrameNumber);
            }
        });

        Assert.Equal(Frames, read);
        Assert.Contains($"middle of frame {Frames}", error.Message, StringComparison.Ordinal);
        await AssertNoSlotIsLostAsync(detector);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_failing_frame_and_a_fault_come_after_the_frames_before(bool isFault)
    {
        int calls = 0;
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model, (_, _) => calls++ < 9 ? [] : isFault ? throw new DetectorFaultedException(new IOException("the card fell out"))
                : throw new InferenceException("cannot see"),
            new DetectorOptions { Slots = 3 });
        int read = 0;

        Exception error = await Assert.ThrowsAnyAsync<YoloZeroCopyException>(async () =>
        {
            await foreach (VideoDetections frame in detector.DetectVideoAsync(Any(), Options(Endless())))
            {
                Assert.Equal(read++, frame.FrameNumber);
            }
        });

        Assert.IsType(isFault ? typeof(DetectorFaultedException) : typeof(InferenceException), error);
        Assert.Equal(9, read);
        await AssertNoSlotIsLostAsync(detector);
        await AssertGoneAsync();
    }

    [Fact]
    public async Task A_detector_that_is_disposed_in_between_ends_it()
    {
        YoloDetector detector = Detector();
        int read = 0;

        _ = await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (VideoDetections frame in detector.DetectVideoAsync(Any(), Options(Endless())))
            {
                if (++read == 5)
                {
                    await detector.DisposeAsync();
                }
            }
        });

        Assert.InRange(read, 5, Frames);
        await AssertGoneAsync();
    }

    [Fact]
    public async Task Leaving_at_any_moment_costs_no_slot()
    {
        await using YoloDetector detector = Detector();
        Random random = new(17);
        string fake = Fake(200);
        for (int round = 0; round < 25; round++)
        {
            using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(random.Next(60)));
            CancellationToken token = round % 2 == 0 ? cancellation.Token : default;
            int most = random.Next(1, 220);
            try
            {
                await foreach (VideoDetections frame in detector.DetectVideoAsync(Any(), Options(fake), token))
                {
                    if (frame.FrameNumber == most)
                    {
                        break;
                    }
                }
            }
            catch (OperationCanceledException)
            {
            }

            await AssertNoSlotIsLostAsync(detector);
        }
    }

    [Fact]
    public async Task Dropped_frames_come_with_their_status_and_without_detections()
    {
        using SemaphoreSlim gate = new(0);
        await using YoloDetector detector = YoloDetector.FromFunction(
            Model, (_, _) =>
            {
                gate.Wait(Limit);
                return [new Detection(1, 0.5f, 0, 0, 1, 1)];
            },
            new DetectorOptions { Slots = 6, Overflow = OverflowPolicy.DropOldest, QueueCapacity = 1 });
        List<VideoDetections> frames = [];

        await using IAsyncEnumerator<VideoDetections> enumerator = detector.DetectVideoAsync(Any(), Options(Fake(20))).GetAsyncEnumerator();
        Task<bool> first = enumerator.MoveNextAsync().AsTask();
        await Until.TrueAsync(() => detector.Statistics.FramesSubmitted >= 6);
        gate.Release(1000);
        for (bool more = await first; more; more = await enumerator.MoveNextAsync())
        {
            frames.Add(enumerator.Current);
        }

        VideoDetections dropped = frames.First(static frame => frame.IsDropped);
        Assert.Equal(Enumerable.Range(0, 20).Select(static i => (long)i), frames.Select(static frame => frame.FrameNumber));
        Assert.Equal(FrameStatus.DroppedOldest, dropped.Status);
        Assert.Contains("dropped", Assert.Throws<InvalidOperationException>(() => dropped.Detections).Message, StringComparison.Ordinal);
        Assert.EndsWith("DroppedOldest", dropped.ToString(), StringComparison.Ordinal);
        Assert.Contains(frames, static frame => !frame.IsDropped && frame.Detections.Count == 1);
    }

    [Fact]
    public async Task What_cannot_be_read_is_told_by_the_first_step()
    {
        await using YoloDetector detector =
            YoloDetector.FromFunction(Model, static (_, _) => [], new DetectorOptions { SlotBytes = Small.ByteCount - 1 });

        _ = Assert.Throws<ArgumentNullException>(() => ((IDetector)null!).DetectVideoAsync("a.mp4"));
        _ = Assert.Throws<ArgumentException>(() => detector.DetectVideoAsync(""));
        _ = await Assert.ThrowsAsync<MediaException>(() => FirstAsync(folder.File("none.mp4"), Options()));
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(() => FirstAsync(Any(), Options(Fake(2))));
        Assert.Contains("SlotBytes", error.Message, StringComparison.Ordinal);
        await AssertNoSlotIsLostAsync(detector);

        async Task FirstAsync(string path, VideoReaderOptions options)
        {
            await using IAsyncEnumerator<VideoDetections> frames = detector.DetectVideoAsync(path, options).GetAsyncEnumerator();
            _ = await frames.MoveNextAsync();
        }
    }

    private static VideoReaderOptions Options(string? ffmpeg = null) => new() { FfmpegPath = ffmpeg ?? Clips.Ffmpeg() };

    private static YoloDetector Detector() => YoloDetector.FromFunction(
        Model, static (_, _) => [new Detection(1, 0.5f, 0, 0, 1, 1)],
        new DetectorOptions { Lanes = 2, MaxBatch = 2, Slots = 5, SlotBytes = Small.ByteCount });

    // A lane may still read what nobody waits for any more.
    private static Task AssertNoSlotIsLostAsync(YoloDetector detector)
    {
        Assert.Equal(0, detector.Statistics.SlotsRented);
        return Until.TrueAsync(() => detector.Statistics.SlotsInUse == 0);
    }

    private string Any()
    {
        string path = folder.File("any.mp4");
        if (!File.Exists(path))
        {
            File.WriteAllText(path, "x");
        }

        return path;
    }

    // Sends frames of Small and ends.
    private string Fake(int frames) => Clips.FakeFfmpeg(folder, Clips.Send, nut: Clips.Nut(frames));

    // Sends as many and stays; its process is noted.
    private string Endless() =>
        Clips.FakeFfmpeg(folder, "echo $$ > \"$0.id\"\n" + Clips.Send + "exec sleep 600\n", nut: Clips.Nut(Frames));

    private async Task AssertGoneAsync()
    {
        string file = folder.File("fake-ffmpeg.id");
        Assert.True(!File.Exists(file) || await Clips.IsGoneAsync(int.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture)));
    }
}
