using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace YoloZeroCopy.Imaging.Tests;

/// <summary>The decoders against the pixels that OpenCV gets from the same files (golden/make_golden.py).</summary>
public sealed class PictureGoldenTests
{
    public static TheoryData<string> ColorFiles => FilesWith(".bgr");

    public static TheoryData<string> GrayFiles => FilesWith(".gray");

    internal static string Folder([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "golden");

    internal static string[] AllPictures() => [.. Directory.GetFiles(Folder()).Where(path => path.EndsWith(".jpg", StringComparison.Ordinal) || path.EndsWith(".png", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(ColorFiles))]
    public void Colour_pixels_are_those_of_OpenCV(string name)
    {
        (int width, int height, byte[] wanted) = ReadGolden(name, ".bgr");
        string path = Path.Combine(Folder(), name);

        byte[] bgr = PictureFile.Read(path, out FrameFormat format);
        byte[] rgb = PictureFile.Read(path, out _, PixelFormat.Rgb24);

        Assert.Equal((width, height), (format.Width, format.Height));
        Assert.Equal(0, LargestDifference(wanted, bgr));
        for (int i = 0; i < rgb.Length; i += 3)
        {
            (rgb[i], rgb[i + 2]) = (rgb[i + 2], rgb[i]);
        }

        Assert.Equal(bgr, rgb);
    }

    [Theory]
    [MemberData(nameof(GrayFiles))]
    public void Gray_pixels_are_those_of_OpenCV(string name)
    {
        (int width, int height, byte[] wanted) = ReadGolden(name, ".gray");

        byte[] gray = PictureFile.Read(Path.Combine(Folder(), name), out FrameFormat format, PixelFormat.Gray8);

        Assert.Equal((width, height), (format.Width, format.Height));
        Assert.Equal(0, LargestDifference(wanted, gray));
    }

    [Theory]
    [MemberData(nameof(ColorFiles))]
    public void Stride_is_kept_and_padding_is_left_alone(string name)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Folder(), name));
        byte[] packed = PictureFile.Read(Path.Combine(Folder(), name), out FrameFormat format);
        FrameFormat padded = new(PixelFormat.Bgr24, format.Width, format.Height, format.RowBytes + 13);
        byte[] destination = new byte[padded.ByteCount + 7];
        destination.AsSpan().Fill(0xA5);

        PictureFile.Decode(file, destination, padded);

        for (int y = 0; y < format.Height; y++)
        {
            Assert.Equal(packed.AsSpan(y * format.RowBytes, format.RowBytes), destination.AsSpan(y * padded.Stride, format.RowBytes));
            int end = Math.Min(destination.Length, (y + 1) * padded.Stride);
            Assert.Equal(-1, destination.AsSpan(((y * padded.Stride) + format.RowBytes)..end).IndexOfAnyExcept((byte)0xA5));
        }
    }

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

    private static (int Width, int Height, byte[] Pixels) ReadGolden(string name, string suffix)
    {
        using FileStream file = File.OpenRead(Path.Combine(Folder(), Path.ChangeExtension(name, suffix)));
        using ZLibStream inflater = new(file, CompressionMode.Decompress);
        using MemoryStream all = new();
        inflater.CopyTo(all);
        byte[] bytes = all.ToArray();
        return (BinaryPrimitives.ReadUInt16LittleEndian(bytes), BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(2)), bytes[4..]);
    }

    private static TheoryData<string> FilesWith(string suffix)
    {
        TheoryData<string> data = [];
        foreach (string path in AllPictures().Where(path => File.Exists(Path.ChangeExtension(path, suffix))))
        {
            data.Add(Path.GetFileName(path));
        }

        return data;
    }
}
