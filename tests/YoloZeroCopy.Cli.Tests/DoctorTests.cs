using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary><c>yzc doctor</c> as a process.</summary>
public class DoctorTests
{
    [Fact]
    public void The_machine_is_described_with_a_verdict_for_each_line()
    {
        YzcResult run = YzcProcess.Run("doctor", "--device", "cpu");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains(run.Output.Split('\n'), static line => line.StartsWith("good    onnx runtime", StringComparison.Ordinal));
        Assert.Contains("ffmpeg", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_has_the_same_findings()
    {
        YzcResult run = YzcProcess.Run("doctor", "--device", "cuda:63", "--json");
        Assert.Equal(0, run.ExitCode);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement[] findings = [.. document.RootElement.GetProperty("environment").EnumerateArray()];
        JsonElement driver = Assert.Single(findings, static one => one.GetProperty("name").GetString() == "cuda driver");
        Assert.Equal("bad", driver.GetProperty("verdict").GetString());
        Assert.NotEmpty(driver.GetProperty("remedy").GetString()!);
        Assert.All(findings, static one => Assert.Contains(one.GetProperty("verdict").GetString(), (string[])["good", "note", "bad", "unknown"]));
    }
}
