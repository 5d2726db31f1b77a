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

    [Fact]
    public void A_model_is_run_and_what_happened_is_drawn()
    {
        string folder = Directory.CreateTempSubdirectory("yzc-doctor-").FullName;
        string page = Path.Combine(folder, "run.html");
        string trace = Path.Combine(folder, "run.json");
        YzcResult run = YzcProcess.Run(
            "doctor", "--model", SampleAssets.Model, "--device", "cpu", "--seconds", "1.5", "--frame", "640x480", "--json", "--timeline", page,
            "--trace",
            trace);
        Assert.Equal("", run.Error);
        Assert.Equal(0, run.ExitCode);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement latency = document.RootElement.GetProperty("latency");
        Assert.Equal("EngineBound", latency.GetProperty("verdict").GetString());
        Assert.True(latency.GetProperty("frames_per_second").GetDouble() > 0);
        Assert.Contains("<canvas", File.ReadAllText(page), StringComparison.Ordinal);
        using JsonDocument events = JsonDocument.Parse(File.ReadAllText(trace));
        Assert.True(events.RootElement.GetProperty("traceEvents").GetArrayLength() > 10);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_profiler_that_is_attached_sees_what_threads_do()
    {
        string folder = Directory.CreateTempSubdirectory("yzc-nvtx-").FullName;
        string profiler = Path.Combine(folder, "libinjection.so");
        string ranges = Path.Combine(folder, "ranges.txt");
        Assert.SkipUnless(StandInDriver.IsCompiled("native/tests/nvtx_double/nvtx_double.c", profiler), "There is no C compiler for the stand-in.");
        YzcResult run = YzcProcess.Run(
            [("NVTX_INJECTION64_PATH", profiler), ("YZC_NVTX_REPORT", ranges)], "doctor", "--model", SampleAssets.Model, "--device", "cpu",
                "--seconds", "0.5", "--frame", "640x480");
        Assert.Equal(0, run.ExitCode);
        Dictionary<string, long> counts = File.ReadAllLines(ranges).ToDictionary(
            static line => line[..line.LastIndexOf(' ')],
            static line => long.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        Assert.True(counts["engine"] > 0);
        Assert.Equal((counts["engine"], counts["engine"]), (counts["preprocess"], counts["decode"]));
        Assert.True(counts["start a batch"] >= counts["engine"]);
        Assert.Equal(0, counts["wrong"]);
        Assert.Equal(counts["pops"], counts["engine"] * 3 + counts["start a batch"]);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_rate_that_comes_slowly_leaves_the_detector_healthy()
    {
        YzcResult run = YzcProcess.Run(
            "doctor", "--model", SampleAssets.Model, "--device", "cpu", "--seconds", "2", "--frame", "640x480", "--rate", "0.9");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains(run.Output.Split('\n'), static line => line.StartsWith("verdict       ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--rate", "0")]
    [InlineData("--timeline", "run.html")]
    public void Options_that_make_no_sense_are_refused(string option, string value)
    {
        YzcResult run = YzcProcess.Run("doctor", option, value);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(option, run.Error, StringComparison.Ordinal);
    }
}
