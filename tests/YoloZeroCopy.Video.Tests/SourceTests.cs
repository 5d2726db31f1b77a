using System.Net;
using System.Net.Sockets;
using System.Text;

namespace YoloZeroCopy.Video.Tests;

/// <summary>What is no file: HTTP, RTSP, cameras.</summary>
public sealed class SourceTests : IDisposable
{
    private const string User = "operator";
    private const string Password = "s3cr3t";
    private static readonly string Authorization =
        "Authorization: Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}"));

    private static readonly VideoReaderOptions Any = new() { AllowUrl = true };
    private static readonly FfmpegProgram Of51 = new("/bin/ffmpeg", "5.1", new Version(59, 27));
    private static readonly FfmpegProgram Of41 = new("/bin/ffmpeg", "4.1", new Version(58, 20));

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_video_comes_over_http_as_from_a_file()
    {
        byte[] bytes = await ClipAsync(40);
        await using LoopbackServer server = new((stream, request, _) => SendFileAsync(stream, request, bytes, bytes.Length));
        await using VideoReader reader = await OpenAsync($"http://{User}:{Password}@127.0.0.1:{server.Port}/a.mp4");
        byte[] frame = new byte[reader.Format.ByteCount];

        for (int i = 0; i < 40; i++)
        {
            Assert.True(await reader.ReadFrameAsync(frame));
            Assert.Equal(i, Clips.Read(frame, reader.Format));
            Assert.Equal(TimeSpan.FromMilliseconds(40 * i), reader.Timestamp);
        }

        Assert.False(await reader.ReadFrameAsync(frame));
        Assert.False(reader.IsLive);
        Assert.Equal(1.6, reader.Duration!.Value.TotalSeconds, 0.05);
    }

    [Fact]
    public async Task A_server_that_goes_in_the_middle_is_an_error()
    {
        byte[] bytes = await ClipAsync(200);
        await using LoopbackServer server = new((stream, request, _) => SendFileAsync(stream, request, bytes, bytes.Length / 2));
        await using VideoReader reader = await OpenAsync($"http://{User}:{Password}@127.0.0.1:{server.Port}/a.mp4");

        MediaException error = await ReadToErrorAsync(reader);

        Assert.InRange(reader.FramesRead, 1, 199);
        AssertHidden(error);
    }

    [Theory]
    [InlineData("wrong:s3cr3t2", "401")]
    [InlineData($"{User}:{Password}", "404")]
    public async Task What_a_server_refuses_is_told_without_the_password(string credentials, string code)
    {
        await using LoopbackServer server = new(async (stream, request, _) =>
        {
            await (request.Contains(Authorization) ? LoopbackServer.SendHeadAsync(stream, "HTTP/1.1 404 Not Found", "Content-Length: 0")
                : RefuseAsync(stream, "HTTP/1.1"));
            return true;
        });

        MediaException error =
            await Assert.ThrowsAsync<MediaException>(() => OpenAsync($"http://{credentials}@127.0.0.1:{server.Port}/a.mp4"));

        Assert.Contains(code, error.Message, StringComparison.Ordinal);
        Assert.Contains($"http://***@127.0.0.1:{server.Port}/a.mp4", error.Message, StringComparison.Ordinal);
        AssertHidden(error);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_endless_stream_ends_with_the_reader(bool cancel)
    {
        // Frames until the client goes, or a pause without end.
        string path = folder.File("a.ts");
        await Clips.RunFfmpegAsync("-f", "lavfi", "-i", "testsrc=size=320x240:duration=15", "-c:v", "mpeg4", "-f", "mpegts", path);
        byte[] bytes = File.ReadAllBytes(path);
        await using LoopbackServer server = new(async (stream, _, stop) =>
        {
            await LoopbackServer.SendHeadAsync(stream, "HTTP/1.1 200 OK", "Content-Type: video/mp2t");
            await stream.WriteAsync(bytes, stop);
            while (!cancel)
            {
                await stream.WriteAsync(bytes, stop);
            }

            // Whoever has gone shows here.
            while (true)
            {
                await Task.Delay(50, stop);
                await stream.WriteAsync("\0"u8.ToArray(), stop);
            }
        });
        using CancellationTokenSource cancellation = new();
        int id;
        await using (VideoReader reader = await OpenAsync($"http://127.0.0.1:{server.Port}/live"))
        {
            id = reader.ProcessId;
            byte[] frame = new byte[reader.Format.ByteCount];
            Assert.Null(reader.Duration);
            for (int i = 0; i < 10; i++)
            {
                Assert.True(await reader.ReadFrameAsync(frame));
            }

            if (cancel)
            {
                Task reading = Task.Run(async () =>
                {
                    while (await reader.ReadFrameAsync(frame, cancellation.Token))
                    {
                    }
                });
                await cancellation.CancelAsync();
                _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
            }
        }

        Assert.True(await Clips.IsGoneAsync(id));
        await server.ClientGone.Task.WaitAsync(TimeSpan.FromMinutes(2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cameras_mjpeg_over_http_comes_back_after_its_end(bool readsPackets)
    {
        byte[][] pictures = await PicturesAsync(30);
        int requests = 0;
        await using LoopbackServer server = new(async (stream, request, stop) =>
        {
            if (!request.Contains(Authorization))
            {
                await RefuseAsync(stream, "HTTP/1.1");
                return true;
            }

            _ = Interlocked.Increment(ref requests);
            await LoopbackServer.SendHeadAsync(stream, "HTTP/1.1 200 OK", "Content-Type: multipart/x-mixed-replace;boundary=camera");
            foreach (byte[] picture in pictures)
            {
                await LoopbackServer.SendHeadAsync(stream, "--camera", "Content-Type: image/jpeg", $"Content-Length: {picture.Length}");
                await stream.WriteAsync(picture, stop);
                await stream.WriteAsync("\r\n"u8.ToArray(), stop);
            }

            return false;
        });
        await using VideoReader reader = await VideoReader.OpenAsync($"http://{User}:{Password}@127.0.0.1:{server.Port}/video.mjpg",
            Any with { FfmpegPath = Clips.Ffmpeg(), IsLive = true, ReadsPackets = readsPackets });
        byte[] memory = new byte[1 << 20];
        TimeSpan last = TimeSpan.MinValue;
        while (reader.Statistics.Connections < 3)
        {
            Assert.True(readsPackets ? await reader.ReadPacketAsync(memory) : await reader.ReadFrameAsync(memory));
            Assert.True(reader.Timestamp > last);
            last = reader.Timestamp;
            if (readsPackets)
            {
                Assert.Contains(pictures, picture => memory.AsSpan(0, reader.Packet.Size).SequenceEqual(picture));
            }
        }

        Assert.True(reader.FramesRead > 40);
        Assert.Equal(2, reader.Statistics.Faults);
        Assert.True(requests >= 3);
        Assert.Equal((320, 180), (reader.Width, reader.Height));
        Assert.Equal(readsPackets ? VideoCodec.Mjpeg : VideoCodec.Other, reader.Codec);
    }

    [Fact]
    public async Task A_camera_over_rtsp_has_its_own_clock_and_its_end_is_an_error()
    {
        (string sdp, List<byte[]> packets) = await PacketsAsync();
        await using LoopbackServer server = new((stream, request, stop) => AnswerRtspAsync(stream, request, sdp, packets, stop));
        await using VideoReader reader = await OpenAsync($"rtsp://{User}:{Password}@127.0.0.1:{server.Port}/cam");
        byte[] frame = new byte[reader.Format.ByteCount];
        List<TimeSpan> times = [];

        Assert.True(reader.IsLive);
        Assert.Equal((160, 96), (reader.Format.Width, reader.Format.Height));
        MediaException error = await Assert.ThrowsAsync<MediaException>(async () =>
        {
            while (await reader.ReadFrameAsync(frame))
            {
                times.Add(reader.Timestamp);
            }
        });

        Assert.InRange(times.Count, 20, 25);
        Assert.All(times.Zip(times.Skip(1)), static pair => Assert.Equal(40, (pair.Second - pair.First).TotalMilliseconds, 0.1));
        Assert.Contains($"live source ended after {times.Count} frames", error.Message, StringComparison.Ordinal);
        AssertHidden(error);
    }

    [Fact]
    public async Task A_camera_over_rtsp_that_refuses_is_told_without_the_password()
    {
        await using LoopbackServer server = new((stream, request, stop) => AnswerRtspAsync(stream, request, "", [], stop));

        MediaException error = await Assert.ThrowsAsync<MediaException>(() => OpenAsync($"rtsp://guest:s3cr3t2@127.0.0.1:{server.Port}/cam"));

        Assert.Contains("401", error.Message, StringComparison.Ordinal);
        AssertHidden(error);
    }

    [Fact]
    public async Task A_scheme_that_ffmpeg_lacks_is_named()
    {
        MediaException error = await Assert.ThrowsAsync<MediaException>(() => OpenAsync("gopher7://127.0.0.1/a"));

        Assert.Contains("gopher7://127.0.0.1/a", error.Message, StringComparison.Ordinal);
        Assert.Contains("Protocol not found", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_source_is_decides_what_ffmpeg_is_told()
    {
        File.WriteAllText(folder.File("a.mp4"), "x");

        AssertInput("rtsp://c/d", live: true, "-rtsp_flags", "prefer_tcp", "-i", "rtsp://c/d");
        AssertInput("HTTPS://c/d", live: false, "-i", "HTTPS://c/d");
        AssertInput("udp://c:1", live: true, "-i", "udp://c:1");
        AssertInput(folder.File("a.mp4"), live: false, "-protocol_whitelist", "file", "-i", "file:" + folder.File("a.mp4"));
        Assert.False(FfmpegInput.EndsByItself("/dev/video77", Any));
        Assert.Contains("no such camera", Assert.Throws<MediaException>(() => FfmpegInput.Of("/dev/video77", Any, Of51)).Message,
            StringComparison.Ordinal);
        Assert.Equal(["-f", "v4l2", "-i", "/dev/video0"], FfmpegInput.OfCamera("a", "/dev/video0", readsPackets: false).Arguments);
        Assert.Equal(["-f", "v4l2", "-input_format", "mjpeg", "-i", "/dev/video0"],
            FfmpegInput.OfCamera("a", "/dev/video0", readsPackets: true).Arguments);
        Assert.Equal(["-rtsp_flags", "prefer_tcp", "-probesize", "32", "-analyzeduration", "0", "-i", "rtsp://c/d"],
            FfmpegInput.Of("rtsp://c/d", Any, Of51, isQuick: true).Arguments);

        static void AssertInput(string path, bool live, params string[] arguments)
        {
            FfmpegInput input = FfmpegInput.Of(path, Any, Of51);
            Assert.Equal(arguments, input.Arguments);
            Assert.Null(input.Script);
            Assert.Equal(live, !FfmpegInput.EndsByItself(path, Any));
        }
    }

    [Theory]
    [InlineData("rtsp://a:b'c@d/e", "rtsp://***@d/e", null)]
    [InlineData("rtsps://d/user=a&password=b'c", "rtsps://d/user=a&password=***", null)]
    [InlineData("http://a:b'c@d/e.mjpg", "http://***@d/e.mjpg", true)]
    public void Credentials_are_no_argument_where_ffmpeg_can_be_told_otherwise(string url, string name, bool? isLive)
    {
        VideoReaderOptions options = Any with { IsLive = isLive };
        FfmpegInput input = FfmpegInput.Of(url, options, Of51);

        Assert.Equal(name, input.Name);
        Assert.All(input.Arguments, static argument => Assert.DoesNotContain("b'c", argument, StringComparison.Ordinal));
        Assert.Contains("'" + url.Replace("'", "'\\''", StringComparison.Ordinal) + "'\n", input.Script, StringComparison.Ordinal);
        Assert.Equal(!url.StartsWith("http", StringComparison.Ordinal),
            input.Script!.Contains("option rtsp_flags prefer_tcp\n", StringComparison.Ordinal));
        Assert.Equal(url, FfmpegInput.Of(url, options, Of41).Arguments[^1]);
        Assert.Equal("http://a:b@c/d.mp4", FfmpegInput.Of("http://a:b@c/d.mp4", Any, Of51).Arguments[^1]);
        Assert.Contains("line break", Assert.Throws<MediaException>(() => FfmpegInput.Of(url + "\nfile 'x'", options, Of51)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_camera_of_this_machine_is_read()
    {
        const string Camera = "/dev/video0";
        Assert.SkipUnless(File.Exists(Camera), $"there is no {Camera}");
        await using VideoReader reader = await VideoReader.OpenAsync(Camera, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg() });
        byte[] frame = new byte[reader.Format.ByteCount];

        Assert.True(reader.IsLive);
        Assert.True(await reader.ReadFrameAsync(frame));
        TimeSpan first = reader.Timestamp;
        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.True(reader.Timestamp > first);
    }

    private static Task<VideoReader> OpenAsync(string url) =>
        VideoReader.OpenAsync(url, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg(), AllowUrl = true, Reconnects = false });

    private static async Task<MediaException> ReadToErrorAsync(VideoReader reader)
    {
        byte[] frame = new byte[reader.Format.ByteCount];
        return await Assert.ThrowsAsync<MediaException>(async () =>
        {
            while (await reader.ReadFrameAsync(frame))
            {
            }
        });
    }

    private static void AssertHidden(MediaException error) =>
        Assert.All((string[])[User, Password, "guest", "wrong"], secret => Assert.DoesNotContain(secret, error.ToString(), StringComparison.Ordinal));

    private static Task RefuseAsync(Stream stream, string protocol, params string[] more) => LoopbackServer.SendHeadAsync(
        stream, [$"{protocol} 401 Unauthorized", "WWW-Authenticate: Basic realm=\"line\"", "Content-Length: 0", .. more]);

    private static async Task<bool> SendFileAsync(Stream stream, List<string> request, byte[] bytes, int sent)
    {
        if (!request.Contains(Authorization))
        {
            await RefuseAsync(stream, "HTTP/1.1");
            return true;
        }

        await LoopbackServer.SendHeadAsync(stream, "HTTP/1.1 200 OK", "Content-Type: video/mp4", $"Content-Length: {bytes.Length}");
        await stream.WriteAsync(bytes.AsMemory(0, sent));
        return false;
    }

    private static async Task<bool> AnswerRtspAsync(Stream stream, List<string> request, string sdp, List<byte[]> packets, CancellationToken stop)
    {
        string sequence = request.First(static line => line.StartsWith("CSeq:", StringComparison.OrdinalIgnoreCase));
        string method = request[0].Split(' ')[0];
        if (method != "OPTIONS" && !request.Contains(Authorization))
        {
            await RefuseAsync(stream, "RTSP/1.0", sequence);
            return true;
        }

        string[] head = ["RTSP/1.0 200 OK", sequence, "Session: 7"];
        string[] more = method switch
        {
            "OPTIONS" => ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"],
            "DESCRIBE" => ["Content-Type: application/sdp", $"Content-Base: {request[0].Split(' ')[1]}/", $"Content-Length: {sdp.Length}"],
            "SETUP" => ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1"],
            _ => [],
        };
        await LoopbackServer.SendHeadAsync(stream, [.. head, .. more]);
        if (method == "DESCRIBE")
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(sdp), stop);
        }
        else if (method == "PLAY")
        {
            foreach (byte[] packet in packets)
            {
                await stream.WriteAsync((byte[])[(byte)'$', 0, (byte)(packet.Length >> 8), (byte)packet.Length, .. packet], stop);
            }
        }

        return method is not ("PLAY" or "TEARDOWN");
    }

    // What ffmpeg would send to a camera's client.
    private async Task<(string Sdp, List<byte[]> Packets)> PacketsAsync()
    {
        using UdpClient receiver = new(new IPEndPoint(IPAddress.Loopback, 0));
        receiver.Client.ReceiveBufferSize = 1 << 22;
        int port = ((IPEndPoint)receiver.Client.LocalEndPoint!).Port;
        string file = folder.File("a.sdp");
        await Clips.RunFfmpegAsync("-f", "lavfi", "-i", "testsrc=size=160x96:rate=25:duration=1", "-c:v", "mpeg4", "-flags", "+global_header",
            "-f", "rtp", "-sdp_file", file, $"rtp://127.0.0.1:{port}");
        List<byte[]> packets = [];
        while (receiver.Available > 0)
        {
            packets.Add((await receiver.ReceiveAsync()).Buffer);
        }

        Assert.InRange(packets.Count, 25, 10_000);
        string[] lines = [.. File.ReadAllLines(file).Where(static line => line.Contains('=') && !line.StartsWith("SDP:", StringComparison.Ordinal))];
        string text = string.Join("\r\n", lines.Select(line => line.Replace($"m=video {port}", "m=video 0", StringComparison.Ordinal)));
        return ($"{text}\r\na=control:streamid=0\r\n", packets);
    }

    private async Task<byte[][]> PicturesAsync(int count)
    {
        await Clips.RunFfmpegAsync("-f", "lavfi", "-i", $"testsrc=size=320x180:rate=25:duration={count / 25.0}", "-pix_fmt", "yuvj420p",
            folder.File("%03d.jpg"));
        return [.. Directory.EnumerateFiles(folder.Path, "*.jpg").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
    }

    private async Task<byte[]> ClipAsync(int frames)
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, frames);
        return File.ReadAllBytes(path);
    }
}
