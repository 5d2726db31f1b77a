using System.Collections.Immutable;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A detection model in ONNX Runtime on a CUDA device: one session per context, each with its own copy of the weights.</summary>
/// <remarks>
/// Opening reads the model on the CPU only; the device is first used by <see cref="CreateContext"/>. Contexts are created, run and disposed by one
/// thread, because the runtime keeps what it needs of the device per thread.
/// </remarks>
internal sealed class OnnxRuntimeCudaEngine : InferenceEngine
{
    // The first run takes memory, and the next ones may take some more, since they find it divided otherwise. A capture must not take any.
    private const int WarmUpRuns = 4;

    // What a context takes beyond its weights: code and workspace, and activations that grow with its input. With YOLOv8n at 640x640 in single
    // precision on an H200 plans are within 4 % of the driver's figures with these, at batch 1, 8 and 32 and one to six lanes.
    private const long ContextBytes = 88L << 20;
    private const int ActivationFactor = 9;
    private const long LibraryBytes = 16L << 20;

    private readonly OnnxRuntimeModel model;
    private readonly OnnxRuntimeCudaOptions options;
    private volatile string? graphFallbackReason;
    private volatile bool graphRefused;
    private volatile bool operatorsRefused;
    private volatile bool disposed;

    // What sessions are opened from, where it is not the caller's file.
    private readonly ModelBytes? changed;

    private OnnxRuntimeCudaEngine(
        ReadOnlySpan<OnnxRuntimeModel> models, OnnxRuntimeCudaOptions openOptions, ModelBytes? changedModel, string graphChanges)
    {
        model = models[^1];
        List<InferenceEngine> sized = [];
        foreach (OnnxRuntimeModel smaller in models[..^1])
        {
            sized.Add(new OnnxRuntimeCudaEngine([smaller], openOptions, changedModel: null, graphChanges));
        }

        AtSizes = [.. sized, this];
        options = openOptions;
        changed = changedModel;
        GraphChanges = openOptions.Because is null ? graphChanges : $"{graphChanges}; run by ONNX Runtime: {openOptions.Because}";
        graphFallbackReason = ReasonOf(model.Source);
        graphRefused = graphFallbackReason is not null;
    }

    /// <inheritdoc/>
    public override ModelInfo Model => model.Info;

    /// <inheritdoc/>
    public override string Description => $"ONNX Runtime {model.Library.Version} on CUDA device {options.DeviceOrdinal} ({model.Library.Path})";

    /// <inheritdoc/>
    public override string GraphChanges { get; }

    /// <summary>The runtime that was found.</summary>
    public OnnxRuntimeLibrary Library => model.Library;

    /// <summary>Kernels of ours for contexts that are created from now on; null for the runtime's own only. The caller disposes them after the last
    /// context.</summary>
    public OnnxRuntimeOperators? Operators
    {
        get;
        set
        {
            field = value;
            foreach (InferenceEngine smaller in AtSizes[..^1])
            {
                ((OnnxRuntimeCudaEngine)smaller).Operators = value;
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>Each context has weights of its own, at every input size.</remarks>
    public override ImmutableArray<MemoryPlanEntry> Plan(ReadOnlySpan<int> batches, int streams)
    {
        int contexts = streams * batches.Length * AtSizes.Length;
        long pictures = PicturesOf(batches, streams);
        long inputBytes = AtSizes.Sum(static sized => (long)sized.Model.InputBytes);

        return
        [
            new MemoryPlanEntry(
                MemoryItem.Weights, MemoryPlace.Device, contexts * model.FileBytes, MemoryEvidence.Formula,
                $"{contexts} contexts x {model.FileBytes} bytes, each with weights of its own"),
            new MemoryPlanEntry(
                MemoryItem.Activations, MemoryPlace.Device, pictures * inputBytes * ActivationFactor, MemoryEvidence.Formula,
                $"{pictures} pictures in all contexts x {ActivationFactor} x {inputBytes} bytes of input, as YOLOv8n takes"),
            new MemoryPlanEntry(
                MemoryItem.Workspace, MemoryPlace.Device, contexts * ContextBytes, MemoryEvidence.Formula,
                $"{contexts} contexts x {ContextBytes} bytes, as YOLOv8n takes"),
            new MemoryPlanEntry(
                MemoryItem.Libraries, MemoryPlace.Device, LibraryBytes, MemoryEvidence.Formula, "what CUDA, cuDNN and cuBLAS bring once"),
        ];
    }

    /// <inheritdoc/>
    public override long ActivationBytes(int batch) => (long)batch * Model.InputBytes * ActivationFactor;

    /// <inheritdoc/>
    public override long OwnBytes(ReadOnlySpan<int> batches, int streams) =>
        (streams * batches.Length * (model.FileBytes + ContextBytes)) + (PicturesOf(batches, streams) * Model.InputBytes * ActivationFactor);

    /// <summary>Reads a model. That CUDA can be used shows when the first context is created.</summary>
    /// <param name="source">ONNX model; external data lies beside its file.</param>
    /// <param name="options">How to open it.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="ModelException">The file is no model, or no detection model this library can run.</exception>
    /// <exception cref="NativeLibraryException">ONNX Runtime's library is missing or is not one this can use.</exception>
    public static OnnxRuntimeCudaEngine Open(ModelSource source, OnnxRuntimeCudaOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.DeviceOrdinal);
        if (!options.HalfPrecision)
        {
            return new OnnxRuntimeCudaEngine(Read(source), options, null, "none");
        }

        (ModelBytes Bytes, string Summary)? half = TryMakeHalf(source, out string? reason);
        if (half is (ModelBytes bytes, string summary))
        {
            try
            {
                return new OnnxRuntimeCudaEngine(Read(ModelSource.InMemory(bytes.Memory, source.Path)), options, bytes, summary);
            }
            catch (ModelException error)
            {
                // The file itself may be what is wrong, which shows below.
                bytes.Dispose();
                reason = $"the runtime does not take it in half: {error.Message}";
            }
            catch
            {
                bytes.Dispose();
                throw;
            }
        }

        return new OnnxRuntimeCudaEngine(Read(source), options, null, $"none; the model stays in its precision: {reason}");

        OnnxRuntimeModel[] Read(ModelSource from) => OnnxRuntimeModel.OpenAll(from, options.LibraryPath, options.Sizes);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Takes 0.2 to 5 s: a session is opened and warmed up. A model that cannot be captured into a CUDA graph is opened once more without, and
    /// <see cref="EngineContext.GraphFallbackReason"/> says why. After an exception the stream may be left in a broken capture and is not used again.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">The batch is not one the model takes, or an address or the stream is null.</exception>
    /// <exception cref="InferenceException">The runtime refused the tensors or a first run failed.</exception>
    /// <exception cref="InsufficientMemoryException">The device's memory does not suffice; the message has the runtime's own words.</exception>
    /// <exception cref="ModelException">The runtime cannot run the model on CUDA.</exception>
    /// <exception cref="NativeLibraryException">The runtime's CUDA provider, or a library that it needs, is missing.</exception>
    /// <exception cref="ObjectDisposedException">The engine is disposed.</exception>
    public override EngineContext CreateContext(int batch, nint input, nint output, nint stream)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        model.CheckTensors(batch, input, output);

        // The legacy default stream cannot be captured and would wait for every other stream.
        ArgumentOutOfRangeException.ThrowIfZero(stream);
        try
        {
            return CreateContextOrWithoutGraph(batch, input, output, stream);
        }
        catch (YoloZeroCopyException error) when (error.RuntimeFailure == OnnxRuntimeFailure.NoCudnn)
        {
            throw OnnxRuntimeCudaErrors.NoProvider(model.Library, options, "cuDNN is not available");
        }
    }

    /// <summary>Closes the engine. Contexts live on: each has a session of its own.</summary>
    public override void Dispose()
    {
        foreach (InferenceEngine smaller in AtSizes[..^1])
        {
            smaller.Dispose();
        }

        disposed = true;
        changed?.Dispose();
    }

    private static long PicturesOf(ReadOnlySpan<int> batches, int streams)
    {
        long pictures = 0;
        foreach (int size in batches)
        {
            pictures += streams * size;
        }

        return pictures;
    }

    private static (ModelBytes Bytes, string Summary)? TryMakeHalf(ModelSource source, out string? reason)
    {
        try
        {
            using OnnxModel model = OnnxModel.ReadWhole(source);
            return HalfPrecision.TryChange(model, out reason);
        }
        catch (ModelException error)
        {
            reason = error.Message;
            return null;
        }
    }

    private static string? ReasonOf(ModelSource source) =>
        HostDependentOperators.Find(source) is string name ? $"operator {name} reports to the host as it runs" : null;

    private OnnxRuntimeCudaContext CreateContextOrWithoutGraph(int batch, nint input, nint output, nint stream)
    {
        if (!graphRefused)
        {
            try
            {
                return Retry(batch, input, output, stream, useGraph: true);
            }
            catch (YoloZeroCopyException error)
                when (error.RuntimeFailure == OnnxRuntimeFailure.NotCapturable)
            {
                // What refuses a model refuses it for every batch; a capture that broke may be another thread's doing.
                graphRefused = error is ModelException;
                graphFallbackReason = OnnxRuntimeCudaErrors.Words(error.Message);
            }
        }

        return Retry(batch, input, output, stream, useGraph: false);
    }

    // A capture that was broken, by another thread's call or by a model, leaves an error behind that CUDA reports once more, to whoever asks next.
    private OnnxRuntimeCudaContext Retry(int batch, nint input, nint output, nint stream, bool useGraph)
    {
        try
        {
            return Create(batch, input, output, stream, useGraph);
        }
        catch (InferenceException error) when (error.RuntimeFailure == OnnxRuntimeFailure.NotCapturable)
        {
            return Create(batch, input, output, stream, useGraph);
        }
    }

    private OnnxRuntimeCudaContext Create(int batch, nint input, nint output, nint stream, bool useGraph)
    {
        // The binding keeps the session; this method's own hold on it ends here either way.
        using OrtHandle session = OpenSession(batch, stream, useGraph);
        OnnxRuntimeBinding binding = OnnxRuntimeBinding.OnCuda(model.Library, session, options.DeviceOrdinal);
        try
        {
            model.Bind(binding, batch, input, output);
            WarmUp(binding, useGraph);
            return new OnnxRuntimeCudaContext(binding, useGraph ? null : graphFallbackReason);
        }
        catch (InferenceException error) when (error.RuntimeFailure == OnnxRuntimeFailure.OutOfMemory)
        {
            binding.Dispose();
            throw OnnxRuntimeCudaErrors.OutOfMemory(model, options, batch, error);
        }
        catch
        {
            binding.Dispose();
            throw;
        }
    }

    private OrtHandle OpenSession(int batch, nint stream, bool useGraph)
    {
        if (Operators is OnnxRuntimeOperators operators && !operatorsRefused)
        {
            try
            {
                return OnnxRuntimeCudaSession.Open(model, options, batch, stream, useGraph, operators);
            }
            catch (ModelException error) when (error.RuntimeFailure != OnnxRuntimeFailure.NotCapturable)
            {
                // A version of the runtime, or a model, that does not take them does without; what else is wrong shows below.
                operatorsRefused = true;
            }
        }

        return OnnxRuntimeCudaSession.Open(model, options, batch, stream, useGraph, operators: null);
    }

    private static void WarmUp(OnnxRuntimeBinding binding, bool useGraph)
    {
        // -1: the runtime neither captures nor replays. The lane does, with its own kernels before and after.
        binding.SetRunOption("gpu_graph_id"u8, "-1"u8);
        for (int run = 0; run < WarmUpRuns; run++)
        {
            binding.Run();
        }

        // Without a graph the runtime's own waits stay: parts of the model may run on the CPU and read what the device wrote.
        if (useGraph)
        {
            binding.SetRunOption("disable_synchronize_execution_providers"u8, "1"u8);
        }
    }
}
