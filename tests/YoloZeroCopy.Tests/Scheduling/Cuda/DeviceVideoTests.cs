using System.Threading.Channels;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>Videos that are decoded on the GPU of a detector, on the stand-ins for driver and decoder: every surface comes back, whatever
/// happens.</summary>
[Collection(CudaTests.Name)]
public sealed class DeviceVideoTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly VideoDouble video;
    private readonly List<(TimeSpan Timestamp, FrameFormat Format, ValueTask<DetectionResult> Result)> frames = [];

    public DeviceVideoTests(CompiledSources sources) => video = new VideoDouble(sources);

    [Fact]
    public async Task Frames_are_read_where_they_were_decoded_and_their_surfaces_come_back()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(video.Driver, new FakeCudaEngine()))
        {
            Assert.Equal(0, detector.CudaOrdinal);
            using DeviceVideo decoder = Decode(detector, source: 3);
            byte[] headers =
            [
                .. VideoDouble.Unit(HeaderWriter.Sequence(CudaVideoCodec.H264, 64, 48, left: 4, top: 2, right: 4, bottom: 6)),
                .. VideoDouble.Sequence(64, 48, left: 4, top: 2, right: 60, bottom: 42, reorder: 1, isFullRange: true),
            ];
            decoder.DecodeHeaders(headers);
            const int Count = 100;
            for (int packet = 0; packet < Count; packet++)
            {
                // Shown in another order than decoded: 1, 0, 3, 2 ...
                int order = packet ^ 1;
                decoder.Decode(VideoDouble.Picture(packet, order), TimeSpan.FromMilliseconds(40 * order), arrivedAt: 1000 + order, default);
            }

            decoder.Flush(default);
            Assert.Equal(Count, frames.Count);
            for (int order = 0; order < Count; order++)
            {
                (TimeSpan timestamp, FrameFormat format, ValueTask<DetectionResult> pending) = frames[order];
                using DetectionResult result = await pending.AsTask().WaitAsync(Patience);
                Assert.Equal(TimeSpan.FromMilliseconds(40 * order), timestamp);
                Assert.Equal((FrameStatus.Completed, 3, 1000 + order), (result.Status, result.Source, result.CapturedAt));
                Assert.Equal(new FrameFormat(PixelFormat.Nv12, 56, 40, 256) { Color = YuvColor.Bt709Full }, format);
            }

            Assert.Equal(0, detector.Statistics.HostCopies);
            Assert.Equal(0, decoder.DamagedPictures);
        }

        AssertClean();
    }

    [Fact]
    public async Task Ten_bits_are_read_as_P010()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(video.Driver, new FakeCudaEngine()))
        {
            using DeviceVideo decoder = Decode(detector, codec: CudaVideoCodec.Hevc);
            decoder.Decode([.. VideoDouble.Sequence(64, 48, bitDepth: 10, matrix: 5), .. VideoDouble.Picture(1)], default, 1, default);
            (_, FrameFormat format, ValueTask<DetectionResult> pending) = Assert.Single(frames);
            Assert.Equal(new FrameFormat(PixelFormat.P010, 64, 48, 256), format);
            using DetectionResult result = await pending.AsTask().WaitAsync(Patience);
            Assert.Equal(FrameStatus.Completed, result.Status);
        }

        AssertClean();
    }

    [Fact]
    public async Task A_detector_that_goes_first_gives_every_surface_back()
    {
        YoloDetector detector = CudaHarness.OpenDetector(video.Driver, new FakeCudaEngine());
        using (DeviceVideo decoder = Decode(detector))
        {
            byte[] packet = [.. VideoDouble.Sequence(), .. VideoDouble.Picture(1, 0, PictureFlags.Intra)];
            for (int i = 0; i < 10; i++)
            {
                decoder.Decode(packet, default, 1, default);
            }

            // More than there are surfaces, so that those of refused frames must have come back, too.
            await detector.DisposeAsync();
            for (int i = 0; i < 10; i++)
            {
                decoder.Decode(packet, default, 1, default);
            }

            Assert.Equal(20, frames.Count);
            Assert.True(frames[^1].Result.IsFaulted);
            foreach ((_, _, ValueTask<DetectionResult> pending) in frames)
            {
                // Done, or failed because the detector went: each ends.
                Task<DetectionResult> ended = pending.AsTask();
                _ = await Task.WhenAny(ended).WaitAsync(Patience);
                Assert.True(ended.IsCompletedSuccessfully || ended.Exception!.InnerException is ObjectDisposedException);
            }
        }

        AssertClean();
    }

    [Fact]
    public async Task Many_videos_share_a_detector_while_some_fail()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(video.Driver, new FakeCudaEngine()))
        {
            Task<int>[] playing = [.. Enumerable.Range(0, 8).Select(source => Task.Factory.StartNew(
                () => Play(detector, source), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
            int[] shown = await Task.WhenAll(playing).WaitAsync(Patience);
            Assert.Equal([200, 100, 200, 100, 200, 100, 200, 100], shown);
        }

        AssertClean();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_decoder_that_fails_is_replaced_where_the_video_is_live(bool isLive)
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(video.Driver, new FakeCudaEngine()))
        {
            Channel<VideoDetection.PendingFrame> ahead = Channel.CreateUnbounded<VideoDetection.PendingFrame>();
            await using DevicePackets packets = Packets(detector, isLive, ahead.Writer);
            byte[] headers = VideoDouble.Sequence();
            ValueTask Decode(byte[] bytes, double at, bool isKey = false, bool isFirst = false) => packets.DecodeAsync(
                bytes, new VideoPacket(bytes.Length, isKey, isFirst, TimeSpan.FromSeconds(at), null), VideoCodec.H264, headers);

            // Nothing can be begun with a packet that is no key.
            await Decode(VideoDouble.Picture(0), 0, isFirst: true);
            await Decode(VideoDouble.Picture(1, 0, PictureFlags.Intra), 1, isKey: true);
            await Decode(VideoDouble.Picture(2, 0, PictureFlags.Broken | PictureFlags.Reference), 2);
            await Decode(VideoDouble.Picture(2), 2.5);
            if (isLive)
            {
                await Decode([(byte)'X'], 3);
                await Decode(VideoDouble.Picture(4), 4);
                await Decode(VideoDouble.Picture(5), 5, isKey: true);
                await Decode([(byte)'X'], 6);

                // Fails again before anything was decoded: it is not the packet.
                CudaException error = await Assert.ThrowsAnyAsync<CudaException>(async () => await Decode([(byte)'X'], 7, isKey: true));
                Assert.Equal("cuvidParseVideoData", error.Call);
            }
            else
            {
                _ = await Assert.ThrowsAnyAsync<CudaException>(async () => await Decode([(byte)'X'], 3));
            }

            Assert.Equal((isLive ? 3 : 2, 1), (packets.Frames, packets.DamagedPictures));
            ahead.Writer.Complete();
            List<double> seconds = [];
            await foreach (VideoDetection.PendingFrame frame in ahead.Reader.ReadAllAsync())
            {
                VideoDetections found = await frame.WaitAsync(default);
                Assert.Equal((seconds.Count, FrameStatus.Completed), (found.FrameNumber, found.Status));
                Assert.Equal(found.Timestamp.TotalSeconds == 2.5, found.FollowsDamage);
                seconds.Add(found.Timestamp.TotalSeconds);
            }

            Assert.Equal(isLive ? [1, 2.5, 5] : [1, 2.5], seconds);
        }

        AssertClean();
    }

    [Fact]
    public async Task Another_connection_begins_anew_and_a_slow_caller_holds_the_decoder_back()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(video.Driver, new FakeCudaEngine()))
        {
            using CancellationTokenSource end = new();
            Channel<VideoDetection.PendingFrame> ahead = Channel.CreateBounded<VideoDetection.PendingFrame>(2);
            await using DevicePackets packets = Packets(detector, isLive: true, ahead.Writer, end.Token);
            ValueTask Decode(int at, bool isFirst, byte[] headers) => packets.DecodeAsync(
                VideoDouble.Picture(at), new VideoPacket(4, isFirst, isFirst, TimeSpan.FromSeconds(at), null), VideoCodec.H264, headers);

            // The second connection has another size, and its pictures come in another order.
            await Decode(0, isFirst: true, VideoDouble.Sequence(64, 48, reorder: 1));
            await Decode(1, isFirst: false, []);
            Task third = Decode(2, isFirst: true, VideoDouble.Sequence(32, 32)).AsTask();
            Assert.True(SpinWait.SpinUntil(() => packets.Frames == 3, Patience));
            Assert.False(third.IsCompleted);
            List<(double, int)> shown = [];
            while (shown.Count < 3)
            {
                VideoDetections found = await (await ahead.Reader.ReadAsync()).WaitAsync(default);
                shown.Add((found.Timestamp.TotalSeconds, found.Format.Width));
            }

            await third.WaitAsync(Patience);
            Assert.Equal([(0, 64), (1, 64), (2, 32)], shown);
            Assert.Equal(1, video.Get("parsers"));
            for (int at = 3; at < 5; at++)
            {
                await Decode(at, isFirst: false, []);
            }

            Task waiting = Decode(5, isFirst: false, []).AsTask();
            Assert.True(SpinWait.SpinUntil(() => packets.Frames == 6, Patience));
            Assert.False(waiting.IsCompleted);
            await end.CancelAsync();
            _ = await Task.WhenAny(waiting).WaitAsync(Patience);
        }

        AssertClean();
    }

    [Fact]
    public async Task A_file_that_begins_anew_keeps_its_decoder_while_its_headers_stay()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(video.Driver, new FakeCudaEngine()))
        {
            const int Pictures = 6;
            Channel<VideoDetection.PendingFrame> ahead = Channel.CreateUnbounded<VideoDetection.PendingFrame>();
            await using DevicePackets packets = Packets(detector, isLive: false, ahead.Writer);
            byte[] headers = VideoDouble.Sequence(64, 48, reorder: 1);
            await PlayAsync(pass: 0, headers);
            (long decoders, long parsers) = (video.Get("cuvidCreateDecoder"), video.Get("cuvidCreateVideoParser"));
            Assert.Equal(1, decoders);
            for (int pass = 1; pass < 5; pass++)
            {
                await PlayAsync(pass, headers);
            }

            Assert.Equal((decoders, parsers), (video.Get("cuvidCreateDecoder"), video.Get("cuvidCreateVideoParser")));

            // Somebody put another video in its place.
            await PlayAsync(pass: 5, VideoDouble.Sequence(32, 32));
            await packets.FlushAsync();
            Assert.Equal((decoders + 1, parsers + 1), (video.Get("cuvidCreateDecoder"), video.Get("cuvidCreateVideoParser")));
            Assert.Equal((6 * Pictures, 0), (packets.Frames, packets.DamagedPictures));
            ahead.Writer.Complete();
            List<(double, int)> shown = [];
            await foreach (VideoDetection.PendingFrame frame in ahead.Reader.ReadAllAsync())
            {
                VideoDetections found = await frame.WaitAsync(default);
                shown.Add((found.Timestamp.TotalSeconds, found.Format.Width));
            }

            Assert.Equal(Enumerable.Range(0, 6 * Pictures).Select(static i => ((double)i, i < 5 * Pictures ? 64 : 32)), shown);

            async Task PlayAsync(int pass, byte[] streamHeaders)
            {
                for (int i = 0; i < Pictures; i++)
                {
                    // The last picture of a pass waits for the one behind it, which comes in no pass.
                    await packets.DecodeAsync(
                        VideoDouble.Picture(i, i),
                        new VideoPacket(4, i == 0, i == 0, TimeSpan.FromSeconds((pass * Pictures) + i), null),
                        VideoCodec.H264,
                        streamHeaders);
                }
            }
        }

        AssertClean();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_source_of_a_hub_skips_frames_of_a_camera_that_are_too_many_and_none_of_a_file(bool takesAll)
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(video.Driver, new FakeCudaEngine()))
        {
            await using SourceHub hub = new(detector);
            using SemaphoreSlim gate = new(0);
            List<(TimeSpan Timestamp, long CapturedAt, bool HasPixels)> handled = [];
            HubSource source = hub.Add(
                "camera",
                (feed, stop) => Task.Run(() => Play(feed, takesAll, stop), stop),
                async (frame, _) =>
                {
                    handled.Add((frame.Timestamp, frame.CapturedAt, !frame.Pixels.IsEmpty));
                    Assert.True(takesAll || await gate.WaitAsync(Patience));
                },
                new HubSourceOptions { Overflow = OverflowPolicy.Wait, FramesAhead = 3 });
            Assert.True(takesAll || SpinWait.SpinUntil(() => source.Statistics.FramesSkipped == 37, Patience));
            _ = gate.Release(40);
            await source.Completion.WaitAsync(Patience);
            Assert.Equal((SourceState.Ended, null), (source.State, source.Problem));
            Assert.Equal(Enumerable.Range(0, takesAll ? 40 : 3).Select(static i => (TimeSpan.FromSeconds(i), 1L + i, false)), handled);
        }

        AssertClean();
    }

    [Fact]
    public void A_detector_on_the_processor_is_not_for_videos_that_the_GPU_decodes()
    {
        using YoloDetector detector = YoloDetector.FromFunction(ModelInfo.OfClasses("part"), static (_, _) => []);
        Assert.Null(detector.CudaOrdinal);
        ArgumentException error = Assert.Throws<ArgumentException>(() => detector.DetectVideoAsync("video.mp4", VideoDecoding.Gpu));
        Assert.Contains("A GPU decodes for a detector on CUDA", error.Message, StringComparison.Ordinal);
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => detector.DetectVideoAsync("video.mp4", (VideoDecoding)7));
    }

    private DevicePackets Packets(
        YoloDetector detector, bool isLive, ChannelWriter<VideoDetection.PendingFrame> ahead, CancellationToken end = default) => new(
        (_, taker) => new DeviceVideo(
            video.Driver.Device.OpenContext(),
            (context, self) => new CudaVideoDecoder(context, video.Api, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 }, self),
            taker),
        isLive,
        VideoDetection.TakerOf(detector, source: 0, ahead, end),
        end);

    /// <summary>Plays 40 pictures for a hub.</summary>
    private void Play(SourceFeed feed, bool takesAll, CancellationToken stop)
    {
        using DeviceVideo decoder = new(
            video.Driver.Device.OpenContext(),
            (context, self) => new CudaVideoDecoder(context, video.Api, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 }, self),
            VideoSources.TakerOf(feed, takesAll));
        decoder.DecodeHeaders(VideoDouble.Sequence());
        for (int i = 0; i < 40; i++)
        {
            decoder.Decode(VideoDouble.Picture(i), TimeSpan.FromSeconds(i), arrivedAt: 1 + i, stop);
        }

        decoder.Flush(stop);
    }

    /// <summary>Plays 200 pictures; a video of odd number is broken off after half of them. Returns how many were handled.</summary>
    private int Play(YoloDetector detector, int source)
    {
        List<Task<DetectionResult>> results = [];
        using DeviceVideo decoder = new(
            video.Driver.Device.OpenContext(),
            (context, receiver) => new CudaVideoDecoder(context, video.Api, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 }, receiver),
            DeviceFrameTakers.To(detector, source, (in DeviceFrame _, ValueTask<DetectionResult> result) => results.Add(result.AsTask())));
        decoder.DecodeHeaders(VideoDouble.Sequence());
        for (int i = 0; i < 200; i++)
        {
            if (i == 100 && source % 2 == 1)
            {
                _ = Assert.ThrowsAny<CudaException>(() => decoder.Decode("X"u8, default, 1, default));
                break;
            }

            decoder.Decode(VideoDouble.Picture(i), default, 1, default);
        }

        int handled = 0;
        foreach (Task<DetectionResult> pending in results)
        {
            using DetectionResult result = pending.WaitAsync(Patience).GetAwaiter().GetResult();
            handled += result is { IsDropped: false } && result.Source == source ? 1 : 0;
        }

        return handled;
    }

    private DeviceVideo Decode(YoloDetector detector, int source = 0, CudaVideoCodec codec = CudaVideoCodec.H264) => new(
        video.Driver.Device.OpenContext(),
        (context, receiver) => new CudaVideoDecoder(context, video.Api, new CudaVideoDecoderOptions { Codec = codec }, receiver),
        DeviceFrameTakers.To(
            detector, source, (in DeviceFrame frame, ValueTask<DetectionResult> result) => frames.Add((frame.Timestamp, frame.Format, result))));

    // What is left for the threads that give frames back may come a little later.
    private void AssertClean()
    {
        Assert.True(SpinWait.SpinUntil(() => video.Get("decoders") == 0 && video.Driver.Live() == 0, Patience));
        video.AssertClean();
    }
}
