using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A detection model in ONNX Runtime on the CPU.</summary>
/// <remarks>Thread-safe. Contexts that run at the same time share the session's threads.</remarks>
internal sealed class OnnxRuntimeEngine : InferenceEngine
{
    private const int DefaultStride = 32;
    private const int MaxThreads = 1024;

    private readonly OnnxRuntimeLibrary library;
    private readonly OrtHandle session;
    private readonly string inputName;
    private readonly string outputName;
    private volatile bool disposed;

    private OnnxRuntimeEngine(OnnxRuntimeLibrary usedLibrary, OrtHandle openSession, ModelInfo model, string input, string output)
    {
        library = usedLibrary;
        session = openSession;
        Model = model;
        inputName = input;
        outputName = output;
    }

    /// <inheritdoc/>
    public override ModelInfo Model { get; }

    /// <inheritdoc/>
    public override string Description => $"ONNX Runtime {library.Version} on the CPU ({library.Path})";

    /// <summary>Opens a model.</summary>
    /// <param name="path">ONNX file; external data lies beside it.</param>
    /// <param name="options">How to open it.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="ModelException">The file is no model, or no detection model this library can run.</exception>
    /// <exception cref="NativeLibraryException">ONNX Runtime's library is missing or is not one this can use.</exception>
    public static OnnxRuntimeEngine Open(string path, OnnxRuntimeOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        CheckOptions(options);
        CheckFile(path);
        OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load(options.LibraryPath);
        try
        {
            return Open(library, path, options);
        }
        catch (InferenceException error)
        {
            throw new ModelException(path, error.Message, error);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Runs the model once on what the input tensor holds and overwrites the output tensor.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The batch is not one the model takes.</exception>
    /// <exception cref="InferenceException">The runtime refused the tensors or the first run failed.</exception>
    /// <exception cref="ObjectDisposedException">The engine is disposed.</exception>
    public override EngineContext CreateContext(int batch, nint input, nint output)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch, DetectorInput.MaxBatch);
        ArgumentOutOfRangeException.ThrowIfZero(input);
        ArgumentOutOfRangeException.ThrowIfZero(output);
        if (Model.FixedBatch != 0 && batch != Model.FixedBatch)
        {
            throw new ArgumentOutOfRangeException(nameof(batch), batch, $"Model '{Model.Path}' takes batches of {Model.FixedBatch} only.");
        }

        OnnxRuntimeBinding binding = new(library, session);
        try
        {
            binding.BindInput(inputName, Model.InputType, [batch, 3, Model.InputHeight, Model.InputWidth], input);
            binding.BindOutput(outputName, Model.OutputType, [batch, Model.OutputShape.Rows, Model.OutputShape.Columns], output);
            binding.Run();
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

    private static OnnxRuntimeEngine Open(OnnxRuntimeLibrary library, string path, OnnxRuntimeOptions options)
    {
        Declaration declared = Describe(library, path);
        ImmutableDictionary<string, string> metadata = declared.Metadata;
        if (ModelMetadata.TryReadTask(metadata, out string? task) && task != "detect")
        {
            throw new ModelException(path, $"task '{ModelMetadata.Excerpt(task)}' is not supported, a 'detect' model is wanted.");
        }

        int stride = ModelMetadata.TryReadStride(metadata.GetValueOrDefault("stride"), out int named) ? named : DefaultStride;
        DetectorInput input = DetectorInput.Resolve(path, declared.Inputs, options.ImageSize, metadata, stride);

        // Left to itself, ONNX Runtime counts the machine's cores, not those a container may use, and pins a thread to each.
        int threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        OrtHandle session = OnnxRuntimeSession.OpenToRun(library, path, input, threads, options.Spinning);
        try
        {
            DetectorOutput output = DetectorOutput.Resolve(path, library, session, input);
            bool hasNames = ModelMetadata.TryReadNames(metadata.GetValueOrDefault("names"), out ImmutableArray<string> names);
            (OutputLayout layout, int classCount) = OutputLayoutDetector.Detect(
                path, output.Shape.AsSpan(), input.Width, input.Height, names.Length, ModelMetadata.ReadEndToEnd(metadata), stride);
            ModelInfo model = new()
            {
                Path = path,
                Inputs = [.. declared.Inputs.Select(static tensor => tensor.ToInfo())],
                Outputs = [.. declared.Outputs.Select(static tensor => tensor.ToInfo())],
                Layout = layout,
                Names = hasNames ? names : [.. Enumerable.Range(0, classCount).Select(ModelMetadata.DefaultName)],
                Stride = stride,
                InputWidth = input.Width,
                InputHeight = input.Height,
                FixedBatch = output.FixedBatch,
                InputType = input.ElementType,
                OutputType = output.ElementType,
                OutputShape = ((int)output.Shape[1], (int)output.Shape[2]),
                Metadata = metadata,
            };
            return new OnnxRuntimeEngine(library, session, model, input.Tensor.Name, output.Name);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private static unsafe Declaration Describe(OnnxRuntimeLibrary library, string path)
    {
        using OrtHandle session = OnnxRuntimeSession.OpenToDescribe(library, path);
        OrtSessionReader reader = new(library.Api, session.Value);
        return new Declaration(reader.Inputs(), reader.Outputs(), reader.Metadata());
    }

    private static void CheckOptions(OnnxRuntimeOptions options)
    {
        if (options.Threads is < 0 or > MaxThreads)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Threads, $"Threads is 1 to {MaxThreads}, or 0 for one per core.");
        }

        if (options.ImageSize is (int Width, int Height) size
            && (size.Width is < 1 or > FrameFormat.MaxSize || size.Height is < 1 or > FrameFormat.MaxSize))
        {
            throw new ArgumentOutOfRangeException(nameof(options), size, $"An image size is 1 to {FrameFormat.MaxSize} pixels a side.");
        }
    }

    private static void CheckFile(string path)
    {
        if (Directory.Exists(path))
        {
            throw new ModelException(path, "it is a folder; an ONNX file is wanted.");
        }

        if (!File.Exists(path))
        {
            throw new ModelException(path, $"the file does not exist (looked for '{Path.GetFullPath(path)}').");
        }

        long length;
        try
        {
            using SafeFileHandle file = File.OpenHandle(path);
            length = RandomAccess.GetLength(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException(path, $"the file cannot be read: {error.Message}", error);
        }

        if (length == 0)
        {
            throw new ModelException(path, "the file is empty.");
        }

        if (length > int.MaxValue)
        {
            throw new ModelException(
                path,
                $"the file has {length} bytes; an ONNX file has at most {int.MaxValue}. Larger models keep their weights as external data beside the file.");
        }
    }

    /// <summary>What the file says, before any free dimension is fixed.</summary>
    private sealed record Declaration(ImmutableArray<OnnxTensor> Inputs, ImmutableArray<OnnxTensor> Outputs, ImmutableDictionary<string, string> Metadata);
}
