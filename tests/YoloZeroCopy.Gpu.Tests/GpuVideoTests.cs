using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Videos that the GPU decodes: what is found in a decoder's surface is what is found in the same pixels in a slot.</summary>
public sealed class GpuVideoTests(ITestOutputHelper output)
{
    [GpuFact]
    public async Task Detections_in_surfaces_equal_those_in_slots()
    {
        SkipWithoutDecoder();
        await using YoloDetector detector = YoloDetector.Open(TestData.Model, new DetectorOptions
        {
            Device = Device.Cuda(),
            // The same batches both ways: an engine may round otherwise in others.
            MaxBatch = 1,
            ScoreThreshold = 0.05f,
            SlotBytes = 1920 * 1080 * 3,
        });
        foreach (string name in (string[])["h264-conveyor", "h264-crop", "h264-sizes", "hevc-b-1080", "hevc-10-b"])
        {
            VideoClip clip = new(name);
            (TimeSpan Timestamp, FrameFormat Format, Detection[] Detections)[] inSurfaces = await DetectInSurfacesAsync(detector, clip);
            Detection[][] inSlots = await DetectInSlotsAsync(detector, clip, inSurfaces[0].Format.Color);
            Assert.Equal(
                clip.Frames.Select(static frame => TimeSpan.FromMilliseconds(frame.Timestamp)), inSurfaces.Select(static frame => frame.Timestamp));
            Assert.Equal(inSlots, inSurfaces.Select(static frame => frame.Detections));
            int found = inSlots.Sum(static frame => frame.Length);
            output.WriteLine($"{name}: {found} detections in {inSlots.Length} frames of {inSurfaces[0].Format}");
            Assert.True(found > 0 || name != "h264-conveyor");
        }

        // Those that DetectAsync copied into slots, and no more.
        Assert.Equal(20 + 6 + 20 + 10 + 10, detector.Statistics.HostCopies);
    }

    [GpuFact]
    public async Task A_file_is_detected_in_as_with_ffmpeg()
    {
        SkipWithoutDecoder();
        await using YoloDetector detector = YoloDetector.Open(
            TestData.Model,
            new DetectorOptions { Device = Device.Cuda(), MaxBatch = 8, SlotBytes = 1280 * 720 * 3, CompileInBackground = false });
        List<VideoDetections> onProcessor;
        try
        {
            onProcessor = await DetectAsync(detector, VideoDecoding.Cpu);
        }
        catch (NativeLibraryException error)
        {
            throw Xunit.Sdk.SkipException.ForSkip(error.Message);
        }

        foreach (VideoDecoding decoding in (VideoDecoding[])[VideoDecoding.Gpu, VideoDecoding.Auto])
        {
            List<VideoDetections> onGpu = await DetectAsync(detector, decoding);
            Assert.Equal(onProcessor.Count, onGpu.Count);
            for (int frame = 0; frame < onGpu.Count; frame++)
            {
                Assert.Equal(PixelFormat.Nv12, onGpu[frame].Format.PixelFormat);

                // Before release 4.4 ffmpeg moves all times of packets up, if one would be below zero.
                Assert.Equal(
                    (frame, onProcessor[frame].Timestamp - onProcessor[0].Timestamp),
                    ((int)onGpu[frame].FrameNumber, onGpu[frame].Timestamp - onGpu[0].Timestamp));

                // ffmpeg gives BGR, by rounding of its own. What is barely found in one may be barely missed in the other.
                _ = Same.Check(
                    $"frame {frame}",
                    [.. onProcessor[frame].Detections],
                    [.. onGpu[frame].Detections],
                    minIou: 0.9f,
                    maxScore: 0.05f,
                    threshold: new DetectorOptions().ScoreThreshold);
            }

            output.WriteLine($"{decoding}: {onGpu.Count} frames, {onGpu.Sum(static frame => frame.Detections.Count)} detections");
        }
    }

    private static async Task<List<VideoDetections>> DetectAsync(YoloDetector detector, VideoDecoding decoding)
    {
        List<VideoDetections> all = [];
        await foreach (VideoDetections frame in detector.DetectVideoAsync(TestData.Video, decoding))
        {
            all.Add(frame);
        }

        return all;
    }

    private static async Task<(TimeSpan Timestamp, FrameFormat Format, Detection[] Detections)[]> DetectInSurfacesAsync(
        YoloDetector detector, VideoClip clip)
    {
        List<(TimeSpan Timestamp, FrameFormat Format, Task<DetectionResult> Result)> frames = [];
        using DeviceVideo video = new(
            detector,
            new CudaVideoDecoderOptions { Codec = clip.Codec },
            DeviceFrameTakers.To(
                detector,
                source: 0,
                (in DeviceFrame frame, ValueTask<DetectionResult> result) => frames.Add((frame.Timestamp, frame.Format, result.AsTask()))));
        foreach ((long timestamp, byte[] packet) in clip.Packets)
        {
            video.Decode(packet, TimeSpan.FromMilliseconds(timestamp), arrivedAt: 0, CancellationToken.None);
        }

        video.Flush(CancellationToken.None);
        List<(TimeSpan, FrameFormat, Detection[])> found = [];
        foreach ((TimeSpan timestamp, FrameFormat format, Task<DetectionResult> pending) in frames)
        {
            using DetectionResult result = await pending;
            found.Add((timestamp, format, result.ToArray()));
        }

        return [.. found];
    }

    private static async Task<Detection[][]> DetectInSlotsAsync(YoloDetector detector, VideoClip clip, YuvColor color)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        VideoReceiver receiver = new(context);
        using CudaVideoDecoder decoder = new(context, new CudaVideoDecoderOptions { Codec = clip.Codec }, receiver);
        receiver.Decoder = decoder;
        foreach ((long timestamp, byte[] packet) in clip.Packets)
        {
            decoder.Decode(packet, timestamp);
        }

        decoder.Flush();
        List<Detection[]> found = [];
        foreach ((CudaVideoFrame frame, byte[] pixels) in receiver.Frames)
        {
            PixelFormat pixelFormat = frame.Format.BitDepth == 8 ? PixelFormat.Nv12 : PixelFormat.P010;
            using DetectionResult result = await detector.DetectAsync(
                pixels, new FrameFormat(pixelFormat, frame.Format.Width, frame.Format.Height) { Color = color });
            found.Add(result.ToArray());
        }

        return [.. found];
    }

    private static void SkipWithoutDecoder()
    {
        bool isThere = CudaVideoDecoder.TryInitialize(out string reason);
        Assert.SkipUnless(isThere || Environment.GetEnvironmentVariable("YZC_REQUIRE_GPU") == "1", reason);
    }
}
