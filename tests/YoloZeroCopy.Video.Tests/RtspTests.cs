using System.Diagnostics;

namespace YoloZeroCopy.Video.Tests;

/// <summary>Cameras of a real RTSP server: every frame with its time, and back after whatever happens. The times that recovery takes are printed and
/// not limited, since they are those of a busy machine.</summary>
[Collection(RunsAlone.Name)]
public sealed class RtspTests(ITestOutputHelper output) : IDisposable
{
    private const int Frames = 300;
    private const string Login = "operator:s3cr3t";
    private static readonly string Clip = Path.Combine(AppContext.BaseDirectory, "conveyor.mp4");

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Four_cameras_give_every_packet_with_its_time()
    {
        await RtspServer.SkipIfMissingAsync();
        Assert.SkipUnless(await CanReadPacketsAsync(), "this ffmpeg cannot give packets of cameras with B-frames");
        List<(TimeSpan Time, int Size)> expected = await PacketsAsync(Clip);
        using RtspServer server = new(Clip, Login);
        await server.StartAsync();

        List<(TimeSpan Time, int Size)>[] given = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(camera => PacketsAsync($"rtsp://{Login}@127.0.0.1:{server.Port}/cam{camera}")));

        Assert.Equal(Frames, expected.Count);
        TimeSpan start = expected[0].Time;
        foreach (List<(TimeSpan Time, int Size)> packets in given)
        {
            Assert.Equal(Frames, packets.Count);
            Assert.All(packets.Zip(expected),
                pair => AssertNear(pair.Second.Time - start, pair.First.Time - packets[0].Time, TimeSpan.FromTicks(1000)));
        }

        if (Clips.Ffprobe() is string ffprobe)
        {
            string listed = await Clips.RunAsync(ffprobe, "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of",
                "default=noprint_wrappers=1:nokey=1", Clip);
            Assert.Equal(listed.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                expected.Select(static packet => packet.Time.TotalSeconds.ToString("F6", System.Globalization.CultureInfo.InvariantCulture)));
        }
    }

    [Fact]
    public async Task A_cameras_decoded_frames_are_those_of_its_file()
    {
        await RtspServer.SkipIfMissingAsync();
        using RtspServer server = new(Clip);
        await server.StartAsync();
        VideoReaderOptions options = Options() with { PixelFormat = PixelFormat.Gray8 };
        await using VideoReader camera = await VideoReader.OpenAsync($"rtsp://127.0.0.1:{server.Port}/cam0", options);
        await using VideoReader file = await VideoReader.OpenAsync(Clip, options);
        byte[] one = new byte[camera.Format.ByteCount];
        byte[] other = new byte[file.Format.ByteCount];

        // 4.1 moves the first times of a stream with B-frames by less than a frame.
        bool isExact = await CanReadPacketsAsync();
        TimeSpan slack = isExact ? TimeSpan.FromTicks(1000) : TimeSpan.FromMilliseconds(81);
        for (int i = 0; i < Frames; i++)
        {
            Assert.True(await camera.ReadFrameAsync(one));
            Assert.True(await file.ReadFrameAsync(other));
            AssertNear(file.Timestamp, camera.Timestamp, slack);
            Assert.True(other.AsSpan().SequenceEqual(one), $"frame {i}");
        }

        Assert.Equal(25, camera.FrameRate);
    }

    [Fact]
    public async Task A_killed_server_is_a_fault_and_its_return_is_noticed() => await RunAsync(
        "killed", VideoState.Failed, static server => Do(server.Kill), static server => server.StartAsync(), faults: 3);

    [Fact]
    public async Task A_restarted_server_is_connected_to_anew() => await RunAsync(
        "restarted", VideoState.Failed, static async server =>
        {
            server.Kill();
            await server.StartAsync();
        },
        static _ => Task.CompletedTask);

    [Fact]
    public async Task A_frozen_server_is_a_stall_and_its_return_is_noticed() => await RunAsync(
        "frozen", VideoState.Stalled, static server => server.FreezeAsync(), static server => server.ThawAsync());

    [Fact]
    public async Task A_wrong_password_is_a_refusal_until_it_is_right() => await RunAsync(
        "wrong password", VideoState.Refused, null, static async server =>
        {
            server.Kill();
            server.Login = Login;
            await server.StartAsync();
        },
        login: "operator:other");

    [Fact]
    public async Task A_wrong_path_is_a_refusal_until_it_is_there() => await RunAsync(
        "wrong path", VideoState.Refused, null, static async server =>
        {
            server.Kill();
            server.Cameras = 4;
            await server.StartAsync();
        },
        cameras: 3);

    [Fact]
    public async Task Half_a_frame_is_a_fault()
    {
        int left = 5000;
        await RunAsync("half a frame", VideoState.Failed, null, null, bytes =>
        {
            left -= bytes.Length;
            return left > 0 ? bytes : (ReadOnlyMemory<byte>?)null;
        });
    }

    [Fact]
    public async Task A_server_that_sends_garbage_is_a_fault()
    {
        Random random = new(5);
        await RunAsync("garbage", null, null, null, bytes =>
        {
            byte[] garbage = new byte[bytes.Length];
            random.NextBytes(garbage);
            return garbage;
        });
    }

    private static void AssertNear(TimeSpan expected, TimeSpan time, TimeSpan slack) => Assert.InRange(time, expected - slack, expected + slack);

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private static Task<bool> CanReadPacketsAsync() => Clips.IsFormatAsync(58, 76);

    private static VideoReaderOptions Options() => new() { FfmpegPath = Clips.Ffmpeg(), AllowUrl = true };

    private static async Task<List<(TimeSpan Time, int Size)>> PacketsAsync(string path)
    {
        // The length that this server says of a file is not known where credentials are kept off the command line.
        await using VideoReader reader = await VideoReader.OpenAsync(path, Options() with { ReadsPackets = true, IsLive = false });
        List<(TimeSpan, int)> packets = [];
        byte[] packet = new byte[1 << 20];
        while (await reader.ReadPacketAsync(packet))
        {
            packets.Add((reader.Packet.Timestamp, reader.Packet.Size));
        }

        return packets;
    }

    // Reads a camera, lets something happen to its server or to what comes from it, waits for the state that it means, ends it, and waits for frames.
    private async Task RunAsync(string name, VideoState? expected, Func<RtspServer, Task>? begin, Func<RtspServer, Task>? end,
        Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>?>? spoil = null, string login = Login, int cameras = 4, int faults = 1)
    {
        await RtspServer.SkipIfMissingAsync();

        // Long enough not to end within a test.
        string clip = folder.File("long.mp4");
        await Clips.RunFfmpegAsync("-stream_loop", "49", "-i", Clip, "-c", "copy", clip);
        using RtspServer server = new(clip, login, cameras);
        await server.StartAsync();
        await using TcpProxy proxy = new(server.Port);
        Stopwatch watch = Stopwatch.StartNew();
        List<string> log = [];
        VideoReaderOptions options = Options() with
        {
            IsLive = true,
            ReadsPackets = await CanReadPacketsAsync(),
            StateChanged = (state, reason) =>
            {
                lock (log)
                {
                    log.Add($"{watch.Elapsed.TotalSeconds,7:F3} s  {state} {reason}");
                    output.WriteLine(log[^1]);
                }
            },
        };
        VideoReader reader = new($"rtsp://{Login}@127.0.0.1:{proxy.Port}/cam3", options);
        Task reading;
        await using (reader)
        {
            reading = ReadAsync(reader);
            bool isReached = login == Login && cameras == 4;
            if (isReached)
            {
                await Until.TrueAsync(() => reader.FramesRead > 10);
                Note("begins");
                proxy.Spoil = spoil;
                await (begin?.Invoke(server) ?? Task.CompletedTask);
            }

            await Until.TrueAsync(() => reader.Statistics.Faults >= faults && reader.State == (expected ?? reader.State));
            long before = reader.FramesRead;
            await (end?.Invoke(server) ?? Task.CompletedTask);
            proxy.Spoil = null;
            TimeSpan back = watch.Elapsed;
            Note("ends");
            await Until.TrueAsync(() => reader.FramesRead > before);
            output.WriteLine($"{name}: frames again {(watch.Elapsed - back).TotalSeconds:F2} s after its end, {reader.Statistics}");
            Assert.Equal(VideoState.Live, reader.State);
            Assert.Equal(isReached ? 2 : 1, reader.Statistics.Connections);
        }

        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => reading);
        lock (log)
        {
            Assert.All(log, static line => Assert.DoesNotContain("s3cr3t", line, StringComparison.Ordinal));
        }

        void Note(string what)
        {
            lock (log)
            {
                log.Add($"{watch.Elapsed.TotalSeconds,7:F3} s  -- {name} {what}");
                output.WriteLine(log[^1]);
            }
        }
    }

    private static async Task ReadAsync(VideoReader reader)
    {
        await reader.ConnectAsync();
        byte[] memory = new byte[4 << 20];
        while (reader.Codec == VideoCodec.Other ? await reader.ReadFrameAsync(memory) : await reader.ReadPacketAsync(memory))
        {
        }
    }
}
