using System.Collections.Immutable;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Engines built by TensorRT for RTX, which needs no GPU for it: through builder, bindings and shim.</summary>
public sealed class TensorRtBuilderTests : IDisposable
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Output => folder.File("out.engine");

    [Fact]
    public async Task The_sample_model_becomes_an_engine_with_its_names_and_a_profile_for_each_size()
    {
        List<TensorRtBuildProgress> steps = [];
        TensorRtBuildReport report = await TensorRtBuilder.BuildAsync(
            Sample, Output, Options() with { Sizes = [(320, 320), (640, 640), (1280, 1280)], MaxBatch = 4 }, new Collector(steps));
        Assert.Equal(["320x320, batch 1 to 4, tuned for 4", "640x640, batch 1 to 4, tuned for 4", "1280x1280, batch 1 to 4, tuned for 4"],
            report.Profiles.Select(static profile => profile.ToString()));
        Assert.Contains("TensorRT for RTX 1.", report.Library, StringComparison.Ordinal);
        Assert.Equal(TensorRtWorkspace.DefaultBytes(report.NodeCount, 4), report.WorkspaceLimitBytes);
        Assert.True(report.Duration > TimeSpan.Zero);
        Assert.Equal([Output], Directory.GetFiles(folder.Path));

        TensorRtPlanFile file = TensorRtPlanFile.Read(Output);
        Assert.Equal(report.PlanBytes, file.PlanBytes);
        Assert.True(ModelFile.IsTensorRt(Output));
        Assert.True(ModelMetadata.TryReadNames(file.Metadata["names"], out ImmutableArray<string> names));
        Assert.True(ModelMetadata.TryReadNames(OnnxFile.Read(Sample).Metadata["names"], out ImmutableArray<string> wanted));
        Assert.Equal(wanted.AsEnumerable(), names.AsEnumerable());
        Assert.Equal("4", file.Metadata["batch"]);

        Assert.NotEmpty(steps);
        Assert.All(steps, static step => Assert.True(step.Phase.Length > 0 && step.Step >= 0 && step.Step <= step.Steps, step.ToString()));
        Assert.Contains(steps, static step => step.Step == step.Steps && step.Parent.Length == 0);
    }

    [Fact]
    public void A_model_in_single_precision_is_built_in_half()
    {
        TensorRtBuildOptions options = Options() with { Sizes = [(320, 320)], MaxBatch = 2 };
        TensorRtBuildReport single = TensorRtBuilder.Build(Sample, Output, options);
        TensorRtBuildReport half = TensorRtBuilder.Build(Sample, Output, options with { HalfPrecision = true });
        Assert.Equal("none", single.GraphChanges);
        Assert.StartsWith("half precision in", half.GraphChanges, StringComparison.Ordinal);

        // Most of a plan are weights, which the builder of TensorRT for RTX writes as they are.
        Assert.InRange(half.PlanBytes, single.PlanBytes * 0.4, single.PlanBytes * 0.7);
        Assert.Equal([Output], Directory.GetFiles(folder.Path));

        string already = folder.File("already.onnx");
        using (OptimizedModel model = OptimizedModel.Make(Sample, half: true))
        {
            File.WriteAllBytes(already, model.Bytes);
        }

        TensorRtBuildReport same = TensorRtBuilder.Build(already, Output, options with { HalfPrecision = true });
        Assert.Equal("none; the model stays in its precision: it has half precision already", same.GraphChanges);
        Assert.Contains("decides all types", Assert.Throws<ArgumentOutOfRangeException>(() => TensorRtBuilder.Build(
            Sample, Output, options with { HalfPrecision = true, Precisions = TensorRtPrecisions.Float16 })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("yolov5n")]
    [InlineData("yolo12n")]
    [InlineData("yolo26n")]
    public void Other_architectures_are_built_in_half_and_in_integers(string name)
    {
        TensorRtBuildOptions options = Options() with { Sizes = [(320, 320)], MaxBatch = 1 };
        string path = ArchitectureHeadTests.PathOf(name);
        Assert.StartsWith(
            "half precision in", TensorRtBuilder.Build(path, Output, options with { HalfPrecision = true }).GraphChanges, StringComparison.Ordinal);
        string integers = folder.File("integers.onnx");
        _ = ModelQuantizer.Quantize(path, integers, ModelQuantizerTests.Noise(1), new QuantizationOptions { InputSize = (160, 160) });
        Assert.StartsWith("integers are signed", TensorRtBuilder.Build(integers, Output, options).GraphChanges, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_integers_is_built_with_signed_ones()
    {
        TensorRtBuildOptions options = Options() with { Sizes = [(320, 320)], MaxBatch = 2 };
        string integers = folder.File("integers.onnx");
        _ = ModelQuantizer.Quantize(Sample, integers, ModelQuantizerTests.Noise(2), new QuantizationOptions { InputSize = (96, 96) });
        TensorRtBuildReport report = TensorRtBuilder.Build(integers, Output, options);
        Assert.Equal("integers are signed, as TensorRT wants them", report.GraphChanges);
        TensorRtBuildReport half = TensorRtBuilder.Build(integers, Output, options with { HalfPrecision = true });
        Assert.EndsWith("the model stays in its precision: it is quantized", half.GraphChanges, StringComparison.Ordinal);
        Assert.Equal([integers, Output], Directory.GetFiles(folder.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_bare_plan_is_written_where_that_is_asked()
    {
        _ = TensorRtBuilder.Build(Model("tiny"), Output, Options() with { WriteMetadata = false, MaxBatch = 2, WorkspaceBytes = 64 << 20 });
        TensorRtPlanFile file = TensorRtPlanFile.Read(Output);
        Assert.Equal((0L, 0), (file.PlanOffset, file.Metadata.Count));
        Assert.Contains(System.Text.Encoding.ASCII.GetString(File.ReadAllBytes(Output), 0, 4), (string[])["ftrt", "vtrt"]);
    }

    [Fact]
    public void A_build_that_is_cancelled_ends_soon_and_leaves_the_old_file()
    {
        TensorRtBuildOptions options = Options();
        File.WriteAllText(Output, "old");
        using CancellationTokenSource source = new();
        long cancelled = 0;
        Watcher watcher = new(_ =>
        {
            if (cancelled == 0)
            {
                cancelled = Stopwatch.GetTimestamp();
                source.Cancel();
            }
        });
        OperationCanceledException error = Assert.ThrowsAny<OperationCanceledException>(
            () => TensorRtBuilder.Build(Sample, Output, options with { Sizes = [(640, 640), (1280, 1280)] }, watcher, source.Token));
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.NotEqual(0, cancelled);
        Assert.InRange(Stopwatch.GetElapsedTime(cancelled).TotalSeconds, 0, 30);
        Assert.Equal("old", File.ReadAllText(Output));
        Assert.Equal([Output], Directory.GetFiles(folder.Path));
        Assert.ThrowsAny<OperationCanceledException>(() => TensorRtBuilder.Build(Sample, Output, options, null, source.Token));
    }

    [Fact]
    public void What_the_callers_progress_throws_comes_out()
    {
        TensorRtBuildOptions options = Options();
        Watcher watcher = new(static _ => throw new InvalidTimeZoneException("mine"));
        Assert.Equal("mine", Assert.Throws<InvalidTimeZoneException>(() => TensorRtBuilder.Build(Sample, Output, options, watcher)).Message);
        Assert.False(File.Exists(Output));
    }

    [Fact]
    public void A_node_that_TensorRt_does_not_know_is_named()
    {
        string path = new OnnxModelBuilder().Input("images", OnnxType.Float, "batch", 3, 64, 64).Node("NoSuchOperation", ["images"], ["mystery"])
            .Node("Relu", ["mystery"], ["output0"]).Output("output0", OnnxType.Float, "batch", 3, 64, 64).Save(folder.Path, "unknown.onnx");
        TensorRtBuildOptions options = Options();
        ModelException error = Assert.Throws<ModelException>(() => TensorRtBuilder.Build(path, Output, options));
        Assert.Contains("unknown.onnx", error.Message, StringComparison.Ordinal);
        Assert.Contains("'NoSuchOperation_mystery' (NoSuchOperation)", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Output));
    }

    [Fact]
    public void A_damaged_model_is_refused()
    {
        TensorRtBuildOptions options = Options();
        byte[] bytes = File.ReadAllBytes(Sample);
        File.WriteAllBytes(folder.File("half.onnx"), bytes[..(bytes.Length / 2)]);
        Assert.Contains("half.onnx", Assert.Throws<ModelException>(() => TensorRtBuilder.Build(folder.File("half.onnx"), Output, options)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TensorRtPrecisions.Float16, "FP16")]
    [InlineData(TensorRtPrecisions.Int8, "INT8")]
    public void A_precision_that_the_major_does_not_have_says_what_to_do(TensorRtPrecisions precision, string name)
    {
        TensorRtBuildOptions options = Options();
        NotSupportedException error =
            Assert.Throws<NotSupportedException>(() => TensorRtBuilder.Build(Model("tiny"), Output, options with { Precisions = precision }));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains("model", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_an_io_error()
    {
        TensorRtBuildOptions options = Options();
        _ = Assert.ThrowsAny<IOException>(() => TensorRtBuilder.Build(Model("tiny"), folder.File("no/such/folder.engine"), options));
    }

    [Fact]
    public void A_timing_cache_that_there_is_none_of_is_a_warning()
    {
        TensorRtBuildOptions options = Options() with { TimingCachePath = folder.File("rtx.timings"), MaxBatch = 1 };
        TensorRtBuildReport report = TensorRtBuilder.Build(Model("tiny"), Output, options);
        Assert.Contains(report.Warnings, static warning => warning.Contains("rtx.timings", StringComparison.Ordinal)
            && warning.Contains("not written", StringComparison.Ordinal));
        Assert.True(File.Exists(Output));
        Assert.False(File.Exists(options.TimingCachePath));
    }

    [Fact]
    public void What_cannot_be_written_is_told_before_TensorRt_is_looked_for()
    {
        string model = Model("tiny");
        byte[] before = File.ReadAllBytes(model);
        TensorRtBuildOptions options = new() { TensorRtShimPath = folder.File("no-shim") };
        _ = Assert.Throws<NativeLibraryException>(() => TensorRtBuilder.Build(model, Output, options));
        _ = Assert.ThrowsAny<IOException>(() => TensorRtBuilder.Build(model, folder.File("no/such/folder.engine"), options));
        _ = Assert.ThrowsAny<IOException>(() => TensorRtBuilder.Build(model, folder.Path, options));
        _ = Assert.ThrowsAny<IOException>(
            () => TensorRtBuilder.Build(model, Output, options with { TimingCachePath = folder.File("no/such.timings") }));
        foreach ((string output, string? timings) in ((string, string?)[])[(model, null), (Output, model), (Output, Output)])
        {
            ArgumentException error =
                Assert.Throws<ArgumentException>(() => TensorRtBuilder.Build(model, output, options with { TimingCachePath = timings }));
            Assert.Contains(timings ?? output, error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(before, File.ReadAllBytes(model));
        Assert.Equal([model], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task Builds_can_run_beside_each_other_and_leave_nothing_open()
    {
        string model = Model("tiny");
        Task<TensorRtBuildReport>[] builds =
            [.. Enumerable.Range(0, 2).Select(number => TensorRtBuilder.BuildAsync(model, folder.File($"{number}.engine"), Options()))];
        _ = await Task.WhenAll(builds);
        Assert.Equal(new FileInfo(folder.File("0.engine")).Length, new FileInfo(folder.File("1.engine")).Length);
    }

    private static TensorRtBuildOptions Options() => new() { TensorRtPath = TensorRtAssets.Rtx, TensorRtShimPath = TensorRtAssets.Shims };

    private string Model(string name) => OnnxModelBuilder.Network(3).Save(folder.Path, $"{name}.onnx");

    private sealed class Collector(List<TensorRtBuildProgress> steps) : IProgress<TensorRtBuildProgress>
    {
        public void Report(TensorRtBuildProgress value)
        {
            lock (steps)
            {
                steps.Add(value);
            }
        }
    }

    private sealed class Watcher(Action<TensorRtBuildProgress> action) : IProgress<TensorRtBuildProgress>
    {
        public void Report(TensorRtBuildProgress value) => action(value);
    }
}
