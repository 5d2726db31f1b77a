using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>Makes a model compute in 8-bit integers, with ranges that it learns from pictures such as it will see. No training is needed.</summary>
/// <remarks>
/// Any thread. The new model is an ONNX file with QuantizeLinear and DequantizeLinear nodes, which ONNX Runtime on the CPU and TensorRT turn into
/// integer kernels. It pays where the processor multiplies 8-bit integers at once (AVX-512 VNNI, AVX-VNNI, ARM's dot product) and with TensorRT.
/// Input, output and metadata stay the same.
/// </remarks>
public static class ModelQuantizer
{
    /// <summary>Most pictures that are taken.</summary>
    public const int MaxPictures = 100_000;

    private const int LeastOpset = 13;

    /// <summary>Makes the model and writes its file. Takes about twice as long as to detect in the pictures.</summary>
    /// <param name="modelPath">ONNX file of a YOLO detection model in single precision; external data lies beside it.</param>
    /// <param name="outputPath">File to write. It is replaced only when the model is complete; on an error or a cancellation it stays as it
    /// was.</param>
    /// <param name="pictures">Some tens to some hundreds of frames as the model will get them. One is asked for after the other; what it points to is
    /// used before the next is asked for, so that one buffer can serve all.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told after each picture how many are done, on this call's thread, or null.</param>
    /// <param name="cancellationToken">Stops before the next picture.</param>
    /// <exception cref="ArgumentException">An option is out of range, there are no pictures or too many, a frame is too short for its format, or the
    /// two files are one.</exception>
    /// <exception cref="ModelException">The model is missing, is no detection model, or cannot be made one of integers; the message says
    /// why.</exception>
    /// <exception cref="NativeLibraryException">ONNX Runtime's library is missing or is not one this can use.</exception>
    /// <exception cref="InferenceException">A run failed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="IOException">The file cannot be written, which is tried before any picture is asked for.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public static QuantizationReport Quantize(
        string modelPath,
        string outputPath,
        IEnumerable<(FrameFormat Format, ReadOnlyMemory<byte> Pixels)> pictures,
        QuantizationOptions? options = null,
        IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelPath);
        ArgumentException.ThrowIfNullOrWhiteSpace(outputPath);
        ArgumentNullException.ThrowIfNull(pictures);
        options ??= new QuantizationOptions();
        options.Validate();
        cancellationToken.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        using OnnxModel model = OnnxModel.ReadWhole(modelPath);
        CheckFiles(modelPath, outputPath);
        (OnnxGraph graph, QuantizationPlan plan) = Plan(model);

        ModelSource source = ModelSource.InMemory(model.Memory, modelPath);
        OnnxRuntimeModel opened = OnnxRuntimeModel.Open(source, options.OnnxRuntimePath, options.InputSize);
        int threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        Dictionary<string, double> limits;
        int count = 0;
        using (Calibration calibration = new(opened, model, plan.Observed, threads))
        {
            foreach ((FrameFormat format, ReadOnlyMemory<byte> pixels) in pictures)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (count == MaxPictures)
                {
                    throw new ArgumentException($"There are more than {MaxPictures} pictures; some hundreds are enough.", nameof(pictures));
                }

                calibration.Add(pixels.Span, format);
                count++;
                progress?.Report(count);
            }

            if (count == 0)
            {
                throw new ArgumentException("There is no picture; some tens to some hundreds are wanted.", nameof(pictures));
            }

            limits = Limits(plan, calibration, options.Range);
        }

        cancellationToken.ThrowIfCancellationRequested();
        using ModelBytes bytes = QuantizedModel.Write(model, graph, plan, limits);
        using OutputFile file = OutputFile.Create(outputPath);
        file.Stream.Write(bytes.Span);
        file.Complete();
        return new QuantizationReport
        {
            Pictures = count,
            IntegerConvolutions = plan.Convolutions.Length,
            SingleConvolutions = [.. plan.Kept.Select(static node => node.Name.Length > 0 ? node.Name : node.Output[0])],
            ModelBytes = model.Bytes.Length,
            OutputBytes = bytes.Span.Length,
            Duration = Stopwatch.GetElapsedTime(start),
        };
    }

    /// <summary>Makes a model without blocking the caller; pictures are asked for and progress is told on another thread. Otherwise as
    /// <see cref="Quantize"/>.</summary>
    /// <inheritdoc cref="Quantize"/>
    public static Task<QuantizationReport> QuantizeAsync(
        string modelPath,
        string outputPath,
        IEnumerable<(FrameFormat Format, ReadOnlyMemory<byte> Pixels)> pictures,
        QuantizationOptions? options = null,
        IProgress<int>? progress = null,
        CancellationToken cancellationToken = default) =>
        Task.Factory.StartNew(
            () => Quantize(modelPath, outputPath, pictures, options, progress, cancellationToken),
            cancellationToken,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default);

    private static void CheckFiles(string modelPath, string outputPath)
    {
        FileRoles files = new();
        files.Read("the model", modelPath);
        foreach (string data in ModelFile.DataFiles(modelPath))
        {
            files.Read("data of the model", data);
        }

        files.Write("the output", outputPath);
        OutputFile.ThrowIfNotWritable(outputPath);
    }

    private static (OnnxGraph Graph, QuantizationPlan Plan) Plan(OnnxModel model)
    {
        long opset = model.Proto.OpsetImport.Where(static set => set.Domain is "" or "ai.onnx").Select(static set => set.Version).FirstOrDefault();
        string? reason = opset < LeastOpset
            ? $"it is of opset {opset}, and weights with a scale for each channel begin with {LeastOpset}: export it again"
            : null;
        if (reason is null && OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out reason)
            && QuantizationPlan.TryMake(model, graph, out reason) is QuantizationPlan plan)
        {
            return (graph, plan);
        }

        throw new ModelException(model.Path, $"it cannot be made one of integers: {reason}.");
    }

    private static Dictionary<string, double> Limits(QuantizationPlan plan, Calibration calibration, QuantizationRange range)
    {
        Dictionary<string, double> limits = [];
        foreach ((string tensor, ActivationHistogram histogram) in calibration.Histograms)
        {
            double limit = RangeSearch.Limit(histogram, range, plan.GoesIntoSilu(tensor));
            string of = plan.ScaleOf(tensor);
            limits[of] = Math.Max(limit, limits.GetValueOrDefault(of));
        }

        foreach (string tensor in plan.Integers.Where(plan.IsSigmoid))
        {
            limits[plan.ScaleOf(tensor)] = 1;
        }

        return limits;
    }
}
