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
    [InlineData(CudaVideoCodec.Hevc, 1920, 1080, 7)]
    [InlineData(CudaVideoCodec.Hevc, 1280, 720, 7)]
    [InlineData(CudaVideoCodec.Hevc, 3840, 2160, 7)]
    [InlineData(CudaVideoCodec.Hevc, 1024, 1024, 13)]
    [InlineData(CudaVideoCodec.Av1, 1920, 1080, 9)]
    public void Surfaces_are_those_that_the_standard_allows(CudaVideoCodec codec, int width, int height, int surfaces) =>
        Assert.Equal(surfaces, VideoMemory.LeastSurfacesOf(codec, width, height));

    [Fact]
    public void A_decoder_takes_surfaces_to_decode_and_to_hold()
    {
        CudaVideoDecoderOptions options = new() { Codec = CudaVideoCodec.H264, MaxFramesHeld = 3, DisplayDelay = 2 };

        // 1920x1080 in blocks of 64 is 1920x1088; mapped rows are multiples of 256 bytes.
        const long Decoded = 1920 * 1088 * 3 / 2;
        const long Mapped = 2048 * 1080 * 3 / 2;
        Assert.Equal((10 * Decoded) + (3 * Mapped), CudaVideoDecoder.PlanDeviceBytes(options, 1920, 1080));
        Assert.Equal((10 * 2 * Decoded) + (3 * 3840 * 1080 * 3 / 2), CudaVideoDecoder.PlanDeviceBytes(options, 1920, 1080, 10));

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
