using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>What <see cref="TensorRtSelfTest"/> is to use.</summary>
internal sealed record TensorRtSelfTestSettings
{
    public required string Model { get; init; }

    public string? Engine { get; init; }

    public int Batch { get; init; } = 8;

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(5);

    public int DeviceOrdinal { get; init; }

    public bool Half { get; init; }

    public string? LibraryPath { get; init; }

    public string? ShimPath { get; init; }

    public bool HostCodeAllowed { get; init; }
}

/// <summary>Everything that a user's TensorRT is needed for, step by step: open it, build, refuse what is damaged, run, compare with ONNX Runtime,
/// measure both.</summary>
internal sealed class TensorRtSelfTest(TensorRtSelfTestSettings settings) : IDisposable
{
    // Single precision with TF32 and half precision agree with the CPU's to within some thousandths; what is wrong is wrong by far more.
    private const double Tolerance = 0.05;
    private const double LeastShare = 0.999;

    private readonly string folder = Directory.CreateTempSubdirectory("yzc-selftest-").FullName;
    private string engineFile = string.Empty;
    private string? graphFallback;

    public async Task<SelfTestReport> RunAsync(CancellationToken stop)
    {
        SelfTestReport report = new();
        bool canBuild = false;
        await report.CheckAsync("shim", () => Task.FromResult(DescribeShims()), stop);
        await report.CheckAsync("library", () => Task.FromResult(OpenLibrary(out canBuild)), stop);
        await report.CheckAsync("build", () => BuildAsync(canBuild, stop), stop);
        if (!CudaDriver.TryInitialize(out string reason))
        {
            report.StopBecause($"no GPU: {reason}");
        }

        await report.CheckAsync("damaged engine", () => Task.FromResult(OpenDamaged()), stop);
        await report.CheckAsync("open", OpenAsync, stop);
        await report.CheckAsync("compare", () => Task.FromResult(Compare()), stop);
        await report.CheckAsync("graphs", () => Task.FromResult(Graphs()), stop);
        await report.CheckAsync("rate", () => RateAsync(stop), stop);
        return report;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private TensorRtSearch Search => TensorRtSearch.ForThisProcess(settings.LibraryPath, settings.ShimPath);

    private Device Gpu => Device.Cuda(settings.DeviceOrdinal);

    private DetectorOptions Options => new()
    {
        Device = Gpu,
        MaxBatch = settings.Batch,
        MaxBatchDelay = EndToEndBenchmark.FillDelay,
        TensorRtPath = settings.LibraryPath,
        TensorRtShimPath = settings.ShimPath,
        TensorRtHostCodeAllowed = settings.HostCodeAllowed,
    };

    private string DescribeShims() => string.Join(
        ", ", TensorRtShim.LoadAll(Search, []).Select(static shim => FormattableString.Invariant($"TensorRT {shim.Major} ({shim.Path})")));

    private string OpenLibrary(out bool canBuild)
    {
        using TensorRtLibrary library = TensorRtLibrary.Open(Search);
        canBuild = library.CanBuild;
        return $"{library.Name} ({library.Path}){(canBuild ? string.Empty : ", which runs engines and cannot build them")}";
    }

    private async Task<string> BuildAsync(bool canBuild, CancellationToken stop)
    {
        if (settings.Engine is string given)
        {
            engineFile = given;
            TensorRtPlanFile file = TensorRtPlanFile.Read(given);
            return FormattableString.Invariant($"not built: {given}, {file.PlanBytes} bytes");
        }

        if (!canBuild)
        {
            throw new CliException(ExitCode.ModelUnusable, "this library cannot build; give an engine with --engine");
        }

        engineFile = Path.Combine(folder, "selftest.engine");
        TensorRtBuildReport built = await TensorRtBuilder.BuildAsync(
            settings.Model,
            engineFile,
            new TensorRtBuildOptions
            {
                MaxBatch = settings.Batch,
                Precisions = settings.Half ? TensorRtPrecisions.Float16 : TensorRtPrecisions.None,
                DeviceOrdinal = settings.DeviceOrdinal,
                TensorRtPath = settings.LibraryPath,
                TensorRtShimPath = settings.ShimPath,
            },
            progress: null,
            stop);
        string asked = built.DeviceMemoryBytes.IsEmpty ? string.Empty
            : FormattableString.Invariant($", asks for {built.DeviceMemoryBytes[0]} bytes to run");
        return string.Create(CultureInfo.InvariantCulture, $"{built.NodeCount} nodes to {built.PlanBytes} bytes for {built.Profiles[0]}; "
            + $"{built.WorkspaceLimitBytes} bytes of workspace allowed{asked}");
    }

    private string OpenDamaged()
    {
        // Half of it: every check of a length or a sum must see that.
        string damaged = Path.Combine(folder, "damaged.engine");
        byte[] bytes = File.ReadAllBytes(engineFile);
        File.WriteAllBytes(damaged, bytes[..(bytes.Length / 2)]);
        try
        {
            using CudaContext context = CudaDevice.Get(settings.DeviceOrdinal).OpenContext();
            using TensorRtEngine engine = OpenEngine(damaged, context);
        }
        catch (ModelException refused)
        {
            return $"refused: {ErrorReport.OneLine(refused.Message)}";
        }

        throw new CliException(ExitCode.ModelUnusable, "half of the engine was taken for a whole one");
    }

    private async Task<string> OpenAsync()
    {
        await using YoloDetector detector = YoloDetector.Open(engineFile, Options);
        ModelInfo model = detector.Model;
        graphFallback = detector.Inspection.Cuda?.GraphFallback;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{detector.Device}; {model.InputWidth}x{model.InputHeight} {model.InputType}, {model.Layout} "
            + $"{model.OutputShape.Rows}x{model.OutputShape.Columns}, {model.ClassCount} names, {detector.Memory.DeviceBytes >> 20} MiB planned");
    }

    private string Compare()
    {
        using CudaContext context = CudaDevice.Get(settings.DeviceOrdinal).OpenContext();
        using TensorRtEngine engine = OpenEngine(engineFile, context);
        ModelInfo model = engine.Model;
        using OnnxRuntimeEngine reference =
            OnnxRuntimeEngine.Open(settings.Model, new OnnxRuntimeOptions { Sizes = InputSizes.Of((model.InputWidth, model.InputHeight)) });
        if (reference.Model.OutputShape != model.OutputShape || reference.Model.InputType != model.InputType)
        {
            throw new CliException(
                ExitCode.ModelUnusable,
                $"the engine gives {model.OutputShape} for {model.InputType}, and ONNX Runtime {reference.Model.OutputShape} for "
                    + $"{reference.Model.InputType}: it is no engine of this model");
        }

        int batch = Math.Max(engine.MinBatch, reference.MinBatch);
        EngineComparison comparison = EngineComparison.Run(context, engine, reference, batch, Tolerance);
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{comparison.Share:P3} of {comparison.Values} output values within {Tolerance:P0} of ONNX Runtime on the CPU, largest "
            + $"difference {comparison.LargestDifference:G3}");
        return comparison.Share >= LeastShare ? text : throw new CliException(ExitCode.ModelUnusable, text);
    }

    // What "open" found: its detector captured every bucket, or said why not.
    private string Graphs() => graphFallback is null ? "every batch bucket is one CUDA graph from tensor to results"
        : $"the lanes run {graphFallback}";

    private async Task<string> RateAsync(CancellationToken stop)
    {
        double engine = await RateOfAsync(engineFile, stop);
        try
        {
            double onnx = await RateOfAsync(settings.Model, stop);
            return FormattableString.Invariant(
                $"{engine:F0} frames/s of 1920x1080 end to end, {engine / onnx:F2} times ONNX Runtime CUDA's {onnx:F0}");
        }
        catch (Exception error) when (error is NativeLibraryException or InsufficientMemoryException or ModelException)
        {
            // It is TensorRT that is tested; what it is compared with may be absent.
            return FormattableString.Invariant(
                $"{engine:F0} frames/s of 1920x1080 end to end; ONNX Runtime CUDA cannot be compared with: {ErrorReport.OneLine(error.Message)}");
        }
    }

    private async Task<double> RateOfAsync(string file, CancellationToken stop)
    {
        await using YoloDetector detector = YoloDetector.Open(file, Options);
        EndToEndBenchmark benchmark = new(detector, new FrameFormat(PixelFormat.Bgr24, 1920, 1080), settings.Batch);
        _ = await benchmark.RunAsync(settings.Duration / 4, stop);
        EndToEndSlice slice = await benchmark.RunAsync(settings.Duration, stop);
        stop.ThrowIfCancellationRequested();
        return slice.Frames / slice.Elapsed.TotalSeconds;
    }

    private TensorRtEngine OpenEngine(string file, CudaContext context) =>
        TensorRtEngine.Open(
            file, new TensorRtCudaDevice(context), new TensorRtEngineOptions { Search = Search, HostCodeAllowed = settings.HostCodeAllowed });
}
