namespace YoloZeroCopy.Tests;

public class FrameFormatTests
{
    [Theory]
    [InlineData(PixelFormat.Bgr24, 1920, 1080, 0, 5760, 6_220_800)]
    [InlineData(PixelFormat.Rgba32, 7, 3, 32, 32, 92)]
    [InlineData(PixelFormat.Nv12, 1920, 1080, 2048, 2048, 3_317_632)]
    [InlineData(PixelFormat.Nv12, 3, 3, 0, 4, 20)]
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
}
