namespace YoloZeroCopy.Imaging.Tests;

/// <summary>Decoded pictures against the pixels that OpenCV gets from the same files (pictures/make_pictures.py).</summary>
public sealed class PicturePixelTests
{
    // Inks are mixed with other roundings than OpenCV's.
    private const int CmykTolerance = 2;

    public static TheoryData<string> Names => [.. Pictures.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Colour_pixels_are_those_of_OpenCV(string name)
    {
        (int width, int height, byte[] wanted) = Pictures.Pixels(name, ".bgr");

        byte[] bgr = Decode(name, PixelFormat.Bgr24, out PictureInfo info);

        Assert.Equal((width, height), (info.Width, info.Height));
        Assert.InRange(LargestDifference(wanted, bgr), 0, Tolerance(name));
        byte[] rgb = Decode(name, PixelFormat.Rgb24, out _);
        byte[] bgra = Decode(name, PixelFormat.Bgra32, out _);
        byte[] rgba = Decode(name, PixelFormat.Rgba32, out _);
        for (int i = 0, k = 0; i < bgr.Length; i += 3, k += 4)
        {
            (byte, byte, byte) pixel = (bgr[i], bgr[i + 1], bgr[i + 2]);
            Assert.Equal(pixel, (rgb[i + 2], rgb[i + 1], rgb[i]));
            Assert.Equal(pixel, (bgra[k], bgra[k + 1], bgra[k + 2]));
            Assert.Equal(pixel, (rgba[k + 2], rgba[k + 1], rgba[k]));
            Assert.Equal(bgra[k + 3], rgba[k + 3]);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Gray_pixels_are_those_of_OpenCV(string name)
    {
        (int width, int height, byte[] wanted) = Pictures.Pixels(name, ".gray");

        byte[] gray = Decode(name, PixelFormat.Gray8, out PictureInfo info);

        Assert.Equal((width, height), (info.Width, info.Height));
        Assert.InRange(LargestDifference(wanted, gray), 0, Tolerance(name));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Stride_is_kept_and_padding_is_left_alone(string name)
    {
        foreach (PixelFormat pixelFormat in (PixelFormat[])[PixelFormat.Bgr24, PixelFormat.Bgra32, PixelFormat.Gray8])
        {
            byte[] packed = Decode(name, pixelFormat, out PictureInfo info);
            FrameFormat format = new(pixelFormat, info.Width, info.Height);
            FrameFormat padded = new(pixelFormat, info.Width, info.Height, format.RowBytes + 13);
            byte[] destination = new byte[padded.ByteCount + 7];
            destination.AsSpan().Fill(0xA5);

            PictureFile.Decode(Pictures.File(name), destination, padded);

            for (int y = 0; y < format.Height; y++)
            {
                Assert.Equal(packed.AsSpan(y * format.RowBytes, format.RowBytes), destination.AsSpan(y * padded.Stride, format.RowBytes));
                int end = Math.Min(destination.Length, (y + 1) * padded.Stride);
                Assert.Equal(-1, destination.AsSpan(((y * padded.Stride) + format.RowBytes)..end).IndexOfAnyExcept((byte)0xA5));
            }
        }
    }

    [Theory]
    [InlineData("rgb.jpg", PictureKind.Jpeg)]
    [InlineData("rgb8.png", PictureKind.Png)]
    [InlineData("lossless.webp", PictureKind.WebP)]
    [InlineData("rgb.bmp", PictureKind.Bmp)]
    [InlineData("frames.gif", PictureKind.Gif)]
    public void The_kind_is_told_by_content(string name, PictureKind kind) => Assert.Equal(kind, PictureFile.ReadInfo(Pictures.File(name)).Kind);

    [Theory]
    [InlineData("rgba8.png", true)]
    [InlineData("losslessalpha.webp", true)]
    [InlineData("rgb8.png", false)]
    [InlineData("s221111.jpg", false)]
    public void Formats_of_four_bytes_keep_the_transparency(string name, bool hasSome)
    {
        byte[] bgra = Decode(name, PixelFormat.Bgra32, out _);

        int transparent = Enumerable.Range(0, bgra.Length / 4).Count(i => bgra[(4 * i) + 3] != 255);

        Assert.Equal(hasSome, transparent > 0);
    }

    [Fact]
    public void Several_threads_may_decode_draw_and_encode()
    {
        byte[] file = Pictures.File("progressive420.jpg");
        PictureInfo info = PictureFile.ReadInfo(file);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        byte[] wanted = Make();

        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ => Assert.Equal(wanted, Make()));

        byte[] Make()
        {
            byte[] pixels = new byte[format.ByteCount];
            PictureFile.Decode(file, pixels, format);
            new Annotator(pixels, format).Draw([new Detection(1, 0.5f, 5, 15, 40, 30)], ["nut", "bolt"]);
            return PictureFile.EncodePng(pixels, format);
        }
    }

    private static byte[] Decode(string name, PixelFormat pixelFormat, out PictureInfo info)
    {
        byte[] file = Pictures.File(name);
        info = PictureFile.ReadInfo(file, name);
        FrameFormat format = new(pixelFormat, info.Width, info.Height);
        byte[] pixels = new byte[format.ByteCount];
        PictureFile.Decode(file, pixels, format, name);
        return pixels;
    }

    private static int Tolerance(string name) => name is "cmyk.jpg" or "ycck.jpg" ? CmykTolerance : 0;

    private static int LargestDifference(byte[] wanted, byte[] found)
    {
        Assert.Equal(wanted.Length, found.Length);
        int largest = 0;
        for (int i = 0; i < wanted.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(wanted[i] - found[i]));
        }

        return largest;
    }
}
