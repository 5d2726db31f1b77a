using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>What is let through to nvJPEG, and as what.</summary>
public class JpegBitstreamTests
{
    private const byte Frame = 0xC0;
    private const byte Huffman = 0xC4;
    private const byte Scan = 0xDA;
    private const byte Quantization = 0xDB;
    private const byte Restart = 0xDD;

    public static TheoryData<string> Sequential => [.. JpegPictures.Sequential];

    public static TheoryData<string> Others => [.. JpegPictures.Others];

    [Theory]
    [MemberData(nameof(Sequential))]
    public void Pictures_of_cameras_are_taken_with_nothing_that_does_not_belong_to_them(string name)
    {
        byte[] jpeg = JpegPictures.Get(name);
        (int width, int height, _) = JpegPictures.GetPixels(name);
        JpegBitstream bitstream = JpegBitstream.Read(jpeg);
        Assert.Equal((width, height), (bitstream.Width, bitstream.Height));

        byte[] clean = Write(jpeg);
        List<(byte Marker, int Offset, int Length)> wanted = [.. JpegPictures.Segments(jpeg).Where(segment => segment.Marker < 0xE0)];
        Assert.Equal(wanted.Select(segment => segment.Marker), JpegPictures.Segments(clean).Select(segment => segment.Marker));
        IEnumerable<byte> segments = wanted.SelectMany(segment => jpeg.AsSpan(segment.Offset, segment.Length).ToArray());
        Assert.Equal([0xFF, 0xD8, .. segments, .. jpeg[End(jpeg)..]], clean);
    }

    [Theory]
    [MemberData(nameof(Others))]
    public void Other_kinds_are_named_and_refused(string name)
    {
        NotSupportedException error = Assert.Throws<NotSupportedException>(() => JpegBitstream.Read(JpegPictures.Get(name)));
        Assert.Contains("wanted", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("s221111")]
    [InlineData("s111111")]
    [InlineData("gray")]
    [InlineData("restart420")]
    public void Huffman_tables_that_a_camera_leaves_out_are_the_standards(string name)
    {
        // These pictures have the standard's tables, each in a segment of its own.
        byte[] jpeg = JpegPictures.Get(name);
        byte[] clean = Write(JpegPictures.Without(jpeg, Huffman));
        byte[] standard = Tables(clean);
        Assert.Equal(416, standard.Length);
        Assert.True(standard.AsSpan().StartsWith(Tables(jpeg)));
        Assert.Equal(JpegPictures.Without(Write(jpeg), Huffman), JpegPictures.Without(clean, Huffman));
    }

    [Fact]
    public void The_sampling_of_a_lone_component_is_written_as_one_to_one()
    {
        byte[] jpeg = JpegPictures.Get("gray");
        byte[] clean = Write(jpeg);
        byte[] sampled = [.. jpeg];
        (_, int offset, _) = JpegPictures.Segments(jpeg).First(segment => segment.Marker == Frame);
        Assert.Equal(0x11, sampled[offset + 11]);
        sampled[offset + 11] = 0x22;
        Assert.Equal(clean, Write(sampled));
    }

    [Fact]
    public void What_is_in_between_and_behind_is_left_out()
    {
        byte[] jpeg = JpegPictures.Get("s221111");
        byte[] clean = Write(jpeg);
        byte[] comment = [0xFF, 0xFE, 0, 4, 1, 2];
        byte[] exif = [0xFF, 0xE1, 0, 10, .. "Exif\0\0"u8, 0xFF, 0xD9];
        Assert.Equal(clean, Write(JpegPictures.With(JpegPictures.With(jpeg, Quantization, comment), Huffman, exif)));
        Assert.Equal(clean, Write(JpegPictures.With(jpeg, Scan, 0xFF, 0xFF, 0xFF)));
        Assert.Equal(clean, Write(JpegPictures.With(jpeg, Huffman, 17, 4)));
        Assert.Equal(clean, Write([.. jpeg, 0, 1, 2, 0xFF, 0xD8, 0xFF]));
        Assert.Equal([.. clean[..^2], 0xFF, 0xFF, 0xD9], Write([.. jpeg[..^1], 0xFF, 0xD9]));
    }

    [Theory]
    [InlineData("s221111")]
    [InlineData("gray")]
    [InlineData("exif1")]
    [InlineData("restart420")]
    public void Truncated_pictures_are_damaged_wherever_they_end(string name)
    {
        byte[] jpeg = JpegPictures.Get(name);
        for (int length = 0; length < jpeg.Length; length++)
        {
            _ = Assert.Throws<InvalidDataException>(() => JpegBitstream.Read(jpeg.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Headers_that_do_not_fit_together_are_damaged()
    {
        byte[] jpeg = JpegPictures.Get("s221111");
        void IsDamaged(byte[] damaged, string words)
        {
            InvalidDataException error = Assert.Throws<InvalidDataException>(() => JpegBitstream.Read(damaged));
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }

        IsDamaged([0x89, .. "PNG"u8], "FFD8");
        IsDamaged(JpegPictures.Without(jpeg, Frame), "frame header");
        IsDamaged(JpegPictures.Without(jpeg, Quantization), "quantisation table");
        IsDamaged(JpegPictures.With(jpeg, Scan, Bytes(jpeg, Frame)), "two frame headers");
        IsDamaged(JpegPictures.With(jpeg, Scan, 0xFF, 0xD0, 0, 2), "FFD0");
        IsDamaged(JpegPictures.With(jpeg, Scan, 0xFF, 0x02, 0, 2), "FF02");
        IsDamaged(JpegPictures.With(jpeg, Scan, 0xFF, 0xFE, 0, 1), "1 bytes long");
        IsDamaged(JpegPictures.With(jpeg, Scan, 0xFF, Restart, 0, 3, 1), "restart interval");
        IsDamaged(JpegPictures.With(jpeg, Scan, 0xFF, Restart, 0, 4, 0, 1), "restart markers");
        IsDamaged(JpegPictures.Without(JpegPictures.Get("restart420"), Restart), "restart markers");

        // Fields of the frame: precision, height, width, count, and of each component name, sampling, table.
        IsDamaged(Changed(jpeg, Frame, 5, 0, 0), "0 pixels");
        IsDamaged(Changed(jpeg, Frame, 7, 0, 0), "0x");
        IsDamaged(Changed(jpeg, Frame, 5, 0x1F, 0xFF, 0x1F, 0xFF), "too few");
        IsDamaged(Changed(jpeg, Frame, 11, 0x52), "sampled 5x2");
        IsDamaged(Changed(jpeg, Frame, 12, 3), "quantisation table");
        IsDamaged(Changed(jpeg, Frame, 10, 9), "in their order");

        // Of the scan: count, and of each component name and tables; then what is coded of them.
        IsDamaged(Changed(jpeg, Scan, 4, 2), "wrong length");
        IsDamaged(Changed(JpegPictures.Get("gray"), Scan, 6, 0x11), "Huffman table");
        IsDamaged(Changed(JpegPictures.Without(jpeg, Huffman), Scan, 6, 0x22), "Huffman table");
        IsDamaged(Changed(jpeg, Scan, 12, 62), "coefficients");

        // Of a Huffman table: kind and index, codes of each length, symbols.
        IsDamaged(Changed(jpeg, Huffman, 4, 0x20), "Huffman table");
        IsDamaged(Changed(jpeg, Huffman, 5, 3), "Huffman table");
        IsDamaged(Changed(jpeg, Huffman, 21, 12), "Huffman table");
        IsDamaged(Changed(jpeg, Quantization, 4, 0x24), "quantisation table");

        // The restart markers out of their order.
        byte[] restart = JpegPictures.Get("restart420");
        int first = restart.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xD0]);
        restart[first + 1] = 0xD3;
        IsDamaged(restart, "in their order");
    }

    [Fact]
    public void Kinds_that_one_header_makes_are_refused()
    {
        byte[] jpeg = JpegPictures.Get("s221111");
        void IsRefused(byte[] other, string words)
        {
            NotSupportedException error = Assert.Throws<NotSupportedException>(() => JpegBitstream.Read(other));
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }

        IsRefused(Changed(jpeg, Frame, 1, 0xC9), "FFC9");
        IsRefused(Changed(jpeg, Frame, 4, 12), "12 bits");
        IsRefused(Changed(jpeg, Frame, 11, 0x44), "4x4");
        IsRefused(Changed(jpeg, Frame, 11, 0x31), "3x1");
        IsRefused(JpegPictures.With(jpeg, Scan, (byte[])[0xFF, 0xEE, 0, 14, .. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0]), "red, green and blue");
        byte[] named = JpegPictures.Without(jpeg, 0xE0);
        named = Changed(named, Frame, 10, (byte)'R', 0x22, 0, (byte)'G', 0x11, 1, (byte)'B');
        named = Changed(named, Scan, 5, (byte)'R', 0, (byte)'G', 0x11, (byte)'B');
        IsRefused(named, "red, green and blue");
    }

    /// <summary>Whatever the bytes: one of the two exceptions, or a picture whose clean form is read as the same and stays as it is.</summary>
    [Fact]
    public void Mutated_pictures_are_refused_or_whole()
    {
        Random random = new(20261127);
        int taken = 0;
        for (int i = 0; i < 30_000; i++)
        {
            byte[] jpeg = JpegPictures.Get(JpegPictures.Sequential[i % JpegPictures.Sequential.Length]);
            for (int change = random.Next(1, 5); change > 0; change--)
            {
                // Mostly in the headers: in the coded data only a marker matters.
                int at = random.Next(random.Next(4) == 0 ? jpeg.Length : Math.Min(jpeg.Length, 640));
                jpeg[at] = random.Next(3) switch
                {
                    0 => (byte)random.Next(256),
                    1 => (byte)(jpeg[at] ^ (1 << random.Next(8))),
                    _ => (byte)(random.Next(2) * 255),
                };
            }

            try
            {
                byte[] clean = Write(jpeg);
                JpegBitstream bitstream = JpegBitstream.Read(clean);
                Assert.Equal((bitstream.Width, bitstream.Height), (JpegBitstream.Read(jpeg).Width, JpegBitstream.Read(jpeg).Height));
                Assert.Equal(clean, Write(clean));
                taken++;
            }
            catch (Exception error) when (error is InvalidDataException or NotSupportedException)
            {
                Assert.NotEmpty(error.Message);
            }
        }

        Assert.InRange(taken, 3_000, 27_000);
    }

    [Fact]
    public void Reading_and_writing_allocate_nothing()
    {
        byte[] jpeg = JpegPictures.Get("tall422");
        byte[] clean = new byte[JpegBitstream.Read(jpeg).MaxBytes];
        Assert.Equal(0, AllocationSlices.LeastHere(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                _ = JpegBitstream.Read(jpeg).Write(jpeg, clean);
            }
        }));
    }

    private static byte[] Write(byte[] jpeg)
    {
        JpegBitstream bitstream = JpegBitstream.Read(jpeg);
        byte[] clean = new byte[bitstream.MaxBytes];
        return clean[..bitstream.Write(jpeg, clean)];
    }

    private static int End(byte[] jpeg) => JpegPictures.Segments(jpeg)[^1] is var (_, offset, length) ? offset + length : 0;

    private static byte[] Bytes(byte[] jpeg, byte marker)
    {
        (_, int offset, int length) = JpegPictures.Segments(jpeg).First(segment => segment.Marker == marker);
        return jpeg[offset..(offset + length)];
    }

    /// <summary>What Huffman segments hold, in their order.</summary>
    private static byte[] Tables(byte[] jpeg) =>
        [.. JpegPictures.Segments(jpeg).Where(segment => segment.Marker == Huffman)
            .SelectMany(segment => jpeg[(segment.Offset + 4)..(segment.Offset + segment.Length)])];

    /// <summary>The JPEG with other bytes in its first segment of a marker, from an offset on that counts from the FF.</summary>
    private static byte[] Changed(byte[] jpeg, byte marker, int offset, params byte[] bytes)
    {
        byte[] changed = [.. jpeg];
        bytes.CopyTo(changed, JpegPictures.Segments(jpeg).First(segment => segment.Marker == marker).Offset + offset);
        return changed;
    }
}
