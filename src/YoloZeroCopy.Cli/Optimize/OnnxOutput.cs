namespace YoloZeroCopy.Cli;

/// <summary>What the commands that write models have in common.</summary>
internal static class OnnxOutput
{
    /// <summary>Refuses a TensorRT engine.</summary>
    public static void ThrowIfEngine(string model)
    {
        if (ModelFile.IsTensorRt(model))
        {
            throw new CliException(
                ExitCode.ModelUnusable, $"'{model}' is a TensorRT engine, which cannot be changed.",
                    "Change the ONNX file that it was built from, and build it again.");
        }
    }

    /// <summary>Writes a model, whole or not at all.</summary>
    public static void Write(string path, ReadOnlySpan<byte> model)
    {
        try
        {
            using OutputFile file = OutputFile.Create(path);
            file.Stream.Write(model);
            file.Complete();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw StandardOutput.Failed($"'{path}'", error);
        }
    }
}
