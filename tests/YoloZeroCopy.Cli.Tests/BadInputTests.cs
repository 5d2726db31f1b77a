using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>What users do wrong, and what the tool answers: exit code and words.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Theory]
    [InlineData("detect --model m.onnx --input a.jpg --conf 2", "--conf: '2'")]
    [InlineData("detect --model m.onnx --input a.jpg --iou x", "--iou: 'x'")]
    [InlineData("detect --model m.onnx --input a.jpg --imgsz 0", "--imgsz: '0'")]
    [InlineData("detect --model m.onnx --input a.jpg --batch 0", "--batch: '0'")]
    [InlineData("detect --model m.onnx --input a.jpg --threads -1", "--threads: '-1'")]
    [InlineData("detect --model m.onnx --input a.jpg --max-det 0", "--max-det: '0'")]
    [InlineData("detect --model m.onnx --input a.jpg --device tpu", "'tpu' is no device")]
    [InlineData("detect --input a.jpg", "'--model' is required")]
    [InlineData("detect --model m.onnx", "'--input' is required")]
    [InlineData("detect --model m.onnx --input a.jpg --wat", "'--wat'")]
    [InlineData("detect --model m.onnx --input a.jpg --frames 0", "--frames: '0'")]
    [InlineData("detect --model m.onnx --input a.jpg --vid-stride 0", "--vid-stride: '0'")]
    [InlineData("bench --model m.onnx --frame 1920", "--frame: '1920'")]
    [InlineData("bench --model m.onnx --frame 9000x100", "each side 1 to 8192")]
    [InlineData("bench --model m.onnx --format yuv", "nv12")]
    [InlineData("bench --model m.onnx --wait sleep", "block, yield, spin")]
    [InlineData("detect --model m.onnx --input i --precision double", "auto, single, half")]
    [InlineData("bench --model m.onnx --soak -1", "--soak: '-1'")]
    [InlineData("bench --model m.onnx --producers 0", "--producers: '0'")]
    [InlineData("bench --model m.onnx --seconds 0", "--seconds: '0'")]
    [InlineData("", "command was not provided")]
    public void Wrong_arguments_end_with_2(string arguments, string words) =>
        YzcProcess.Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Failed(ExitCode.WrongArguments, words, "--help");

    [Fact]
    public void Help_lists_the_exit_codes()
    {
        YzcResult help = YzcProcess.Run("--help").Succeeded();
        foreach (string code in (string[])["0    done", "2    wrong arguments", "3    some input", "4    the model", "5    an output",
            "130  interrupted", "143  terminated"])
        {
            Assert.Contains(code, help.Output, StringComparison.Ordinal);
        }

        Assert.Contains("--max-det", YzcProcess.Run("detect", "--help").Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unusable_model_ends_with_4()
    {
        string picture = inputs.Picture("a.jpg");
        YzcProcess.Run("info", "--model", inputs.File("none.onnx")).Failed(ExitCode.ModelUnusable, "none.onnx", "does not exist");
        YzcProcess.Run("detect", "--model", inputs.Text("text.onnx", "this is no model"), "--input", picture).Failed(
            ExitCode.ModelUnusable, "text.onnx");
        string truncated = inputs.File("truncated.onnx");
        byte[] bytes = File.ReadAllBytes(inputs.Model);
        File.WriteAllBytes(truncated, bytes[..(bytes.Length / 2)]);
        YzcProcess.Run("bench", "--model", truncated, "--seconds", "0.1").Failed(ExitCode.ModelUnusable, "truncated.onnx");
    }

    [Fact]
    public void A_missing_library_ends_with_4_and_names_the_variable() =>
        YzcProcess.Run([("YZC_ONNXRUNTIME", inputs.File("nowhere.so"))], "info", "--model", inputs.Model).Failed(
            ExitCode.ModelUnusable, "ONNX Runtime", "YZC_ONNXRUNTIME", "nowhere.so");

    [Fact]
    public void A_missing_driver_ends_with_4_and_says_what_runs_without() =>
        YzcProcess.Run([("YZC_CUDA_DRIVER", inputs.File("no-driver.so"))], "info", "--model", inputs.Model, "--device", "cuda:0").Failed(
            ExitCode.ModelUnusable, "no-driver.so", "--device cpu");

    [Fact]
    public void A_debug_run_shows_where()
    {
        YzcResult result = YzcProcess.Run([("YZC_DEBUG", "1")], "info", "--model", inputs.File("none.onnx"));
        Assert.Equal(ExitCode.ModelUnusable, result.ExitCode);
        Assert.Contains("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Inputs_that_fail_end_with_3_and_the_others_go_on()
    {
        string good = inputs.Picture("good.jpg");
        string bad = inputs.Text("bad.jpg", "no picture");
        string half = inputs.File("half.png");
        File.WriteAllBytes(half, File.ReadAllBytes(inputs.Picture("whole.png"))[..3000]);
        string empty = inputs.Folder("empty");
        YzcResult result =
            YzcProcess.Run("detect", "--model", inputs.Model, "--json", "-", "--input", bad, half, inputs.File("missing.png"), empty, good);
        result.Failed(ExitCode.InputFailed, "bad.jpg", "half.png", "missing.png", "holds no pictures");
        Assert.Equal(4, result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);

        // What is a file and gives no frame has its line, too, in its place.
        Assert.Equal(3, result.Lines.Length);
        Assert.Matches("^{\"source\":\"bad.jpg\",\"frame\":0,\"error\":\".*no picture.*\"}$", result.Lines[0]);
        Assert.Matches("^{\"source\":\"half.png\",\"frame\":0,\"error\":\".*truncated.*\"}$", result.Lines[1]);
        Assert.Contains("\"source\":\"good.jpg\"", result.Lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_but_an_empty_folder_ends_with_3() =>
        YzcProcess.Run("detect", "--model", inputs.Model, "--json", "-", "--input", inputs.Folder("empty")).Failed(
            ExitCode.InputFailed, "holds no pictures");

    [Fact]
    public void An_output_that_takes_no_bytes_ends_with_5()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "This system has no /dev/full.");
        string picture = inputs.Picture("a.jpg");
        YzcProcess.Run("detect", "--model", inputs.Model, "--input", picture, "--json", "/dev/full").Failed(
            ExitCode.OutputFailed, "/dev/full", "space");
        string file = inputs.Text("file", "x");
        YzcProcess.Run("detect", "--model", inputs.Model, "--input", picture, "--json", Path.Combine(file, "lines.jsonl")).Failed(
            ExitCode.OutputFailed, "lines.jsonl");
        YzcProcess.Run("detect", "--model", inputs.Model, "--input", picture, "--output", file).Failed(ExitCode.OutputFailed, file);
        Assert.Equal("5\n", YzcProcess.RunShell($"yzc info --model '{inputs.Model}' > /dev/full; echo $?").Output);
    }

    [Fact]
    public void A_reader_that_has_gone_ends_with_5()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Needs a shell.");
        Assert.Equal("5\n", YzcProcess.RunShell($"yzc info --model '{inputs.Model}' | true; echo ${{PIPESTATUS[0]}}").Output);
    }

    [Fact]
    public void Programs_of_a_script_append_to_one_file()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Needs a shell.");
        string file = inputs.File("log.txt");
        YzcProcess.RunShell($"(echo before; yzc info --model '{inputs.Model}' --json; echo between; yzc info --model "
            + $"'{inputs.Model}' --json) > '{file}'").Succeeded();
        string[] lines = File.ReadAllLines(file);
        Assert.Equal(4, lines.Length);
        Assert.Equal(("before", "between"), (lines[0], lines[2]));
        foreach (string line in (string[])[lines[1], lines[3]])
        {
            using JsonDocument info = JsonDocument.Parse(line);
            Assert.Equal(inputs.Model, info.RootElement.GetProperty("model").GetString());
        }
    }

    [Fact]
    public void An_output_never_replaces_an_input()
    {
        string picture = inputs.Picture("a.jpg");
        byte[] before = File.ReadAllBytes(picture);
        YzcProcess.Run("detect", "--model", inputs.Model, "--input", picture, "--output", Path.GetDirectoryName(picture)!).Failed(
            ExitCode.WrongArguments, "--output", "a.jpg");
        Assert.Equal(before, File.ReadAllBytes(picture));
    }
}
