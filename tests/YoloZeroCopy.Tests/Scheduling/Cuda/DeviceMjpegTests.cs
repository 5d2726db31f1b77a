using System.Threading.Channels;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Interop;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>JPEGs that are decoded on the GPU of a detector, on the stand-ins for driver and nvJPEG: every surface comes back, whatever
/// happens.</summary>
[Collection(CudaTests.Name)]
public sealed class DeviceMjpegTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DriverDouble driver;
    private readonly JpegDouble jpeg;
    private readonly List<(TimeSpan Timestamp, FrameFormat Format, ValueTask<DetectionResult> Result)> frames = [];

    public DeviceMjpegTests(CompiledSources sources)
    {
        driver = new DriverDouble(sources);
        jpeg = new JpegDouble(sources);
    }

    [Fact]
    public async Task Frames_are_read_where_they_were_decoded_and_their_surfaces_come_back()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(driver, new FakeCudaEngine()))
        {
            using DeviceMjpeg video = Decode(detector, source: 2);
            video.DecodeHeaders("none"u8);
            const int Count = 100;
            for (int packet = 0; packet < Count; packet++)
            {
                string name = JpegPictures.Sequential[packet % JpegPictures.Sequential.Length];
                video.Decode(JpegPictures.Get(name), TimeSpan.FromMilliseconds(40 * packet), arrivedAt: 1000 + packet, default);
            }

            video.Flush(default);
            Assert.Equal(Count, frames.Count);
            for (int packet = 0; packet < Count; packet++)
            {
                (TimeSpan timestamp, FrameFormat format, ValueTask<DetectionResult> pending) = frames[packet];
                using DetectionResult result = await pending.AsTask().WaitAsync(Patience);
                (int width, int height, _) = JpegPictures.GetPixels(JpegPictures.Sequential[packet % JpegPictures.Sequential.Length]);
                Assert.Equal(TimeSpan.FromMilliseconds(40 * packet), timestamp);
                Assert.Equal((FrameStatus.Completed, 2, 1000 + packet), (result.Status, result.Source, result.CapturedAt));
                Assert.Equal(new FrameFormat(PixelFormat.Bgr24, width, height, ((3 * width) + 255) / 256 * 256), format);
            }

            Assert.Equal((0, 0), (detector.Statistics.HostCopies, video.DamagedPictures));
        }

        AssertClean();
    }

    [Fact]
    public async Task Sources_that_come_and_go_take_memory_over_from_each_other_and_free_none()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(driver, new FakeCudaEngine()))
        {
            byte[] picture = JpegPictures.Get("s221111");
            for (int source = 0; source < 20; source++)
            {
                using (DeviceMjpeg video = Decode(detector, source))
                {
                    video.Decode(picture, default, arrivedAt: 1, default);
                }

                (await frames[^1].Result.AsTask().WaitAsync(Patience)).Dispose();

                // What the last picture held comes back on a thread of the pool.
                CudaBlockPool memory = detector.DecoderMemory!;
                Assert.True(SpinWait.SpinUntil(() => memory.Statistics.UsedBytes == 0, Patience));
                Assert.Equal(source, memory.Statistics.Hits);
            }

            Assert.Equal(1, detector.DecoderMemory!.Statistics.Misses);
            Assert.Equal(0, driver.Calls("cuMemFree_v2"));
        }

        AssertClean();
    }

    [Fact]
    public async Task Damaged_pictures_are_counted_and_the_next_ones_are_whole()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(driver, new FakeCudaEngine()))
        {
            using DeviceMjpeg video = Decode(detector);
            byte[] good = JpegPictures.Get("s221111");
            for (int i = 0; i < 20; i++)
            {
                video.Decode(good.AsSpan(0, good.Length / 2), default, 1, default);
                jpeg.Fail("nvjpegDecodeBatched", NvjpegStatus.NVJPEG_STATUS_BAD_JPEG);
                video.Decode(good, default, 1, default);
                video.Decode(good, default, 1, default);
            }

            Assert.Equal((40, 20), (video.DamagedPictures, frames.Count));
            _ = Assert.Throws<NotSupportedException>(() => video.Decode(JpegPictures.Get("progressive420"), default, 1, default));
            await AllEndAsync();
        }

        AssertClean();
    }

    // Without a picture before, every surface first asks for memory when the detector's is gone.
    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public async Task A_detector_that_goes_first_gives_every_surface_back(int before)
    {
        YoloDetector detector = CudaHarness.OpenDetector(driver, new FakeCudaEngine());
        byte[] packet = JpegPictures.Get("gray");
        using (DeviceMjpeg video = Decode(detector))
        {
            for (int i = 0; i < before; i++)
            {
                video.Decode(packet, default, 1, default);
            }

            // More than there are surfaces, so that those of refused frames must have come back, too.
            await detector.DisposeAsync();
            for (int i = 0; i < 10; i++)
            {
                video.Decode(packet, default, 1, default);
            }

            Assert.Equal(before + 10, frames.Count);
            Assert.True(frames[^1].Result.IsFaulted);
            await AllEndAsync();
        }

        AssertClean();
    }

    [Fact]
    public async Task Many_videos_share_a_detector()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(driver, new FakeCudaEngine()))
        {
            Task<int>[] playing = [.. Enumerable.Range(0, 6).Select(source => Task.Factory.StartNew(
                () => Play(detector, source), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
            int[] handled = await Task.WhenAll(playing).WaitAsync(Patience);
            Assert.Equal([100, 100, 100, 100, 100, 100], handled);
        }

        AssertClean();
    }

    [Fact]
    public async Task Nothing_is_left_of_a_decoder_that_does_not_start_or_of_a_detector_without_a_gpu()
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(driver, new FakeCudaEngine()))
        {
            jpeg.Fail("nvjpegCreateEx", NvjpegStatus.NVJPEG_STATUS_INTERNAL_ERROR);
            _ = Assert.Throws<CudaJpegException>(() => Decode(detector));
        }

        AssertClean();
        using ModelFolder folder = new();
        await using YoloDetector processor = YoloDetector.Open(OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path, "m.onnx"));
        ArgumentException error =
            Assert.Throws<ArgumentException>("detector", () => new DeviceMjpeg(processor, new(), DeviceFrameTakers.To(processor, 0, Receive)));
        Assert.Contains(processor.Device, error.Message, StringComparison.Ordinal);
        foreach (VideoCodec codec in new[] { VideoCodec.H264, VideoCodec.Hevc, VideoCodec.Av1, VideoCodec.Mjpeg })
        {
            _ = Assert.Throws<ArgumentException>("detector",
                () => IDeviceVideo.Open(processor, codec, isLive: false, DeviceFrameTakers.To(processor, 0, Receive)));
        }

        _ = Assert.Throws<NotSupportedException>(
            () => IDeviceVideo.Open(processor, VideoCodec.Other, isLive: false, DeviceFrameTakers.To(processor, 0, Receive)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_decoder_that_fails_ends_a_file_and_is_replaced_for_a_camera(bool isLive)
    {
        await using (YoloDetector detector = CudaHarness.OpenDetector(driver, new FakeCudaEngine()))
        {
            Channel<VideoDetection.PendingFrame> ahead = Channel.CreateUnbounded<VideoDetection.PendingFrame>();
            await using DevicePackets packets = new(
                (_, taker) => new DeviceMjpeg(
                    driver.Device.OpenContext(), context => new CudaJpegDecoder(context, jpeg.Api, new CudaJpegDecoderOptions()), taker),
                isLive,
                VideoDetection.TakerOf(detector, source: 0, ahead.Writer, end: default),
                end: default);
            ValueTask Decode(int at, byte[] packet) => packets.DecodeAsync(
                packet, new VideoPacket(packet.Length, IsKey: true, IsFirst: at == 0, TimeSpan.FromSeconds(at), null), VideoCodec.Mjpeg, default);

            byte[] good = JpegPictures.Get("s221111");
            await Decode(0, good);
            await Decode(1, good[..^10]);
            await Decode(2, good);
            jpeg.Fail("nvjpegDecodeBatched", NvjpegStatus.NVJPEG_STATUS_EXECUTION_FAILED);
            if (isLive)
            {
                await Decode(3, good);
                await Decode(4, good);
            }
            else
            {
                _ = await Assert.ThrowsAsync<CudaJpegException>(() => Decode(3, good).AsTask());
            }

            await packets.FlushAsync();
            ahead.Writer.Complete();
            List<double> seconds = [];
            await foreach (VideoDetection.PendingFrame frame in ahead.Reader.ReadAllAsync())
            {
                seconds.Add((await frame.WaitAsync(default)).Timestamp.TotalSeconds);
            }

            Assert.Equal(isLive ? [0, 2, 4] : [0, 2], seconds);
            Assert.Equal(1, packets.DamagedPictures);
        }

        AssertClean();
    }

    private int Play(YoloDetector detector, int source)
    {
        List<Task<DetectionResult>> results = [];
        using DeviceMjpeg video = new(
            driver.Device.OpenContext(),
            context => new CudaJpegDecoder(context, jpeg.Api, new CudaJpegDecoderOptions { MaxFramesHeld = 2 }),
            DeviceFrameTakers.To(detector, source, (in DeviceFrame _, ValueTask<DetectionResult> result) => results.Add(result.AsTask())));
        byte[] packet = JpegPictures.Get(JpegPictures.Sequential[source]);
        for (int i = 0; i < 100; i++)
        {
            video.Decode(packet, default, 1, default);
        }

        int handled = 0;
        foreach (Task<DetectionResult> pending in results)
        {
            using DetectionResult result = pending.WaitAsync(Patience).GetAwaiter().GetResult();
            handled += result is { IsDropped: false } && result.Source == source ? 1 : 0;
        }

        return handled;
    }

    private DeviceMjpeg Decode(YoloDetector detector, int source = 0) => new(
        driver.Device.OpenContext(),
        context => new CudaJpegDecoder(context, jpeg.Api, DeviceMjpeg.OptionsFor(detector.DecoderMemory, new CudaJpegDecoderOptions())),
        DeviceFrameTakers.To(detector, source, Receive));

    private void Receive(in DeviceFrame frame, ValueTask<DetectionResult> result) => frames.Add((frame.Timestamp, frame.Format, result));

    private async Task AllEndAsync()
    {
        foreach ((_, _, ValueTask<DetectionResult> pending) in frames)
        {
            // Done, or failed because the detector went: each ends.
            Task<DetectionResult> ended = pending.AsTask();
            _ = await Task.WhenAny(ended).WaitAsync(Patience);
            Assert.True(ended.IsCompletedSuccessfully || ended.Exception!.InnerException is ObjectDisposedException);
        }
    }

    // What is left for the threads that give frames back may come a little later.
    private void AssertClean()
    {
        Assert.True(SpinWait.SpinUntil(() => jpeg.Get("handles") == 0 && driver.Live() == 0, Patience));
        jpeg.AssertClean();
        driver.AssertClean();
    }
}
