using System.Text.RegularExpressions;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>What the tool shows on a terminal, and what it shows of the same where there is none.</summary>
public sealed class TerminalTests : IDisposable
{
    private const string Terminal = "/usr/bin/script";

    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Theory]
    [InlineData(0, 0, 0, 0, "0 frames, 0.0 frames/s, 0 objects")]
    [InlineData(0, 500, 0, 2, "0 of 500 frames, 0.0 frames/s, 0 objects")]
    [InlineData(120, 500, 1234, 2, "120 of 500 frames, 60.0 frames/s, 1234 objects, 0:00:07 left")]
    [InlineData(1, 100_000, 0, 1, "1 of 100000 frames, 1.0 frames/s, 0 objects, 27:46:39 left")]
    [InlineData(120, 0, 3, 2, "120 frames, 60.0 frames/s, 3 objects")]
    [InlineData(501, 500, 3, 1, "501 of 501 frames, 501.0 frames/s, 3 objects")]
    [InlineData(1, long.MaxValue, 0, 1e9, "1 of 9223372036854775807 frames, 0.0 frames/s, 0 objects, 128102389:24:03 left")]
    public void Progress_says_how_far_how_fast_and_how_long_yet(long done, long total, long objects, double seconds, string wanted) =>
        Assert.Equal(wanted, DetectProgress.Text(done, total, objects, TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_terminal_shows_a_live_display_with_messages_above_it()
    {
        string json = inputs.File("lines.jsonl");
        string bad = inputs.Text("bad.jpg", "no picture");
        YzcResult result = RunOnTerminal($"yzc detect --model '{inputs.Model}' --input '{bad}' '{inputs.Picture("a.jpg")}' --json '{json}'");
        Assert.Equal(ExitCode.InputFailed, result.ExitCode);
        Assert.Contains("yzc: '", result.Output, StringComparison.Ordinal);
        Assert.Contains("2 of 2 frames", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("\e[?25h", result.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal(2, File.ReadAllLines(json).Length);
    }

    // The sample model takes a tenth of a second for a frame and the clip has 300: the line comes long before the end, and is not waited for any
    // longer.
    [Fact]
    public void Without_a_terminal_a_line_comes_now_and_then()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs a shell.");
        string messages = inputs.File("messages.txt");
        string options = $"--model '{SampleAssets.Model}' --input '{SampleAssets.Clip}' --json '{inputs.File("lines.jsonl")}'";
        string detect = $"exec '{YzcProcess.Host}' '{YzcProcess.ToolPath}' detect {options}";
        string wait = $"until grep -qs '^progress: ' '{messages}' || ! kill -0 $!; do sleep 0.1; done; kill -TERM $!; wait $!; echo $?";
        Assert.Equal("143\n", YzcProcess.RunShell($"({detect}) 2> '{messages}' & {wait}").Output);
        Assert.Matches(@"^progress: \d+ of 300 frames, \d+\.\d frames/s, \d+ objects(, \d+:\d\d:\d\d left)?$", File.ReadLines(messages).First());
    }

    [Fact]
    public void Lines_on_a_terminal_are_not_disturbed_by_progress()
    {
        YzcResult result = RunOnTerminal($"yzc detect --model '{inputs.Model}' --input '{inputs.Picture("a.jpg")}'");
        Assert.Equal(2, result.Lines.Length);
        Assert.StartsWith("a.jpg 64x64: ", result.Lines[0], StringComparison.Ordinal);
        Assert.DoesNotContain('\e', result.Output);
    }

    [Fact]
    public void A_terminal_shows_a_table_and_a_file_gets_lines()
    {
        Assert.Contains("\u2502", RunOnTerminal($"yzc info --model '{inputs.Model}'").Output, StringComparison.Ordinal);
        string text = YzcProcess.Run("info", "--model", inputs.Model).Succeeded().Output;
        Assert.StartsWith($"model       {inputs.Model}\n", text, StringComparison.Ordinal);
        Assert.Matches(new Regex("\nmemory\n  [^\n]+\n"), text);
        Assert.DoesNotContain('\u2502', text);
        Assert.DoesNotContain('\e', text);
    }

    [Fact]
    public void The_version_comes_first_and_then_what_the_tool_runs_on()
    {
        (string, string)[] environment = [("YZC_CUDA_DRIVER", inputs.File("no-driver.so")), ("YZC_TENSORRT_SHIM", inputs.File("no-shim"))];
        string[] lines = YzcProcess.Run(environment, "--version").Succeeded().Lines;
        Assert.Matches(@"^\d+\.\d+\.\d+", lines[0]);
        Assert.Matches(@"^ONNX Runtime  \d+\.\d+\.\d+ \(.+\)$", lines[1]);
        Assert.StartsWith("ffmpeg        ", lines[2], StringComparison.Ordinal);
        Assert.Matches("^CUDA driver   .*no-driver\\.so", lines[3]);
        Assert.Matches("^TensorRT      .*no-shim", lines[4]);
        Assert.Equal(5, lines.Length);
    }

    // util-linux's script gives the command a terminal of its own.
    private static YzcResult RunOnTerminal(string command)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists(Terminal), "There is no script(1) to give a terminal.");
        string full = command.Replace("yzc ", $"'{YzcProcess.Host}' '{YzcProcess.ToolPath}' ", StringComparison.Ordinal);
        string quoted = full.Replace("'", "'\\''", StringComparison.Ordinal);
        const string Environment = "export TERM=xterm-256color LANG=C.UTF-8; unset NO_COLOR CI";
        YzcResult result = YzcProcess.RunShell($"{Environment}; script -qec 'stty cols 120 rows 40; {quoted}' /dev/null < /dev/null");
        return result with { Output = result.Output.Replace("\r\n", "\n", StringComparison.Ordinal) };
    }
}
