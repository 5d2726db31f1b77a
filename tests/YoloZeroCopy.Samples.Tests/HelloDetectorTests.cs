using System.Text.RegularExpressions;

namespace YoloZeroCopy.Tests;

public sealed partial class HelloDetectorTests
{
    [Fact]
    public void Readme_shows_the_samples_very_code()
    {
        string readme = File.ReadAllText(Path.Combine(SampleProcess.RepositoryRoot, "README.md"));
        Match block = CSharpBlock().Match(readme);
        Assert.True(block.Success, "README.md has no block of C#.");

        string[] program = Lines(File.ReadAllText(Path.Combine(SampleProcess.RepositoryRoot, "samples", "HelloDetector", "Program.cs")));
        Assert.Equal(program, Lines(block.Groups[1].Value));
        Assert.InRange(program.Length, 1, 20);
    }

    [Fact]
    public async Task Finds_what_the_picture_shows()
    {
        SampleResult result = await SampleProcess.RunAsync("HelloDetector");

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        using System.Text.Json.JsonDocument reference = System.Text.Json.JsonDocument.Parse(
            File.ReadAllText(Path.Combine(SampleProcess.RepositoryRoot, "samples", "media", "pictures", "reference.json")));
        List<string> expected = [.. reference.RootElement.GetProperty("0.jpg").GetProperty("detections").EnumerateArray().Select(
            found => found.GetProperty("name").GetString()!).Order()];
        Assert.NotEmpty(expected);
        Assert.Equal(expected, Lines(result.Output).Select(line => line.Split(' ')[0]).Order());
    }

    [Fact]
    public async Task Its_way_loses_no_slot_on_a_bad_picture()
    {
        string path = Path.Combine(SampleProcess.RepositoryRoot, "samples", "media", "pictures", "0.jpg");
        byte[] file = File.ReadAllBytes(path);
        PictureInfo info = PictureFile.ReadInfo(file, path);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        DetectorOptions options = new() { SlotBytes = format.ByteCount, Slots = 3, MaxBatch = 1 };
        await using YoloDetector detector =
            YoloDetector.Open(Path.Combine(SampleProcess.RepositoryRoot, "samples", "model", "conveyor.onnx"), options);

        // A slot that was lost would make a later call wait for ever.
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        for (int i = 0; i < 2 * options.Slots; i++)
        {
            _ = await Assert.ThrowsAsync<MediaException>(() => DetectAsync(file[..(file.Length / 2)]));
        }

        Assert.NotEqual(0, await DetectAsync(file));

        async Task<int> DetectAsync(byte[] picture)
        {
            using FrameSlot slot = await detector.RentAsync(format, limit.Token);
            PictureFile.Decode(picture, slot.Span, format, path);
            using DetectionResult result = await detector.SubmitAsync(slot, cancellationToken: limit.Token);
            return result.Detections.Length;
        }
    }

    private static string[] Lines(string text) => [.. text.TrimEnd().Split('\n').Select(line => line.TrimEnd())];

    [GeneratedRegex("```csharp\r?\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();
}
