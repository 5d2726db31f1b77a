namespace YoloZeroCopy.Cuda.Tests;

/// <summary>What decoders are planned to take.</summary>
public sealed class VideoMemoryTests
{
    // The numbers of reference pictures that the standards give as examples, and the picture that is decoded.
    [Theory]
    [InlineData(CudaVideoCodec.H264, 1920, 1080, 5)]
    [InlineData(CudaVideoCodec.H264, 1280, 720, 6)]
    [InlineData(CudaVideoCodec.H264, 176, 144, 5)]
    [InlineData(CudaVideoCodec.H264, 64, 64, 17)]
    [InlineData(CudaVideoCodec.H264, 3840, 2160, 6)]
    [InlineData(CudaVideoCodec.Hevc, 1920, 1080, 8)]
    [InlineData(CudaVideoCodec.Hevc, 1280, 720, 8)]
    [InlineData(CudaVideoCodec.Hevc, 3840, 2160, 8)]
    [InlineData(CudaVideoCodec.Hevc, 1024, 1024, 14)]
    [InlineData(CudaVideoCodec.Av1, 1920, 1080, 9)]
    public void Surfaces_are_those_that_the_standard_allows(CudaVideoCodec codec, int width, int height, int surfaces) =>
        Assert.Equal(surfaces, VideoMemory.LeastSurfacesOf(codec, width, height));

    // Bytes of one decoder more, four surfaces mapped, as they were measured on a GPU.
    [Theory]
    [InlineData(640, 368, 8, 21, 15_073_280)]
    [InlineData(1280, 720, 8, 10, 36_459_861)]
    [InlineData(1920, 1088, 8, 21, 118_248_789)]
    [InlineData(1920, 1088, 8, 12, 84_563_285)]
    [InlineData(1280, 720, 10, 12, 79_320_405)]
    public void The_formula_is_near_what_was_measured(int width, int height, int bitDepth, int surfaces, long measured) =>
        Assert.InRange(VideoMemory.BytesOf(width, height, bitDepth, surfaces, 4) / (double)measured, 0.965, 1.035);

    [Fact]
    public void A_decoder_takes_surfaces_to_decode_and_to_hold()
    {
        CudaVideoDecoderOptions options = new() { Codec = CudaVideoCodec.H264, MaxFramesHeld = 3, DisplayDelay = 2 };

        // 1920x1080 in blocks of 16 is 1920x1088.
        long bytes = CudaVideoDecoder.PlanDeviceBytes(options, 1920, 1080);
        Assert.Equal(VideoMemory.BytesOf(1920, 1088, 8, 10, 3), bytes);
        Assert.InRange(CudaVideoDecoder.PlanDeviceBytes(options, 1920, 1080, 10) - (2 * bytes) + (2 << 20), -1, 1);

        // A decoder that may grow is made for its largest size.
        Assert.Equal(
            CudaVideoDecoder.PlanDeviceBytes(options, 1920, 1080),
            CudaVideoDecoder.PlanDeviceBytes(options with { MaxWidth = 1920, MaxHeight = 1080 }, 640, 480));
    }

    [Fact]
    public void Sizes_that_no_video_has_are_refused()
    {
        CudaVideoDecoderOptions options = new() { Codec = CudaVideoCodec.H264 };
        Assert.Throws<ArgumentOutOfRangeException>(() => CudaVideoDecoder.PlanDeviceBytes(options, 0, 1080));
        Assert.Throws<ArgumentOutOfRangeException>(() => CudaVideoDecoder.PlanDeviceBytes(options, 1920, 32769));
        Assert.Throws<ArgumentOutOfRangeException>(() => CudaVideoDecoder.PlanDeviceBytes(options, 1920, 1080, 7));
        Assert.Throws<ArgumentException>(() => CudaVideoDecoder.PlanDeviceBytes(options with { MaxFramesHeld = 0 }, 1920, 1080));
        Assert.Throws<ArgumentOutOfRangeException>(() => CudaJpegDecoder.PlanDeviceBytes(null, 8193, 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => CudaJpegDecoder.PlanDeviceBytes(null, 10, 0));
    }
}
