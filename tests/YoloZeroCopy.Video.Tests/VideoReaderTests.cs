using System.Diagnostics;

namespace YoloZeroCopy.Video.Tests;

public sealed class VideoReaderTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(PixelFormat.Bgr24, 320, 180, 25)]
    [InlineData(PixelFormat.Rgb24, 322, 180, 30000 / 1001.0)]
    [InlineData(PixelFormat.Gray8, 320, 180, 60)]
    [InlineData(PixelFormat.Nv12, 320, 182, 23.976)]
    public async Task Every_frame_comes_once_and_in_order(PixelFormat pixelFormat, int width, int height, double rate)
    {
        const int Frames = 60;
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, width, height, Frames, rate);

        await using VideoReader reader =
            await VideoReader.OpenAsync(path, new VideoReaderOptions { PixelFormat = pixelFormat, FfmpegPath = Clips.Ffmpeg() });
        byte[] frame = new byte[reader.Format.ByteCount];
        List<int> numbers = [];
        while (await reader.ReadFrameAsync(frame))
        {
            numbers.Add(Clips.Read(frame, reader.Format));
        }

        Assert.Equal(Enumerable.Range(0, Frames), numbers);
        Assert.Equal(new FrameFormat(pixelFormat, width, height), reader.Format);
        Assert.Equal(rate, reader.FrameRate, 0.002);
        Assert.Equal(Frames, reader.FramesRead);
        Assert.Equal(Frames / rate, reader.Duration!.Value.TotalSeconds, 0.05);
        Assert.False(await reader.ReadFrameAsync(frame));
        Assert.True(await Clips.IsGoneAsync(reader.ProcessId));
    }

    [Fact]
    public async Task Nv12_of_odd_width_has_even_rows()
    {
        // FFV1 keeps odd sizes, which the writer's 4:2:0 does not.
        string path = folder.File("odd.mkv");
        await Clips.RunFfmpegAsync("-f", "lavfi", "-i", "color=c=0x808080:size=64x32:rate=10:duration=0.5,format=yuv444p,crop=33:17:0:0",
            "-c:v", "ffv1", "-pix_fmt", "yuv444p", path);

        await using VideoReader reader =
            await VideoReader.OpenAsync(path, new VideoReaderOptions { PixelFormat = PixelFormat.Nv12, FfmpegPath = Clips.Ffmpeg() });
        byte[] frame = new byte[reader.Format.ByteCount];
        int frames = 0;
        while (await reader.ReadFrameAsync(frame))
        {
            frames++;
            for (int y = 0; y < reader.Format.Rows; y++)
            {
                int length = y < 17 ? 33 : 34;
                ReadOnlySpan<byte> row = frame.AsSpan(y * reader.Format.Stride, length);
                (byte low, byte high) = y < 17 ? ((byte)120, (byte)130) : ((byte)126, (byte)130);
                Assert.Equal(-1, row.IndexOfAnyExceptInRange(low, high));
            }
        }

        Assert.Equal(5, frames);
        Assert.Equal((33, 17), (reader.Format.Width, reader.Format.Height));
        Assert.Equal(34, reader.Format.Stride);
    }

    [Fact]
    public async Task Turned_video_has_the_size_after_turning()
    {
        await Clips.WriteAsync(folder.File("a.mp4"), 320, 180, 5);
        string[] turned = await Clips.IsFormatAsync(60, 0)
            ? ["-display_rotation", "90", "-i", folder.File("a.mp4"), "-c", "copy"]
            : ["-i", folder.File("a.mp4"), "-metadata:s:v", "rotate=90", "-c", "copy"];
        await Clips.RunFfmpegAsync([.. turned, folder.File("turned.mp4")]);

        await using VideoReader reader = await VideoReader.OpenAsync(folder.File("turned.mp4"), Options());

        Assert.Equal((180, 320), (reader.Format.Width, reader.Format.Height));
    }

    [Fact]
    public async Task Frames_of_varying_duration_are_neither_dropped_nor_repeated()
    {
        await Clips.WriteAsync(folder.File("a.mp4"), 320, 180, 30);
        string path = folder.File("vfr.mkv");
        await Clips.RunFfmpegAsync("-i", folder.File("a.mp4"), "-vf", "setpts=if(lt(N\\,10)\\,N\\,N*5)/25/TB",
            await Clips.IsFormatAsync(59, 27) ? "-fps_mode" : "-vsync", "vfr", path);

        await using VideoReader reader = await VideoReader.OpenAsync(path, Options());
        byte[] frame = new byte[reader.Format.ByteCount];
        List<int> numbers = [];
        while (await reader.ReadFrameAsync(frame))
        {
            numbers.Add(Clips.Read(frame, reader.Format));
        }

        Assert.Equal(Enumerable.Range(0, 30), numbers);
    }

    [Fact]
    public async Task A_truncated_file_gives_its_frames_and_then_an_error()
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 100);
        byte[] bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..(bytes.Length * 2 / 3)]);
        await using VideoReader reader = await VideoReader.OpenAsync(path, Options());
        byte[] frame = new byte[reader.Format.ByteCount];

        MediaException error = await Assert.ThrowsAsync<MediaException>(async () =>
        {
            while (await reader.ReadFrameAsync(frame))
            {
            }
        });

        Assert.InRange(reader.FramesRead, 1, 99);
        Assert.Contains("damaged", error.Message, StringComparison.Ordinal);

        await using VideoReader patient = await VideoReader.OpenAsync(path, Options() with { IgnoreDecodeErrors = true });
        while (await patient.ReadFrameAsync(frame))
        {
        }

        Assert.Equal(reader.FramesRead, patient.FramesRead);
    }

    [Fact]
    public async Task Unreadable_files_are_told_apart()
    {
        File.WriteAllText(folder.File("junk.mp4"), new string('x', 5000));
        File.WriteAllBytes(folder.File("empty.mp4"), []);
        await Clips.RunFfmpegAsync("-f", "lavfi", "-i", "sine=duration=1", folder.File("sound.wav"));

        Assert.Contains("no video stream", await FailAsync(folder.File("sound.wav")), StringComparison.Ordinal);
        Assert.Contains("exit code", await FailAsync(folder.File("junk.mp4")), StringComparison.Ordinal);
        Assert.Contains("exit code", await FailAsync(folder.File("empty.mp4")), StringComparison.Ordinal);
        Assert.Contains("no such file", await FailAsync(folder.File("none.mp4")), StringComparison.Ordinal);
        Assert.Contains("folder", await FailAsync(folder.Path), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_playlist_cannot_make_ffmpeg_reach_the_network()
    {
        File.WriteAllText(folder.File("list.m3u8"), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n");

        string message = await FailAsync(folder.File("list.m3u8"));

        Assert.Contains("not on whitelist", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_that_ends_within_a_frame_is_an_error()
    {
        string fake = Clips.FakeFfmpeg(folder, Clips.Send, nut: Clips.Nut(2, more: 12));
        await using VideoReader reader = await OpenFakeAsync(fake);
        byte[] frame = new byte[24];

        Assert.True(await reader.ReadFrameAsync(frame));
        Assert.True(await reader.ReadFrameAsync(frame));
        MediaException error = await Assert.ThrowsAsync<MediaException>(async () => await reader.ReadFrameAsync(frame));

        Assert.Contains("middle of frame 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dying_ffmpeg_is_reported_with_its_last_words()
    {
        string fake =
            Clips.FakeFfmpeg(folder, Clips.Send + "echo '[h264 @ 0x1] [error] the decoder is on fire' >&2\nexit 42\n", nut: Clips.Nut(1));
        await using VideoReader reader = await OpenFakeAsync(fake);
        byte[] frame = new byte[24];

        Assert.True(await reader.ReadFrameAsync(frame));
        MediaException error = await Assert.ThrowsAsync<MediaException>(async () => await reader.ReadFrameAsync(frame));

        Assert.Contains("exit code 42", error.Message, StringComparison.Ordinal);
        Assert.Contains("on fire", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_a_read_ends_it_and_the_process()
    {
        string fake = Clips.FakeFfmpeg(folder, Clips.Send + "sleep 60\n", nut: Clips.Nut(1, more: 6));
        await using VideoReader reader = await OpenFakeAsync(fake);
        byte[] frame = new byte[24];
        Assert.True(await reader.ReadFrameAsync(frame));
        using CancellationTokenSource cancellation = new();

        ValueTask<bool> read = reader.ReadFrameAsync(frame, cancellation.Token);
        InvalidOperationException busy = Assert.Throws<InvalidOperationException>(() => { _ = reader.ReadFrameAsync(frame).AsTask(); });
        Stopwatch watch = Stopwatch.StartNew();
        cancellation.Cancel();

        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await read);
        Assert.Contains("on its way", busy.Message, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 50);
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(async () => await reader.ReadFrameAsync(frame));
        Assert.True(await Clips.IsGoneAsync(reader.ProcessId));
    }

    [Fact]
    public async Task Dispose_ends_a_running_read_and_leaves_no_process()
    {
        string fake = Clips.FakeFfmpeg(folder, Clips.Send + "trap '' TERM\nsleep 60\n", nut: Clips.Nut(0));
        VideoReader reader = await OpenFakeAsync(fake);
        int id = reader.ProcessId;
        Task<bool> read = reader.ReadFrameAsync(new byte[24]).AsTask();

        await reader.DisposeAsync();
        await reader.DisposeAsync();

        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => read);
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(async () => await reader.ReadFrameAsync(new byte[24]));
        Assert.True(await Clips.IsGoneAsync(id));
    }

    [Fact]
    public async Task Every_call_of_dispose_waits_for_the_whole_of_it()
    {
        // What keeps the log open outlives the program for a while.
        VideoReader reader = await OpenFakeAsync(Clips.FakeFfmpeg(folder, "(sleep 2 &)\n" + Clips.Send + "sleep 60\n"));
        Task first = reader.DisposeAsync().AsTask();

        await reader.DisposeAsync();

        Assert.True(first.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Dispose_in_the_middle_of_a_video_leaves_no_process()
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 100);
        int id;
        await using (VideoReader reader = await VideoReader.OpenAsync(path, Options()))
        {
            Assert.True(await reader.ReadFrameAsync(new byte[reader.Format.ByteCount]));
            id = reader.ProcessId;
        }

        Assert.True(await Clips.IsGoneAsync(id));
    }

    [Fact]
    public async Task Ctrl_C_in_a_terminal_does_not_reach_ffmpeg()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/setsid"), "needs setsid");
        await using VideoReader reader = await OpenFakeAsync(Clips.FakeFfmpeg(folder, Clips.Send + "sleep 60\n"));

        // Third after the name is the process group, which a terminal's signals go to.
        string state = File.ReadAllText($"/proc/{reader.ProcessId}/stat");

        Assert.Equal(
            reader.ProcessId, int.Parse(state[(state.LastIndexOf(')') + 2)..].Split(' ')[2], System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task A_program_that_cannot_be_run_is_named()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "rights of files");
        File.WriteAllText(folder.File("a.mp4"), "x");

        NativeLibraryException error = await Assert.ThrowsAsync<NativeLibraryException>(
            () => VideoReader.OpenAsync(folder.File("a.mp4"), new VideoReaderOptions { FfmpegPath = folder.File("a.mp4") }));

        Assert.Contains("not executable", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_or_disposing_at_any_moment_leaves_no_process()
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 200);
        Random random = new(31);
        List<int> ids = [];
        for (int round = 0; round < 16; round++)
        {
            using CancellationTokenSource cancellation = new();
            await using VideoReader reader = await VideoReader.OpenAsync(path, Options());
            ids.Add(reader.ProcessId);
            byte[] frame = new byte[reader.Format.ByteCount];
            Task reading = Task.Run(async () =>
            {
                while (await reader.ReadFrameAsync(frame, cancellation.Token))
                {
                }
            });
            await Task.Delay(random.Next(40));
            if (round % 2 == 0)
            {
                await cancellation.CancelAsync();
            }
            else
            {
                await reader.DisposeAsync();
            }

            // Whatever comes first: the end of the video, the cancellation, the disposal.
            Exception? error = await Record.ExceptionAsync(() => reading);
            Assert.True(error is null or OperationCanceledException or ObjectDisposedException, error?.ToString());

            // The memory is the caller's again.
            frame.AsSpan().Fill(0x5A);
            await Task.Delay(5);
            Assert.Equal(-1, frame.AsSpan().IndexOfAnyExcept((byte)0x5A));
        }

        foreach (int id in ids)
        {
            Assert.True(await Clips.IsGoneAsync(id));
        }
    }

    [Fact]
    public async Task Opening_can_be_cancelled()
    {
        string fake = Clips.FakeFfmpeg(folder, "sleep 60\n");
        File.WriteAllText(folder.File("a.mp4"), "x");
        using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(200));
        Stopwatch watch = Stopwatch.StartNew();

        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => VideoReader.OpenAsync(folder.File("a.mp4"), new VideoReaderOptions { FfmpegPath = fake }, cancellation.Token));

        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 50);
    }

    private static VideoReaderOptions Options() => new() { FfmpegPath = Clips.Ffmpeg() };

    private static async Task<string> FailAsync(string path) =>
        (await Assert.ThrowsAsync<MediaException>(() => VideoReader.OpenAsync(path, Options()))).Message;

    private async Task<VideoReader> OpenFakeAsync(string fake)
    {
        File.WriteAllText(folder.File("any.mp4"), "x");
        return await VideoReader.OpenAsync(folder.File("any.mp4"), new VideoReaderOptions { FfmpegPath = fake });
    }
}
