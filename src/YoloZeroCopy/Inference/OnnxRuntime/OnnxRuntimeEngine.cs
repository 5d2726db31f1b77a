using System.Collections.Immutable;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A detection model in ONNX Runtime on the CPU.</summary>
/// <remarks>Thread-safe. Contexts that run at the same time share the session's threads.</remarks>
internal sealed class OnnxRuntimeEngine : InferenceEngine
{
    private const int MaxThreads = 1024;

    // Code, tables and threads of ONNX Runtime 1.31 and what .NET takes to run this library: resident after opening a model that takes nothing
    // itself.
    private const long LibraryBytes = 38L << 20;

    // Between the arena's pieces lie gaps: with YOLOv8n 6 to 9 % of what is in use, at batches from 1 to 8.
    private const int ArenaGapDivisor = 12;

    // For versions of the runtime that do not tell. YOLOv8n takes 4.8 times its input tensor.
    private const int ActivationFactor = 5;

    private readonly OnnxRuntimeModel model;
    private readonly OrtHandle session;
    private volatile bool disposed;
    private long pictureActivations;

    private OnnxRuntimeEngine(
        OnnxRuntimeModel openModel, OrtHandle openSession, DetectionHead? head, string? wholeBecause, IEnumerable<OnnxRuntimeEngine> smaller)
    {
        AtSizes = [.. smaller, this];
        model = openModel;
        session = openSession;
        Head = head;
        GraphChanges = head is not null ? "the end of the head is decoded by the library"
            : wholeBecause is null ? "none" : $"none; the head stays in the model: {wholeBecause}";
    }

    /// <inheritdoc/>
    public override ModelInfo Model => model.Info;

    /// <inheritdoc/>
    public override DetectionHead? Head { get; }

    /// <inheritdoc/>
    public override string GraphChanges { get; }

    /// <inheritdoc/>
    public override string Description => $"ONNX Runtime {model.Library.Version} on the CPU ({model.Library.Path})";

    /// <inheritdoc/>
    /// <remarks>
    /// Runs one picture, or one batch where the model fixes it, at the largest input size: what a run takes of memory grows with its pictures and
    /// their pixels, and with nothing else. The sizes have one session, where the smaller ones run in what the largest has taken.
    /// </remarks>
    public override ImmutableArray<MemoryPlanEntry> Plan(ReadOnlySpan<int> batches, int streams)
    {
        int largest = batches[^1];
        (long pictureBytes, bool isMeasured) = MeasureActivations();
        foreach (OnnxRuntimeEngine engine in AtSizes.Cast<OnnxRuntimeEngine>())
        {
            engine.pictureActivations = (long)(pictureBytes * ((double)engine.Model.InputBytes / Model.InputBytes));
        }

        return
        [
            new MemoryPlanEntry(MemoryItem.Weights, MemoryPlace.Host, model.FileBytes, MemoryEvidence.Formula, "as the model's file"),
            new MemoryPlanEntry(
                MemoryItem.Activations,
                MemoryPlace.Host,
                streams * largest * pictureBytes,
                isMeasured ? MemoryEvidence.Measured : MemoryEvidence.Formula,
                $"{streams} lanes x {largest} pictures x {pictureBytes} bytes, "
                    + (isMeasured ? "what one took, and a twelfth for gaps" : $"{ActivationFactor} times its input, and a twelfth for gaps")),
            new MemoryPlanEntry(
                MemoryItem.Libraries, MemoryPlace.Host, LibraryBytes, MemoryEvidence.Formula, "code, tables and threads of ONNX Runtime and .NET"),
        ];
    }

    /// <inheritdoc/>
    public override long ActivationBytes(int batch) => batch * pictureActivations;

    /// <inheritdoc/>
    public override long? TakenActivationBytes => disposed ? null : OnnxRuntimeSession.PeakArenaBytes(model.Library, session);

    /// <summary>Opens a model.</summary>
    /// <param name="source">ONNX model; external data lies beside its file.</param>
    /// <param name="options">How to open it.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="ModelException">The file is no model, or no detection model this library can run.</exception>
    /// <exception cref="NativeLibraryException">ONNX Runtime's library is missing or is not one this can use.</exception>
    public static OnnxRuntimeEngine Open(ModelSource source, OnnxRuntimeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Threads is < 0 or > MaxThreads)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Threads, $"Threads is 1 to {MaxThreads}, or 0 for one per core.");
        }

        // Left to itself, ONNX Runtime counts the machine's cores, not those a container may use, and pins a thread to each.
        int threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        OnnxRuntimeModel[] models = OnnxRuntimeModel.OpenAll(source, options.LibraryPath, options.Sizes);
        OnnxRuntimeModel largest = models[^1];
        string? wholeBecause = null;
        if (options.CutHead && OnnxRuntimeHead.TryOpen(models, threads, out wholeBecause) is (OrtHandle session, DetectionHead[] heads))
        {
            return Make(models, session, heads, null);
        }

        try
        {
            OrtHandle whole = OnnxRuntimeSession.OpenToRun(largest.Library, source, largest.Input, threads, fixesSize: models.Length == 1);
            return Make(models, whole, null, wholeBecause);
        }
        catch (InferenceException error)
        {
            throw new ModelException(source.Path, error.Message, error);
        }
    }

    /// <summary>An engine for each size over one session, which the last one, that of the largest, gives back.</summary>
    private static OnnxRuntimeEngine Make(OnnxRuntimeModel[] models, OrtHandle session, DetectionHead[]? heads, string? wholeBecause)
    {
        OnnxRuntimeEngine[] engines = new OnnxRuntimeEngine[models.Length];
        for (int index = 0; index < models.Length; index++)
        {
            engines[index] = new OnnxRuntimeEngine(
                models[index], session, heads?[index], wholeBecause, index == models.Length - 1 ? engines[..index] : []);
        }

        return engines[^1];
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The batch is not one the model takes.</exception>
    /// <exception cref="InferenceException">The runtime refused the tensors.</exception>
    /// <exception cref="ObjectDisposedException">The engine is disposed.</exception>
    public override EngineContext CreateContext(int batch, nint input, nint output, nint stream)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        model.CheckTensors(batch, input, output);
        OnnxRuntimeBinding binding = OnnxRuntimeBinding.OnCpu(model.Library, session);
        try
        {
            model.Bind(binding, batch, input, output, Head);
            return new OnnxRuntimeContext(binding);
        }
        catch
        {
            binding.Dispose();
            throw;
        }
    }

    /// <summary>Bytes that a run takes for each picture, beyond its tensors, and whether the runtime said so.</summary>
    private unsafe (long Bytes, bool IsMeasured) MeasureActivations()
    {
        int batch = Math.Max(1, Model.FixedBatch);
        nuint inputBytes = (nuint)batch * (nuint)Model.InputBytes;
        byte* tensors = (byte*)NativeMemory.AllocZeroed(inputBytes + ((nuint)batch * (nuint)OutputBytes));
        try
        {
            using EngineContext context = CreateContext(batch, (nint)tensors, (nint)(tensors + inputBytes), stream: 0);
            context.Enqueue();
        }
        finally
        {
            NativeMemory.Free(tensors);
        }

        long? peak = OnnxRuntimeSession.PeakArenaBytes(model.Library, session);
        long bytes = peak / batch ?? ActivationFactor * (long)Model.InputBytes;
        return (bytes + (bytes / ArenaGapDivisor), peak is not null);
    }

    /// <summary>Closes the engine; the session goes when the last context does.</summary>
    public override void Dispose()
    {
        // The handle alone cannot tell: it stays open while a context holds it.
        foreach (OnnxRuntimeEngine engine in AtSizes.Cast<OnnxRuntimeEngine>())
        {
            engine.disposed = true;
        }

        session.Dispose();
    }
}
