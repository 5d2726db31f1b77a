namespace YoloZeroCopy.Tests;

public class FrameFormatTests
{
    [Theory]
    [InlineData(PixelFormat.Bgr24, 1920, 1080, 0, 5760, 6_220_800)]
    [InlineData(PixelFormat.Rgba32, 7, 3, 32, 32, 92)]
    [InlineData(PixelFormat.Nv12, 1920, 1080, 2048, 2048, 3_317_632)]
    [InlineData(PixelFormat.Nv12, 3, 3, 0, 4, 20)]
    [InlineData(PixelFormat.P010, 1920, 1080, 4096, 4096, 6_635_264)]
    [InlineData(PixelFormat.P010, 3, 3, 0, 8, 40)]
    [InlineData(PixelFormat.BgrPlanar, 1920, 1080, 0, 1920, 6_220_800)]
    [InlineData(PixelFormat.RgbPlanar, 5, 3, 8, 8, 69)]
    [InlineData(PixelFormat.RgbPlanar, 8192, 8192, 65536, 65536, 1_610_555_392)]
    [InlineData(PixelFormat.BayerGbrg8, 1, 1, 0, 1, 1)]
    [InlineData(PixelFormat.Bgra32, 8192, 8192, 65536, 65536, 536_838_144)]
    public void Computes_stride_and_bytes(PixelFormat pixelFormat, int width, int height, int stride, int wantedStride, int wantedBytes)
    {
        FrameFormat format = new(pixelFormat, width, height, stride);
        Assert.Equal(wantedStride, format.Stride);
        Assert.Equal(wantedBytes, format.ByteCount);
    }

    [Theory]
    [InlineData(0, 10, 0, "width")]
    [InlineData(8193, 10, 0, "width")]
    [InlineData(10, -1, 0, "height")]
    [InlineData(10, 10, 29, "stride")]
    [InlineData(10, 10, 70000, "stride")]
    public void Refuses_sizes_and_strides_that_no_frame_has(int width, int height, int stride, string parameter)
    {
        ArgumentOutOfRangeException error =
            Assert.Throws<ArgumentOutOfRangeException>(() => new FrameFormat(PixelFormat.Bgr24, width, height, stride));
        Assert.Equal(parameter, error.ParamName);
    }

    [Fact]
    public void Refuses_odd_strides_of_words_and_unknown_pixel_formats()
    {
        Assert.Throws<ArgumentOutOfRangeException>("stride", () => new FrameFormat(PixelFormat.P010, 10, 10, 21));
        Assert.Equal(22, new FrameFormat(PixelFormat.P010, 10, 10, 22).Stride);
        Assert.Throws<ArgumentOutOfRangeException>("pixelFormat", () => new FrameFormat(PixelFormat.RgbPlanar + 1, 10, 10));
    }
}
