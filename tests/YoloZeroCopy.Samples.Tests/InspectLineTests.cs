using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using InspectLine;

namespace YoloZeroCopy.Tests;

/// <summary>Runs the whole program on the shipped model and the shipped clip, or on what is wrong with one of them.</summary>
public sealed class InspectLineTests
{
    private const string Sample = "InspectLine";

    [Fact]
    public async Task Inspects_a_piece_of_the_clip()
    {
        using TemporaryFolder folder = new();
        string stale = Path.Combine(folder.Path, "alarms", "009.jpg");
        _ = Directory.CreateDirectory(Path.GetDirectoryName(stale)!);
        File.WriteAllText(stale, "of an earlier run");

        SampleResult result = await SampleProcess.RunAsync(Sample, "--frames", "40", "--output", folder.Path);

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Contains("ALARM 001  gear_missing_tooth", result.Output, StringComparison.Ordinal);
        Assert.Contains(", 0 dropped, 0 host copies", result.Output, StringComparison.Ordinal);
        Assert.Contains("2 parts counted, 1 alarms", result.Output, StringComparison.Ordinal);
        Assert.Contains("alarms against the ground truth:     precision 1.0000, recall 1.0000 (1 right, 0 false, 0 missed)", result.Output,
            StringComparison.Ordinal);

        AssertDetections(folder.File("detections.jsonl"), 40);
        Assert.Equal(40, await CountFramesAsync(folder.File("inspection.mp4")));
        Assert.Equal(new PictureInfo(PictureKind.Jpeg, 400, 300), PictureFile.ReadInfo(folder.File("alarms/001.jpg")));
        _ = PictureFile.Read(folder.File("alarms/001.jpg"), out _);
        Assert.False(File.Exists(stale));

        string report = File.ReadAllText(folder.File("report.html"));
        _ = ReportPageTests.Parse(report);

        // A page shows a line break as the space that it could be.
        report = string.Join(' ', report.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("40 frames, 1.6 s of 1280 x 720 video at 25 frames a second", report, StringComparison.Ordinal);
        Assert.Contains("All figures reach the bar of 90 %.", report, StringComparison.Ordinal);
        Assert.Contains("40 submitted, 40 inspected, 0 dropped, 0 failed", report, StringComparison.Ordinal);
        Assert.DoesNotContain("Incomplete.", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_finishes_the_files()
    {
        Signals.SkipIfIgnored(2);
        using TemporaryFolder folder = new();
        string detections = folder.File("detections.jsonl");

        SampleResult result = await SampleProcess.RunAsync(
            Sample,
            [],
            async process =>
            {
                while (!File.Exists(detections) || File.ReadLines(detections).Count() < 5)
                {
                    await Task.Delay(50);
                }

                using Process kill = Process.Start("kill", ["-INT", process.ToString(CultureInfo.InvariantCulture)]);
                await kill.WaitForExitAsync();
            },
            "--realtime",
            "--output",
            folder.Path);

        Assert.Equal(130, result.ExitCode);
        Assert.Contains("stopped by the user", result.Errors, StringComparison.Ordinal);
        string report = File.ReadAllText(folder.File("report.html"));
        _ = ReportPageTests.Parse(report);
        Assert.Contains("Incomplete.", report, StringComparison.Ordinal);
        int inspected = File.ReadLines(detections).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("frame").GetInt32()).Max() + 1;
        Assert.InRange(inspected, 5, 299);
        Assert.InRange(await CountFramesAsync(folder.File("inspection.mp4")), inspected, 299);
    }

    [Fact]
    public async Task A_clip_that_ends_early_leaves_what_was_inspected()
    {
        using TemporaryFolder folder = new();
        string clip = folder.File("short.mp4");
        await WriteNoiseAsync(clip, frames: 12);
        byte[] whole = File.ReadAllBytes(clip);
        File.WriteAllBytes(clip, whole[..(whole.Length * 2 / 3)]);

        SampleResult result = await SampleProcess.RunAsync(Sample, "--source", clip, "--output", folder.File("out"));

        AssertFailed(3, "short.mp4", result);
        string report = File.ReadAllText(folder.File("out/report.html"));
        _ = ReportPageTests.Parse(report);
        Assert.Contains("Incomplete.", report, StringComparison.Ordinal);
        int frames = File.ReadLines(folder.File("out/detections.jsonl")).Count();
        Assert.InRange(frames, 1, 12);
        Assert.Equal(frames, await CountFramesAsync(folder.File("out/inspection.mp4")));
    }

    [Fact]
    public async Task Results_under_the_bar_are_a_failure()
    {
        using TemporaryFolder folder = new();
        InspectOptions shipped = new();
        File.Copy(shipped.Source, folder.File("clip.mp4"));
        File.WriteAllText(
            folder.File("clip.truth.jsonl"), File.ReadAllText(shipped.TruthPath).Replace("\"class\": 6", "\"class\": 7", StringComparison.Ordinal));

        AssertFailed(1, "under the bar of 90 %",
            await SampleProcess.RunAsync(Sample, "--source", folder.File("clip.mp4"), "--output", folder.File("out"), "--frames", "4"));
    }

    [Fact]
    public async Task A_folder_of_pictures_is_inspected_like_a_clip()
    {
        using TemporaryFolder folder = new();
        string pictures = Directory.CreateDirectory(folder.File("belt")).FullName;
        foreach (string file in Directory.EnumerateFiles(Path.Combine(SampleProcess.RepositoryRoot, "samples/media/pictures"), "*.jpg"))
        {
            File.Copy(file, Path.Combine(pictures, Path.GetFileName(file)));
        }

        SampleResult result = await SampleProcess.RunAsync(Sample, "--source", pictures, "--decode", "cpu", "--output", folder.File("out"));

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Equal(Directory.GetFiles(pictures).Length, File.ReadLines(folder.File("out/detections.jsonl")).Count());
    }

    [Theory]
    [InlineData(2, "'--cilp' is no option", "--cilp", "a.mp4")]
    [InlineData(3, "http://***@127.0.0.1:1/a.mp4", "--source", "http://user:s3cr3t@127.0.0.1:1/a.mp4")]
    [InlineData(3, "missing.mp4", "--source", "{folder}/missing.mp4")]
    [InlineData(3, "text.dat", "--source", "{folder}/text.dat")]
    [InlineData(4, "640x385 pixels does not fit", "--input-size", "640x385")]
    [InlineData(4, "missing.onnx", "--model", "{folder}/missing.onnx")]
    [InlineData(4, "text.dat", "--model", "{folder}/text.dat")]
    [InlineData(5, "text.dat", "--output", "{folder}/text.dat")]
    public async Task Mistakes_have_a_message_and_an_exit_code(int exitCode, string message, params string[] arguments)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("text.dat"), "neither a clip nor a model");
        string[] all = [.. arguments.Select(argument => argument.Replace("{folder}", folder.Path, StringComparison.Ordinal)), "--frames", "1"];
        if (exitCode != 5)
        {
            all = [.. all, "--output", folder.File("out")];
        }

        AssertFailed(exitCode, message, await SampleProcess.RunAsync(Sample, all));
    }

    [Theory]
    [InlineData("YZC_FFMPEG", "ffmpeg")]
    [InlineData("YZC_ONNXRUNTIME", "ONNX Runtime")]
    public async Task A_missing_library_has_a_message_and_an_exit_code(string variable, string name)
    {
        using TemporaryFolder folder = new();
        string missing = folder.File("not-there");

        SampleResult result = await SampleProcess.RunAsync(
            Sample, new Dictionary<string, string> { [variable] = missing }, null, "--output", folder.File("out"), "--frames", "1");

        AssertFailed(4, name, result);
        Assert.Contains(missing, result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_has_a_message_and_an_exit_code()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "There is no /dev/full here.");
        using TemporaryFolder folder = new();
        _ = File.CreateSymbolicLink(folder.File("detections.jsonl"), "/dev/full");

        AssertFailed(5, "No space left on device", await SampleProcess.RunAsync(Sample, "--output", folder.Path, "--frames", "2"));
    }

    [Fact]
    public async Task Help_tells_options_and_exit_codes()
    {
        SampleResult result = await SampleProcess.RunAsync(Sample, "--help");

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Contains("--realtime", result.Output, StringComparison.Ordinal);
        Assert.Contains("Exit codes", result.Output, StringComparison.Ordinal);
    }

    private static void AssertFailed(int exitCode, string message, SampleResult result)
    {
        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith("InspectLine: ", result.Errors, StringComparison.Ordinal);
        Assert.Contains(message, result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
    }

    private static void AssertDetections(string path, int frames)
    {
        int expected = 0;
        foreach (string line in File.ReadLines(path))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            Assert.Equal(("conveyor.mp4", expected++, 1280, 720), (
                root.GetProperty("source").GetString(), root.GetProperty("frame").GetInt32(), root.GetProperty("width").GetInt32(),
                    root.GetProperty("height").GetInt32()));
            Assert.InRange(root.GetProperty("detections").GetArrayLength(), 5, 30);
        }

        Assert.Equal(frames, expected);
    }

    private static async Task<int> CountFramesAsync(string path)
    {
        await using VideoReader reader = await VideoReader.OpenAsync(path);
        byte[] pixels = new byte[reader.Format.ByteCount];
        int count = 0;
        while (await reader.ReadFrameAsync(pixels))
        {
            count++;
        }

        return count;
    }

    private static async Task WriteNoiseAsync(string path, int frames)
    {
        FrameFormat format = new(PixelFormat.Bgr24, 320, 192);
        await using VideoWriter writer = await VideoWriter.OpenAsync(path, format, 25);
        byte[] pixels = new byte[format.ByteCount];
        Random random = new(1);
        for (int frame = 0; frame < frames; frame++)
        {
            random.NextBytes(pixels);
            await writer.WriteFrameAsync(pixels);
        }

        await writer.CompleteAsync();
    }
}
