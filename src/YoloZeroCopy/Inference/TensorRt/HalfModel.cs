namespace YoloZeroCopy;

/// <summary>The model in half precision, in a file beside the output for as long as the build takes: TensorRT reads files.</summary>
internal sealed class HalfModel : IDisposable
{
    private HalfModel(string? path, string changes)
    {
        Path = path;
        Changes = changes;
    }

    /// <summary>The file; null where the model is built as it is.</summary>
    public string? Path { get; }

    /// <summary>What was changed, or why nothing was.</summary>
    public string Changes { get; }

    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ModelException">The model cannot be read, or has no room for its weights.</exception>
    public static HalfModel For(string modelPath, string outputPath, TensorRtBuildOptions options)
    {
        if (!options.HalfPrecision)
        {
            return new HalfModel(null, "none");
        }

        using OnnxModel model = OnnxModel.ReadWhole(modelPath);
        if (HalfPrecision.TryChange(model, out string? reason) is not (ModelBytes bytes, string summary))
        {
            return new HalfModel(null, $"none; the model stays in its precision: {reason}");
        }

        using (bytes)
        {
            HalfModel half = new($"{System.IO.Path.GetFullPath(outputPath)}.{Guid.NewGuid():N}.onnx", summary);
            try
            {
                using FileStream file = new(half.Path!, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
                file.Write(bytes.Span);
                return half;
            }
            catch
            {
                half.Dispose();
                throw;
            }
        }
    }

    public void Dispose()
    {
        if (Path is not null)
        {
            File.Delete(Path);
        }
    }
}
