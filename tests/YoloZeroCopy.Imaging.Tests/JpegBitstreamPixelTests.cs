using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Imaging.Tests;

/// <summary>What of a JPEG is passed on to a decoder on a GPU decodes to the pixels of the whole file.</summary>
public sealed class JpegBitstreamPixelTests
{
    public static TheoryData<string> Names =>
    [
        "s111111.jpg", "s211111.jpg", "s221111.jpg", "s121111.jpg", "s411111.jpg", "s222121.jpg", "gray.jpg", "restart420.jpg", "q100.jpg", "q5.jpg",
        "size1x1.jpg", "size17x1.jpg", "noise420.jpg", "tall422.jpg", "exif1.jpg",
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void Pixels_stay_the_same(string name)
    {
        byte[] file = Pictures.File(name);
        byte[] wanted = Decode(file);
        Assert.Equal(wanted, Decode(Clean(file)));

        // As many cameras send it: with the standard's Huffman tables left out, which these files have.
        Assert.Equal(wanted, Decode(Clean(WithoutHuffmanTables(file))));
    }

    private static byte[] Clean(byte[] file)
    {
        JpegBitstream bitstream = JpegBitstream.Read(file);
        byte[] clean = new byte[bitstream.MaxBytes];
        return clean[..bitstream.Write(file, clean)];
    }

    private static byte[] WithoutHuffmanTables(byte[] file)
    {
        List<byte> rest = [.. file[..2]];
        int position = 2;
        byte marker;
        do
        {
            marker = file[position + 1];
            int length = 2 + (file[position + 2] << 8) + file[position + 3];
            rest.AddRange(marker == 0xC4 ? [] : file[position..(position + length)]);
            position += length;
        }
        while (marker != 0xDA);
        return [.. rest, .. file[position..]];
    }

    private static byte[] Decode(byte[] file)
    {
        PictureInfo info = PictureFile.ReadInfo(file);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        byte[] pixels = new byte[format.ByteCount];
        PictureFile.Decode(file, pixels, format);
        return pixels;
    }
}
