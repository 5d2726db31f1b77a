using MultiCamera.Cameras;
using YoloZeroCopy;

namespace MultiCamera.Tests.Cameras;

public sealed class Nv12PictureTests
{
    // Levels of the colour bars of the standards: BT.601 and BT.709 in limited range, and BT.601 in full.
    [Theory]
    [InlineData(YuvColor.Bt601Limited, 235, 128, 128, 255, 255, 255)]
    [InlineData(YuvColor.Bt601Limited, 16, 128, 128, 0, 0, 0)]
    [InlineData(YuvColor.Bt601Limited, 81, 90, 240, 255, 0, 0)]
    [InlineData(YuvColor.Bt601Limited, 145, 54, 34, 0, 255, 0)]
    [InlineData(YuvColor.Bt601Limited, 41, 240, 110, 0, 0, 255)]
    [InlineData(YuvColor.Bt709Limited, 63, 102, 240, 255, 0, 0)]
    [InlineData(YuvColor.Bt709Limited, 173, 42, 26, 0, 255, 0)]
    [InlineData(YuvColor.Bt709Limited, 32, 240, 118, 0, 0, 255)]
    [InlineData(YuvColor.Bt601Full, 76, 85, 255, 255, 0, 0)]
    public void A_colour_is_that_of_the_standard(YuvColor color, byte y, byte cb, byte cr, int red, int green, int blue)
    {
        FrameFormat format = new(PixelFormat.Nv12, 5, 3) { Color = color };
        byte[] frame = new byte[format.ByteCount];
        frame.AsSpan(0, format.Stride * format.Height).Fill(y);
        for (int i = format.Stride * format.Height; i < frame.Length; i += 2)
        {
            frame[i] = cb;
            frame[i + 1] = cr;
        }

        FrameFormat small = new(PixelFormat.Bgra32, 5, 3);
        byte[] pixels = new byte[small.ByteCount];
        Nv12Picture.Convert(frame, format, 1, pixels, small);
        for (int i = 0; i < pixels.Length; i += 4)
        {
            Assert.InRange(pixels[i], blue - 2, blue + 2);
            Assert.InRange(pixels[i + 1], green - 2, green + 2);
            Assert.InRange(pixels[i + 2], red - 2, red + 2);
        }
    }

    [Fact]
    public void A_smaller_picture_has_every_third_pixel()
    {
        FrameFormat format = new(PixelFormat.Nv12, 9, 6) { Color = YuvColor.Bt601Full };
        byte[] frame = new byte[format.ByteCount];
        Array.Fill(frame, (byte)128);
        for (int y = 0; y < format.Height; y++)
        {
            for (int x = 0; x < format.Width; x++)
            {
                frame[(y * format.Stride) + x] = (byte)((10 * y) + x);
            }
        }

        FrameFormat small = new(PixelFormat.Bgra32, 3, 2);
        byte[] pixels = new byte[small.ByteCount];
        Nv12Picture.Convert(frame, format, 3, pixels, small);
        Assert.Equal([0, 3, 6, 30, 33, 36], pixels.Where((_, i) => i % 4 == 0).Select(level => (int)level));
    }
}
