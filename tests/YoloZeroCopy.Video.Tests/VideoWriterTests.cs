using System.Diagnostics;

namespace YoloZeroCopy.Video.Tests;

public sealed class VideoWriterTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(322, 181, 0)]
    [InlineData(320, 180, 17)]
    public async Task Odd_sizes_and_padded_rows_are_written(int width, int height, int padding)
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, width, height, 20, padding: padding);

        await using VideoReader reader = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg() });
        byte[] frame = new byte[reader.Format.ByteCount];
        for (int i = 0; i < 20; i++)
        {
            Assert.True(await reader.ReadFrameAsync(frame));
            Assert.Equal(i, Clips.Read(frame, reader.Format));
        }

        Assert.False(await reader.ReadFrameAsync(frame));
        Assert.Equal(((width + 1) & ~1, (height + 1) & ~1), (reader.Format.Width, reader.Format.Height));
        _ = Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task Dispose_without_completion_leaves_nothing_and_an_older_file_alone()
    {
        string path = folder.File("a.mp4");
        File.WriteAllText(path, "older");
        FrameFormat format = new(PixelFormat.Bgr24, 64, 48);
        int id;
        await using (VideoWriter writer = await VideoWriter.OpenAsync(path, format, 25, Options()))
        {
            await writer.WriteFrameAsync(new byte[format.ByteCount]);
            id = writer.ProcessId;
        }

        Assert.Equal("older", File.ReadAllText(path));
        _ = Assert.Single(Directory.GetFiles(folder.Path));
        Assert.True(await Clips.IsGoneAsync(id));
    }

    [Fact]
    public async Task Cancelling_a_write_ends_it_and_leaves_no_file()
    {
        // Takes nothing from its input, so that a frame larger than the pipe waits.
        string fake = Clips.FakeFfmpeg(folder, "case \"$*\" in *-encoders*) echo ' V..... libx264   x'; exit 0;; esac\nsleep 60\n");
        string path = folder.File("a.mp4");
        FrameFormat format = new(PixelFormat.Bgr24, 1920, 1080);
        await using VideoWriter writer = await VideoWriter.OpenAsync(path, format, 25, new VideoWriterOptions { FfmpegPath = fake });
        using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(200));
        Stopwatch watch = Stopwatch.StartNew();

        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await writer.WriteFrameAsync(new byte[format.ByteCount], cancellation.Token));

        Assert.InRange(watch.Elapsed.TotalSeconds, 0.1, 50);
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(async () => await writer.WriteFrameAsync(new byte[format.ByteCount]));
        Assert.Equal(["fake-ffmpeg"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Every_call_of_dispose_waits_for_the_whole_of_it()
    {
        // What keeps the log open outlives the program for a while.
        string fake = Clips.FakeFfmpeg(
            folder, "case \"$*\" in *-encoders*) echo ' V..... libx264   x'; exit 0;; esac\n(sleep 2 &)\n"
                + "echo ready > \"$0.ready\"\ncat > /dev/null\n");
        FrameFormat format = new(PixelFormat.Bgr24, 64, 48);
        VideoWriter writer = await VideoWriter.OpenAsync(folder.File("a.mp4"), format, 25, new VideoWriterOptions { FfmpegPath = fake });
        await writer.WriteFrameAsync(new byte[format.ByteCount]);
        while (!File.Exists(fake + ".ready"))
        {
            await Task.Delay(5);
        }

        Task first = writer.DisposeAsync().AsTask();

        await writer.DisposeAsync();

        Assert.True(first.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_dying_ffmpeg_is_reported_with_its_last_words()
    {
        string fake = Clips.FakeFfmpeg(
            folder, "case \"$*\" in *-encoders*) echo ' V..... libx264   x'; exit 0;; esac\nhead -c 100000 >/dev/null\necho '[error] "
                + "No space left on device' >&2\nexit 1\n");
        FrameFormat format = new(PixelFormat.Bgr24, 640, 480);
        await using VideoWriter writer = await VideoWriter.OpenAsync(folder.File("a.mp4"), format, 25, new VideoWriterOptions { FfmpegPath = fake });

        MediaException error = await Assert.ThrowsAsync<MediaException>(async () =>
        {
            for (int i = 0; i < 10; i++)
            {
                await writer.WriteFrameAsync(new byte[format.ByteCount]);
            }
        });

        Assert.Contains("exit code 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
        _ = await Assert.ThrowsAsync<MediaException>(() => writer.CompleteAsync());
    }

    [Fact]
    public async Task A_full_disk_is_reported_and_leaves_nothing()
    {
        string ffmpeg = Clips.Ffmpeg();
        string disk = Directory.CreateDirectory(folder.File("disk")).FullName;
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && await RunAsync("mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk), "no right to mount a small disk");
        try
        {
            FrameFormat format = new(PixelFormat.Bgr24, 320, 240);
            byte[] frame = new byte[format.ByteCount];
            Random random = new(5);
            await using VideoWriter writer =
                await VideoWriter.OpenAsync(Path.Combine(disk, "a.mp4"), format, 25, new VideoWriterOptions { FfmpegPath = ffmpeg });

            MediaException error = await Assert.ThrowsAsync<MediaException>(async () =>
            {
                for (int i = 0; i < 200; i++)
                {
                    random.NextBytes(frame);
                    await writer.WriteFrameAsync(frame);
                }

                await writer.CompleteAsync();
            });

            Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
            Assert.Empty(Directory.GetFiles(disk));
            MediaException picture = Assert.Throws<MediaException>(() => PictureFile.WritePng(Path.Combine(disk, "a.png"), frame, format));
            Assert.Contains("cannot be written", picture.Message, StringComparison.Ordinal);
            Assert.Empty(Directory.GetFiles(disk));
        }
        finally
        {
            Assert.True(await RunAsync("umount", "-l", disk));
        }
    }

    [Fact]
    public async Task Without_libx264_the_older_encoder_is_taken()
    {
        string real = Clips.Ffmpeg();
        string fake =
            Clips.FakeFfmpeg(folder, $"case \"$*\" in *-encoders*) echo ' V.S... mpeg4    MPEG-4 part 2'; exit 0;; esac\nexec '{real}' \"$@\"\n");
        FrameFormat format = new(PixelFormat.Bgr24, 320, 180);
        byte[] frame = new byte[format.ByteCount];
        await using (VideoWriter writer = await VideoWriter.OpenAsync(folder.File("a.mp4"), format, 25, new VideoWriterOptions { FfmpegPath = fake }))
        {
            Assert.Equal("mpeg4", writer.Encoder);
            for (int i = 0; i < 10; i++)
            {
                Clips.Paint(frame, format, i);
                await writer.WriteFrameAsync(frame);
            }

            await writer.CompleteAsync();
            await writer.CompleteAsync();
            _ = await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.WriteFrameAsync(frame));
        }

        await using VideoReader reader = await VideoReader.OpenAsync(folder.File("a.mp4"), new VideoReaderOptions { FfmpegPath = real });
        for (int i = 0; i < 10; i++)
        {
            Assert.True(await reader.ReadFrameAsync(frame));
            Assert.Equal(i, Clips.Read(frame, format));
        }
    }

    [Theory]
    [InlineData(PixelFormat.Bgr24, 322, 180, 0, "libx264", 0)]
    [InlineData(PixelFormat.Rgb24, 323, 181, 7, "libx264", 1.4)]
    [InlineData(PixelFormat.Gray8, 320, 180, 0, "mpeg4", 0.02)]
    public async Task A_rate_that_varies_is_kept(PixelFormat pixelFormat, int width, int height, int padding, string encoder, double start)
    {
        string real = Clips.Ffmpeg();
        Assert.SkipUnless(await Clips.HasEncoderAsync(encoder), $"this ffmpeg has no {encoder}");
        FfmpegProgram program = await FfmpegProgram.OpenAsync(real, CancellationToken.None);
        string fake = Clips.FakeFfmpeg(
            folder, $"case \"$*\" in *-encoders*) echo ' V.S... {encoder}    x'; exit 0;; esac\nexec '{real}' \"$@\"\n",
            $"ffmpeg version {program.Version}\nlibavformat    {program.FormatVersion}.100 / {program.FormatVersion}.100");
        FrameFormat packed = new(pixelFormat, width, height);
        FrameFormat format = new(pixelFormat, width, height, packed.RowBytes + padding);
        byte[] frame = new byte[format.ByteCount];
        Random random = new(7);
        List<TimeSpan> times = [TimeSpan.FromSeconds(start)];
        while (times.Count < 60)
        {
            times.Add(times[^1] + TimeSpan.FromTicks(times.Count % 10 == 0 ? 9_876_543 : random.Next(20_000, 600_000)));
        }

        string path = folder.File("a.mp4");
        double unit;
        await using (VideoWriter writer = await VideoWriter.OpenAsync(path, format, 30, new VideoWriterOptions { FfmpegPath = fake }))
        {
            Assert.Equal(encoder, writer.Encoder);
            unit = 1.0 / writer.Clock;
            for (int i = 0; i < times.Count; i++)
            {
                Clips.Paint(frame, format, i);
                await writer.WriteFrameAsync(frame, times[i]);
            }

            await writer.CompleteAsync();
        }

        await using VideoReader reader = await VideoReader.OpenAsync(path, Reading());
        byte[] read = new byte[reader.Format.ByteCount];
        for (int i = 0; i < times.Count; i++)
        {
            Assert.True(await reader.ReadFrameAsync(read));
            Assert.Equal(i, Clips.Read(read, reader.Format));
            Assert.Equal(times[i].TotalSeconds, reader.Timestamp.TotalSeconds, (unit / 2) + 1e-6);
        }

        Assert.False(await reader.ReadFrameAsync(read));
        if (Clips.Ffprobe() is string ffprobe)
        {
            string text = await Clips.RunAsync(
                ffprobe, "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "default=noprint_wrappers=1:nokey=1",
                path);
            double[] probed = [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(static line => double.Parse(line, System.Globalization.CultureInfo.InvariantCulture))];
            Assert.Equal(times.Count, probed.Length);
            Assert.All(times.Zip(probed), pair => Assert.Equal(pair.First.TotalSeconds, pair.Second, (unit / 2) + 1e-6));
        }
    }

    [Fact]
    public async Task The_times_of_a_clip_are_those_of_its_copy()
    {
        string path = folder.File("a.mkv");
        await Clips.RunFfmpegAsync("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=3", "-vf", "setpts='N*(1+mod(N,3))/10/TB+0.3/TB'",
            await Clips.IsFormatAsync(59, 27) ? "-fps_mode" : "-vsync", "vfr", "-c:v", "mpeg4", path);
        List<TimeSpan> times = [];
        await using (VideoReader reader = await VideoReader.OpenAsync(path, Reading()))
        {
            byte[] frame = new byte[reader.Format.ByteCount];
            await using VideoWriter writer = await VideoWriter.OpenAsync(folder.File("b.mp4"), reader.Format, reader.FrameRate, Options());
            while (await reader.ReadFrameAsync(frame))
            {
                times.Add(reader.Timestamp);
                await writer.WriteFrameAsync(frame, reader.Timestamp);
            }

            await writer.CompleteAsync();
        }

        await using VideoReader copy = await VideoReader.OpenAsync(folder.File("b.mp4"), Reading());
        byte[] other = new byte[copy.Format.ByteCount];
        foreach (TimeSpan time in times)
        {
            Assert.True(await copy.ReadFrameAsync(other));
            Assert.Equal(time, copy.Timestamp);
        }

        Assert.InRange(times.Count, 5, 40);
        Assert.False(await copy.ReadFrameAsync(other));
    }

    [Fact]
    public async Task Times_that_do_not_rise_and_times_for_some_frames_only_are_refused()
    {
        FrameFormat format = new(PixelFormat.Bgr24, 64, 48);
        byte[] frame = new byte[format.ByteCount];
        await using (VideoWriter writer = await VideoWriter.OpenAsync(folder.File("a.mp4"), format, 25, Options()))
        {
            _ = Assert.Throws<ArgumentOutOfRangeException>(() => { _ = writer.WriteFrameAsync(frame, TimeSpan.FromTicks(-1)); });
            await writer.WriteFrameAsync(frame, TimeSpan.FromSeconds(1));
            ArgumentOutOfRangeException late =
                Assert.Throws<ArgumentOutOfRangeException>(() => { _ = writer.WriteFrameAsync(frame, TimeSpan.FromSeconds(1.000001)); });
            _ = await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.WriteFrameAsync(frame));
            await writer.WriteFrameAsync(frame, TimeSpan.FromSeconds(1.1));
            await writer.CompleteAsync();

            Assert.Contains("00:00:01", late.Message, StringComparison.Ordinal);
            Assert.Equal(2, writer.FramesWritten);
        }

        await using (VideoWriter writer = await VideoWriter.OpenAsync(folder.File("b.mp4"), format, 25, Options()))
        {
            await writer.WriteFrameAsync(frame);
            _ = await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.WriteFrameAsync(frame, TimeSpan.FromSeconds(1)));
        }
    }

    [Fact]
    public async Task No_frame_and_no_folder_are_errors()
    {
        FrameFormat format = new(PixelFormat.Bgr24, 64, 48);
        await using VideoWriter writer = await VideoWriter.OpenAsync(folder.File("a.mp4"), format, 25, Options());

        MediaException none = await Assert.ThrowsAsync<MediaException>(() => writer.CompleteAsync());
        MediaException missing =
            await Assert.ThrowsAsync<MediaException>(() => VideoWriter.OpenAsync(folder.File("missing/a.mp4"), format, 25, Options()));

        Assert.Contains("no frame", none.Message, StringComparison.Ordinal);
        Assert.Contains("folder", missing.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
        _ = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => VideoWriter.OpenAsync(folder.File("a.mp4"), format, double.NaN, Options()));
        _ = await Assert.ThrowsAsync<ArgumentException>(
            () => VideoWriter.OpenAsync(folder.File("a.mp4"), new FrameFormat(PixelFormat.Nv12, 64, 48), 25, Options()));
    }

    private static VideoReaderOptions Reading() => new() { FfmpegPath = Clips.Ffmpeg() };

    private static VideoWriterOptions Options() => new() { FfmpegPath = Clips.Ffmpeg() };

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        try
        {
            ProcessStartInfo info = new(program, arguments) { RedirectStandardError = true };
            using Process process = Process.Start(info)!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
