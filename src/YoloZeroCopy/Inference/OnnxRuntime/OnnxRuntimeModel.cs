using System.Collections.Immutable;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>What an ONNX Runtime engine of any device knows about the model it opened. Immutable; any thread.</summary>
internal sealed class OnnxRuntimeModel
{
    private OnnxRuntimeModel(OnnxRuntimeLibrary library, ModelSource source, ModelInfo info, long fileBytes, PictureInput input, string output)
    {
        Library = library;
        Source = source;
        Info = info;
        FileBytes = fileBytes;
        Input = input;
        OutputName = output;
    }

    public OnnxRuntimeLibrary Library { get; }

    /// <summary>What further sessions are opened from.</summary>
    public ModelSource Source { get; }

    public ModelInfo Info { get; }

    /// <summary>Size of the model's file, or its bytes.</summary>
    public long FileBytes { get; }

    public PictureInput Input { get; }

    /// <summary>Name of the detection output.</summary>
    public string OutputName { get; }

    /// <summary>Opens a model at each of several input sizes; at its own, where there are none.</summary>
    /// <returns>One for each size, by rising area.</returns>
    /// <inheritdoc cref="Open(ModelSource, string?, ValueTuple{int, int}?)"/>
    public static OnnxRuntimeModel[] OpenAll(ModelSource source, string? libraryPath, InputSizes? sizes) => sizes is null
        ? [Open(source, libraryPath, imageSize: null)]
        : [.. sizes.All.Select(size => Open(source, libraryPath, size))];

    /// <summary>Opens a model with its free dimensions fixed and finds out all about it.</summary>
    /// <param name="source">ONNX model; external data lies beside its file.</param>
    /// <param name="libraryPath">File or folder of ONNX Runtime's native library; null to search for it.</param>
    /// <param name="imageSize">Size of the model's input that the caller asks for; null leaves it to the model.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is out of its range.</exception>
    /// <exception cref="ModelException">The file is no model, or no detection model this library can run.</exception>
    /// <exception cref="NativeLibraryException">ONNX Runtime's library is missing or is not one this can use.</exception>
    public static OnnxRuntimeModel Open(ModelSource source, string? libraryPath, (int Width, int Height)? imageSize)
    {
        ArgumentException.ThrowIfNullOrEmpty(source.Path);
        CheckSize(imageSize);
        long fileBytes = CheckContent(source);
        OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load(libraryPath);
        try
        {
            return Open(library, source, fileBytes, imageSize);
        }
        catch (InferenceException error)
        {
            throw new ModelException(source.Path, error.Message, error);
        }
    }

    /// <summary>Refuses a batch that the model does not take, and tensors that are not there.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The batch is not one the model takes, or an address is null.</exception>
    public void CheckTensors(int batch, nint input, nint output)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch, PictureInput.MaxBatch);
        ArgumentOutOfRangeException.ThrowIfZero(input);
        ArgumentOutOfRangeException.ThrowIfZero(output);
        if (Info.FixedBatch != 0 && batch != Info.FixedBatch)
        {
            throw new ArgumentOutOfRangeException(nameof(batch), batch, $"Model '{Info.Path}' takes batches of {Info.FixedBatch} only.");
        }
    }

    /// <summary>Binds the input and output tensor of one batch size; where the model is cut, its maps one behind the other.</summary>
    public void Bind(OnnxRuntimeBinding binding, int batch, nint input, nint output, DetectionHead? head = null)
    {
        binding.BindInput(Input.Tensor.Name, Info.InputType, [batch, 3, Info.InputHeight, Info.InputWidth], input);
        if (head is not null)
        {
            foreach (HeadMap map in head.Maps)
            {
                long[] shape = [batch, map.Channels, map.Height, map.Width];
                binding.BindOutput(map.Name, head.ElementType, shape, output);
                output += (nint)OnnxRuntimeBinding.ByteCount(head.ElementType, shape);
            }

            return;
        }

        binding.BindOutput(OutputName, Info.OutputType, [batch, Info.OutputShape.Rows, Info.OutputShape.Columns], output);
    }

    private static OnnxRuntimeModel Open(OnnxRuntimeLibrary library, ModelSource source, long fileBytes, (int Width, int Height)? imageSize)
    {
        string path = source.Path;
        Declaration declared = Describe(library, source);
        ImmutableDictionary<string, string> metadata = declared.Metadata;
        ModelMetadata.ThrowIfNotDetection(path, metadata);

        int stride = ModelMetadata.StrideOf(metadata);
        PictureInput input = PictureInput.Resolve(path, declared.Inputs, imageSize, metadata, stride);
        using OrtHandle session = OnnxRuntimeSession.OpenForShapes(library, source, input);
        DetectionOutput output = DetectionOutput.Resolve(path, library, session, input);
        ModelInfo info = ModelDescription.Create(
            path,
            [.. declared.Inputs.Select(static tensor => tensor.ToInfo())],
            [.. declared.Outputs.Select(static tensor => tensor.ToInfo())],
            metadata,
            stride,
            input,
            output);
        return new OnnxRuntimeModel(library, source, info, fileBytes, input, output.Name);
    }

    private static unsafe Declaration Describe(OnnxRuntimeLibrary library, ModelSource source)
    {
        using OrtHandle session = OnnxRuntimeSession.OpenToDescribe(library, source);
        OrtSessionReader reader = new(library.Api, session.Value);
        return new Declaration(reader.Inputs(), reader.Outputs(), reader.Metadata());
    }

    private static void CheckSize((int Width, int Height)? imageSize)
    {
        if (imageSize is (int Width, int Height) size
            && (size.Width is < 1 or > FrameFormat.MaxSize || size.Height is < 1 or > FrameFormat.MaxSize))
        {
            throw new ArgumentOutOfRangeException(nameof(imageSize), size, $"An image size is 1 to {FrameFormat.MaxSize} pixels a side.");
        }
    }

    private static long CheckContent(ModelSource source)
    {
        using ModelContent content = source.OpenOnnx();
        if (source.Bytes is not null && OnnxFile.TryRead(source) is { DataLocations: [string first, ..] })
        {
            // The runtime would look for it in the process's current folder.
            throw new ModelException(
                source.Path,
                $"it has weights in another file ('{first}'), which a model in memory cannot have; open the model's "
                    + $"file, or save it with its weights inside.");
        }

        return content.Length;
    }

    /// <summary>What the file says, before any free dimension is fixed.</summary>
    private sealed record Declaration(
        ImmutableArray<OnnxTensor> Inputs, ImmutableArray<OnnxTensor> Outputs, ImmutableDictionary<string, string> Metadata);
}
