using System.Buffers.Binary;
using System.Diagnostics;

namespace YoloZeroCopy.Video.Tests;

/// <summary>Frames in NUT, good and damaged.</summary>
public sealed class NutTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void What_is_written_is_read_straight_into_the_callers_memory()
    {
        (long Time, byte[] Bytes)[] frames = [.. Enumerable.Range(0, 20).Select(static i => (Time(i), Content(i, i * i * 400)))];
        using MemoryStream stream = new();
        NutWriter writer = new(stream);
        writer.WriteHeaders("BGR\u0018"u8, 4321, 17, new Fraction(1001, 30000), new Fraction(30000, 1001));
        foreach ((long time, byte[] bytes) in frames)
        {
            writer.BeginFrame(time, bytes.Length);
            stream.Write(bytes);
        }

        byte[] destination = new byte[200_000];
        using WatchedStream watched = new(stream.ToArray(), destination);
        NutReader reader = new(watched);

        Assert.True(reader.ReadHeaders());
        Assert.Equal((4321, 17), (reader.Width, reader.Height));
        foreach ((long time, byte[] bytes) in frames)
        {
            Assert.True(reader.TryBeginFrame(out long size));
            Assert.Equal(bytes.Length, size);
            Assert.Equal((long)Math.Round(time * 1001m / 30000m * 10_000_000m), reader.Timestamp.Ticks);
            reader.ReadPayload(destination.AsSpan(0, (int)size / 2));
            reader.ReadPayload(destination.AsSpan((int)size / 2, (int)size - ((int)size / 2)));
            Assert.Equal(bytes, destination[..(int)size]);
        }

        Assert.False(reader.TryBeginFrame(out _));
        Assert.Equal(frames.Sum(static frame => frame.Bytes.Length), watched.BytesIntoMemory);

        static long Time(int i) => (long)i * i * i * 1_000_003;
        static byte[] Content(int seed, int length)
        {
            byte[] bytes = new byte[length];
            new Random(seed).NextBytes(bytes);
            return bytes;
        }
    }

    [Fact]
    public async Task Frames_that_ffmpeg_sends_without_their_beginning_are_whole()
    {
        // ffmpeg leaves out what MPEG-4 pictures begin with, whatever the codec is.
        byte[][] frames = [.. Enumerable.Range(0, 6).Select(static i => Enumerable.Range(0, 64).Select(pixel => (byte)(pixel * i)).ToArray())];
        byte[][] beginnings = [[0, 0, 1], [0, 0, 1, 0xB6], [0, 0, 1, 0xB3], [0xFF, 0xFA], [9, 9], [0, 0, 1]];
        for (int i = 0; i < frames.Length; i++)
        {
            beginnings[i].CopyTo(frames[i], 0);
        }

        File.WriteAllBytes(folder.File("a.raw"), [.. frames.SelectMany(static frame => frame)]);
        string path = folder.File("a.mkv");
        await Clips.RunFfmpegAsync("-f", "rawvideo", "-pixel_format", "gray", "-video_size", "8x8", "-i", folder.File("a.raw"), "-c:v", "ffv1", path);
        await using VideoReader reader =
            await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg(), PixelFormat = PixelFormat.Gray8 });
        byte[] frame = new byte[64];

        foreach (byte[] expected in frames)
        {
            Assert.True(await reader.ReadFrameAsync(frame));
            Assert.Equal(expected, frame);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Damage_ends_with_an_exception_in_bounded_memory_and_time(int seed)
    {
        const int Rounds = 2500;
        byte[] ours = Clips.Nut(12);
        byte[][] good = [ours, await OfFfmpegAsync("rawvideo -pix_fmt bgr24"), ours, await CodedAsync(seed)];
        byte[] frame = new byte[1 << 20];
        Random random = new(seed);
        int whole = 0;
        int damaged = 0;
        int ended = 0;
        Stopwatch watch = Stopwatch.StartNew();
        for (int round = 0; round < Rounds; round++)
        {
            byte[] bytes = Mutate(good[round % good.Length], random);
            using MemoryStream stream = new(bytes);
            NutReader reader = new(stream);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                if (reader.ReadHeaders())
                {
                    if (NalUnits.HasLengths(reader.Codec, reader.Extradata))
                    {
                        _ = NalUnits.ReadParameterSets(reader.Codec, reader.Extradata);
                    }

                    while (reader.TryBeginFrame(out long size))
                    {
                        // The caller takes frames of one size only.
                        if (size > frame.Length)
                        {
                            throw new InvalidDataException();
                        }

                        reader.ReadPayload(frame.AsSpan(0, (int)size));
                        if (NalUnits.HasLengths(reader.Codec, reader.Extradata))
                        {
                            NalUnits.MakeStartCodes(frame.AsSpan(0, (int)size));
                        }
                    }
                }

                whole++;
            }
            catch (InvalidDataException)
            {
                damaged++;
            }
            catch (EndOfStreamException)
            {
                ended++;
            }

            // An exception and its trace, and as many beginnings of frames as a header may list.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
        }

        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 120);
        Assert.True(whole > 20 && damaged > 500 && ended > 50, $"{whole} whole, {damaged} damaged, {ended} ended early");
    }

    [Fact]
    public async Task Damage_that_reaches_the_reader_is_named_and_ends_ffmpeg()
    {
        File.WriteAllText(folder.File("a.mp4"), "x");
        Random random = new(8);
        for (int round = 0; round < 12; round++)
        {
            byte[] bytes = Mutate(Clips.Nut(6), random);
            string fake = Clips.FakeFfmpeg(folder, Clips.Send + "sleep 600\n", nut: [.. bytes, .. new byte[100]]);
            MediaException error = await Assert.ThrowsAsync<MediaException>(async () =>
            {
                await using VideoReader reader = await VideoReader.OpenAsync(folder.File("a.mp4"), new VideoReaderOptions { FfmpegPath = fake });
                byte[] frame = new byte[reader.Format.ByteCount];
                while (await reader.ReadFrameAsync(frame))
                {
                }
            });

            Assert.Contains("cannot be read", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_frame_of_another_size_is_refused()
    {
        using MemoryStream stream = new();
        stream.Write(Clips.Nut(1));
        new NutWriter(stream).BeginFrame(5, 23);
        stream.Write(new byte[23]);
        string fake = Clips.FakeFfmpeg(folder, Clips.Send, nut: stream.ToArray());
        File.WriteAllText(folder.File("a.mp4"), "x");
        await using VideoReader reader = await VideoReader.OpenAsync(folder.File("a.mp4"), new VideoReaderOptions { FfmpegPath = fake });
        byte[] frame = new byte[24];

        Assert.True(await reader.ReadFrameAsync(frame));
        MediaException error = await Assert.ThrowsAsync<MediaException>(async () => await reader.ReadFrameAsync(frame));

        Assert.Contains("frame 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("23 bytes", error.Message, StringComparison.Ordinal);
        Assert.False(await reader.ReadFrameAsync(frame));
    }

    private async Task<byte[]> OfFfmpegAsync(string codec)
    {
        string path = folder.File("a.nut");
        await Clips.RunFfmpegAsync(["-f", "lavfi", "-i", "testsrc=size=32x18:rate=30000/1001:duration=0.4", "-c:v", .. codec.Split(' '),
            "-write_index", "0", path]);
        return File.ReadAllBytes(path);
    }

    // Packets as a reader of them gets them: of files, with their lengths, B-frames and times below zero.
    private async Task<byte[]> CodedAsync(int seed)
    {
        string codec = seed % 2 == 0 ? "libx264 -bf 3" : "libx265 -x265-params log-level=error:bframes=4";
        if (!await Clips.HasEncoderAsync(codec.Split(' ')[0]))
        {
            codec = "mpeg4 -bf 2";
        }

        string file = folder.File("a.mp4");
        await Clips.RunFfmpegAsync(["-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=0.6", "-c:v", .. codec.Split(' '), file]);
        string path = folder.File("b.nut");
        FfmpegProgram program = await FfmpegProgram.OpenAsync(Clips.Ffmpeg(), CancellationToken.None);
        await Clips.RunFfmpegAsync(["-copyts", "-i", file, "-c:v", "copy", .. program.PacketTimes, "-write_index", "0", path]);
        return File.ReadAllBytes(path);
    }

    // Changed, cut, repeated or left out bytes; half of the time with the checksums of all packets made right again.
    private static byte[] Mutate(byte[] good, Random random)
    {
        byte[] bytes = [.. good];
        for (int i = random.Next(1, 5); i > 0 && bytes.Length > 0; i--)
        {
            int at = random.Next(3) == 0 ? random.Next(bytes.Length) : random.Next(Math.Min(bytes.Length, 220));
            bytes = random.Next(8) switch
            {
                0 => [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 40))..]],
                1 => [.. bytes[..at], .. bytes[(at / 2)..]],
                2 => [.. bytes[..Math.Max(1, at)]],
                _ => [.. bytes[..at], (byte)random.Next(256), .. bytes[(at + 1)..]],
            };
        }

        if (random.Next(2) == 0)
        {
            Repair(bytes);
        }

        return bytes;
    }

    private static void Repair(byte[] bytes)
    {
        for (int at = 0; at + 10 < bytes.Length; at++)
        {
            ulong code = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(at));
            int length = bytes[at + 8];
            int start = at + 9;
            if (length > 127)
            {
                length = ((length & 127) << 7) | (bytes[at + 9] & 127);
                start++;
            }

            if (code is NutFormat.MainHeader or NutFormat.StreamHeader or NutFormat.InfoPacket or NutFormat.Syncpoint
                && length > 4 && start + length <= bytes.Length)
            {
                Span<byte> packet = bytes.AsSpan(start, length);
                BinaryPrimitives.WriteUInt32BigEndian(packet[^4..], NutFormat.Checksum(packet[..^4]));
            }
        }
    }

    /// <summary>Gives its bytes in pieces, and counts those that are read into one array.</summary>
    private sealed class WatchedStream(byte[] bytes, byte[] memory) : MemoryStream
    {
        private int reads;
        private int taken;

        public int BytesIntoMemory { get; private set; }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int count = Math.Min(Math.Min(buffer.Length, bytes.Length - taken), 1 + (reads++ * 37 % 5000));
            bytes.AsSpan(taken, count).CopyTo(buffer);
            taken += count;
            BytesIntoMemory += buffer.Overlaps(memory) ? count : 0;
            return count;
        }
    }
}
