using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What is to be built: the model's picture input and the profiles for it, decided before TensorRT is asked.</summary>
internal sealed record TensorRtBuildPlan
{
    private const int DefaultSize = 640;
    private const int DefaultStride = 32;
    private const int Batch = 0;
    private const int Channel = 1;
    private const int Row = 2;
    private const int Column = 3;

    /// <summary>Name of the picture input.</summary>
    public required string InputName { get; init; }

    /// <summary>Whether the model leaves a dimension free, so that TensorRT wants profiles.</summary>
    public required bool NeedsProfiles { get; init; }

    /// <summary>One for each size.</summary>
    public required ImmutableArray<TensorRtProfile> Profiles { get; init; }

    /// <summary>Limit of scratch memory in bytes.</summary>
    public required long WorkspaceBytes { get; init; }

    /// <summary>Decides.</summary>
    /// <exception cref="ArgumentException">The options ask for what the model fixes otherwise.</exception>
    /// <exception cref="ModelException">The model has no single picture input.</exception>
    public static TensorRtBuildPlan For(string path, OnnxFile model, TensorRtBuildOptions options)
    {
        if (ModelMetadata.TryReadTask(model.Metadata, out string? task) && task != "detect")
        {
            throw new ModelException(path, $"task '{ModelMetadata.Excerpt(task)}' is not supported, a 'detect' model is wanted.");
        }

        if (model.Inputs.Length != 1 || model.Inputs[0].Shape.Length != 4 || model.Inputs[0].Shape[Channel] is not (3 or -1))
        {
            string given = string.Join("; ", model.Inputs.Select(static input => $"'{input.Name}' [{string.Join(',', input.Shape)}]"));
            throw new ModelException(path, $"its inputs are {(given.Length == 0 ? "none" : given)}; a detection model has one, [N,3,H,W].");
        }

        (string name, ImmutableArray<long> shape) = model.Inputs[0];
        if (shape[Batch] > DetectorInput.MaxBatch || shape[Row] > FrameFormat.MaxSize || shape[Column] > FrameFormat.MaxSize)
        {
            throw new ModelException(path, $"its input '{name}' [{string.Join(',', shape)}] cannot be used: N is 1 to {DetectorInput.MaxBatch}, H and W are 1 to {FrameFormat.MaxSize}.");
        }

        // A fixed batch is taken whatever the options say of batches: there is no other.
        bool isFixed = shape[Batch] > 0;
        (int least, int tuned, int most) = isFixed ? ((int)shape[Batch], (int)shape[Batch], (int)shape[Batch]) : (1, options.TunedBatch, options.MaxBatch);
        ImmutableArray<TensorRtProfile> profiles =
            [.. SizesFor(path, model, shape, options).Select(size => new TensorRtProfile(size.Width, size.Height, least, tuned, most))];
        return new TensorRtBuildPlan
        {
            InputName = name,
            NeedsProfiles = shape.Any(static dimension => dimension < 0),
            Profiles = profiles,
            WorkspaceBytes = options.WorkspaceBytes > 0 ? options.WorkspaceBytes : TensorRtWorkspace.DefaultBytes(model.NodeCount, most),
        };
    }

    /// <summary>The metadata to write before the plan: the model's own, with the size and batch that the engine is for.</summary>
    public ImmutableDictionary<string, string> MetadataFor(ImmutableDictionary<string, string> model)
    {
        (int Width, int Height) size = ModelMetadata.TryReadImageSize(model.GetValueOrDefault("imgsz"), out (int Width, int Height) said)
            && Profiles.Any(profile => (profile.Width, profile.Height) == said) ? said : (Profiles[0].Width, Profiles[0].Height);
        return model
            .SetItem("imgsz", FormattableString.Invariant($"[{size.Height}, {size.Width}]"))
            .SetItem("batch", FormattableString.Invariant($"{Profiles[0].MaxBatch}"));
    }

    private static (int Width, int Height)[] SizesFor(string path, OnnxFile model, ImmutableArray<long> shape, TensorRtBuildOptions options)
    {
        (int Width, int Height)[] sizes = options.Sizes.IsDefaultOrEmpty ? [DefaultSizeOf(model, shape)] : [.. options.Sizes];
        int stride = ModelMetadata.TryReadStride(model.Metadata.GetValueOrDefault("stride"), out int named) ? named : DefaultStride;
        foreach ((int width, int height) in sizes)
        {
            if ((shape[Column] > 0 && shape[Column] != width) || (shape[Row] > 0 && shape[Row] != height))
            {
                throw new ArgumentException(
                    $"Model '{path}' is fixed at {Show(shape[Column])}x{Show(shape[Row])} (width x height), but {width}x{height} was asked. Leave the sizes out, or export the model with dynamic input.",
                    nameof(options));
            }

            if (width % stride != 0 || height % stride != 0)
            {
                throw new ArgumentException($"A size of {width}x{height} pixels does not fit: width and height must be multiples of the model's stride, {stride}.", nameof(options));
            }
        }

        return sizes;
    }

    private static (int Width, int Height) DefaultSizeOf(OnnxFile model, ImmutableArray<long> shape)
    {
        (int Width, int Height) size = ModelMetadata.TryReadImageSize(model.Metadata.GetValueOrDefault("imgsz"), out (int Width, int Height) said) ? said : (DefaultSize, DefaultSize);
        return (shape[Column] > 0 ? (int)shape[Column] : size.Width, shape[Row] > 0 ? (int)shape[Row] : size.Height);
    }

    private static string Show(long dimension) => dimension > 0 ? $"{dimension}" : "any";
}
