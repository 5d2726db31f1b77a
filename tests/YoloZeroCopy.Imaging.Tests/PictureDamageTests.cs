using System.Diagnostics;

namespace YoloZeroCopy.Imaging.Tests;

/// <summary>Damaged, truncated and hostile pictures end in a MediaException: nothing else, no hang, no huge allocation.</summary>
public sealed class PictureDamageTests
{
    public static TheoryData<string> Files
    {
        get
        {
            TheoryData<string> data = [];
            foreach (string path in PictureGoldenTests.AllPictures())
            {
                data.Add(Path.GetFileName(path));
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_truncation_is_refused(string name)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(PictureGoldenTests.Folder(), name));
        PictureInfo info = PictureFile.ReadInfo(file);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        byte[] destination = new byte[format.ByteCount];

        // A sequential JPEG is complete without its 2-byte end marker, and its last byte can be all filling.
        bool mayLackEnd = info.Kind == PictureKind.Jpeg;
        int longest = mayLackEnd ? file.Length - 4 : file.Length - 1;
        int step = Math.Max(1, longest / 60);
        for (int length = longest; length >= 0; length -= step)
        {
            int taken = length;
            MediaException error = Assert.Throws<MediaException>(() => PictureFile.Decode(file.AsSpan(0, taken), destination, format, "cut"));
            Assert.Contains("'cut'", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Mutated_files_decode_or_are_refused()
    {
        const int Rounds = 12_000;
        Random random = new(20260715);
        byte[][] files = [.. PictureGoldenTests.AllPictures().Select(File.ReadAllBytes)];
        byte[] destination = new byte[4 << 20];
        Stopwatch watch = Stopwatch.StartNew();
        int refused = 0;
        int decoded = 0;
        for (int round = 0; round < Rounds && watch.Elapsed < TimeSpan.FromSeconds(20); round++)
        {
            byte[] file = Mutate(random, files);
            Stopwatch one = Stopwatch.StartNew();
            try
            {
                PictureInfo info = PictureFile.ReadInfo(file);
                FrameFormat format = new((round % 3) switch { 0 => PixelFormat.Bgr24, 1 => PixelFormat.Rgb24, _ => PixelFormat.Gray8 }, info.Width, info.Height);
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

            Assert.True(one.Elapsed < TimeSpan.FromSeconds(5), $"round {round} took {one.Elapsed}");
        }

        Assert.True(refused > 1000 && decoded > 300, $"{refused} refused, {decoded} decoded");
    }

    [Fact]
    public void A_short_file_cannot_ask_for_a_large_picture()
    {
        byte[] jpeg = File.ReadAllBytes(Path.Combine(PictureGoldenTests.Folder(), "s221111.jpg"));
        int frame = jpeg.AsSpan().IndexOf(new byte[] { 0xFF, 0xC0 });
        jpeg[frame + 5] = 0x20;
        jpeg[frame + 6] = 0;
        jpeg[frame + 7] = 0x20;
        jpeg[frame + 8] = 0;
        FrameFormat format = new(PixelFormat.Gray8, 8192, 8192);
        byte[] destination = new byte[format.ByteCount];

        long before = GC.GetAllocatedBytesForCurrentThread();
        MediaException error = Assert.Throws<MediaException>(() => PictureFile.Decode(jpeg, destination, format));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Contains("8192x8192", error.Message, StringComparison.Ordinal);
        Assert.InRange(allocated, 0, 200_000);
    }

    [Fact]
    public void Sizes_beyond_a_frame_are_refused_by_name()
    {
        byte[] jpeg = File.ReadAllBytes(Path.Combine(PictureGoldenTests.Folder(), "s221111.jpg"));
        int frame = jpeg.AsSpan().IndexOf(new byte[] { 0xFF, 0xC0 });
        jpeg[frame + 7] = 0x20;
        jpeg[frame + 8] = 1;

        MediaException error = Assert.Throws<MediaException>(() => PictureFile.ReadInfo(jpeg));

        Assert.Contains("8193", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0xC3)]
    [InlineData(0xC9)]
    [InlineData(0xCA)]
    public void Other_kinds_of_JPEG_are_refused_by_name(byte marker)
    {
        byte[] jpeg = File.ReadAllBytes(Path.Combine(PictureGoldenTests.Folder(), "s221111.jpg"));
        jpeg[jpeg.AsSpan().IndexOf(new byte[] { 0xFF, 0xC0 }) + 1] = marker;

        MediaException error = Assert.Throws<MediaException>(() => PictureFile.ReadInfo(jpeg));

        Assert.Contains($"FF{marker:X2}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("GIF89a not for us")]
    public void Other_files_are_refused(string content)
    {
        MediaException error = Assert.Throws<MediaException>(() => PictureFile.ReadInfo(System.Text.Encoding.ASCII.GetBytes(content)));

        Assert.Contains("neither a JPEG nor a PNG", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_flipped_bit_in_a_PNG_is_found()
    {
        byte[] png = File.ReadAllBytes(Path.Combine(PictureGoldenTests.Folder(), "rgb8.png"));
        FrameFormat format = new(PixelFormat.Bgr24, 19, 13);
        byte[] destination = new byte[format.ByteCount];
        for (int i = 8; i < png.Length; i++)
        {
            byte[] copy = [.. png];
            copy[i] ^= 4;

            _ = Assert.Throws<MediaException>(() => PictureFile.Decode(copy, destination, format));
        }
    }

    [Fact]
    public void A_frame_of_another_size_is_an_argument_error()
    {
        byte[] png = File.ReadAllBytes(Path.Combine(PictureGoldenTests.Folder(), "rgb8.png"));

        ArgumentException error = Assert.Throws<ArgumentException>(() => PictureFile.Decode(png, new byte[10_000], new FrameFormat(PixelFormat.Bgr24, 13, 19)));

        Assert.Contains("19x13", error.Message, StringComparison.Ordinal);
        _ = Assert.Throws<ArgumentException>(() => PictureFile.Decode(png, new byte[10], new FrameFormat(PixelFormat.Bgr24, 19, 13)));
        _ = Assert.Throws<ArgumentException>(() => PictureFile.Decode(png, new byte[10_000], new FrameFormat(PixelFormat.Bgra32, 19, 13)));
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        MediaException error = Assert.Throws<MediaException>(() => PictureFile.Read("no-such-picture.jpg", out _));

        Assert.Contains("no-such-picture.jpg", error.Message, StringComparison.Ordinal);
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
                case 2:
                    file = file[..Math.Max(4, at)];
                    break;
                case 3:
                    int length = random.Next(Math.Min(40, file.Length - at));
                    file = [.. file[..at], .. source.AsSpan(random.Next(source.Length - Math.Min(length, source.Length - 1) - 1), Math.Min(length, source.Length - 1)), .. file[at..]];
                    break;
                default:
                    file[at] = (byte)(random.Next(2) == 0 ? 0xFF : 0);
                    break;
            }
        }

        if (source[0] == 0x89 && file.Length > 8)
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
            uint length = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(position));
            if (length > (uint)(png.Length - position - 12))
            {
                return;
            }

            uint sum = Crc32.Compute(png.AsSpan(position + 4, (int)length + 4));
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(position + 8 + (int)length), sum);
            position += 12 + (int)length;
        }
    }
}
