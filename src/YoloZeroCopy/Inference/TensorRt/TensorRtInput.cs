namespace YoloZeroCopy;

/// <summary>The ONNX file that TensorRT parses: the user's, or, where it must be another one, a file beside the output for as long as the build
/// takes.</summary>
internal sealed class TensorRtInput : IDisposable
{
    private readonly bool isOurs;

    private TensorRtInput(string path, bool isOurs, bool isHalf, string changes)
    {
        Path = path;
        this.isOurs = isOurs;
        IsHalf = isHalf;
        Changes = changes;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Whether it was made half here.</summary>
    public bool IsHalf { get; }

    /// <summary>What was changed, and what not and why.</summary>
    public string Changes { get; }

    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ModelException">The model cannot be read, or has no room for its weights.</exception>
    public static TensorRtInput For(string modelPath, string outputPath, bool half)
    {
        using OnnxModel model = half ? OnnxModel.ReadWhole(modelPath) : OnnxModel.Read(modelPath);
        if (SignedIntegers.TryChange(model) is ModelBytes integers)
        {
            using (integers)
            {
                const string Changed = "integers are signed, as TensorRT wants them";
                return Write(integers, outputPath, isHalf: false, half ? $"{Changed}; the model stays in its precision: it is quantized" : Changed);
            }
        }

        if (!half)
        {
            return new TensorRtInput(modelPath, isOurs: false, isHalf: false, "none");
        }

        if (HalfPrecision.TryChange(model, out string? reason) is not (ModelBytes bytes, string summary))
        {
            return new TensorRtInput(modelPath, isOurs: false, isHalf: false, $"none; the model stays in its precision: {reason}");
        }

        using (bytes)
        {
            return Write(bytes, outputPath, isHalf: true, summary);
        }
    }

    public void Dispose()
    {
        if (isOurs)
        {
            File.Delete(Path);
        }
    }

    private static TensorRtInput Write(ModelBytes bytes, string outputPath, bool isHalf, string changes)
    {
        TensorRtInput input = new($"{System.IO.Path.GetFullPath(outputPath)}.{Guid.NewGuid():N}.onnx", isOurs: true, isHalf, changes);
        try
        {
            using FileStream file = new(input.Path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
            file.Write(bytes.Span);
            return input;
        }
        catch
        {
            input.Dispose();
            throw;
        }
    }
}
