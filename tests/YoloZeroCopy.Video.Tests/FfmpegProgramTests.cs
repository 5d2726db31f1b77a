namespace YoloZeroCopy.Video.Tests;

/// <summary>Which ffmpeg is taken, and what is asked of which version.</summary>
public sealed class FfmpegProgramTests : IDisposable
{
    private const string Of2018 =
        "ffmpeg version N-47683-g0e8eb07980-static https://johnvansickle.com/ffmpeg/  Copyright (c) 2000-2018 the FFmpeg developers\n"
        + "built with gcc 6.3.0 (Debian 6.3.0-18+deb9u1) 20170516\nlibavutil      56. 24.101 / 56. 24.101\nlibavformat    58. 24.100 / 58. 24.100\n";

    private const string Of51 =
        "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\r\n"
        + "libavutil      57. 28.100 / 57. 28.100\r\nlibavformat    59. 20.100 / 59. 27.100\r\n";

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Of2018, "N-47683-g0e8eb07980-static", 58, 24, "-vsync", "-1")]
    [InlineData(Of51, "5.1.9-0+deb12u1", 59, 27, "-fps_mode", "-1")]
    [InlineData("ffmpeg version 5.0\nlibavformat 59. 16.100 / 59. 16.100", "5.0", 59, 16, "-vsync", "-1")]
    [InlineData("ffmpeg version 6.1\nlibavformat 60. 16.100 / 60. 16.100", "6.1", 60, 16, "-fps_mode", "demux")]
    [InlineData("ffmpeg version n7.1 Copyright\nlibavformat    61.  7.100 / 61.  7.100\n", "n7.1", 61, 7, "-fps_mode", "demux")]
    public void Versions_are_read_and_decide_the_options(string text, string version, int major, int minor, string option, string timeBase)
    {
        FfmpegProgram program = FfmpegProgram.Parse("/bin/ffmpeg", text);

        Assert.Equal(new FfmpegProgram("/bin/ffmpeg", version, new Version(major, minor)), program);
        Assert.Equal([option, "passthrough"], program.EveryFrame);
        Assert.Equal(["-enc_time_base", timeBase], program.SourceTimeBase);
        Assert.Equal($"ffmpeg {version} ('/bin/ffmpeg')", program.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("ffplay version 5.1\nlibavformat 59. 27.100 / 59. 27.100")]
    [InlineData("ffmpeg version 5.1\nlibavcodec 59. 27.100 / 59. 27.100")]
    [InlineData("ffmpeg version 5.1\nlibavformat new")]
    [InlineData("ffmpeg version 5.1\nlibavformat 99999999999. 27.100 / 99999999999. 27.100")]
    public void Other_programs_are_refused(string text)
    {
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => FfmpegProgram.Parse("/bin/true", text));

        Assert.Contains("'/bin/true' is not ffmpeg", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Of2018, "-vsync")]
    [InlineData(Of51, "-fps_mode")]
    public async Task A_program_is_given_the_option_of_its_version(string version, string option)
    {
        string script = $"case \" $* \" in *' {option} passthrough '*) ;; *) echo \"Unrecognized option in $*\" >&2; exit 8;; esac\n"
            + Clips.Send;
        string fake = Clips.FakeFfmpeg(folder, script, version, Clips.Nut(1));
        File.WriteAllText(folder.File("a.mp4"), "x");

        await using VideoReader reader = await VideoReader.OpenAsync(folder.File("a.mp4"), new VideoReaderOptions { FfmpegPath = fake });

        Assert.True(await reader.ReadFrameAsync(new byte[24]));
        Assert.False(await reader.ReadFrameAsync(new byte[24]));
        Assert.Equal($"ffmpeg {version.Split(' ')[2]} ('{fake}')", reader.Ffmpeg);
    }

    [Fact]
    public async Task A_failure_names_the_program_and_its_version()
    {
        string fake = Clips.FakeFfmpeg(folder, "exit 7\n");
        File.WriteAllText(folder.File("a.mp4"), "x");

        MediaException error =
            await Assert.ThrowsAsync<MediaException>(() => VideoReader.OpenAsync(folder.File("a.mp4"), new VideoReaderOptions { FfmpegPath = fake }));

        Assert.Contains($"ffmpeg 5.0 ('{fake}') ended with exit code 7", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replaced_program_is_asked_again()
    {
        string fake = Clips.FakeFfmpeg(folder, "", Of2018);
        FfmpegProgram before = await FfmpegProgram.OpenAsync(fake, CancellationToken.None);

        Assert.Equal(fake, Clips.FakeFfmpeg(folder, "", Of51));
        File.SetLastWriteTimeUtc(fake, File.GetLastWriteTimeUtc(fake).AddSeconds(10));

        Assert.Equal(58, before.FormatVersion.Major);
        Assert.Equal(59, (await FfmpegProgram.OpenAsync(fake, CancellationToken.None)).FormatVersion.Major);
    }

    [Fact]
    public async Task A_program_that_gives_no_answer_can_be_cancelled()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the stand-in for ffmpeg is a shell script");
        string silent = folder.File("fake-ffmpeg");
        Clips.WriteScript(silent, "#!/bin/sh\nexec sleep 600\n");
        using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(200));

        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => FfmpegProgram.OpenAsync(silent, cancellation.Token));
    }

    [Fact]
    public async Task A_program_that_cannot_run_is_told_with_what_the_system_says()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere a file that is open can run, or says something else.");
        string busy = Clips.FakeFfmpeg(folder, "");
        using FileStream writer = new(busy, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);

        NativeLibraryException error = await Assert.ThrowsAsync<NativeLibraryException>(() => FfmpegProgram.OpenAsync(busy, CancellationToken.None));

        Assert.Contains("Text file busy", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_machines_program_comes_before_the_applications()
    {
        string name = OperatingSystem.IsWindows() ? "ffmpeg.exe" : "ffmpeg";
        string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        string machine = System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        string[] places = ["option", "variable", "bin", $"runtimes/{system}-{machine}/native"];
        foreach (string place in places)
        {
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(folder.File(place)).FullName, name), "x");
        }

        string option = Path.Combine(folder.File("option"), name);
        string variable = Path.Combine(folder.File("variable"), name);
        string searchPath = string.Join(Path.PathSeparator, "relative", folder.File("none"), folder.File("bin"));

        Assert.Equal(option, FfmpegProgram.Find(option, variable, folder.Path, searchPath));
        Assert.Equal(variable, FfmpegProgram.Find(null, variable, folder.Path, searchPath));
        Assert.Equal(Path.Combine(folder.File("bin"), name), FfmpegProgram.Find(null, null, folder.Path, searchPath));
        Assert.Equal(Path.GetFullPath(Path.Combine(folder.File(places[3]), name)),
            Path.GetFullPath(FfmpegProgram.Find(null, "", folder.Path, folder.File("none"))));
    }

    [Fact]
    public void A_missing_program_names_every_place()
    {
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => FfmpegProgram.Find(null, null, folder.Path, folder.File("bin")));

        Assert.Contains("YZC_FFMPEG", error.Message, StringComparison.Ordinal);
        Assert.Contains("runtimes", error.Message, StringComparison.Ordinal);
        Assert.Contains(folder.File("bin"), error.Message, StringComparison.Ordinal);
        Assert.Contains("nowhere", Assert.Throws<NativeLibraryException>(() => FfmpegProgram.Find("/nowhere", null, folder.Path, "")).Message,
            StringComparison.Ordinal);
    }
}
