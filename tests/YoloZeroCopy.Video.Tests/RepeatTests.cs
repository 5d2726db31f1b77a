namespace YoloZeroCopy.Video.Tests;

/// <summary>Videos that begin anew at their end.</summary>
public sealed class RepeatTests : IDisposable
{
    private const int Rate = 25;
    private const int Frames = 30;

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.mp4", "libx264 -bf 3")]
    [InlineData("a.mkv", "libx265 -x265-params log-level=error:bframes=4")]
    [InlineData("a.ts", "libx264 -bf 2")]
    [InlineData("a.h264", "libx264 -bf 0")]
    [InlineData("a.avi", "mjpeg -pix_fmt yuvj420p")]
    [InlineData("%03d.png", "png")]
    public async Task Frames_come_again_as_they_were_and_numbers_and_times_go_on(string name, string codec)
    {
        await using VideoReader reader = await OpenAsync(await MakeAsync(name, codec), readsPackets: false);
        byte[] frame = new byte[reader.Format.ByteCount];
        List<int> hashes = [];
        List<TimeSpan> times = [];
        for (int i = 0; i < (2 * Frames) + 10; i++)
        {
            Assert.True(await reader.ReadFrameAsync(frame));
            hashes.Add(HashOf(frame));
            times.Add(reader.Timestamp);
        }

        Assert.Equal(Frames, hashes.Distinct().Count());
        Assert.Equal(hashes.Select((_, i) => hashes[i % Frames]), hashes);
        Assert.Equal(times.Select((_, i) => times[0] + TimeSpan.FromTicks(i * TimeSpan.TicksPerSecond / Rate)), times);
        Assert.Equal(new VideoStatistics((2 * Frames) + 10, 3, 0, TimeSpan.Zero, 0), reader.Statistics);
        Assert.Equal((VideoState.Live, null), (reader.State, reader.Fault));
    }

    [Theory]
    [InlineData("a.mp4", "libx264 -bf 3")]
    [InlineData("a.mp4", "libx265 -x265-params log-level=error:bframes=4")]
    [InlineData("a.ts", "libx264 -bf 2")]
    [InlineData("a.avi", "mjpeg -pix_fmt yuvj420p")]
    [InlineData("a.h264", "libx264 -bf 0")]
    public async Task Packets_come_again_as_they_were_each_pass_with_a_first_one(string name, string codec)
    {
        await using VideoReader reader = await OpenAsync(await MakeAsync(name, codec), readsPackets: true);
        byte[] buffer = new byte[1 << 20];
        byte[] headers = reader.Extradata.ToArray();
        List<int> hashes = [];
        List<VideoPacket> packets = [];
        for (int i = 0; i < (2 * Frames) + 10; i++)
        {
            // As who has too little memory asks.
            Assert.True(await reader.ReadPacketAsync(Memory<byte>.Empty));
            VideoPacket described = reader.Packet;
            Assert.True(await reader.ReadPacketAsync(buffer));
            Assert.Equal(described, reader.Packet);
            packets.Add(described);
            hashes.Add(HashOf(buffer.AsSpan(0, described.Size)));
            Assert.Equal(headers, reader.Extradata.ToArray());
        }

        Assert.Equal(hashes.Select((_, i) => hashes[i % Frames]), hashes);
        Assert.Equal(packets.Select(static (_, i) => i % Frames == 0), packets.Select(static packet => packet.IsFirst));

        // All times of a pass before all of the next.
        TimeSpan[] times = [.. packets.Take(2 * Frames).Select(static packet => packet.Timestamp)];
        Assert.All(times.Skip(Frames), time => Assert.True(time > times.Take(Frames).Max()));
        Assert.Equal(times.Select((_, i) => times.Min() + TimeSpan.FromTicks(i * TimeSpan.TicksPerSecond / Rate)), times.Order());
    }

    [Fact]
    public async Task The_next_pass_is_ready_when_it_is_wanted()
    {
        // Each start writes down when it was; frames come at once, and the program ends when it may.
        string ffmpeg = Clips.FakeFfmpeg(folder, "echo x >> \"$0.starts\"\n" + Clips.Send);
        string path = folder.File("a.mp4");
        File.WriteAllText(path, "x");
        await using VideoReader reader = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = ffmpeg, Repeats = true });
        byte[] frame = new byte[reader.Format.ByteCount];
        Assert.Equal(1, Starts());
        for (int pass = 1; pass < 5; pass++)
        {
            // Nobody says how long it is: of the first pass it is seen at the end.
            Assert.True(await reader.ReadFrameAsync(frame));
            Assert.True(await reader.ReadFrameAsync(frame));
            Assert.Equal(pass, reader.Statistics.Connections);
            await Until.TrueAsync(() => Starts() == (pass == 1 ? 1 : pass + 1));
        }

        int Starts() => File.Exists(ffmpeg + ".starts") ? File.ReadAllLines(ffmpeg + ".starts").Length : 0;
    }

    [Fact]
    public async Task What_is_gone_or_has_no_frame_does_not_begin_anew()
    {
        string path = await MakeAsync("a.avi", "mjpeg -pix_fmt yuvj420p");
        await using VideoReader reader = await OpenAsync(path, readsPackets: true);
        byte[] buffer = new byte[1 << 20];
        File.Delete(path);
        for (int i = 0; i < Frames; i++)
        {
            Assert.True(await reader.ReadPacketAsync(buffer));
        }

        MediaException error = await Assert.ThrowsAsync<MediaException>(async () => await reader.ReadPacketAsync(buffer));
        Assert.Contains("no such file", error.Message, StringComparison.Ordinal);
        Assert.Equal((VideoState.Failed, error.Message), (reader.State, reader.Fault));
    }

    [Fact]
    public async Task A_pass_that_was_started_ahead_goes_with_its_reader()
    {
        // The second one hangs before its first frame.
        string ffmpeg = Clips.FakeFfmpeg(
            folder,
            "echo $$ >> \"$0.starts\"\n[ $(wc -l < \"$0.starts\") = 1 ] || exec sleep 600\n"
                + "echo \"[info] Input #0, mov, from 'a.mp4':\" >&2\necho '[info]   Duration: 00:00:00.08, start: 0.000000' >&2\n" + Clips.Send);
        string path = folder.File("a.mp4");
        File.WriteAllText(path, "x");
        VideoReader reader = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = ffmpeg, Repeats = true });
        byte[] frame = new byte[reader.Format.ByteCount];
        Assert.True(await reader.ReadFrameAsync(frame));
        await Until.TrueAsync(() => File.ReadAllLines(ffmpeg + ".starts").Length == 2);
        Assert.True(await reader.ReadFrameAsync(frame));
        Task<bool> waiting = reader.ReadFrameAsync(frame).AsTask();
        await reader.DisposeAsync();
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        foreach (string id in File.ReadAllLines(ffmpeg + ".starts"))
        {
            await Until.TrueAsync(() => !Directory.Exists("/proc/" + id));
        }
    }

    private static int HashOf(ReadOnlySpan<byte> bytes)
    {
        HashCode hash = default;
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    private static Task<VideoReader> OpenAsync(string path, bool readsPackets) => VideoReader.OpenAsync(
        path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg(), ReadsPackets = readsPackets, Repeats = true });

    /// <summary>A video, or a folder of pictures where the name is one for many.</summary>
    private async Task<string> MakeAsync(string name, string codec)
    {
        string encoder = codec.Split(' ')[0];
        Assert.SkipUnless(await Clips.HasEncoderAsync(encoder), $"this ffmpeg has no {encoder}");
        string path = folder.File(name);
        await Clips.RunFfmpegAsync(
            ["-f", "lavfi", "-i", $"testsrc2=size=320x180:rate={Rate}", "-frames:v", $"{Frames}", "-g", "12", "-c:v", .. codec.Split(' '), path]);
        return name.Contains('%', StringComparison.Ordinal) ? Path.GetDirectoryName(path)! : path;
    }
}
