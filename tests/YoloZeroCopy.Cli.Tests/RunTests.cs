using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>What the commands give when all is well, on a tiny model.</summary>
public sealed class RunTests : IDisposable
{
    private const int Interrupt = 2;
    private const int Terminate = 15;

    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Fact]
    public void Detections_come_in_input_order_whatever_the_batch()
    {
        string folder = inputs.Folder("pictures");
        List<string> names = [];
        for (int number = 0; number < 40; number++)
        {
            // Sizes differ, so that later pictures are decoded earlier.
            string name = FormattableString.Invariant($"{number:D2}.{(number % 2 == 0 ? "jpg" : "png")}");
            names.Add(name);
            inputs.Picture($"pictures/{name}", number % 5 == 0 ? 1200 : 64, number % 5 == 0 ? 800 : 48);
        }

        string one = YzcProcess.Run("detect", "--model", inputs.Model, "--input", folder, "--json", "-", "--batch", "1").Succeeded().Output;
        string file = inputs.File("eight.jsonl");
        YzcResult eight = YzcProcess.Run("detect", "--model", inputs.Model, "--input", folder, "--json", file, "--batch", "8").Succeeded();
        Assert.Empty(eight.Output);
        Assert.Equal(one, File.ReadAllText(file));
        string[] lines = File.ReadAllLines(file);
        Assert.Equal(names, lines.Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("source").GetString()));
        using JsonDocument first = JsonDocument.Parse(lines[1]);
        JsonElement best = first.RootElement.GetProperty("detections")[0];
        Assert.Equal("part1", best.GetProperty("name").GetString());

        // The tiny model's first object: centre 20, 24, size 16 x 12 in a 64x64 input; the picture is 64x48 with 8 rows of padding above.
        Assert.Equal([12.0, 10.0, 28.0, 22.0], best.GetProperty("box").EnumerateArray().Select(static edge => edge.GetDouble()));
    }

    [Fact]
    public void Without_json_there_is_a_line_for_people()
    {
        YzcResult result = YzcProcess.Run("detect", "--model", inputs.Model, "--input", inputs.Picture("a.png"), "--conf", "0.6").Succeeded();
        Assert.StartsWith("a.png 64x64: 1 part1 (", Assert.Single(result.Lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData()]
    [InlineData("--json", "-")]
    public void A_run_ends_in_a_summary_beside_the_records(params string[] json)
    {
        string bad = inputs.Text("bad.jpg", "no picture");
        string[] detect = ["detect", "--model", inputs.Model, "--input", inputs.Picture("a.png"), inputs.Picture("b.png"), bad, .. json];
        YzcResult result = YzcProcess.Run(detect);
        Assert.Equal(ExitCode.InputFailed, result.ExitCode);
        Assert.Matches(@"^done: 2 frames in \d+\.\d\d s \(\d+\.\d frames/s\), 4 objects, 1 failed$", result.Summary[0]);
        Assert.Matches(
            @"^speed: \d+\.\d\d ms preprocess, \d+\.\d\d ms inference, \d+\.\d\d ms postprocess per frame at 64x64$", result.Summary[1]);
        Assert.Equal("objects: 2 part1, 2 part2", result.Summary[2]);
        Assert.Equal(3, result.Summary.Length);
        Assert.DoesNotContain("done: ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Quiet_says_nothing_but_errors()
    {
        string file = inputs.File("found.jsonl");
        string[] detect = ["detect", "--model", inputs.Model, "--quiet", "--input", inputs.Picture("a.png"), inputs.Text("bad.jpg", "no picture")];
        YzcResult quiet = YzcProcess.Run(detect);
        YzcResult json = YzcProcess.Run([.. detect, "--json", "-"]);
        YzcProcess.Run([.. detect, "--json", file]);
        Assert.All([quiet, json], result =>
        {
            result.Failed(ExitCode.InputFailed, "bad.jpg");
            Assert.Equal(1, result.Error.Count(static character => character == '\n'));
            Assert.Empty(result.Summary);
        });
        Assert.Empty(quiet.Output);
        Assert.NotEmpty(json.Output);
        Assert.Equal(json.Output, File.ReadAllText(file));
    }

    [Fact]
    public void Annotated_pictures_show_the_boxes()
    {
        string output = inputs.File("annotated");
        string picture = inputs.Picture("a.png");
        YzcProcess.Run("detect", "--model", inputs.Model, "--input", picture, inputs.Picture("b.jpg", 90, 70), "--output", output).Succeeded();
        byte[] before = PictureFile.Read(picture, out FrameFormat format);
        byte[] after = PictureFile.Read(Path.Combine(output, "a.png"), out FrameFormat written);
        Assert.Equal(format, written);
        Assert.NotEqual(before, after);
        Assert.Equal(
            (90, 70), (PictureFile.ReadInfo(Path.Combine(output, "b.jpg")).Width, PictureFile.ReadInfo(Path.Combine(output, "b.jpg")).Height));
    }

    [Fact]
    public void What_is_drawn_can_be_chosen()
    {
        string picture = inputs.Picture("a.png");
        Dictionary<string, byte[]> drawn = [];
        foreach (string option in (string[])["--conf=0.1", "--hide-labels", "--hide-scores", "--line-width=5"])
        {
            string output = inputs.File(option);
            YzcProcess.Run("detect", "--model", inputs.Model, "--input", picture, "--output", output, option).Succeeded();
            drawn[option] = PictureFile.Read(Path.Combine(output, "a.png"), out _);
        }

        byte[] before = PictureFile.Read(picture, out _);
        int Changed(string option) => drawn[option].Zip(before).Count(static pair => pair.First != pair.Second);
        Assert.True(Changed("--hide-labels") < Changed("--hide-scores") && Changed("--hide-scores") < Changed("--conf=0.1"));
        Assert.True(Changed("--line-width=5") > Changed("--conf=0.1"));
    }

    [Fact]
    public void Letters_of_names_that_no_font_has_are_told_once()
    {
        string model = OnnxModelBuilder.Detector(new FakeDetector { WithMetadata = false })
            .Metadata("names", "{0: 'nut', 1: 'bolt \u0378', 2: '\u0379\u0378'}").Metadata("task", "detect")
            .Save(Path.GetDirectoryName(inputs.Model)!, "names.onnx");
        string picture = inputs.Picture("a.png");
        YzcResult result = YzcProcess.Run("detect", "--model", model, "--input", picture, picture, "--output", inputs.File("out"));
        Assert.Equal(ExitCode.Done, result.ExitCode);
        Assert.StartsWith("yzc: no font has '\u0378\u0379' of the class names; labels show empty boxes instead.\n     Install", result.Error,
            StringComparison.Ordinal);
        Assert.Equal(2, result.Error.Count(static character => character == '\n'));
        YzcProcess.Run("detect", "--model", model, "--input", picture, "--output", inputs.File("quiet"), "--hide-labels").Succeeded();
    }

    [Fact]
    public void Info_describes_the_model()
    {
        using JsonDocument info = JsonDocument.Parse(YzcProcess.Run("info", "--model", inputs.Model, "--json").Succeeded().Output);
        JsonElement root = info.RootElement;
        Assert.Equal(inputs.Model, root.GetProperty("model").GetString());
        Assert.Equal("detect", root.GetProperty("task").GetString());
        Assert.Equal("images", root.GetProperty("inputs")[0].GetProperty("name").GetString());
        Assert.Equal([-1L, 3, -1, -1], root.GetProperty("inputs")[0].GetProperty("shape").EnumerateArray().Select(static size => size.GetInt64()));
        Assert.Equal("ChannelsFirst", root.GetProperty("layout").GetString());
        Assert.Equal((64, 64), (root.GetProperty("input_width").GetInt32(), root.GetProperty("input_height").GetInt32()));
        Assert.Equal(["part0", "part1", "part2"], root.GetProperty("names").EnumerateArray().Select(static name => name.GetString()));
        Assert.Contains("ONNX Runtime", root.GetProperty("device").GetString(), StringComparison.Ordinal);
        Assert.True(root.GetProperty("memory").GetProperty("total_bytes").GetInt64() > 0);
        JsonElement opening = root.GetProperty("opening");
        Assert.Equal(
            ["ReadModel", "LoadEngine", "PrepareLanes"], opening.GetProperty("steps").EnumerateObject().Select(static step => step.Name));
        Assert.Equal(
            opening.GetProperty("seconds").GetDouble(), opening.GetProperty("steps").EnumerateObject().Sum(static step => step.Value.GetDouble()),
            0.01);

        string text = YzcProcess.Run("info", "--model", inputs.Model).Succeeded().Output;
        foreach (string word in
            (string[])["images float[-1,3,-1,-1]", "ChannelsFirst", "part0, part1, part2", "64x64", "total", "ONNX Runtime", "loading the engine "])
        {
            Assert.Contains(word, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Bench_measures_and_allocates_nothing_for_a_frame()
    {
        using JsonDocument report = JsonDocument.Parse(
            YzcProcess.Run("bench", "--model", inputs.Model, "--frame", "320x240", "--format", "NV12", "--batch", "4", "--seconds", "1",
                "--json").Succeeded().Output);
        JsonElement root = report.RootElement;
        Assert.True(root.GetProperty("engine_only_fps").GetDouble() > 0);
        Assert.True(root.GetProperty("end_to_end_fps").GetDouble() > 0);
        Assert.InRange(root.GetProperty("ratio").GetDouble(), 0.001, 100);
        JsonElement latency = root.GetProperty("latency_us");
        Assert.InRange(latency.GetProperty("p50").GetDouble(), 1, latency.GetProperty("p95").GetDouble());
        Assert.InRange(latency.GetProperty("p95").GetDouble(), 1, latency.GetProperty("p99").GetDouble());
        Assert.InRange(root.GetProperty("single_latency_us").GetProperty("p50").GetDouble(), 1, 1e7);
        Assert.True(root.GetProperty("cpu_us_per_frame").GetDouble() > 0);
        Assert.True(root.GetProperty("engine_only_cpu_us_per_frame").GetDouble() > 0);

        // The whole process: a rare event of the runtime (a pool thread that starts) costs a few hundred bytes, and a busy machine has few frames to
        // share them. A frame that made one object would cost 24, the least that there is.
        Assert.InRange(root.GetProperty("managed_bytes_per_frame").GetDouble(), 0, 12);
        Assert.Equal(0, root.GetProperty("host_copies_per_frame").GetDouble());
        Assert.True(root.GetProperty("frames").GetInt64() > 0);
        Assert.Equal(0, root.GetProperty("drops").GetInt64());
        Assert.Equal(("320x240", "nv12"), (root.GetProperty("frame").GetString(), root.GetProperty("format").GetString()));
        Assert.Equal((4, 1), (root.GetProperty("batch").GetInt32(), root.GetProperty("lanes").GetInt32()));
        JsonElement machine = root.GetProperty("machine");
        Assert.Equal(Environment.ProcessorCount, machine.GetProperty("cores").GetInt32());
        Assert.StartsWith(".NET", machine.GetProperty("dotnet").GetString(), StringComparison.Ordinal);
        Assert.All(["os", "cpu", "engine", "date", "version"], name => Assert.NotEmpty(machine.GetProperty(name).GetString()!));

        // What a figure varies by, and what else the machine did; and no folder of whoever measured.
        Assert.All(["engine_only_fps", "end_to_end_fps"], name => Assert.Equal(5, root.GetProperty("slices").GetProperty(name).GetArrayLength()));
        Assert.Equal(File.Exists("/proc/loadavg"), machine.TryGetProperty("load", out _));
        Assert.DoesNotContain(Path.DirectorySeparatorChar, machine.GetProperty("engine").GetString()!);
    }

    [Fact]
    public void Bench_on_the_processor_soaks_and_copies_and_refuses_what_needs_a_gpu()
    {
        string[] bench = ["bench", "--model", inputs.Model, "--device", "cpu", "--frame", "320x240", "--batch", "2", "--quick"];
        string file = Path.Combine(Path.GetTempPath(), $"yzc-bench-{Environment.ProcessId}.json");
        try
        {
            string text =
                YzcProcess.Run([.. bench, "--soak", "1", "--producers", "2", "--external", "--single-frames", "5", "--json-file", file])
                    .Succeeded().Output;
            Assert.Contains("2 producers copying", text, StringComparison.Ordinal);
            Assert.Contains("in registered memory", text, StringComparison.Ordinal);
            using JsonDocument report = JsonDocument.Parse(File.ReadAllText(file));
            JsonElement soak = report.RootElement.GetProperty("soak");
            Assert.All(["lost", "failed", "dropped", "slots_in_use_at_end"], name => Assert.Equal(0, soak.GetProperty(name).GetInt64()));
            Assert.False(soak.TryGetProperty("device_free_bytes", out _));
            Assert.False(report.RootElement.TryGetProperty("cuda", out _));
            JsonElement external = report.RootElement.GetProperty("external");
            Assert.All(
                ["slots_fps", "registered_fps", "registered_pct_of_slots"], name => Assert.True(external.GetProperty(name).GetDouble() > 0, name));
            Assert.False(external.TryGetProperty("device_fps", out _));
        }
        finally
        {
            File.Delete(file);
        }

        YzcProcess.Run([.. bench, "--ordinary"]).Failed(ExitCode.WrongArguments, "--ordinary: this needs a CUDA device");
    }

    [Theory]
    [InlineData(Interrupt, 130, "interrupted")]
    [InlineData(Terminate, 143, "terminated")]
    public void A_signal_ends_a_benchmark_early(int signal, int code, string word)
    {
        Signals.SkipIfIgnored(signal);
        using YzcProcess process = YzcProcess.Start([], "bench", "--model", inputs.Model, "--seconds", "600");
        // The tool listens to signals before it does anything else.
        process.WaitUntilLoaded("libonnxruntime");
        process.Signal(signal);
        process.WaitForEnd().Failed(code, word);
    }
}
