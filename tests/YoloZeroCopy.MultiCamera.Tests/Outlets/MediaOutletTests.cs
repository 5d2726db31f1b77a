using Microsoft.Extensions.Logging.Abstractions;
using MultiCamera.Alarms;
using MultiCamera.Outlets;
using YoloZeroCopy;

namespace MultiCamera.Tests.Outlets;

/// <summary>Pictures and clips on a real disk: whole, within their quota, and with the disk full.</summary>
public sealed class MediaOutletTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 27, 10, 0, 0, TimeSpan.Zero);

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task An_alarm_has_its_picture_and_a_clip_of_the_seconds_before_and_after_it()
    {
        await using MediaOutlet outlet = Open();
        // 20 pictures a second for 16 s, of which a clip has 10; each is a gray of its own.
        Alarm alarm = TestAlarms.Make() with { Time = Start.AddSeconds(8), Jpeg = Gray(200) };
        for (int picture = 0; picture <= 160; picture++)
        {
            outlet.Add(Picture(picture));
        }

        await outlet.RaiseAsync(alarm);
        Assert.Equal(alarm.Jpeg.ToArray(), await File.ReadAllBytesAsync(outlet.Find(alarm.Picture)!));
        for (int picture = 161; picture <= 320; picture++)
        {
            outlet.Add(Picture(picture));
        }

        await Until.TrueAsync(() => outlet.ClipsWritten + outlet.ClipsDropped == 1, () => $"{outlet.Status}");
        SkipWithoutFfmpeg(outlet);
        await using VideoReader clip = await VideoReader.OpenAsync(outlet.Find(alarm.Clip)!);
        Assert.Equal((64, 48), (clip.Width, clip.Height));
        byte[] frame = new byte[clip.Format.ByteCount];
        List<(double Time, int Gray)> seen = [];
        while (await clip.ReadFrameAsync(frame))
        {
            seen.Add((clip.Timestamp.TotalSeconds, frame[0]));
        }

        // From 3 s to 13 s, one in 0.1 s.
        Assert.Equal(101, seen.Count);
        Assert.Equal(10.0, seen[^1].Time - seen[0].Time, 0.05);
        Assert.InRange(seen[0].Gray, Level(60) - 4, Level(60) + 4);
        Assert.InRange(seen[^1].Gray, Level(260) - 4, Level(260) + 4);
        Assert.Equal((OutletState.Working, 1L, 0L), (outlet.Status.State, outlet.Status.Delivered, outlet.Status.Dropped));
    }

    [Fact]
    public async Task A_camera_that_dies_after_its_alarm_has_a_clip_all_the_same()
    {
        await using MediaOutlet outlet = Open(new MediaOptions { Folder = folder.File("media"), ClipSeconds = 1 });
        for (int picture = 0; picture <= 20; picture++)
        {
            outlet.Add(Picture(picture));
        }

        Alarm alarm = TestAlarms.Make() with { Time = Start.AddSeconds(1) };
        await outlet.RaiseAsync(alarm);
        await Until.TrueAsync(() => outlet.ClipsWritten + outlet.ClipsDropped == 1, () => $"{outlet.Status}");
        SkipWithoutFfmpeg(outlet);
        Assert.NotNull(outlet.Find(alarm.Clip));
        Assert.Null(outlet.Find(alarm.Picture));
    }

    [Fact]
    public async Task Clips_that_cannot_be_are_counted_and_pictures_are_written_all_the_same()
    {
        await using MediaOutlet outlet =
            Open(new MediaOptions { Folder = folder.File("media"), ClipSeconds = 0.5, Ffmpeg = folder.File("no-ffmpeg") });
        for (int picture = 0; picture <= 20; picture++)
        {
            outlet.Add(Picture(picture));
        }

        Alarm[] alarms = [.. Enumerable.Range(0, 3).Select(_ => TestAlarms.Make() with { Time = Start.AddSeconds(0.5), Jpeg = Gray(1) })];
        await Task.WhenAll(alarms.Select(outlet.RaiseAsync));
        await Until.TrueAsync(() => outlet.ClipsDropped == 3, () => $"{outlet.Status}");
        Assert.Equal((3L, 0L), (outlet.Status.Delivered, outlet.ClipsWritten));
        // Nothing half done is left.
        Assert.Equal(3, Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task The_oldest_files_go_when_the_quota_is_full_and_others_are_left_alone()
    {
        string media = folder.File("media");
        byte[] large = new byte[300_000];
        foreach (string name in (string[])["2026-11-01/gate/a.jpg", "2026-11-01/gate/b.mp4", "2026-11-02/yard/c.jpg", "other/gate/d.jpg",
            "2026-11-01/e.jpg"])
        {
            _ = Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(media, name))!);
            await File.WriteAllBytesAsync(Path.Combine(media, name), large);
        }

        File.SetLastWriteTimeUtc(Path.Combine(media, "2026-11-01/gate/a.jpg"), Start.UtcDateTime.AddMinutes(1));
        File.SetLastWriteTimeUtc(Path.Combine(media, "2026-11-01/gate/b.mp4"), Start.UtcDateTime);
        await File.WriteAllBytesAsync(Path.Combine(media, "2026-11-02/yard/f.mp4.0123.partial"), large);
        await using MediaOutlet outlet = Open(new MediaOptions { Folder = media, MaxMegabytes = 1, ClipSeconds = 0 });
        Alarm first = TestAlarms.Make() with { Jpeg = large };
        await outlet.RaiseAsync(first);

        // 900 kB were there and 300 kB came.
        Assert.Equal(
            ["2026-11-01/e.jpg", "2026-11-01/gate/a.jpg", "2026-11-02/yard/c.jpg", first.Picture, "other/gate/d.jpg"],
            Directory.GetFiles(media, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(media, file))
                .Order(StringComparer.Ordinal));
        for (int alarm = 0; alarm < 20; alarm++)
        {
            await outlet.RaiseAsync(TestAlarms.Make(alarm) with { Jpeg = large });
        }

        Assert.Null(outlet.Find(first.Picture));
        Assert.Equal(5, Directory.GetFiles(media, "*", SearchOption.AllDirectories).Length);
        Assert.Equal(0, outlet.Status.Dropped);
    }

    [Fact]
    public async Task A_full_disk_is_told_and_leaves_nothing_half_written()
    {
        using SmallDisk disk = new(megabytes: 2);
        await using MediaOutlet outlet = Open(new MediaOptions { Folder = disk.File("media"), ClipSeconds = 0 });
        await outlet.RaiseAsync(TestAlarms.Make() with { Jpeg = Gray(1) });
        disk.Fill();
        Alarm lost = TestAlarms.Make() with { Jpeg = new byte[100_000] };
        OutletException error = await Assert.ThrowsAsync<OutletException>(() => outlet.RaiseAsync(lost));
        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
        Assert.Equal((OutletState.Failing, 1L), (outlet.Status.State, outlet.Status.Dropped));
        Assert.Null(outlet.Find(lost.Picture));
        Assert.Empty(Directory.GetFiles(disk.Path, "*.partial", SearchOption.AllDirectories));

        disk.Free();
        await outlet.RaiseAsync(lost);
        Assert.Equal((OutletState.Working, 2L), (outlet.Status.State, outlet.Status.Delivered));
        Assert.NotNull(outlet.Find(lost.Picture));
    }

    [Theory]
    [InlineData("../secret.jpg")]
    [InlineData("2026-11-27/../secret.jpg")]
    [InlineData("2026-11-27/gate/..")]
    [InlineData("2026-11-27/gate/secret.txt")]
    [InlineData("2026-11-27/gate/x/secret.jpg")]
    [InlineData("/2026-11-27/gate/secret.jpg")]
    [InlineData("today/gate/secret.jpg")]
    public async Task Names_that_are_not_its_own_are_not_found(string name)
    {
        await using MediaOutlet outlet = Open();
        foreach (string file in (string[])["secret.jpg", "media/secret.jpg", "media/2026-11-27/gate/secret.txt", "media/2026-11-27/gate/x/secret.jpg",
            "media/today/gate/secret.jpg"])
        {
            _ = Directory.CreateDirectory(Path.GetDirectoryName(folder.File(file))!);
            await File.WriteAllTextAsync(folder.File(file), "secret");
        }

        Assert.Null(outlet.Find(name));
    }

    [Fact]
    public async Task It_may_be_disposed_twice_at_once_writes_what_waits_and_takes_nothing_afterwards()
    {
        MediaOutlet outlet = Open();
        Alarm alarm = TestAlarms.Make() with { Jpeg = Gray(1) };
        Task raised = outlet.RaiseAsync(alarm);
        await Task.WhenAll(outlet.DisposeAsync().AsTask(), outlet.DisposeAsync().AsTask());
        await raised;
        Assert.NotNull(outlet.Find(alarm.Picture));
        await Assert.ThrowsAsync<OutletException>(() => outlet.RaiseAsync(alarm));
        Assert.Equal((OutletState.Stopped, 0L), (outlet.Status.State, outlet.Status.Dropped));
    }

    [Fact]
    public void Options_that_cannot_be_are_refused_by_name()
    {
        MediaOptions options = new() { Folder = "", MaxMegabytes = 0, ClipSeconds = 500, ClipRate = double.NaN, MegabytesPerCamera = 0 };
        Assert.Equal(["Folder", "MaxMegabytes", "ClipSeconds", "ClipRate", "MegabytesPerCamera"], options.Check().Select(problem => problem.Field));
        _ = Assert.Throws<ArgumentException>(() => new MediaOutlet(options, NullLogger<MediaOutlet>.Instance));
    }

    private static int Level(int picture) => 20 + (picture * 2 / 3);

    // 20 a second.
    private static CameraPicture Picture(int number) => new("gate", Start.AddSeconds(number / 20.0), Gray((byte)Level(number)));

    private static byte[] Gray(byte level)
    {
        FrameFormat format = new(PixelFormat.Bgr24, 64, 48);
        byte[] pixels = new byte[format.ByteCount];
        pixels.AsSpan().Fill(level);
        return PictureFile.EncodeJpeg(pixels, format);
    }

    private static void SkipWithoutFfmpeg(MediaOutlet outlet)
    {
        if (outlet.ClipsDropped > 0)
        {
            string[] folders = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'),
                Path.Combine(AppContext.BaseDirectory, "runtimes/linux-x64/native")];
            Assert.SkipUnless(folders.Any(folder => File.Exists(Path.Combine(folder, "ffmpeg"))), "there is no ffmpeg, which encodes clips");
            Assert.Fail("There is an ffmpeg, and still the alarm has no clip.");
        }
    }

    private MediaOutlet Open(MediaOptions? options = null) =>
        new(options ?? new MediaOptions { Folder = folder.File("media") }, NullLogger<MediaOutlet>.Instance);
}
