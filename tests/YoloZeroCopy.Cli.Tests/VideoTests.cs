using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The sample clip through the tool: all of it, cut short, and interrupted.</summary>
public sealed class VideoTests : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(1);

    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Fact]
    public async Task Every_frame_of_a_clip_has_its_line_and_its_picture()
    {
        string output = inputs.File("annotated");
        YzcResult result =
            YzcProcess.Run("detect", "--model", inputs.Model, "--input", SampleAssets.Clip, "--json", "-", "--output", output).Succeeded();
        AssertNumbered(result.Lines);
        (FrameFormat format, double rate, long frames) = await ReadThroughAsync(SampleAssets.Clip);
        Assert.Equal(frames, result.Lines.Length);
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
    [InlineData(new[] { "--vid-stride", "100" }, new[] { 0, 100, 200 })]
    [InlineData(new[] { "--vid-stride", "7", "--frames", "2" }, new[] { 0, 7 })]
    public void Some_frames_of_a_clip_keep_their_numbers_and_times(string[] options, int[] wanted)
    {
        YzcResult result = YzcProcess.Run(["detect", "--model", inputs.Model, "--input", SampleAssets.Clip, "--json", "-", .. options]).Succeeded();
        JsonElement[] lines = [.. result.Lines.Select(static line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(wanted, lines.Select(static line => line.GetProperty("frame").GetInt32()));
        Assert.All(lines, static line => Assert.Equal(line.GetProperty("frame").GetInt32() / 25.0, line.GetProperty("time").GetDouble(), 0.001));
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
            [], "detect", "--model", SampleAssets.Model, "--input", SampleAssets.Clip, "--json", json, "--output", output, "--batch", "2");
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
        string native = Path.Combine(Path.GetDirectoryName(YzcProcess.ToolPath)!, "runtimes", "linux-x64", "native", "ffmpeg");
        await using VideoReader reader =
            await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = File.Exists(native) ? native : null });
        byte[] frame = new byte[reader.Format.ByteCount];
        while (await reader.ReadFrameAsync(frame))
        {
        }

        return (reader.Format, reader.FrameRate, reader.FramesRead);
    }
}
