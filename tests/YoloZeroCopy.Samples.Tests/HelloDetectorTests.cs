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
        List<string> expected = [.. reference.RootElement.GetProperty("0.jpg").GetProperty("detections").EnumerateArray().Select(found => found.GetProperty("name").GetString()!).Order()];
        Assert.NotEmpty(expected);
        Assert.Equal(expected, Lines(result.Output).Select(line => line.Split(' ')[0]).Order());
    }

    private static string[] Lines(string text) => [.. text.TrimEnd().Split('\n').Select(line => line.TrimEnd())];

    [GeneratedRegex("```csharp\r?\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();
}
