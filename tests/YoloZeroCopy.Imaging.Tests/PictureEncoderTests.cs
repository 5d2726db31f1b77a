namespace YoloZeroCopy.Imaging.Tests;

public sealed class PictureEncoderTests
{
    [Theory]
    [InlineData(PixelFormat.Bgr24, 1, 1)]
    [InlineData(PixelFormat.Rgb24, 37, 21)]
    [InlineData(PixelFormat.Gray8, 64, 3)]
    public void A_PNG_gives_back_its_pixels(PixelFormat pixelFormat, int width, int height)
    {
        FrameFormat format = new(pixelFormat, width, height);
        FrameFormat padded = new(pixelFormat, width, height, format.RowBytes + 5);
        byte[] pixels = new byte[padded.ByteCount];
        new Random(7).NextBytes(pixels);

        byte[] file = PictureFile.EncodePng(pixels, padded);
        byte[] back = new byte[padded.ByteCount];
        pixels.CopyTo(back, 0);
        back.AsSpan(0, format.RowBytes).Clear();
        PictureFile.Decode(file, back, padded);

        Assert.Equal(pixels, back);
    }

    [Theory]
    [InlineData(PixelFormat.Bgra32, 12)]
    [InlineData(PixelFormat.Bgra32, 13)]
    [InlineData(PixelFormat.Rgba32, 12)]
    [InlineData(PixelFormat.Rgba32, 13)]
    public void The_fourth_byte_of_a_frame_is_no_transparency(PixelFormat pixelFormat, int stride)
    {
        FrameFormat format = new(pixelFormat, 3, 2, stride);
        byte[] pixels = new byte[format.ByteCount];
        new Random(8).NextBytes(pixels);

        byte[] back = new byte[format.ByteCount];
        PictureFile.Decode(PictureFile.EncodePng(pixels, format), back, format);

        for (int i = 0; i < 6; i++)
        {
            int at = (i / 3 * stride) + (4 * (i % 3));
            Assert.Equal([pixels[at], pixels[at + 1], pixels[at + 2], 255], back[at..(at + 4)]);
        }
    }

    [Theory]
    [InlineData(PixelFormat.Bgr24, 1, 1, 90, 4)]
    [InlineData(PixelFormat.Bgr24, 100, 75, 95, 4)]
    [InlineData(PixelFormat.Rgb24, 33, 17, 90, 5)]
    [InlineData(PixelFormat.Gray8, 50, 50, 90, 4)]
    [InlineData(PixelFormat.Bgr24, 64, 48, 20, 14)]
    [InlineData(PixelFormat.Bgr24, 64, 48, 1, 60)]
    public void A_JPEG_gives_back_smooth_pixels_nearly(PixelFormat pixelFormat, int width, int height, int quality, double meanError)
    {
        FrameFormat format = new(pixelFormat, width, height, 0);
        byte[] pixels = Smooth(format);

        byte[] file = PictureFile.EncodeJpeg(pixels, format, quality);
        byte[] back = new byte[format.ByteCount];
        PictureFile.Decode(file, back, format);

        double sum = 0;
        for (int i = 0; i < pixels.Length; i++)
        {
            sum += Math.Abs(pixels[i] - back[i]);
        }

        Assert.InRange(sum / pixels.Length, 0, meanError);
    }

    [Fact]
    public void Noise_at_the_best_quality_survives()
    {
        FrameFormat format = new(PixelFormat.Gray8, 128, 128);
        byte[] pixels = new byte[format.ByteCount];
        Random random = new(11);
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = random.Next(2) == 0 ? (byte)0 : (byte)255;
        }

        byte[] back = new byte[format.ByteCount];
        PictureFile.Decode(PictureFile.EncodeJpeg(pixels, format, 100), back, format);

        // Coefficients are rounded to whole steps of 1: at most a few levels in a sample.
        for (int i = 0; i < pixels.Length; i++)
        {
            Assert.InRange(Math.Abs(pixels[i] - back[i]), 0, 4);
        }
    }

    [Fact]
    public void A_written_file_is_complete_or_absent()
    {
        using TempFolder folder = new();
        FrameFormat format = new(PixelFormat.Bgr24, 20, 10);
        byte[] pixels = Smooth(format);
        string path = folder.File("a.png");

        PictureFile.WritePng(path, pixels, format);
        PictureFile.WriteJpeg(folder.File("a.jpg"), pixels, format);

        Assert.Equal(pixels, PictureFile.Read(path, out _));
        Assert.Equal(new PictureInfo(PictureKind.Jpeg, 20, 10), PictureFile.ReadInfo(folder.File("a.jpg")));
        MediaException error = Assert.Throws<MediaException>(() => PictureFile.WritePng(folder.File("missing/a.png"), pixels, format));
        Assert.Contains("missing", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFileSystemEntries(folder.Path).Length);
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => PictureFile.EncodeJpeg(pixels, format, 0));
    }

    private static byte[] Smooth(FrameFormat format)
    {
        byte[] pixels = new byte[format.ByteCount];
        int bytes = format.PixelFormat == PixelFormat.Gray8 ? 1 : 3;
        for (int i = 0; i < pixels.Length; i++)
        {
            int y = i / format.Stride;
            int x = i % format.Stride / bytes;
            pixels[i] = (byte)(128 + (100 * Math.Sin((x / 9.0) + (i % bytes))) + (20 * Math.Cos(y / 7.0)));
        }

        return pixels;
    }
}
