using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace YoloZeroCopy.Video.Tests;

/// <summary>A live video that is lost, watched and brought back, by a clock of the tests and a stand-in for ffmpeg that does something else each time
/// it is started.</summary>
public sealed class LiveVideoTests : IDisposable
{
    private const string Wait = "exec sleep 600\n";
    private const string Refuse = "echo '[rtsp @ 0x1] [error] method DESCRIBE failed: 401 Unauthorized' >&2\nexit 1\n";
    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(40);

    private readonly TempFolder folder = new();
    private readonly ManualTime time = new();
    private readonly ConcurrentQueue<VideoState> states = [];
    private readonly ConcurrentQueue<string> reasons = [];
    private byte[]? nut;

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Wait, VideoState.Stalled, "no frame came for 2 s")]
    [InlineData("exit 0\n", VideoState.Failed, "live source ended after 2 frames")]
    [InlineData("exit 42\n", VideoState.Failed, "exit code 42")]
    [InlineData("head -c 4000 /dev/zero | tr '\\0' N\nexit 0\n", VideoState.Failed, "cannot be read")]
    [InlineData("printf N\nexit 0\n", VideoState.Failed, "middle of frame 2")]
    public async Task A_lost_video_comes_back_whatever_it_was(string end, VideoState cause, string words)
    {
        await using VideoReader reader = await OpenAsync(Clips.Send + end, Refuse, "exit 3\n", Clips.Send + Wait);
        byte[] frame = new byte[24];
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.Equal((VideoState.Live, null, Frame), (reader.State, reader.Fault, reader.Timestamp));
        long lost = time.GetTimestamp();

        Task<bool> read = reader.ReadFrameAsync(frame).AsTask();
        if (cause == VideoState.Stalled)
        {
            await Until.TrueAsync(() => reader.IsWaiting);
            time.Advance(TimeSpan.FromSeconds(1.9));
            Assert.Equal(VideoState.Live, reader.State);
            time.Advance(TimeSpan.FromSeconds(0.1));
        }

        await Until.TrueAsync(() => reader.State == cause);
        Assert.Contains(words, reader.Fault, StringComparison.Ordinal);
        for (int i = 0; i < 3; i++)
        {
            _ = await time.PassDelayAsync();
            await Until.TrueAsync(() => Starts() >= i + 2);
        }

        Assert.True(await read.WaitAsync(Until.Limit));
        TimeSpan gap = time.GetElapsedTime(lost);
        Assert.Equal(Frame + gap, reader.Timestamp);
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.Equal(Frame + gap + Frame, reader.Timestamp);
        Assert.Equal(new VideoStatistics(Frames: 4, Connections: 2, Faults: 3, LastRecovery: gap, DecodeErrors: 0), reader.Statistics);
        Assert.Equal([VideoState.Live, cause, VideoState.Refused, VideoState.Failed, VideoState.Live], states);
        Assert.Null(reader.Fault);
    }

    [Fact]
    public async Task Delays_grow_and_begin_anew_after_ten_seconds_of_health()
    {
        string sends = Clips.Send + "while [ ! -f \"$0.go\" ]; do sleep 0.01; done\nrm \"$0.go\"\n";
        await using VideoReader reader = Make([.. Enumerable.Repeat("exit 1\n", 7), sends, sends, "exit 1\n"]);
        Task connecting = reader.ConnectAsync();
        foreach (double expected in (double[])[0.25, 0.5, 1, 2, 4, 5, 5])
        {
            AssertDelay(expected, await time.PassDelayAsync());
        }

        await connecting.WaitAsync(Until.Limit);
        Task<bool> read = Task.FromResult(true);
        byte[] frame = new byte[24];
        Assert.True(await reader.ReadFrameAsync(frame));
        foreach ((double healthy, double expected) in ((double, double)[])[(9.9, 5), (10, 0.25)])
        {
            // The first frame was read, the last is, and then the end.
            Assert.True(await read.WaitAsync(Until.Limit));
            Assert.True(await reader.ReadFrameAsync(frame));
            time.Advance(TimeSpan.FromSeconds(healthy));
            File.WriteAllText(folder.File("fake-ffmpeg.go"), "");
            read = reader.ReadFrameAsync(frame).AsTask();
            AssertDelay(expected, await time.PassDelayAsync());
        }

        Assert.Equal(VideoState.Failed, reader.State);
        await reader.DisposeAsync();
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => read);

        static void AssertDelay(double seconds, TimeSpan delay) => Assert.InRange(delay.TotalSeconds, seconds * 0.799, seconds * 1.201);
    }

    [Fact]
    public async Task A_video_that_gives_nothing_after_connecting_is_given_up_and_tried_again()
    {
        await using VideoReader reader = Make([Wait, Clips.Send + Wait]);
        Task connecting = reader.ConnectAsync();

        // The first run must have said that it began, or the next one would take its part.
        await Until.TrueAsync(() => reader.IsWaiting && Starts() == 1);
        time.Advance(TimeSpan.FromSeconds(20));
        await Until.TrueAsync(() => reader.State == VideoState.Stalled);
        _ = await time.PassDelayAsync();
        await connecting.WaitAsync(Until.Limit);

        Assert.Contains("no frame came for 20 s", string.Join(' ', reasons), StringComparison.Ordinal);
        Assert.Equal(VideoState.Live, reader.State);
        Assert.True(await reader.ReadFrameAsync(new byte[24]));
    }

    [Fact]
    public async Task Opening_is_tried_once()
    {
        MediaException error = await Assert.ThrowsAsync<MediaException>(() => OpenAsync(Refuse));

        Assert.Contains("401 Unauthorized", error.Message, StringComparison.Ordinal);
        Assert.Equal([VideoState.Refused], states);
        Assert.Equal(1, Starts());
    }

    [Theory]
    [InlineData(Wait, "no frame came for 2 s")]
    [InlineData("exit 0\n", "live source ended")]
    public async Task Without_reconnecting_the_read_has_the_exception(string end, string words)
    {
        await using VideoReader reader = Make([Clips.Send + end], static options => options with { Reconnects = false });
        await reader.ConnectAsync();
        byte[] frame = new byte[24];
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.True(await reader.ReadFrameAsync(frame));

        Task<bool> read = reader.ReadFrameAsync(frame).AsTask();
        if (end == Wait)
        {
            await Until.TrueAsync(() => reader.IsWaiting);
            time.Advance(TimeSpan.FromSeconds(2));
        }

        MediaException error = await Assert.ThrowsAsync<MediaException>(() => read);

        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Equal(error.Message, reader.Fault);
        Assert.Equal(1, Starts());
    }

    [Fact]
    public async Task A_slow_video_may_take_five_times_of_a_frame()
    {
        await using VideoReader reader = await OpenAsync(Clips.Send.Replace("25 fps", "0.5 fps", StringComparison.Ordinal) + Wait);
        byte[] frame = new byte[24];
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.True(await reader.ReadFrameAsync(frame));

        Task<bool> read = reader.ReadFrameAsync(frame).AsTask();
        await Until.TrueAsync(() => reader.IsWaiting);
        time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.Equal(VideoState.Live, reader.State);
        time.Advance(TimeSpan.FromSeconds(0.1));
        await Until.TrueAsync(() => reader.State == VideoState.Stalled);

        await reader.DisposeAsync();
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => read);
    }

    [Fact]
    public async Task Nobody_who_does_not_read_is_stalled()
    {
        await using VideoReader reader = await OpenAsync(Clips.Send + Wait);
        Assert.True(await reader.ReadFrameAsync(new byte[24]));

        time.Advance(TimeSpan.FromHours(1));

        Assert.True(await reader.ReadFrameAsync(new byte[24]));
        Assert.Equal(VideoState.Live, reader.State);
    }

    [Fact]
    public async Task The_same_packet_again_and_again_is_a_stall()
    {
        nut = Clips.Nut(60);
        await using VideoReader reader = await OpenAsync(static options => options with { ReadsPackets = true }, Clips.Send + Wait, "exit 1\n");
        byte[] packet = new byte[24];
        int read = 0;
        Task<bool> last;
        while (true)
        {
            last = reader.ReadPacketAsync(packet).AsTask();
            await Until.TrueAsync(() => last.IsCompleted || reader.State == VideoState.Stalled);
            if (!last.IsCompleted)
            {
                break;
            }

            read++;
            time.Advance(TimeSpan.FromSeconds(0.5));
        }

        Assert.Equal(21, read);
        Assert.Contains("same picture came again and again for 10 s", reader.Fault, StringComparison.Ordinal);
        await reader.DisposeAsync();
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => last);
    }

    [Fact]
    public void Few_equal_packets_and_many_different_ones_are_no_stall()
    {
        FrameWatch watch = new(time, TimeSpan.FromSeconds(2), 25);
        for (int i = 0; i < 9; i++)
        {
            Assert.Null(watch.Take("same"u8, out _));
            time.Advance(TimeSpan.FromSeconds(20));
        }

        for (int i = 0; i < 1000; i++)
        {
            Assert.Null(watch.Take(BitConverter.GetBytes(i), out _));
            Assert.Null(watch.Take(BitConverter.GetBytes(i), out _));
            time.Advance(TimeSpan.FromMilliseconds(40));
        }
    }

    [Theory]
    [InlineData(25, 74, false)]
    [InlineData(25, 100, true)]
    [InlineData(0, 1000, false)]
    public void A_rate_far_above_that_of_the_video_is_a_fault(double nominal, int given, bool isFault)
    {
        FrameWatch watch = new(time, TimeSpan.FromSeconds(2), nominal);
        string? wrong = null;
        int frames = 0;
        for (; frames < 20 * given && wrong is null; frames++)
        {
            time.Advance(TimeSpan.FromSeconds(1) / given);
            wrong = watch.Take([], out VideoState state);
            Assert.True(wrong is null || state == VideoState.Failed);
        }

        Assert.Equal(isFault, wrong is not null);
        Assert.Equal(isFault ? 6 * given : 20 * given, frames);
    }

    [Fact]
    public void What_waited_may_come_at_once()
    {
        FrameWatch watch = new(time, TimeSpan.FromSeconds(2), 25);
        for (int i = 0; i < 750 + 2500; i++)
        {
            // Half a minute within four seconds, and then as it should.
            time.Advance(TimeSpan.FromSeconds(i < 750 ? 4.0 / 750 : 0.04));
            Assert.Null(watch.Take([], out _));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Disposal_ends_whatever_the_reader_waits_for(int when)
    {
        VideoReader reader = await OpenAsync(Clips.Send + "exit 0\n", when == 0 ? "exit 1\n" : Wait);
        byte[] frame = new byte[24];
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.True(await reader.ReadFrameAsync(frame));
        Task<bool> read = reader.ReadFrameAsync(frame).AsTask();
        await Until.TrueAsync(() => reader.State == VideoState.Failed);
        if (when > 0)
        {
            _ = await time.PassDelayAsync();
        }

        if (when > 1)
        {
            await Until.TrueAsync(() => Starts() == 2);
        }

        Task other = Task.Run(async () => await reader.DisposeAsync());
        await reader.DisposeAsync();
        await other;

        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => read);
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(async () => await reader.ReadFrameAsync(frame));
        foreach (string line in File.Exists(folder.File("pids")) ? File.ReadAllLines(folder.File("pids")) : [])
        {
            Assert.True(await Clips.IsGoneAsync(int.Parse(line, System.Globalization.CultureInfo.InvariantCulture)));
        }
    }

    [Fact]
    public async Task Cancelling_a_read_that_waits_for_a_new_connection_ends_it()
    {
        await using VideoReader reader = await OpenAsync(Clips.Send + "exit 0\n", Wait);
        byte[] frame = new byte[24];
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.True(await reader.ReadFrameAsync(frame));
        using CancellationTokenSource cancellation = new();
        Task<bool> read = reader.ReadFrameAsync(frame, cancellation.Token).AsTask();
        _ = await time.PassDelayAsync();
        await Until.TrueAsync(() => Starts() == 2);

        await cancellation.CancelAsync();

        OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        Assert.Equal(cancellation.Token, error.CancellationToken);
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(async () => await reader.ReadFrameAsync(frame));
    }

    [Fact]
    public async Task A_reader_must_be_connected_and_does_one_thing_at_a_time()
    {
        await using VideoReader reader = Make([Wait]);
        _ = await Assert.ThrowsAsync<InvalidOperationException>(async () => await reader.ReadFrameAsync(new byte[24]));
        Task connecting = reader.ConnectAsync();

        _ = await Assert.ThrowsAsync<InvalidOperationException>(() => reader.ConnectAsync());
        _ = await Assert.ThrowsAsync<InvalidOperationException>(async () => await reader.ReadFrameAsync(new byte[24]));
        await reader.DisposeAsync();

        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => connecting);
        _ = Assert.Throws<ArgumentException>(() => new VideoReader("a", new VideoReaderOptions { StallLimit = TimeSpan.Zero }));
        _ = Assert.Throws<ArgumentException>(() => new VideoReader("a", new VideoReaderOptions { StallLimit = TimeSpan.MaxValue }));
        _ = Assert.Throws<ArgumentException>(() => new VideoReader("a", new VideoReaderOptions { PixelFormat = PixelFormat.Bgra32 }));
    }

    [Fact]
    public async Task No_program_is_started_for_a_lost_camera_while_nobody_answers_there()
    {
        string sends = Clips.Send + "while [ ! -f \"$0.go\" ]; do sleep 0.01; done\nexit 1\n";
        (_, VideoReaderOptions options) = Prepare([sends, Clips.Send + Wait], static options => options with { AllowUrl = true });
        using TcpListener camera = new(IPAddress.Loopback, 0);
        camera.Start();
        int port = ((IPEndPoint)camera.LocalEndpoint).Port;
        await using VideoReader reader = await VideoReader.OpenAsync($"rtsp://user:a@b@127.0.0.1:{port}/1", options);
        byte[] frame = new byte[24];
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.True(await reader.ReadFrameAsync(frame));
        camera.Stop();
        Task<bool> read = reader.ReadFrameAsync(frame).AsTask();
        File.WriteAllText(folder.File("fake-ffmpeg.go"), "");
        for (int i = 0; i < 5; i++)
        {
            _ = await time.PassDelayAsync();
            await LostAsync(i + 2, VideoState.Failed, $"rtsp://***@127.0.0.1:{port}/1': nobody answers at port {port}");
        }

        Assert.Equal(1, Starts());

        // One that hangs takes connections, and says nothing.
        using TcpListener again = new(IPAddress.Loopback, port);
        again.Start();
        _ = await time.PassDelayAsync();
        using (Socket hanging = await again.AcceptSocketAsync())
        {
            await LostAsync(7, VideoState.Stalled, $"nobody answers at port {port} for 5 s");
        }

        Assert.Equal(1, Starts());
        _ = await time.PassDelayAsync();
        using (Socket answering = await again.AcceptSocketAsync())
        {
            byte[] question = new byte[256];
            int length = await answering.ReceiveAsync(question);
            Assert.StartsWith(
                $"OPTIONS rtsp://127.0.0.1:{port}/1 RTSP/1.0\r\nCSeq: 1\r\n", Encoding.UTF8.GetString(question, 0, length), StringComparison.Ordinal);
            _ = await answering.SendAsync("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n"u8.ToArray());
        }

        Assert.True(await read.WaitAsync(Until.Limit));
        Assert.Equal((VideoState.Live, 2, 2L), (reader.State, Starts(), reader.Statistics.Connections));

        // A fault is counted first, then told, and then it is the state.
        Task LostAsync(long faults, VideoState state, string words) => Until.TrueAsync(() =>
            reader.Statistics.Faults == faults && reader.State == state && reader.Fault!.Contains(words, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_password_is_no_argument_of_ffmpeg()
    {
        const string Url = "rtsp://operator:s3c'r3t@127.0.0.1:1/a";
        string fake = Clips.FakeFfmpeg(folder, "echo \"$@\" > \"$0.args\"\ncat > \"$0.list\"\n" + Clips.Send + Wait,
            "ffmpeg version 5.1\nlibavformat    59. 27.100 / 59. 27.100");
        await using VideoReader reader = await VideoReader.OpenAsync(Url, new VideoReaderOptions { FfmpegPath = fake, AllowUrl = true });

        Assert.DoesNotContain("r3t", File.ReadAllText(fake + ".args"), StringComparison.Ordinal);
        Assert.Contains(@"file 'rtsp://operator:s3c'\''r3t@127.0.0.1:1/a'", File.ReadAllText(fake + ".list"), StringComparison.Ordinal);
        Assert.Equal("rtsp://***@127.0.0.1:1/a", reader.Name);
    }

    private int Starts() => File.Exists(folder.File("pids")) ? File.ReadAllLines(folder.File("pids")).Length : 0;

    private Task<VideoReader> OpenAsync(params string[] runs) => OpenAsync(static options => options, runs);

    private async Task<VideoReader> OpenAsync(Func<VideoReaderOptions, VideoReaderOptions> change, params string[] runs)
    {
        (string path, VideoReaderOptions options) = Prepare(runs, change);
        return await VideoReader.OpenAsync(path, options);
    }

    private VideoReader Make(string[] runs, Func<VideoReaderOptions, VideoReaderOptions>? change = null)
    {
        (string path, VideoReaderOptions options) = Prepare(runs, change ?? (static options => options));
        return new VideoReader(path, options);
    }

    // Each run does its part, the last for all that follow.
    private (string Path, VideoReaderOptions Options) Prepare(string[] runs, Func<VideoReaderOptions, VideoReaderOptions> change)
    {
        string script = $"pids={folder.File("pids")}\necho $$ >> $pids\ncase $(wc -l < $pids) in\n";
        for (int i = 0; i < runs.Length; i++)
        {
            script += $"{(i == runs.Length - 1 ? "*" : i + 1)})\n{runs[i]};;\n";
        }

        string fake = Clips.FakeFfmpeg(folder, script + "esac\n", nut: nut);
        File.WriteAllBytes(fake + ".nut", nut ?? Clips.Nut(2));
        File.WriteAllText(folder.File("any.mp4"), "x");
        VideoReaderOptions options = new()
        {
            FfmpegPath = fake,
            IsLive = true,
            Time = time,
            StateChanged = (state, reason) =>
            {
                states.Enqueue(state);
                reasons.Enqueue(reason ?? "");
                throw new InvalidOperationException("must not end the video");
            },
        };
        return (folder.File("any.mp4"), change(options));
    }
}
