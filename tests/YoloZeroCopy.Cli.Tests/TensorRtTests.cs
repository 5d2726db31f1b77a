using System.Text.Json;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli.Tests;

/// <summary><c>yzc build</c>, <c>yzc info</c> and <c>yzc selftest</c> as users run them. What needs TensorRT skips where <c>YZC_TENSORRT_ASSETS</c>
/// or the shims are absent.</summary>
public sealed class TensorRtTests : IDisposable
{
    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Theory]
    [InlineData("build --model m.onnx", "'--output' is required")]
    [InlineData("build --model m.onnx --output m.engine --batch 0", "--batch: '0'")]
    [InlineData("build --model m.onnx --output m.engine --imgsz 640,0", "--imgsz: '0'")]
    [InlineData("build --model m.onnx --output m.engine --imgsz 640,640", "has a size twice")]
    [InlineData("build --model m.onnx --output m.engine --workspace 0", "--workspace: '0'")]
    [InlineData("build --model m.onnx --output m.engine --opt-level 6", "--opt-level: '6'")]
    [InlineData("build --model m.onnx --output m.engine --hardware all", "thiskind, ampereplus, samecomputecapability")]
    [InlineData("selftest --model m.onnx", "'--tensorrt' is required")]
    [InlineData("selftest --tensorrt", "'--model' is required")]
    public void Wrong_arguments_end_with_2(string arguments, string words) =>
        YzcProcess.Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Failed(ExitCode.WrongArguments, words, "--help");

    [Fact]
    public void A_batch_that_is_tuned_for_but_not_allowed_ends_with_2() =>
        YzcProcess.Run("build", "--model", inputs.Model, "--output", inputs.File("m.engine"), "--batch", "2", "--opt-batch", "4").Failed(
            ExitCode.WrongArguments, "OptimalBatch is 4");

    [Fact]
    public void A_model_that_is_none_ends_with_4()
    {
        YzcProcess.Run("build", "--model", inputs.File("none.onnx"), "--output", inputs.File("m.engine")).Failed(
            ExitCode.ModelUnusable, "none.onnx", "does not exist");
        YzcProcess.Run("build", "--model", inputs.Text("text.onnx", "no model"), "--output", inputs.File("m.engine")).Failed(
            ExitCode.ModelUnusable, "no ONNX model");
    }

    [Fact]
    public void A_missing_shim_ends_with_4_and_names_the_variable()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The shims are for Linux.");
        YzcProcess.Run([("YZC_TENSORRT_SHIM", inputs.File("nowhere"))], "build", "--model", inputs.Model, "--output", inputs.File("m.engine"))
            .Failed(ExitCode.ModelUnusable, "TensorRT shim", "YZC_TENSORRT_SHIM", "nowhere");
    }

    [Fact]
    public void An_engine_is_described_without_a_gpu()
    {
        string engine = Engine();
        (string, string)[] noDriver = [("YZC_CUDA_DRIVER", inputs.File("no-driver.so"))];
        string text = YzcProcess.Run(noDriver, "info", "--model", engine).Succeeded().Output;
        Assert.Contains("a plan of 64 bytes", text, StringComparison.Ordinal);
        Assert.Contains("2: bolt, nut", text, StringComparison.Ordinal);
        Assert.Contains("built with  TensorRT 10", text, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(YzcProcess.Run(noDriver, "info", "--model", engine, "--json").Succeeded().Output);
        Assert.Equal(64, json.RootElement.GetProperty("plan_bytes").GetInt64());
        Assert.Equal("TensorRT 10", json.RootElement.GetProperty("built_with").GetString());
        Assert.Equal("32", json.RootElement.GetProperty("metadata").GetProperty("stride").GetString());
    }

    [Fact]
    public void An_engine_without_a_gpu_ends_with_4()
    {
        string engine = Engine();
        string picture = inputs.Picture("a.jpg");
        YzcProcess.Run("detect", "--model", engine, "--input", picture, "--device", "cpu").Failed(
            ExitCode.ModelUnusable, "runs on a CUDA device only");
        YzcProcess.Run([("YZC_CUDA_DRIVER", inputs.File("no-driver.so"))], "detect", "--model", engine, "--input", picture).Failed(
            ExitCode.ModelUnusable, "no-driver.so");
    }

    [Fact]
    public void An_engine_is_built_with_progress_and_a_report()
    {
        (string, string)[] environment = Assets();
        string engine = inputs.File("m.engine");
        string text = YzcProcess.Run(
            environment, "build", "--model", inputs.Model, "--output", engine, "--imgsz", "320,640", "--batch", "4").Succeeded().Output;
        foreach (string words in (
            string[])["step 0 of", "TensorRT for RTX", "profile 1   320x320, batch 1 to 4", "profile 2   640x640", "were allowed"])
        {
            Assert.Contains(words, text, StringComparison.Ordinal);
        }

        Assert.True(new FileInfo(engine).Length > 1000);
        using JsonDocument json =
            JsonDocument.Parse(YzcProcess.Run(environment, "build", "--model", inputs.Model, "--output", engine, "--json").Succeeded().Output);
        Assert.Equal(8, json.RootElement.GetProperty("profiles")[0].GetProperty("max_batch").GetInt32());
        Assert.Contains("names", YzcProcess.Run([("YZC_CUDA_DRIVER", inputs.File("no-driver.so"))], "info", "--model", engine).Succeeded().Output,
            StringComparison.Ordinal);
        YzcProcess.Run(environment, "build", "--model", inputs.Model, "--output", engine, "--fp16").Failed(ExitCode.WrongArguments, "FP16", "model");
        YzcProcess.Run(environment, "build", "--model", inputs.Model, "--output", inputs.File("no/folder/m.engine")).Failed(
            ExitCode.OutputFailed, "no/folder");
    }

    [Fact]
    public void The_self_test_does_what_can_be_done_and_says_why_not_the_rest()
    {
        (string, string)[] environment = [.. Assets(), ("YZC_CUDA_DRIVER", inputs.File("no-driver.so"))];
        string text = YzcProcess.Run(environment, "selftest", "--tensorrt", "--model", inputs.Model).Succeeded().Output;
        foreach (string words in (string[])["passed   shim", "passed   library", "passed   build", "not run  compare", "no GPU", "as before",
            "3 passed, 0 failed, 5 not run"])
        {
            Assert.Contains(words, text, StringComparison.Ordinal);
        }

        YzcResult failed = YzcProcess.Run(environment, "selftest", "--tensorrt", "--model", inputs.File("none.onnx"), "--json");
        Assert.Equal(ExitCode.ModelUnusable, failed.ExitCode);
        using JsonDocument json = JsonDocument.Parse(failed.Output);
        Assert.Equal((2, 1, 5), (Number("passed"), Number("failed"), Number("not_run")));
        Assert.Contains("none.onnx", json.RootElement.GetProperty("checks")[2].GetProperty("detail").GetString(), StringComparison.Ordinal);

        int Number(string name) => json.RootElement.GetProperty(name).GetInt32();
    }

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    public void The_whole_self_test_passes_on_stand_ins_for_driver_and_TensorRt(int major)
    {
        (string, string)[] environment = StandIns(out string folder);
        string library = Path.Combine(folder, $"libnvinfer.so.{major}");
        string text = YzcProcess.Run(
            environment, "selftest", "--tensorrt", "--model", inputs.Model, "--library", library, "--batch", "2", "--seconds",
            "0.2").Succeeded().Output;
        foreach (string words in (string[])["passed   damaged engine", "refused:", "passed   open", "100.000 % of",
            "every batch bucket is one CUDA graph", "passed   rate", "8 passed, 0 failed, 0 not run"])
        {
            Assert.Contains(words, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Major_10_builds_in_half_precision_with_a_timing_cache_and_the_engine_runs()
    {
        (string, string)[] environment = [.. StandIns(out string folder), ("YZC_TENSORRT", Path.Combine(folder, "libnvinfer.so.10"))];
        (string engine, string cache) = (inputs.File("m.engine"), inputs.File("m.timings"));
        string text = YzcProcess.Run(
            environment, "build", "--model", inputs.Model, "--output", engine, "--imgsz", "64", "--batch", "4", "--fp16", "--timing-cache", cache,
                "--hardware", "ampereplus").Succeeded().Output;
        Assert.Contains("TensorRT asks for", text, StringComparison.Ordinal);
        Assert.True(new FileInfo(cache).Length > 0);
        YzcProcess.Run(
            environment, "build", "--model", inputs.Model, "--output", engine, "--imgsz", "64", "--batch", "4", "--timing-cache", cache).Succeeded();
        string info = YzcProcess.Run(environment, "info", "--model", engine, "--device", "cuda:0").Succeeded().Output;
        foreach (string words in (
            string[])["TensorRT 10.", "profile 1 of 1 (64x64, batch 1 to 4)", "bytes at batch 4, by TensorRT", "part0, part1, part2"])
        {
            Assert.Contains(words, info, StringComparison.Ordinal);
        }

        // The stand-in driver runs no kernels: no detections, but every step of the way.
        string found = YzcProcess.Run(
            environment, "detect", "--model", engine, "--input", inputs.Picture("a.jpg"), "--device", "cuda:0", "--batch", "4").Succeeded().Output;
        Assert.Contains("a.jpg 64x64: nothing found (", found, StringComparison.Ordinal);
        YzcProcess.Run(environment, "detect", "--model", engine, "--input", inputs.Picture("a.jpg"), "--batch", "5").Failed(
            ExitCode.WrongArguments, "batches up to 4");
    }

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    public void Every_major_builds_a_single_precision_model_in_half(int major)
    {
        (string, string)[] environment = [.. StandIns(out string folder), ("YZC_TENSORRT", Path.Combine(folder, $"libnvinfer.so.{major}"))];
        string engine = inputs.File("m.engine");
        string text = YzcProcess.Run(
            environment, "build", "--model", SampleAssets.Model, "--output", engine, "--imgsz", "64", "--batch", "1", "--half").Succeeded().Output;
        Assert.Contains("graph       half precision in ", text, StringComparison.Ordinal);
        string info = YzcProcess.Run(environment, "info", "--model", engine, "--device", "cuda:0").Succeeded().Output;
        Assert.Contains("64x64 (Float16)", info, StringComparison.Ordinal);
        YzcProcess.Run(environment, "build", "--model", SampleAssets.Model, "--output", engine, "--half", "--fp16").Failed(
            ExitCode.WrongArguments, "decides all types");
    }

    [Fact]
    public void A_version_compatible_engine_runs_its_own_code_only_where_that_is_allowed()
    {
        (string, string)[] environment = [.. StandIns(out string folder), ("YZC_TENSORRT", Path.Combine(folder, "libnvinfer.so.11"))];
        string engine = inputs.File("m.engine");
        YzcProcess.Run(
            environment, "build", "--model", inputs.Model, "--output", engine, "--imgsz", "64", "--batch", "1", "--version-compatible").Succeeded();
        YzcProcess.Run(environment, "info", "--model", engine, "--device", "cuda:0").Failed(
            ExitCode.ModelUnusable, "getEngineHostCodeAllowed() is false", "--tensorrt-host-code");
        Assert.Contains("TensorRT "
            + "11.", YzcProcess.Run(environment, "info", "--model", engine, "--device", "cuda:0", "--tensorrt-host-code").Succeeded().Output,
        StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_that_the_parser_does_not_take_is_named()
    {
        (string, string)[] environment =
            [.. StandIns(out string folder), ("YZC_TENSORRT", Path.Combine(folder, "libnvinfer.so.11")), ("YZC_DOUBLE_UNSUPPORTED", "ReduceMean")];
        YzcProcess.Run(environment, "build", "--model", inputs.Model, "--output", inputs.File("m.engine")).Failed(
            ExitCode.ModelUnusable, "ReduceMean_mean4", "(ReduceMean)");
    }

    [Fact]
    public async Task A_self_test_goes_on_until_something_fails()
    {
        SelfTestReport report = new();
        await report.CheckAsync("first", static () => Task.FromResult("fine"), default);
        await report.CheckAsync("second", static () => throw new ModelException("m.engine", "it\nis broken."), default);
        await report.CheckAsync("third", static () => Task.FromResult("never"), default);
        Assert.True(report.HasFailed);
        Assert.Equal(
            [SelfTestOutcome.Passed, SelfTestOutcome.Failed, SelfTestOutcome.NotRun], report.Results.Select(static result => result.Outcome));
        Assert.Contains("it; is broken.", report.ToText(), StringComparison.Ordinal);
        Assert.Contains("1 passed, 1 failed, 1 not run", report.ToText(), StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => report.CheckAsync("fourth", static () => Task.FromResult("never"), new CancellationToken(canceled: true)));
    }

    private static (string Name, string Value)[] Assets()
    {
        string? assets = Environment.GetEnvironmentVariable("YZC_TENSORRT_ASSETS");
        Assert.SkipWhen(string.IsNullOrEmpty(assets) || !File.Exists(Path.Combine(assets, "libtensorrt_rtx.so.1")),
            "YZC_TENSORRT_ASSETS names no folder with TensorRT for RTX.");
        string? named = Environment.GetEnvironmentVariable("YZC_TENSORRT_SHIM");
        string shims = string.IsNullOrEmpty(named) ? Path.Combine(Repository(), "artifacts", "native") : named;
        Assert.SkipUnless(File.Exists(Path.Combine(shims, "libyzc_trt11.so")), $"No shim is in '{shims}'; eng/tensorrt-shims.sh builds it.");
        return [("YZC_TENSORRT", assets), ("YZC_TENSORRT_SHIM", shims)];
    }

    /// <summary>The stand-in driver and the double of TensorRT with its parser, which computes on the processor.</summary>
    private static (string Name, string Value)[] StandIns(out string folder)
    {
        string? named = Environment.GetEnvironmentVariable("YZC_TRT_DOUBLE");
        Assert.SkipWhen(string.IsNullOrEmpty(named), "YZC_TRT_DOUBLE names no folder with the test double of TensorRT.");
        folder = File.Exists(named) ? Path.GetDirectoryName(Path.GetFullPath(named))! : named;
        Assert.SkipUnless(File.Exists(Path.Combine(folder, "libnvonnxparser.so.11")), $"'{folder}' has no double of TensorRT's ONNX parser.");
        string? shims = Environment.GetEnvironmentVariable("YZC_TENSORRT_SHIM");
        shims = string.IsNullOrEmpty(shims) ? Path.Combine(Repository(), "artifacts", "native") : shims;
        Assert.SkipUnless(File.Exists(Path.Combine(shims, "libyzc_trt10.so")), $"No shim is in '{shims}'; eng/tensorrt-shims.sh builds it.");
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        return
        [
            ("YZC_TENSORRT_SHIM", shims), ("YZC_DOUBLE_CPU", "1"), ("YZC_TRT_SKIP_DRIVER_CHECK", "1"), ("YZC_CUDA_DRIVER", CudaDriver.Library),
            ("YZC_ONNXRUNTIME", Path.Combine(Path.GetDirectoryName(YzcProcess.ToolPath)!, "runtimes", "linux-x64", "native", "libonnxruntime.so")),
        ];
    }

    private static string Repository()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? string.Empty;
    }

    private string Engine()
    {
        byte[] plan = new byte[64];
        "ftrt"u8.CopyTo(plan);
        plan[24] = 10;
        string json = """{"names": {"0": "bolt", "1": "nut"}, "stride": 32}""";
        string path = inputs.File("fake.engine");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes(json.Length), .. System.Text.Encoding.ASCII.GetBytes(json), .. plan]);
        return path;
    }
}
