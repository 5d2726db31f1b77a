using System.Text.RegularExpressions;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>What the tool shows on a terminal, and what it shows of the same where there is none.</summary>
public sealed class TerminalTests : IDisposable
{
    private const string Terminal = "/usr/bin/script";
    private const int Interrupt = 2;

    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Theory]
    [InlineData(0, 0, 0, 0, "0 frames, 0.0 frames/s, 0 objects")]
    [InlineData(0, 500, 0, 2, "0 of 500 frames, 0.0 frames/s, 0 objects")]
    [InlineData(120, 500, 1234, 2, "120 of 500 frames, 60.0 frames/s, 0:07 left, 1234 objects: 1000 nut, 234 bolt")]
    [InlineData(1, 100_000, 0, 1, "1 of 100000 frames, 1.0 frames/s, 27:46:39 left, 0 objects")]
    [InlineData(120, 0, 3, 2, "120 frames, 60.0 frames/s, 3 objects: 3 nut")]
    [InlineData(501, 500, 3, 1, "501 of 501 frames, 501.0 frames/s, 3 objects: 3 nut")]
    [InlineData(1, long.MaxValue, 0, 1e9, "1 of 9223372036854775807 frames, 0.0 frames/s, 128102389:24:03 left, 0 objects")]
    public void Progress_says_how_far_how_fast_and_how_long_yet(long done, long total, long objects, double seconds, string wanted)
    {
        string classes = objects == 0 ? "" : objects == 3 ? "3 nut" : "1000 nut, 234 bolt";
        Assert.Equal(wanted, new ProgressText(done, total, objects, classes, TimeSpan.FromSeconds(seconds)).ToLine());
    }

    [Theory]
    [InlineData(119, 250, "━━━━━━━━━──────────  250/500  25.0 frames/s  0:10 left  1234 objects: 1000 nut, 234 bolt")]
    [InlineData(79, 250, "━━━━━━───────  250/500  25.0 frames/s  0:10 left  1234 objects: 1000 nut, 234…")]
    [InlineData(60, 250, "━━━━━─────  250/500  25.0 frames/s  0:10 left  1234 objects…")]
    [InlineData(49, 250, "250/500  25.0 frames/s  0:10 left  1234 objects:…")]
    [InlineData(40, 250, "250/500  25.0 frames/s  0:10 left")]
    [InlineData(30, 250, "250/500  0:10 left")]
    [InlineData(9, 250, "250/500")]
    [InlineData(1, 250, "")]
    [InlineData(79, 0, "─────────────  0/500  0.0 frames/s  0:10  1234 objects: 1000 nut, 234 bolt")]
    public void A_status_line_fits_the_terminal(int columns, long done, string wanted)
    {
        TerminalAbilities plain = new(Colors: false, Unicode: true);
        ProgressText text = new(done, 500, 1234, "1000 nut, 234 bolt", TimeSpan.FromSeconds(10));
        Assert.Equal(wanted, text.ToStatus(columns, plain));
        Assert.True(wanted.Length <= columns);
    }

    [Fact]
    public void A_status_line_is_what_the_terminal_can_show()
    {
        ProgressText text = new(250, 500, 3, "3 螺栓螺栓螺栓螺栓螺栓螺栓螺栓螺栓螺栓螺栓螺栓螺栓", TimeSpan.FromSeconds(10));
        string ascii = text.ToStatus(80, new TerminalAbilities(Colors: false, Unicode: false));
        Assert.StartsWith("######-------  250/500", ascii, StringComparison.Ordinal);
        Assert.EndsWith("...", ascii, StringComparison.Ordinal);

        // Chinese letters take two columns.
        Assert.InRange(new Spectre.Console.Rendering.Segment(ascii).CellCount(), 78, 80);
        Assert.Contains("\e[32m", text.ToStatus(80, new TerminalAbilities(Colors: true, Unicode: true)), StringComparison.Ordinal);
        Assert.StartsWith(
            "7 frames  0.7 frames/s  0:10  ", (text with { Done = 7, Total = 0 }).ToStatus(80, new(true, true)), StringComparison.Ordinal);
        Assert.Contains("  stopping  ", (text with { IsStopping = true }).ToStatus(80, new(true, true)), StringComparison.Ordinal);
    }

    [Fact]
    public void Objects_are_counted_by_class_whatever_their_numbers()
    {
        RunCounts counts = new();
        counts.Add([new Detection(1, 1, 0, 0, 1, 1), new Detection(0, 1, 0, 0, 1, 1), new Detection(1, 1, 0, 0, 1, 1)]);
        counts.Add([new Detection(int.MaxValue, 1, 0, 0, 1, 1), new Detection(-3, 1, 0, 0, 1, 1)]);
        counts.AddFailure();
        Assert.Equal((2, 5, 1, 3), (counts.Frames, counts.Objects, counts.Failures, counts.Done));
        Assert.Equal("2 b, 1 class-3, 1 a[2Jx, 1 class2147483647", counts.ByClass(["a\e[2Jx", "b"], 9));
        Assert.Equal("2 b, 1 class-3, ...", counts.ByClass(["a", "b"], 2));
    }

    [Fact]
    public void A_terminal_shows_a_status_line_with_messages_above_it_and_the_summary_at_the_end()
    {
        string json = inputs.File("lines.jsonl");
        string bad = inputs.Text("bad.jpg", "no picture");
        string list = Copies(60);
        YzcResult result = RunOnTerminal($"yzc detect --model '{inputs.Model}' --input {list} '{bad}' --json '{json}'");
        Assert.Equal(ExitCode.InputFailed, result.ExitCode);
        Assert.Contains("/61  ", result.Output, StringComparison.Ordinal);
        Assert.Contains("\nyzc: '", $"\n{Screen(result.Output)}", StringComparison.Ordinal);
        Assert.Matches("^yzc: [^\n]+\ndone: 60 frames [^\n]+\nspeed: [^\n]+\nobjects: [^\n]+\n$", Screen(result.Output));

        // The cursor that was hidden is shown again.
        Assert.Equal("\e[?25h", Regex.Matches(result.Output, "\e\\[\\?25[hl]")[^1].Value);
        Assert.Equal(61, File.ReadAllLines(json).Length);
    }

    // The sample model takes a tenth of a second for a frame and the clip has 300: the line comes long before the end, and is not waited for any
    // longer. Where what comes before takes seconds, it says so first.
    [Fact]
    public void Without_a_terminal_a_line_comes_now_and_then()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs a shell.");
        string messages = inputs.File("messages.txt");
        string options = $"--model '{SampleAssets.Model}' --input '{SampleAssets.Clip}' --json '{inputs.File("lines.jsonl")}'";
        string detect = $"exec '{YzcProcess.Host}' '{YzcProcess.ToolPath}' detect {options}";
        string wait = $"until grep -qs '^progress: [0-9]' '{messages}' || ! kill -0 $!; do sleep 0.1; done; kill -TERM $!; wait $!; echo $?";
        Assert.Equal("143\n", YzcProcess.RunShell($"({detect}) 2> '{messages}' & {wait}").Output);
        Assert.Matches(
            @"^(progress: (reading the inputs|opening conveyor\.onnx), \d+ s\n)*"
            + @"progress: \d+ of 300 frames, \d+\.\d frames/s(, \d+:\d\d left)?, \d+ objects(: \d+ \w+(, \d+ \w+)*)?\n",
            File.ReadAllText(messages));
    }

    [Theory]
    [InlineData("export TERM=dumb;", false)]
    [InlineData("export NO_COLOR=1;", true)]
    [InlineData("", true)]
    public void Lines_on_a_terminal_are_not_disturbed_by_the_status_line(string environment, bool isLive)
    {
        string list = Copies(60);
        YzcResult result = RunOnTerminal($"yzc detect --model '{inputs.Model}' --input {list}", environment);
        string[] lines = Screen(result.Output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(63, lines.Length);
        Assert.All(lines[..60], (line, number) => Assert.StartsWith($"{number}.jpg 1200x900: ", line, StringComparison.Ordinal));
        Assert.StartsWith("done: 60 frames", lines[60], StringComparison.Ordinal);
        Assert.Equal(isLive, result.Output.Contains("\e[?25l", StringComparison.Ordinal));
        Assert.Equal(isLive && environment.Length == 0, result.Output.Contains("\e[32m", StringComparison.Ordinal));
    }

    // A person at the keyboard: makes the window narrow, presses Ctrl-C, and has no patience. Without set -m a shell lets what it starts in the
    // background ignore Ctrl-C.
    [Fact]
    public void A_terminal_is_resized_and_interrupted_twice()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists(Terminal), "There is no script(1) to give a terminal.");
        Signals.SkipIfIgnored(Interrupt);
        (string screen, string tty, string process) = (inputs.File("screen"), inputs.File("tty"), inputs.File("pid"));
        string detect = $"'{YzcProcess.Host}' '{YzcProcess.ToolPath}' detect --model '{SampleAssets.Model}' --input '{SampleAssets.Clip}'";
        string command = $"stty cols 120 rows 40; tty > '{tty}'; echo $$ > '{process}'; exec {detect} --json '{inputs.File("lines.jsonl")}'";
        string script =
            $$"""
            set -m; export TERM=xterm-256color LANG=C.UTF-8; unset NO_COLOR CI
            await() { until grep -qs "$1" '{{screen}}'; do kill -0 $! || return; sleep 0.1; done; }
            script -qfec "{{command.Replace("$$", "\\$\\$", StringComparison.Ordinal)}}" '{{screen}}' < /dev/null > /dev/null &
            await '/300  .*frames/s  '
            stty -F "$(cat '{{tty}}')" cols 30
            await '7l[0-9]*/300  [0-9:]* left'
            kill -INT $(cat '{{process}}')
            await '/300  stopping'
            kill -INT $(cat '{{process}}') 2> /dev/null
            wait $!
            echo $?
            """;
        Assert.Equal("130\n", YzcProcess.RunShell(script).Output);
        string shown = File.ReadAllText(screen);
        Assert.Equal("\e[?25h", Regex.Matches(shown, "\e\\[\\?25[hl]")[^1].Value);

        // On a fast machine the frames in flight are done before anything of this shows, and the second signal finds nobody.
        Assert.Equal(
            shown.Contains("/300  stopping", StringComparison.Ordinal),
            shown.Contains("stopping when the frames in flight are done; Ctrl-C once more stops at once.", StringComparison.Ordinal));
    }

    // What the pipe leads to writes to the terminal, too, and would do so in the middle of a status line.
    [Fact]
    public void A_pipe_has_no_status_line_beside_it()
    {
        YzcResult result = RunOnTerminal($"yzc detect --model '{inputs.Model}' --input {Copies(20)} | cat");
        Assert.DoesNotContain("\e[J", result.Output, StringComparison.Ordinal);
        Assert.Equal(20, result.Lines.Count(static line => line.Contains(".jpg 1200x900: ", StringComparison.Ordinal)));
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
        Assert.Matches(@"^\.NET          \d+\.\d+\.\d+ \(\w+-\w+\)$", lines[1]);
        Assert.Matches(@"^ONNX Runtime  \d+\.\d+\.\d+( with CUDA)? \(.+\)$", lines[2]);
        Assert.StartsWith("ffmpeg        ", lines[3], StringComparison.Ordinal);
        Assert.Matches("^CUDA driver   .*no-driver\\.so", lines[4]);
        Assert.Matches("^TensorRT      .*no-shim", lines[5]);
        Assert.Equal(6, lines.Length);
    }

    // Enough for a status line to show: they take the tool a second or more.
    private string Copies(int count)
    {
        string first = inputs.Picture("picture.jpg", 1200, 900);
        string[] paths = [.. Enumerable.Range(0, count).Select(number => inputs.File($"{number}.jpg"))];
        Array.ForEach(paths, path => File.Copy(first, path));
        return string.Join(' ', paths.Select(static path => $"'{path}'"));
    }

    /// <summary>What stays on the screen: without status lines, which are cleared, and without what steers the terminal.</summary>
    private static string Screen(string output)
    {
        string kept = Regex.Replace(output, "\e\\[\\?7l[^\n]*?\e\\[\\?7h\r\r?(?=(\e\\[\\?25l)?\r\e\\[J)", "");
        return Regex.Replace(kept, "\e\\[\\??[0-9;]*[A-Za-z]|\e=|\e>|\r", "");
    }

    // util-linux's script gives the command a terminal of its own.
    private static YzcResult RunOnTerminal(string command, string environment = "")
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists(Terminal), "There is no script(1) to give a terminal.");
        string full = command.Replace("yzc ", $"'{YzcProcess.Host}' '{YzcProcess.ToolPath}' ", StringComparison.Ordinal);
        string quoted = full.Replace("'", "'\\''", StringComparison.Ordinal);
        string variables = $"export TERM=xterm-256color LANG=C.UTF-8; unset NO_COLOR CI; {environment}";
        YzcResult result = YzcProcess.RunShell($"{variables} script -qec 'stty cols 120 rows 40; {quoted}' /dev/null < /dev/null");
        return result with { Output = result.Output.Replace("\r\n", "\n", StringComparison.Ordinal) };
    }
}
