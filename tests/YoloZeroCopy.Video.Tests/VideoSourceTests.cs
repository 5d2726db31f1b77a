using System.Collections.Concurrent;

namespace YoloZeroCopy.Video.Tests;

/// <summary>Videos as sources of a hub.</summary>
public sealed class VideoSourceTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly ModelInfo Model = ModelInfo.OfClasses([.. Enumerable.Range(0, 256).Select(static number => $"number {number}")]);

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_frame_of_a_file_is_handled_with_its_pixels_and_time_and_again_where_it_repeats()
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 30);
        await using YoloDetector detector = Detector();
        await using SourceHub hub = new(detector);
        ConcurrentQueue<(int Run, long Number, TimeSpan Timestamp, int ClassId, int Pixels)> seen = [];
        HubSource once = hub.AddVideo("once", path, Take, Video(), EveryFrame());
        await once.Completion.WaitAsync(Limit);
        Assert.Equal(Enumerable.Range(0, 30).Select(static i => (0, (long)i, TimeSpan.FromMilliseconds(40 * i), i, i)), seen);
        Assert.Equal((SourceState.Ended, 0L, 0L, 30L), (
            once.State, once.Statistics.DecodeErrors, once.Statistics.FramesSkipped, once.Statistics.Frames.FramesCompleted));
        Assert.Equal(new FrameFormat(PixelFormat.Bgr24, 320, 180), once.Statistics.Format);

        seen.Clear();
        HubSource again = hub.AddVideo("again", path, Take, Video(), EveryFrame() with { Repeats = true });
        await Until.TrueAsync(() => seen.Count > 70);
        await again.RemoveAsync().WaitAsync(Limit);
        Assert.Equal(
            Enumerable.Range(0, 70).Select(static i => (0, (long)i, TimeSpan.FromMilliseconds(40 * i), i % 30, i % 30)), seen.Take(70));
        Assert.Equal((1, 0L), (again.Statistics.Runs, again.Statistics.Faults));
        await AssertNothingIsHeldAsync(detector);

        ValueTask Take(SourceFrame frame, DetectionResult result)
        {
            seen.Enqueue((
                frame.Run, frame.Number, frame.Timestamp, result.Detections[0].ClassId, Clips.Read(frame.Pixels.Span, result.Format)));
            return default;
        }
    }

    [Fact]
    public async Task A_file_in_real_time_takes_its_time_and_skips_what_is_too_much()
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 25);
        await using YoloDetector detector = Detector();
        await using SourceHub hub = new(detector);
        using SemaphoreSlim gate = new(0);
        List<long> handled = [];
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        HubSource source = hub.AddVideo(
            "belt",
            path,
            async (frame, _) =>
            {
                handled.Add(frame.Number);
                await gate.WaitAsync(Limit);
            },
            Video() with { InRealTime = true },
            new HubSourceOptions { FramesAhead = 3 });
        await Until.TrueAsync(() => source.Statistics.FramesSkipped > 10);
        _ = gate.Release(100);
        await source.Completion.WaitAsync(Limit);
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(24 * 40));

        // Of all that was read the last frame is in the hand when the end comes; the others were skipped or submitted.
        HubSourceStatistics statistics = source.Statistics;
        Assert.InRange(statistics.FramesSkipped + statistics.Frames.FramesSubmitted, 25, 25);
        Assert.Equal(handled.Count, statistics.FramesHandled);
        Assert.Equal(handled.Order(), handled);
        await AssertNothingIsHeldAsync(detector);
    }

    [Fact]
    public async Task A_camera_that_is_lost_says_so_comes_back_and_the_others_go_on()
    {
        // The first connection ends after two frames and the second is refused; the third stays.
        string ffmpeg = Clips.FakeFfmpeg(
            folder,
            "echo x >> \"$0.starts\"\ncase $(grep -c x \"$0.starts\") in\n"
                + $"1) {Clips.Send}exit 0;;\n2) echo '[rtsp @ 0x1] [error] method DESCRIBE failed: 401 Unauthorized' >&2; exit 1;;\n"
                + $"*) {Clips.Send}exec sleep 600;;\nesac\n");
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 100);
        await using YoloDetector detector = Detector();
        await using SourceHub hub = new(detector);
        ConcurrentQueue<SourceState> states = [];
        ConcurrentQueue<VideoState> videoStates = [];
        HubSource camera = hub.AddVideo(
            "camera",
            path,
            static (_, _) => default,
            new VideoSourceOptions
            {
                Reader = new VideoReaderOptions { FfmpegPath = ffmpeg, IsLive = true, StateChanged = (state, _) => videoStates.Enqueue(state) },
            },
            new HubSourceOptions { StateChanged = (state, _) => states.Enqueue(state) });
        HubSource file = hub.AddVideo("file", path, static (_, _) => default, Video(), EveryFrame());
        await Until.TrueAsync(() => states.Count == 4);
        Assert.Equal([SourceState.Live, SourceState.Failed, SourceState.Refused, SourceState.Live], states);
        Assert.Equal([VideoState.Live, VideoState.Failed, VideoState.Refused, VideoState.Live], videoStates);
        Assert.Equal((2L, 1), (camera.Statistics.Faults, camera.Statistics.Runs));
        await file.Completion.WaitAsync(Limit);
        Assert.Equal(100, file.Statistics.FramesHandled);
        await hub.StopAsync(drain: true).WaitAsync(Limit);
        await AssertNothingIsHeldAsync(detector);
    }

    [Fact]
    public async Task A_file_that_is_not_there_yet_is_tried_again_and_errors_in_decoding_are_counted()
    {
        string path = folder.File("late.mp4");
        // Only errors that come while frames do are counted, so this one waits for a frame.
        string seen = folder.File("seen");
        string ffmpeg = Clips.FakeFfmpeg(
            folder,
            Clips.Send + $"until [ -e '{seen}' ]; do sleep 0.02; done\necho '[h264 @ 0x1] [error] error while decoding MB 1 2' >&2\n");
        await using YoloDetector detector = Detector();
        await using SourceHub hub = new(detector);
        HubSource source = hub.AddVideo(
            "late",
            path,
            (_, _) =>
            {
                File.WriteAllText(seen, "");
                return default;
            },
            new VideoSourceOptions { Reader = new VideoReaderOptions { FfmpegPath = ffmpeg, IgnoreDecodeErrors = true } },
            EveryFrame() with { RetryDelay = TimeSpan.FromMilliseconds(10) });
        await Until.TrueAsync(() => source.Statistics.Runs > 2);
        Assert.Equal(SourceState.Failed, source.State);
        Assert.Contains("late.mp4", source.Problem, StringComparison.Ordinal);
        File.WriteAllText(path, "x");
        await source.Completion.WaitAsync(Limit);
        HubSourceStatistics statistics = source.Statistics;
        Assert.Equal((SourceState.Ended, 2L, 1L), (statistics.State, statistics.FramesHandled, statistics.DecodeErrors));
    }

    [Fact]
    public async Task What_cannot_be_a_source_is_refused()
    {
        await using YoloDetector detector = Detector();
        await using SourceHub hub = new(detector);
        _ = Assert.Throws<ArgumentException>(() => hub.AddVideo("a", "", static (_, _) => default));
        _ = Assert.Throws<ArgumentException>(() => Add(new VideoSourceOptions { Decoding = VideoDecoding.Gpu }));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => Add(new VideoSourceOptions { Decoding = (VideoDecoding)7 }));
        _ = Assert.Throws<ArgumentException>(() => Add(new VideoSourceOptions { Reader = new() { PixelFormat = PixelFormat.P010 } }));
        _ = Assert.Throws<ArgumentException>(() => Add(new VideoSourceOptions { Reader = new() { StallLimit = TimeSpan.Zero } }));
        Assert.Empty(hub.Sources);
        Assert.Equal("rtsp://***@camera/1", VideoReader.NameOf("rtsp://user:s3cret@camera/1"));

        HubSource Add(VideoSourceOptions options) => hub.AddVideo("a", "a.mp4", static (_, _) => default, options);
    }

    private static YoloDetector Detector() => YoloDetector.FromFunction(
        Model,
        static (pixels, format) => [new Detection(format.Width < 100 ? 0 : Clips.Read(pixels, format), 0.5f, 0, 0, 1, 1)],
        new DetectorOptions { Lanes = 2, MaxBatch = 2, Slots = 1, SlotBytes = 320 * 180 * 3 });

    private static VideoSourceOptions Video() => new() { Reader = new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg() } };

    private static HubSourceOptions EveryFrame() => new() { Overflow = OverflowPolicy.Wait };

    private static Task AssertNothingIsHeldAsync(YoloDetector detector) => Until.TrueAsync(() => detector.Statistics.ExternalFramesHeld == 0);
}
