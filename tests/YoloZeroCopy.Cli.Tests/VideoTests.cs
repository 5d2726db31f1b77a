using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The sample clip through the tool: all of it, cut short, and interrupted.</summary>
public sealed class VideoTests : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(1);

    private readonly TestInputs inputs = new();

    // What the tool takes; null where it is the system's.
    private static string? Ffmpeg
    {
        get
        {
            string native = Path.Combine(Path.GetDirectoryName(YzcProcess.ToolPath)!, "runtimes", "linux-x64", "native", "ffmpeg");
            return File.Exists(native) ? native : null;
        }
    }

    public void Dispose() => inputs.Dispose();

    [Fact]
    public async Task Every_frame_of_a_clip_has_its_line_and_its_picture()
    {
        // The clip's first two groups of pictures.
        const int Frames = 100;
        string clip = inputs.File("conveyor.mp4");
        YzcResult made = YzcProcess.RunShell(
            $"'{Ffmpeg ?? "ffmpeg"}' -loglevel error -i '{SampleAssets.Clip}' -frames:v {Frames} -c copy '{clip}' < /dev/null");
        Assert.True(made.ExitCode == 0, made.ToString());
        string output = inputs.File("annotated");
        YzcResult result = YzcProcess.Run("detect", "--model", inputs.Model, "--input", clip, "--json", "-", "--output", output).Succeeded();
        AssertNumbered(result.Lines);
        Assert.Equal(Frames, result.Lines.Length);
        (FrameFormat format, double rate, long frames) = await ReadThroughAsync(clip);
        Assert.Equal(Frames, frames);
        (FrameFormat written, double writtenRate, long writtenFrames) = await ReadThroughAsync(Path.Combine(output, "conveyor.mp4"));
        Assert.Equal((format, frames), (written, writtenFrames));
        Assert.Equal(rate, writtenRate, 0.01);
    }

    [Fact]
    public async Task A_video_that_breaks_off_gives_its_frames_and_ends_with_3()
    {
        string cut = inputs.File("cut.mp4");
        byte[] whole = await File.ReadAllBytesAsync(SampleAssets.Clip);
        await File.WriteAllBytesAsync(cut, whole[..(whole.Length / 2)]);
        YzcResult result = YzcProcess.Run("detect", "--model", inputs.Model, "--input", cut, inputs.Picture("after.png"), "--json", "-");
        result.Failed(ExitCode.InputFailed, "cut.mp4");
        Assert.Contains("\"source\":\"after.png\"", result.Lines[^1], StringComparison.Ordinal);
        Assert.Contains("\"error\":\"", result.Lines[^2], StringComparison.Ordinal);
        AssertNumbered(result.Lines[..^1]);
    }

    [Fact]
    public void A_file_that_is_neither_ends_with_3() =>
        YzcProcess.Run("detect", "--model", inputs.Model, "--input", inputs.Text("notes.txt", "text"), "--json", "-").Failed(
            ExitCode.InputFailed, "notes.txt", "neither a picture");

    [Fact]
    public void Without_ffmpeg_a_video_fails_and_pictures_go_on()
    {
        YzcResult result = YzcProcess.Run(
            [("YZC_FFMPEG", inputs.File("none"))], "detect", "--model", inputs.Model, "--input", SampleAssets.Clip, inputs.Picture("a.png"), "--json",
            "-");
        result.Failed(ExitCode.InputFailed, "ffmpeg");
        Assert.Equal(2, result.Lines.Length);
        Assert.Contains("\"detections\":", result.Lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { "--frames", "3" }, new[] { 0, 1, 2 })]
    [InlineData(new[] { "--vid-stride", "7", "--frames", "3" }, new[] { 0, 7, 14 })]
    public void Some_frames_of_a_clip_keep_their_numbers_and_times(string[] options, int[] wanted)
    {
        YzcResult result = YzcProcess.Run(["detect", "--model", inputs.Model, "--input", SampleAssets.Clip, "--json", "-", .. options]).Succeeded();
        JsonElement[] lines = [.. result.Lines.Select(static line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(wanted, lines.Select(static line => line.GetProperty("frame").GetInt32()));
        Assert.All(lines, static line => Assert.Equal(line.GetProperty("frame").GetInt32() / 25.0, line.GetProperty("time").GetDouble(), 0.001));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("2")]
    public async Task A_video_of_variable_rate_keeps_its_times(string stride)
    {
        // Frames 0, 20, 80, 180 ... ms after each other.
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs a shell.");
        string clip = inputs.File("vary.mkv");
        string filter = "select='lt(n,7)',setpts='0.02*N*N/TB',scale=320:180";
        YzcResult made = YzcProcess.RunShell(
            $"'{Ffmpeg ?? "ffmpeg"}' -loglevel error -i '{SampleAssets.Clip}' -vf \"{filter}\" -c:v mpeg4 -q:v 3 '{clip}' < /dev/null");
        Assert.True(made.ExitCode == 0, made.ToString());
        string output = inputs.File("annotated");
        string[] options = ["--input", clip, "--json", "-", "--output", output, "--vid-stride", stride];
        string[] lines = YzcProcess.Run(["detect", "--model", inputs.Model, .. options]).Succeeded().Lines;
        double[] wanted = [.. lines.Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("time").GetDouble())];
        Assert.Equal(stride == "1" ? 7 : 4, wanted.Length);
        Assert.Equal(0.02 * 6 * 6, wanted[^1] - wanted[0], 0.005);
        VideoReaderOptions reading = new() { FfmpegPath = Ffmpeg };
        await using VideoReader reader = await VideoReader.OpenAsync(Path.Combine(output, "vary.mp4"), reading);
        byte[] frame = new byte[reader.Format.ByteCount];
        foreach (double time in wanted)
        {
            Assert.True(await reader.ReadFrameAsync(frame));
            Assert.Equal(time - wanted[0], reader.Timestamp.TotalSeconds, 0.0025);
        }

        Assert.False(await reader.ReadFrameAsync(frame));
    }

    // A clock that stands still, goes back and jumps, and no rate.
    [Fact]
    public async Task A_video_whose_clock_is_damaged_is_written_whole()
    {
        await using YoloDetector detector = YoloDetector.Open(inputs.Model, new DetectorOptions { Device = Device.Cpu });
        FrameFormat format = new(PixelFormat.Bgr24, 64, 64);
        InputItem item = new("live", "live", InputKind.Video) { Stem = "live", Output = Path.Combine(inputs.Folder("out"), "live.mp4") };
        await using AnnotatedOutput output = AnnotatedOutput.Create(inputs.Folder("out"), ["a", "b", "c"], default);
        int number = 0;
        foreach (double time in (double[])[5, 5, 4, 6, 6.0001, 20])
        {
            FrameWork work = new(item, number++) { Time = TimeSpan.FromSeconds(time), Pixels = new byte[format.ByteCount] };
            using DetectionResult result = await detector.DetectAsync(work.Pixels, format);
            await output.WriteAsync(work, result);
        }

        await output.EndItemAsync(item);
        (_, _, long frames) = await ReadThroughAsync(item.Output);
        Assert.Equal(6, frames);
    }

    // The sample model takes a tenth of a second for a frame, so that the clip is still running when the signal comes.
    [Theory]
    [InlineData(2, 130)]
    [InlineData(15, 143)]
    public async Task A_signal_finishes_what_is_in_flight_and_keeps_every_line_whole(int signal, int code)
    {
        Signals.SkipIfIgnored(signal);
        string json = inputs.File("out.jsonl");
        string output = inputs.File("annotated");
        using YzcProcess process = YzcProcess.Start(
            [], "detect", "--model", SampleAssets.Model, "--input", SampleAssets.Clip, "--json", json, "--output", output, "--batch", "2",
                "--coco", inputs.File("coco.json"), "--csv", inputs.File("out.csv"), "--save", "--save-txt");
        DateTime limit = DateTime.UtcNow + StartLimit;
        while (!inputs.Partial("out.jsonl").Any(static file => file.Length > 0))
        {
            Assert.False(process.HasExited);
            Assert.True(DateTime.UtcNow < limit, "No line came.");
            await Task.Delay(50);
        }

        process.Signal(signal);
        process.WaitForEnd().Failed(code);
        string text = await File.ReadAllTextAsync(json);
        Assert.EndsWith("}\n", text, StringComparison.Ordinal);
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        AssertNumbered(lines);
        (_, _, long frames) = await ReadThroughAsync(Path.Combine(output, "conveyor.mp4"));
        Assert.Equal(lines.Length, frames);
        Assert.InRange(frames, 1, 200);

        // So are the other outputs: as much as there is, and whole.
        using JsonDocument coco = JsonDocument.Parse(await File.ReadAllBytesAsync(inputs.File("coco.json")));
        Assert.Equal(lines.Length, coco.RootElement.GetProperty("images").GetArrayLength());
        Assert.Equal(coco.RootElement.GetProperty("annotations").GetArrayLength(), (await File.ReadAllLinesAsync(inputs.File("out.csv"))).Length - 1);
        Assert.Equal(lines.Count(static line => !line.Contains("[]", StringComparison.Ordinal)), Directory.GetFiles(output, "labels/*.txt").Length);
        Assert.Empty(Directory.GetFiles(output, "*.partial", SearchOption.AllDirectories));
    }

    private static void AssertNumbered(string[] lines)
    {
        for (int number = 0; number < lines.Length; number++)
        {
            using JsonDocument line = JsonDocument.Parse(lines[number]);
            Assert.Equal(number, line.RootElement.GetProperty("frame").GetInt32());
        }
    }

    private static async Task<(FrameFormat Format, double Rate, long Frames)> ReadThroughAsync(string path)
    {
        await using VideoReader reader = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = Ffmpeg });
        byte[] frame = new byte[reader.Format.ByteCount];
        while (await reader.ReadFrameAsync(frame))
        {
        }

        return (reader.Format, reader.FrameRate, reader.FramesRead);
    }
}
