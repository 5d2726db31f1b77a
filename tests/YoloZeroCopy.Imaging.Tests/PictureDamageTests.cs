using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace YoloZeroCopy.Imaging.Tests;

/// <summary>Damaged, truncated and hostile pictures end in a MediaException: nothing else, no hang, no huge allocation, never half a
/// picture.</summary>
public sealed class PictureDamageTests
{
    // Any file can ask for this much: more than that is a large picture, of which its length must tell.
    private const long SmallMemory = 1 << 20;

    public static TheoryData<string> Names => [.. Pictures.Names];

    public static TheoryData<string> SingleScans =>
        [.. Pictures.Names.Where(name => name.EndsWith(".jpg", StringComparison.Ordinal) && !HasSeveralScans(name) && HasManyBlocks(name))];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_truncated_picture_is_refused_where_pixels_are_missing(string name)
    {
        byte[] file = Pictures.File(name);
        PictureInfo info = PictureFile.ReadInfo(file);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        byte[] whole = new byte[format.ByteCount];
        PictureFile.Decode(file, whole, format);
        byte[] destination = new byte[format.ByteCount];
        int refused = 0;
        int step = Math.Max(1, file.Length / 100);
        for (int length = file.Length - 1; length >= 0; length -= step)
        {
            try
            {
                // The end of a file may be without pixels, as a PNG's last chunk or a second frame.
                PictureFile.Decode(file.AsSpan(0, length), destination, format, "cut");
                Assert.Equal(whole, destination);
            }
            catch (MediaException error)
            {
                Assert.Contains("'cut'", error.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.True(refused > 20, $"{refused} of {file.Length} bytes");
    }

    // libjpeg shows such a picture with the missing part in gray, and without an error.
    [Theory]
    [MemberData(nameof(SingleScans))]
    public void A_JPEG_that_was_cut_and_closed_is_refused(string name)
    {
        byte[] file = Pictures.File(name);
        PictureInfo info = PictureFile.ReadInfo(file);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        int start = ScanOf(file);
        for (int part = 0; part < 5; part++)
        {
            byte[] cut = [.. file[..(start + ((file.Length - start) * part / 5))], 0xFF, 0xD9];

            MediaException error = Assert.Throws<MediaException>(() => PictureFile.Decode(cut, new byte[format.ByteCount], format));

            Assert.Contains("early", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("progressive420.jpg")]
    [InlineData("separate420.jpg")]
    public void A_JPEG_without_the_scans_of_a_component_is_refused(string name)
    {
        byte[] file = Pictures.File(name);
        PictureInfo info = PictureFile.ReadInfo(file);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);

        // The first scan of the progressive one holds the beginnings of all components, so that there only the end marker tells.
        byte[] noEnd = file[..^2];
        Assert.Contains("truncated", Assert.Throws<MediaException>(() => PictureFile.Decode(noEnd, new byte[format.ByteCount], format)).Message,
            StringComparison.Ordinal);
        if (name == "separate420.jpg")
        {
            int first = ScanOf(file);
            byte[] luminance = [.. file[..(first + file.AsSpan(first).IndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]))], 0xFF, 0xD9];
            MediaException error = Assert.Throws<MediaException>(() => PictureFile.Decode(luminance, new byte[format.ByteCount], format));
            Assert.Contains("components", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Mutated_files_decode_or_are_refused()
    {
        const int Rounds = 12_000;
        Random random = new(20260715);
        byte[][] files = [.. Pictures.Names.Select(Pictures.File)];
        byte[] destination = new byte[4 << 20];
        Stopwatch watch = Stopwatch.StartNew();
        int refused = 0;
        int decoded = 0;
        for (int round = 0; round < Rounds && watch.Elapsed < TimeSpan.FromSeconds(20); round++)
        {
            byte[] file = Mutate(random, files);
            try
            {
                PictureInfo info = PictureFile.ReadInfo(file);
                FrameFormat format = new((PixelFormat)(round % 5), info.Width, info.Height);
                if (format.ByteCount <= destination.Length)
                {
                    PictureFile.Decode(file, destination, format);
                    decoded++;
                }
            }
            catch (MediaException)
            {
                refused++;
            }
        }

        Assert.True(refused > 100 && decoded > 100, $"{refused} refused, {decoded} decoded");
    }

    [Theory]
    [InlineData("s221111.jpg")]
    [InlineData("progressive420.jpg")]
    [InlineData("rgb8.png")]
    [InlineData("rgb.bmp")]
    public void A_short_file_cannot_ask_for_a_large_picture(string name)
    {
        byte[] file = WithSize(name, 8192, 8192);
        FrameFormat format = new(PixelFormat.Gray8, 8192, 8192);
        byte[] destination = new byte[format.ByteCount];

        long before = Environment.WorkingSet;
        MediaException error = Assert.Throws<MediaException>(() => PictureFile.ReadInfo(file));
        MediaException again = Assert.Throws<MediaException>(() => PictureFile.Decode(file, destination, format));
        long taken = Environment.WorkingSet - before;

        Assert.Contains("8192x8192", error.Message, StringComparison.Ordinal);
        Assert.Contains("8192x8192", again.Message, StringComparison.Ordinal);
        Assert.True(taken < 32 * SmallMemory, $"{taken} bytes were taken.");
    }

    [Theory]
    [InlineData("s221111.jpg", 8193, 20)]
    [InlineData("s221111.jpg", 20, 8193)]
    [InlineData("rgb8.png", 8193, 20)]
    [InlineData("rgb8.png", 2_000_000_000, 20)]
    [InlineData("rgb.bmp", 8193, 20)]
    [InlineData("still.gif", 8193, 20)]
    public void Sizes_beyond_a_frame_are_refused(string name, int width, int height)
    {
        MediaException error = Assert.Throws<MediaException>(() => PictureFile.ReadInfo(WithSize(name, width, height)));

        Assert.True(error.Message.Contains($"{width}x{height}", StringComparison.Ordinal)
            || error.Message.Contains("header", StringComparison.Ordinal), error.Message);
    }

    [Theory]
    [InlineData(0xC3)]
    [InlineData(0xC9)]
    [InlineData(0xCA)]
    public void Other_kinds_of_JPEG_are_refused_by_name(byte marker)
    {
        byte[] jpeg = Pictures.File("s221111.jpg");
        jpeg[jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]) + 1] = marker;

        MediaException error =
            Assert.Throws<MediaException>(() => PictureFile.Decode(jpeg, new byte[45 * 37 * 3], new FrameFormat(PixelFormat.Bgr24, 45, 37)));

        Assert.Contains($"FF{marker:X2}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("II*\0 a TIFF")]
    [InlineData("RIFF    WAVE")]
    public void Other_files_are_refused_and_the_kinds_that_are_read_are_named(string content)
    {
        byte[] file = Encoding.ASCII.GetBytes(content);

        MediaException error = Assert.Throws<MediaException>(() => PictureFile.ReadInfo(file));

        Assert.Contains("JPEG, PNG, WebP, BMP and GIF", error.Message, StringComparison.Ordinal);
        _ = Assert.Throws<MediaException>(() => PictureFile.Decode(file, new byte[3], new FrameFormat(PixelFormat.Bgr24, 1, 1)));
    }

    [Fact]
    public void A_flipped_bit_in_the_pixels_of_a_PNG_is_found()
    {
        byte[] png = Pictures.File("rgb8.png");
        FrameFormat format = new(PixelFormat.Bgr24, 19, 13);
        byte[] whole = new byte[format.ByteCount];
        PictureFile.Decode(png, whole, format);
        byte[] destination = new byte[format.ByteCount];
        int first = png.AsSpan().IndexOf("IDAT"u8) + 4;
        int last = png.AsSpan().LastIndexOf("IDAT"u8) - 4;
        for (int i = first; i < png.Length - 12; i++)
        {
            byte[] copy = [.. png];
            copy[i] ^= 4;
            try
            {
                // The length and the check sum of the last chunk decide over no pixel.
                PictureFile.Decode(copy, destination, format);
                Assert.True(whole.AsSpan().SequenceEqual(destination), $"byte {i} of {png.Length}");
                Assert.True(i >= last, $"byte {i} of {png.Length}");
            }
            catch (MediaException)
            {
            }
        }
    }

    [Fact]
    public void A_frame_of_another_size_or_format_is_an_argument_error()
    {
        byte[] png = Pictures.File("rgb8.png");

        ArgumentException error =
            Assert.Throws<ArgumentException>(() => PictureFile.Decode(png, new byte[10_000], new FrameFormat(PixelFormat.Bgr24, 13, 19)));

        Assert.Contains("19x13", error.Message, StringComparison.Ordinal);
        _ = Assert.Throws<ArgumentException>(() => PictureFile.Decode(png, new byte[10], new FrameFormat(PixelFormat.Bgr24, 19, 13)));
        _ = Assert.Throws<ArgumentException>(() => PictureFile.Decode(png, new byte[10_000], new FrameFormat(PixelFormat.Nv12, 19, 13)));
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        MediaException error = Assert.Throws<MediaException>(() => PictureFile.Read("no-such-picture.jpg", out _));

        Assert.Contains("no-such-picture.jpg", error.Message, StringComparison.Ordinal);
    }

    // libjpeg reads a few bytes ahead, which are given to it: of a picture of a single block that much may be missing.
    private static bool HasManyBlocks(string name) => Pictures.File(name) is byte[] file && file.Length - ScanOf(file) > 100;

    private static bool HasSeveralScans(string name) => name.StartsWith("progressive", StringComparison.Ordinal)
        || name.StartsWith("separate", StringComparison.Ordinal);

    /// <summary>Offset of the first scan's data.</summary>
    private static int ScanOf(byte[] jpeg)
    {
        int marker = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]) + 2;
        return marker + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(marker));
    }

    private static byte[] WithSize(string name, int width, int height)
    {
        byte[] file = Pictures.File(name);
        if (name.EndsWith(".jpg", StringComparison.Ordinal))
        {
            int frame = file.AsSpan().IndexOf(
                (ReadOnlySpan<byte>)[0xFF, name.StartsWith("progressive", StringComparison.Ordinal) ? (byte)0xC2 : (byte)0xC0]);
            BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 5), (ushort)height);
            BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 7), (ushort)width);
        }
        else if (name.EndsWith(".png", StringComparison.Ordinal))
        {
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), width);
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), height);
            RepairSums(file);
        }
        else if (name.EndsWith(".bmp", StringComparison.Ordinal))
        {
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), width);
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), height);
        }
        else
        {
            // The screen's size, and that of the first frame, which may not be larger.
            int frame = file.AsSpan().IndexOf((byte)0x2C);
            foreach (int at in (int[])[6, frame + 5])
            {
                BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), (ushort)width);
                BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at + 2), (ushort)height);
            }
        }

        return file;
    }

    private static byte[] Mutate(Random random, byte[][] files)
    {
        byte[] source = files[random.Next(files.Length)];
        byte[] file = [.. source];
        int changes = random.Next(1, 6);
        for (int i = 0; i < changes; i++)
        {
            int at = random.Next(file.Length);
            switch (random.Next(5))
            {
                case 0:
                    file[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    file[at] = (byte)random.Next(256);
                    break;
                case 2 when random.Next(4) == 0:
                    file = file[..Math.Max(4, at)];
                    break;
                case 3:
                    int length = Math.Min(random.Next(40), source.Length / 2);
                    file = [.. file[..at], .. source.AsSpan(random.Next(source.Length - length), length), .. file[at..]];
                    break;
                default:
                    file[at] = (byte)(random.Next(2) == 0 ? 0xFF : 0);
                    break;
            }
        }

        if (source[0] == 0x89)
        {
            RepairSums(file);
        }

        return file;
    }

    // Else the check sums would refuse every mutated PNG before its decoder sees it.
    private static void RepairSums(byte[] png)
    {
        int position = 8;
        while (position + 12 <= png.Length)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(position));
            if (length > (uint)(png.Length - position - 12))
            {
                return;
            }

            uint sum = Crc32(png.AsSpan(position + 4, (int)length + 4));
            BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(position + 8 + (int)length), sum);
            position += 12 + (int)length;
        }
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint sum = uint.MaxValue;
        foreach (byte value in bytes)
        {
            sum ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                sum = (sum >> 1) ^ (0xEDB88320 & (0 - (sum & 1)));
            }
        }

        return ~sum;
    }
}
