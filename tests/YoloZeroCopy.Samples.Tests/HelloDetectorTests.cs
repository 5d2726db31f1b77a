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
        using TemporaryFolder folder = new();
        string damaged = folder.File("damaged.jpg");
        byte[] file = File.ReadAllBytes(path);
        File.WriteAllBytes(damaged, file[..(file.Length / 2)]);
        DetectorOptions options = new() { Slots = 3, MaxBatch = 1 };
        await using YoloDetector detector =
            YoloDetector.Open(Path.Combine(SampleProcess.RepositoryRoot, "samples", "model", "conveyor.onnx"), options);

        // A slot that was lost would make a later call wait for ever.
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        for (int i = 0; i < 2 * options.Slots; i++)
        {
            _ = await Assert.ThrowsAsync<MediaException>(() => detector.DetectAsync(damaged, limit.Token).AsTask());
        }

        using DetectionResult result = await detector.DetectAsync(path, limit.Token);
        Assert.NotEqual(0, result.Detections.Length);
    }

    private static string[] Lines(string text) => [.. text.TrimEnd().Split('\n').Select(line => line.TrimEnd())];

    [GeneratedRegex("```csharp\r?\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();
}
