using System.Diagnostics;
using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The part of a picture that is to be shown, read from headers of encoders, of the tests' own, and damaged ones.</summary>
public sealed class VideoHeadersTests
{
    private static readonly string[] Clips =
    [
        "h264-b-1080", "h264-4k", "h264-odd", "h264-crop", "h264-crops", "h264-10", "h264-sizes", "h264-conveyor",
        "hevc-b-1080", "hevc-odd", "hevc-crop", "hevc-crops", "hevc-10", "hevc-10-b", "hevc-sizes",
    ];

    /// <summary>Headers of x264 and x265, with the coded size and the rectangle that ffmpeg reads; -1 where that is left to NVDEC.</summary>
    public static TheoryData<CudaVideoCodec, string, int, int, int, int, int, int, string> Encoded => new()
    {
        {
            CudaVideoCodec.H264, "Baseline", 320, 240, 16, 8, 304, 232,
            "6742c00dd90141fc4cbc0440000003004000000c83c50a92"
        },
        {
            CudaVideoCodec.H264, "interlaced", 720, 576, 8, 4, 704, 560,
            "6764001eacd940b424e52a260220000003002000000643e28532c0"
        },
        {
            CudaVideoCodec.H264, "interlaced 1080", 1920, 1088, 0, 0, 1920, 1080,
            "67640028acd94078044fde0220000003002000000643e2c5b2c0"
        },
        {
            CudaVideoCodec.H264, "interlaced 1080 crop", 1920, 1088, 4, 12, 1916, 1068,
            "67640028acd94078044ee478088000000300800000190f8b16cb"
        },
        {
            CudaVideoCodec.H264, "High 10", 640, 368, 30, 14, 604, 352,
            "676e001ea6cd940a02fc20410b011000000300100000030320f162d960"
        },
        {
            CudaVideoCodec.H264, "4:2:2", 640, 368, -1, -1, -1, -1,
            "677a001ebcd940a02fc2041ef011000003000100000300320f162d96"
        },
        {
            CudaVideoCodec.H264, "4:4:4", 640, 368, -1, -1, -1, -1,
            "67f4001e919b281405fdde0220000003002000000641e2c5b2c0"
        },
        {
            CudaVideoCodec.H264, "no colour", 640, 368, -1, -1, -1, -1,
            "6764001ef3650280bfe27016c80000030008000003019078b16cb0"
        },
        {
            CudaVideoCodec.H264, "right only", 640, 368, 0, 0, 606, 368,
            "6764001eacd940a02fe12f011000000300100000030320f162d960"
        },
        {
            CudaVideoCodec.H264, "top only", 640, 368, 0, 40, 640, 328,
            "6764001eacd940a02ff0af011000000300100000030320f162d960"
        },
        {
            CudaVideoCodec.H264, "large left", 640, 368, 600, 300, 38, 66,
            "6764001eacd940a02fc025a804bac044000003000400000300c83c58b658"
        },
        {
            CudaVideoCodec.H264, "number 7", 640, 368, 12, 6, 624, 360,
            "6764001e10b3650280bf3b22c044000003000400000300c83c58b658"
        },
        {
            CudaVideoCodec.H264, "number 31", 640, 368, 12, 6, 624, 360,
            "6764001e040b3650280bf3b22c0440000003004000000c83c58b6580"
        },
        {
            CudaVideoCodec.Hevc, "Main", 640, 368, 12, 6, 624, 360,
            "42010101600000030090000003000003003fa0050201719d9165959a4932bc05a02000000300200000030321"
        },
        {
            CudaVideoCodec.Hevc, "main 1080", 1920, 1080, 0, 0, 1920, 1080,
            "420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84"
        },
        {
            CudaVideoCodec.Hevc, "odd 638x362", 640, 368, 0, 0, 638, 362,
            "42010101600000030090000003000003003fa005020171d4996566924caf016808000003000800000300c840"
        },
        {
            CudaVideoCodec.Hevc, "odd, crop", 640, 368, 12, 6, 624, 354,
            "42010101600000030090000003000003003fa0050201719d90b96566924caf016808000003000800000300c840"
        },
        {
            CudaVideoCodec.Hevc, "Main 10", 640, 368, 30, 14, 604, 352,
            "42010102200000030090000003000003003fa005020171840821365959a4932bc05a020000030002000003003210"
        },
        {
            CudaVideoCodec.Hevc, "temporal layers", 640, 368, 2, 4, 632, 356,
            "42010201600000030090000003000003003f0000a005020171a232e59598acd24995e02d010000030001000003001908"
        },
        {
            CudaVideoCodec.Hevc, "4:2:2", 640, 368, -1, -1, -1, -1,
            "4201010408000003009d0800000300003fb005020171365959a4932bc05a020000030002000003003210"
        },
        {
            CudaVideoCodec.Hevc, "4:4:4", 640, 368, -1, -1, -1, -1,
            "4201010408000003009e0800000300003f9000a0402e31c53932cacd24995e02d0100000030010000003019080"
        },
        {
            CudaVideoCodec.Hevc, "no colour", 640, 368, -1, -1, -1, -1,
            "4201010408000003009fc800000300003fc0140805c596566924caf016c080000003008000000c84"
        },
        {
            CudaVideoCodec.Hevc, "right and bottom at the edge", 640, 368, 100, 50, 540, 318,
            "42010101600000030090000003000003003fa00502017183386b96566924e5780b4040000003004000000642"
        },
        {
            CudaVideoCodec.Hevc, "fields", 720, 288, 8, 4, 712, 272,
            "42010101600000030040000003000003003fa005a2012196cf96566924caf0168680000003008000000c84"
        },
        {
            CudaVideoCodec.Hevc, "ctu16", 656, 384, 2, 2, 646, 374,
            "42010101600000030090000003000003005aa005220181a2a2e595996f2bc05a020000030002000003003210"
        },
        {
            CudaVideoCodec.Hevc, "min-cu 32", 672, 384, 0, 0, 648, 376,
            "42010101600000030090000003000003005aa005420181c6cb965666a4caf0168080000003008000000c84"
        },
    };

    public static TheoryData<string> ClipNames => [.. Clips];

    [Theory]
    [MemberData(nameof(ClipNames))]
    public void Clips_are_shown_as_ffmpeg_shows_them(string name)
    {
        VideoClip clip = new(name);
        VideoHeaders headers = new(clip.Codec);
        foreach ((long timestamp, byte[] packet) in clip.Packets)
        {
            VideoClipFrame frame = clip.Frames.Single(one => one.Timestamp == timestamp);
            bool isCropped = name.Contains("crop", StringComparison.Ordinal);
            (int left, int top) = !isCropped ? (0, 0) : (timestamp / 1000) switch { 0 => (12, 6), 1 => (0, 0), _ => (30, 10) };
            CudaVideoFormat reported = Reported(clip.Codec, isCropped ? 640 : Whole(frame.Width), isCropped ? 368 : Whole(frame.Height));
            headers.Read(packet);
            Assert.Equal(reported with { Left = left, Top = top, Width = frame.Width, Height = frame.Height }, headers.Apply(reported));
        }
    }

    [Theory]
    [MemberData(nameof(ClipNames))]
    public void Pictures_of_a_clip_wait_for_as_many_as_are_shown_out_of_order(string name)
    {
        VideoClip clip = new(name);
        VideoHeaders headers = new(clip.Codec);
        headers.Read(clip.Packets[0].Bytes);
        long[] order = [.. clip.Packets.Select(static one => one.Timestamp)];
        int needed = order.Select((timestamp, place) => order.Take(place).Count(earlier => earlier > timestamp)).Max();
        Assert.Equal(clip.Codec == CudaVideoCodec.Hevc ? needed : 0, headers.ReorderedPictures);
    }

    [Fact]
    public void A_header_that_ends_early_reorders_nothing()
    {
        byte[] header = HeaderWriter.Sequence(CudaVideoCodec.Hevc, 64, 48, left: 0, top: 0, right: 0, bottom: 0, reordered: 3);
        VideoHeaders headers = new(CudaVideoCodec.Hevc);
        headers.Read(header);
        Assert.Equal(3, headers.ReorderedPictures);
        headers.Read(header.AsSpan(..^2));
        Assert.Equal(0, headers.ReorderedPictures);
        headers.Read(HeaderWriter.Sequence(CudaVideoCodec.Hevc, 64, 48, left: 0, top: 0, right: 0, bottom: 0, reordered: 16));
        Assert.Equal(0, headers.ReorderedPictures);
    }

    [Theory]
    [MemberData(nameof(Encoded))]
    public void Headers_of_encoders_are_read_as_ffmpeg_reads_them(
        CudaVideoCodec codec, string what, int codedWidth, int codedHeight, int left, int top, int width, int height, string unit)
    {
        CudaVideoFormat reported = Reported(codec, codedWidth, codedHeight);
        CudaVideoFormat right = left < 0 ? reported : reported with { Left = left, Top = top, Width = width, Height = height };
        byte[] packet = [0, 0, 0, 1, .. Convert.FromHexString(unit)];
        VideoHeaders headers = new(codec);
        Assert.Equal(reported, headers.Apply(reported));
        headers.Read(packet);
        Assert.True(right == headers.Apply(reported), $"{what}: {headers.Apply(reported)}");

        // Where NVDEC rounds to larger blocks; but not for a picture that is smaller, or larger by a whole block.
        CudaVideoFormat rounded = reported with { CodedWidth = (codedWidth + 63) / 64 * 64, CodedHeight = (codedHeight + 63) / 64 * 64 };
        Assert.Equal((right.Left, right.Width), (headers.Apply(rounded).Left, headers.Apply(rounded).Width));
        foreach ((int across, int down) in ((int, int)[])[(-16, 0), (0, -16), (64, 0), (0, 64)])
        {
            CudaVideoFormat other = reported with { CodedWidth = codedWidth + across, CodedHeight = codedHeight + down };
            Assert.Equal(other, headers.Apply(other));
        }

        // What is cut short says nothing, or what the whole says.
        for (int length = 0; length < packet.Length; length++)
        {
            headers = new VideoHeaders(codec);
            headers.Read(packet.AsSpan(0, length));
            CudaVideoFormat cut = headers.Apply(reported);
            Assert.True(cut == reported || cut == right, $"{what}, {length} bytes: {cut}");
            Assert.True(length > 8 || cut == reported);
        }
    }

    [Fact]
    public void Every_way_to_write_a_header_of_H264_is_read()
    {
        HeaderWriter writer = new HeaderWriter().Bits(8, 100).Bits(16, 0).Unsigned(3).Unsigned(1).Unsigned(0).Unsigned(0).Bits(2, 1);
        for (int list = 0; list < 8; list++)
        {
            // None, a whole one, one that ends early, as its numbers have 8 bits, and one that says at once to take the usual one.
            _ = writer.Bits(1, list % 4 == 0 ? 0 : 1);
            int size = list < 6 ? 16 : 64;
            for (int i = 0; i < size && list % 4 == 1; i++)
            {
                _ = writer.Signed(i % 2 == 0 ? 127 : -128);
            }

            _ = list % 4 == 2 ? writer.Signed(127).Signed(121) : list % 4 == 3 ? writer.Signed(-8) : writer;
        }

        _ = writer.Unsigned(12).Unsigned(1).Bits(1, 1).Signed(0).Signed(-1_000_000_000).Unsigned(255);
        for (int i = 0; i < 255; i++)
        {
            _ = writer.Signed(i * (i % 2 == 0 ? 65536 : -65536));
        }

        // Fields: the rows of the offsets count twice.
        byte[] unit = writer.Unsigned(16).Bits(1, 0).Unsigned(39).Unsigned(11).Bits(3, 0b011).Crop(12, 4, 6, 2).Bits(1, 0).Unit(0x67);
        Assert.True(unit.AsSpan().IndexOf((byte[])[0, 0, 3]) > 0);
        CudaVideoFormat reported = Reported(CudaVideoCodec.H264, 640, 384);
        VideoHeaders headers = new(CudaVideoCodec.H264);
        headers.Read(unit);
        Assert.Equal(reported with { Left = 12, Top = 12, Width = 624, Height = 368 }, headers.Apply(reported));
    }

    [Theory]
    [InlineData(CudaVideoCodec.H264)]
    [InlineData(CudaVideoCodec.Hevc)]
    public void Of_several_headers_that_one_holds_which_the_slice_names(CudaVideoCodec codec)
    {
        CudaVideoFormat reported = Reported(codec, 640, 368);
        VideoHeaders headers = new(codec);
        headers.Read(
        [
            .. HeaderWriter.Sequence(codec, 640, 368, 2, 4, 6, 8, number: 1), .. HeaderWriter.Sequence(codec, 640, 368, 12, 14, 16, 18, number: 2),
            .. HeaderWriter.PictureSet(codec, 5, 1), .. HeaderWriter.PictureSet(codec, 6, 2), .. HeaderWriter.PictureSet(codec, 7, 3),
        ]);
        CudaVideoFormat first = reported with { Left = 2, Top = 4, Width = 632, Height = 356 };
        CudaVideoFormat second = reported with { Left = 12, Top = 14, Width = 612, Height = 336 };
        Assert.Equal(second, headers.Apply(reported));
        headers.Read(HeaderWriter.Slice(codec, 5, isKey: true));
        Assert.Equal(first, headers.Apply(reported));
        headers.Read(HeaderWriter.Slice(codec, 6, isKey: false));
        Assert.Equal(second, headers.Apply(reported));

        // Of one that never came, NVDEC may know; a slice of a picture parameter set that never came says nothing.
        headers.Read(HeaderWriter.Slice(codec, 7, isKey: true));
        Assert.Equal(reported, headers.Apply(reported));
        headers.Read(HeaderWriter.Slice(codec, 5, isKey: false));
        headers.Read(HeaderWriter.Slice(codec, 33, isKey: false));
        Assert.Equal(first, headers.Apply(reported));

        // Behind a slice nothing is read.
        byte[] third = HeaderWriter.Sequence(codec, 640, 368, 30, 0, 0, 0, number: 1);
        headers.Read([.. HeaderWriter.Slice(codec, 5, isKey: true), .. third]);
        Assert.Equal(first, headers.Apply(reported));
        headers.Read([.. third, .. HeaderWriter.Slice(codec, 5, isKey: true)]);
        Assert.Equal(reported with { Left = 30, Width = 610 }, headers.Apply(reported));
    }

    [Theory]
    [InlineData(CudaVideoCodec.H264)]
    [InlineData(CudaVideoCodec.Hevc)]
    public void What_is_malformed_leaves_it_to_NVDEC(CudaVideoCodec codec)
    {
        CudaVideoFormat reported = Reported(codec, 640, 368);
        byte[] good = HeaderWriter.Sequence(codec, 640, 368, 12, 6, 4, 2);
        byte[] header = codec == CudaVideoCodec.H264 ? [0x67] : [33 << 1, 1];
        byte[][] others =
        [
            HeaderWriter.Sequence(codec, 640, 368, 320, 0, 320, 0),
            HeaderWriter.Sequence(codec, 640, 368, 0, 366, 0, 2),
            HeaderWriter.Sequence(codec, 640, 368, 2_000_000_000, 0, 2_000_000_000, 0),
            HeaderWriter.Sequence(codec, 2_000_000_000, 368, 0, 0, 0, 0),
            HeaderWriter.Sequence(codec, 640, 2_000_000_000, 0, 0, 0, 0),
            HeaderWriter.Sequence(codec, 640, 368, 12, 6, 4, 2, number: 32),
            HeaderWriter.Sequence(codec, 640, 368, 12, 6, 4, 2, number: 2_000_000_000),
            [0, 0, 1, .. header],
            [0, 0, 1, .. header, .. new byte[1000]],
            good[..^5],
        ];
        foreach (byte[] other in others)
        {
            VideoHeaders headers = new(codec);
            headers.Read(other);
            Assert.Equal(reported, headers.Apply(reported));
            headers.Read(good);
            Assert.NotEqual(reported, headers.Apply(reported));
            headers.Read(other);
            Assert.Equal(reported, headers.Apply(reported));
        }

        // Another layer is not decoded, and other codecs have other headers.
        VideoHeaders untouched = new(codec);
        byte[] layer = [.. HeaderWriter.Sequence(codec, 640, 368, 12, 6, 4, 2)];
        layer[codec == CudaVideoCodec.H264 ? 3 : 4] = (byte)(codec == CudaVideoCodec.H264 ? 0x6F : 9);
        untouched.Read(layer);
        Assert.Equal(reported, untouched.Apply(reported));
        untouched = new VideoHeaders(CudaVideoCodec.Av1);
        untouched.Read(good);
        Assert.Equal(reported, untouched.Apply(reported));
    }

    [Theory]
    [InlineData(CudaVideoCodec.H264, 7)]
    [InlineData(CudaVideoCodec.H264, 8)]
    [InlineData(CudaVideoCodec.Hevc, 33 << 1)]
    [InlineData(CudaVideoCodec.Hevc, 34 << 1)]
    public void A_unit_that_ends_within_its_own_header_says_nothing(CudaVideoCodec codec, byte type)
    {
        VideoHeaders headers = new(codec);
        headers.Read([0, 0, 1, type]);
        headers.Read([0, 0, 1, type, 0]);
        headers.Read([0, 0, 1, type, 0, 0, 1, type, 0, 0, 1]);
        CudaVideoFormat reported = Reported(codec, 640, 368);
        Assert.Equal(reported, headers.Apply(reported));
    }

    [Fact]
    public void Ten_thousand_damaged_headers_are_read_in_bounded_time_and_show_a_part_of_the_picture()
    {
        List<(CudaVideoCodec Codec, byte[] Packet)> healthy =
            [.. Clips.Select(static name => new VideoClip(name)).Select(static clip => (clip.Codec, clip.Packets[0].Bytes[..200]))];
        foreach ((CudaVideoCodec codec, _, _, _, _, _, _, _, string unit) in Encoded.Select(static row => row.Data))
        {
            healthy.Add((codec, [0, 0, 1, .. Convert.FromHexString(unit)]));
        }

        Random random = new(7);
        int shown = 0;
        long started = Stopwatch.GetTimestamp();
        for (int round = 0; round < 10_000; round++)
        {
            (CudaVideoCodec codec, byte[] packet) = healthy[round % healthy.Count];
            byte[] damaged = Damage(packet, random);
            VideoHeaders headers = new(codec);
            headers.Read(damaged);
            foreach ((int width, int height) in ((int, int)[])[(640, 368), (1920, 1088), (320, 240), (1280, 720)])
            {
                CudaVideoFormat reported = Reported(codec, width, height);
                CudaVideoFormat format = headers.Apply(reported);
                shown += format == reported ? 0 : 1;
                Assert.True(format.Left >= 0 && format.Top >= 0 && format.Width > 0 && format.Height > 0
                    && format.Left + format.Width <= width && format.Top + format.Height <= height, $"{round}: {format}");
                Assert.True((format.Left % 2, format.Top % 2) == (0, 0), $"{round}: {format}");
            }
        }

        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(60));
        // Not all of them were so damaged that nothing was read.
        Assert.InRange(shown, 1000, 10_000);
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        foreach (string name in Clips)
        {
            VideoClip clip = new(name);
            VideoHeaders headers = new(clip.Codec);
            CudaVideoFormat reported = Reported(clip.Codec, 640, 368);
            byte[][] packets = [.. clip.Packets.Select(static packet => packet.Bytes)];
            long before = 0;
            for (int round = 0; round < 100; round++)
            {
                before = round == 50 ? GC.GetAllocatedBytesForCurrentThread() : before;
                foreach (byte[] packet in packets)
                {
                    headers.Read(packet);
                    _ = headers.Apply(reported);
                }
            }

            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    private static byte[] Damage(byte[] packet, Random random)
    {
        List<byte> damaged = [.. packet];
        for (int changes = random.Next(1, 6); changes > 0; changes--)
        {
            int at = random.Next(damaged.Count);
            switch (random.Next(5))
            {
                case 0:
                    damaged.RemoveRange(at, damaged.Count - at);
                    damaged.Add((byte)random.Next(256));
                    break;
                case 1:
                    damaged.Insert(at, (byte)random.Next(4));
                    break;
                case 2:
                    damaged.RemoveAt(at);
                    damaged.Add(0);
                    break;
                case 3:
                    damaged[at] = (byte)random.Next(256);
                    break;
                default:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
            }
        }

        return [.. damaged];
    }

    private static int Whole(int size) => (size + 15) / 16 * 16;

    /// <summary>What NVDEC may report: the whole picture.</summary>
    private static CudaVideoFormat Reported(CudaVideoCodec codec, int codedWidth, int codedHeight) =>
        new(codec, codedWidth, codedHeight, codedWidth, codedHeight, 0, 0, 8, IsFullRange: false, Matrix: 1);
}
