using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Puts together what engines of every kind say of a model.</summary>
internal static class ModelDescription
{
    /// <summary>Describes a detection model whose input and output are resolved.</summary>
    /// <exception cref="ModelException">The output is of no layout that is known, or could be several.</exception>
    public static ModelInfo Create(
        string path,
        ImmutableArray<TensorInfo> inputs,
        ImmutableArray<TensorInfo> outputs,
        ImmutableDictionary<string, string> metadata,
        int stride,
        PictureInput input,
        DetectionOutput output)
    {
        bool hasNames = ModelMetadata.TryReadNames(metadata.GetValueOrDefault("names"), out ImmutableArray<string> names);
        (OutputLayout layout, int classCount) = OutputLayoutDetector.Detect(
            path, output.Shape.AsSpan(), input.Width, input.Height, names.Length, ModelMetadata.ReadEndToEnd(metadata), stride);
        return new ModelInfo
        {
            Path = path,
            Inputs = inputs,
            Outputs = outputs,
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
    }
}
