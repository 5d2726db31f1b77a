using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A detection model in ONNX Runtime on the CPU.</summary>
/// <remarks>Thread-safe. Contexts that run at the same time share the session's threads.</remarks>
internal sealed class OnnxRuntimeEngine : InferenceEngine
{
    private const int MaxThreads = 1024;

    private readonly OnnxRuntimeModel model;
    private readonly OrtHandle session;
    private volatile bool disposed;

    private OnnxRuntimeEngine(OnnxRuntimeModel openModel, OrtHandle openSession)
    {
        model = openModel;
        session = openSession;
    }

    /// <inheritdoc/>
    public override ModelInfo Model => model.Info;

    /// <inheritdoc/>
    public override string Description => $"ONNX Runtime {model.Library.Version} on the CPU ({model.Library.Path})";

    /// <inheritdoc/>
    public override long WeightBytes => model.FileBytes;

    /// <summary>Opens a model.</summary>
    /// <param name="path">ONNX file; external data lies beside it.</param>
    /// <param name="options">How to open it.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="ModelException">The file is no model, or no detection model this library can run.</exception>
    /// <exception cref="NativeLibraryException">ONNX Runtime's library is missing or is not one this can use.</exception>
    public static OnnxRuntimeEngine Open(string path, OnnxRuntimeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Threads is < 0 or > MaxThreads)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Threads, $"Threads is 1 to {MaxThreads}, or 0 for one per core.");
        }

        // Left to itself, ONNX Runtime counts the machine's cores, not those a container may use, and pins a thread to each.
        int threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        (OnnxRuntimeModel model, OrtHandle session) = OnnxRuntimeModel.Open(
            path,
            options.LibraryPath,
            options.ImageSize,
            (library, input) => OnnxRuntimeSession.OpenToRun(library, path, input, threads));
        return new OnnxRuntimeEngine(model, session);
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
            model.Bind(binding, batch, input, output);
            return new OnnxRuntimeContext(binding);
        }
        catch
        {
            binding.Dispose();
            throw;
        }
    }

    /// <summary>Closes the engine; the session goes when the last context does.</summary>
    public override void Dispose()
    {
        // The handle alone cannot tell: it stays open while a context holds it.
        disposed = true;
        session.Dispose();
    }
}
