namespace YoloZeroCopy;

/// <summary>What kind of file a model is. Its content decides; the name is asked only where the content says nothing.</summary>
internal static class ModelFile
{
    private const int HeadBytes = 8;

    /// <summary>Whether a model is a TensorRT engine, and so not an ONNX model.</summary>
    /// <remarks>A file that is missing or cannot be read counts by its name: whoever opens it says what is wrong with it.</remarks>
    public static bool IsTensorRt(ModelSource source)
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        long length = 0;
        try
        {
            using ModelContent content = source.OpenContent("a model");
            length = content.Length;
            head = head[..(int)Math.Min(length, HeadBytes)];
            content.ReadAll(head, 0);
        }
        catch (ModelException)
        {
            head = default;
        }

        return TensorRtPlanFile.LooksLikePlan(head, length) || (!LooksLikeOnnx(head) && HasPlanName(source.Path));
    }

    /// <summary>Files beside an ONNX model that hold its weights, where they are too many for one file.</summary>
    /// <remarks>Nothing of a file that is missing or no model: whoever opens it says what is wrong with it.</remarks>
    public static IEnumerable<string> DataFiles(string path)
    {
        try
        {
            return IsTensorRt(path) ? [] : OnnxFile.Read(path).DataFiles(path);
        }
        catch (ModelException)
        {
            return [];
        }
    }

    // An ONNX file begins with its ir_version: field 1, a number from 1 to some tens.
    private static bool LooksLikeOnnx(ReadOnlySpan<byte> head) => head.Length >= 2 && head[0] == 0x08 && head[1] is > 0 and < 0x80;

    private static bool HasPlanName(string path) =>
        Path.GetExtension(path) is string extension
        && (extension.Equals(".engine", StringComparison.OrdinalIgnoreCase)
            || extension.Equals(".plan", StringComparison.OrdinalIgnoreCase)
            || extension.Equals(".trt", StringComparison.OrdinalIgnoreCase));
}
