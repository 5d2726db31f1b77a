using System.Globalization;

namespace YoloZeroCopy.Video.Tests;

/// <summary>Coded frames, for a decoder elsewhere.</summary>
public sealed class PacketTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.mp4", "libx264 -bf 3 -pix_fmt yuv444p", "161x91", "25", "setpts='if(lt(N,10),N,N*5+1.3)/25/TB'", VideoCodec.H264)]
    [InlineData("b.mp4", "libx265 -x265-params log-level=error:bframes=4", "162x92", "59.94", "setpts='(N+0.4*random(1))/60/TB'", VideoCodec.Hevc)]
    [InlineData("a.mkv", "libx265 -x265-params log-level=error:bframes=4", "160x90", "30000/1001", "null", VideoCodec.Hevc)]
    [InlineData("a.ts", "libx264 -bf 2", "160x90", "24000/1001", "null", VideoCodec.H264)]
    [InlineData("a.flv", "libx264 -bf 0 -g 10", "1280x720", "30", "null", VideoCodec.H264)]
    [InlineData("a.avi", "mjpeg -pix_fmt yuvj420p", "64x48", "15", "null", VideoCodec.Mjpeg)]
    [InlineData("c.mkv", "ffv1", "33x17", "7.5", "setpts='N*N/100/TB'", VideoCodec.Other)]
    public async Task Packets_are_those_that_ffprobe_lists(string name, string codec, string size, string rate, string filter, VideoCodec expected)
    {
        string path = await MakeAsync(name, codec, size, rate, filter);
        string ffprobe = Clips.Ffprobe() ?? throw Xunit.Sdk.SkipException.ForSkip("no ffprobe beside ffmpeg or on the PATH");
        string text = await Clips.RunAsync(ffprobe, "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time,dts_time,size,flags",
            "-of", "csv=print_section=0", path);
        string[][] listed =
            [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(static line => line.Split(','))];

        await using VideoReader reader = await OpenAsync(path);
        List<VideoPacket> packets = [];
        byte[] payload = new byte[1];
        while (await reader.ReadPacketAsync(payload))
        {
            if (reader.Packet.Size > payload.Length)
            {
                payload = new byte[reader.Packet.Size];
                continue;
            }

            packets.Add(reader.Packet);
        }

        Assert.Equal(expected, reader.Codec);
        Assert.Equal(size, $"{reader.Width}x{reader.Height}");
        Assert.Equal(default, reader.Format);
        Assert.Equal(packets.Count, reader.FramesRead);
        Assert.Equal(listed.Length, packets.Count);
        Assert.InRange(packets.Count, 5, 121);
        for (int i = 0; i < listed.Length; i++)
        {
            Assert.Equal(int.Parse(listed[i][2], CultureInfo.InvariantCulture), packets[i].Size);
            Assert.Equal(listed[i][3].StartsWith('K'), packets[i].IsKey);
            Assert.Equal(i == 0, packets[i].IsFirst);
            AssertTime(listed[i][0], packets[i].Timestamp);

            // ffprobe has times before the beginning here, of which NUT knows nothing.
            if (packets[i].DecodeTimestamp is TimeSpan time && !listed[i][1].StartsWith('-') && filter == "null")
            {
                AssertTime(listed[i][1], time);
            }
        }

        Assert.True(packets.Count(static packet => packet.DecodeTimestamp is null) <= 5);

        static void AssertTime(string given, TimeSpan time) =>
            Assert.InRange(decimal.Parse(given, CultureInfo.InvariantCulture) - ((decimal)time.Ticks / TimeSpan.TicksPerSecond), -0.000001m,
                0.000001m);
    }

    [Theory]
    [InlineData("a.mp4", "libx264 -bf 3", "h264")]
    [InlineData("a.mkv", "libx265 -x265-params log-level=error:bframes=4", "hevc")]
    [InlineData("a.ts", "libx264 -bf 2", "h264")]
    [InlineData("a.avi", "mjpeg -pix_fmt yuvj420p", "mjpeg")]
    public async Task Packets_behind_the_codecs_data_are_a_stream_that_decodes_to_the_same_frames(string name, string codec, string format)
    {
        string path = await MakeAsync(name, codec, "320x180", "25", "null");
        await using VideoReader reader = await OpenAsync(path);
        using MemoryStream stream = new();
        stream.Write(reader.Extradata.Span);
        byte[] payload = new byte[1 << 20];
        while (await reader.ReadPacketAsync(payload))
        {
            stream.Write(payload, 0, reader.Packet.Size);
        }

        string bare = folder.File("bare");
        File.WriteAllBytes(bare, stream.ToArray());

        Assert.Equal(await HashAsync(path), await HashAsync(bare, "-f", format));
    }

    [Fact]
    public async Task What_a_reader_was_opened_for_is_what_it_reads()
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 3);
        await using VideoReader packets = await OpenAsync(path);
        await using VideoReader frames = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg() });

        _ = Assert.Throws<InvalidOperationException>(() => { _ = packets.ReadFrameAsync(new byte[1 << 20]).AsTask(); });
        _ = Assert.Throws<InvalidOperationException>(() => { _ = frames.ReadPacketAsync(new byte[1 << 20]).AsTask(); });
    }

    [Fact]
    public void Damaged_records_and_packets_are_refused()
    {
        byte[] avc = [1, 100, 0, 12, 0xFF, 0xE1, 0, 2, 0x67, 0x64, 1, 0, 1, 0x68];
        Assert.Equal([0, 0, 0, 1, 0x67, 0x64, 0, 0, 0, 1, 0x68], NalUnits.ReadParameterSets(VideoCodec.H264, avc));
        for (int length = 0; length < avc.Length; length++)
        {
            _ = Assert.Throws<InvalidDataException>(() => NalUnits.ReadParameterSets(VideoCodec.H264, avc.AsSpan(0, length)));
        }

        avc[4] = 0xFD;
        Assert.Contains("2 bytes", Assert.Throws<InvalidDataException>(() => NalUnits.ReadParameterSets(VideoCodec.H264, avc)).Message,
            StringComparison.Ordinal);

        byte[] packet = [0, 0, 0, 2, 9, 9, 0, 0, 0, 0, 0, 0, 0, 1, 7];
        NalUnits.MakeStartCodes(packet);
        Assert.Equal([0, 0, 0, 1, 9, 9, 0, 0, 0, 1, 0, 0, 0, 1, 7], packet);
        foreach (byte[] damaged in (byte[][])[[0, 0, 0, 2, 9], [0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 1]])
        {
            _ = Assert.Throws<InvalidDataException>(() => NalUnits.MakeStartCodes(damaged));
        }
    }

    private static Task<VideoReader> OpenAsync(string path) =>
        VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg(), ReadsPackets = true });

    private async Task<string> MakeAsync(string name, string codec, string size, string rate, string filter)
    {
        string encoder = codec.Split(' ')[0];
        Assert.SkipUnless(await Clips.HasEncoderAsync(encoder), $"this ffmpeg has no {encoder}");
        string path = folder.File(name);
        await Clips.RunFfmpegAsync(["-f", "lavfi", "-i", $"testsrc=size={size}:rate={rate}:duration=2", "-vf", filter,
            await Clips.IsFormatAsync(59, 27) ? "-fps_mode" : "-vsync", "vfr", "-c:v", .. codec.Split(' '), path]);
        return path;
    }

    private static async Task<string[]> HashAsync(string path, params string[] input)
    {
        string text = await Clips.RunFfmpegAsync([.. input, "-i", path, "-map", "0:V:0", "-vsync", "passthrough", "-f", "framemd5", "-"]);
        return [.. text.Split('\n').Where(static line => line.Length > 0 && !line.StartsWith('#')).Select(static line => line.Split(',')[^1])];
    }
}
