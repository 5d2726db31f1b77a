using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What is to be built: the model's picture input and the profiles for it, decided before TensorRT is asked.</summary>
internal sealed record TensorRtBuildPlan
{
    private const int Batch = 0;

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
        ModelMetadata.ThrowIfNotDetection(path, model.Metadata);

        OnnxTensor input = PictureInput.Choose(path, model.Inputs);
        ImmutableArray<long> shape = input.Shape;

        // A fixed batch is taken whatever the options say of batches: there is no other.
        bool isFixed = shape[Batch] > 0;
        (int least, int tuned, int most) = isFixed ? ((int)shape[Batch], (int)shape[Batch], (int)shape[Batch])
            : (1, options.TunedBatch, options.MaxBatch);
        ImmutableArray<TensorRtProfile> profiles =
            [.. SizesFor(path, model, input, options).Select(size => new TensorRtProfile(size.Width, size.Height, least, tuned, most))];
        return new TensorRtBuildPlan
        {
            InputName = input.Name,
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

    private static ImmutableArray<(int Width, int Height)> SizesFor(string path, OnnxFile model, OnnxTensor input, TensorRtBuildOptions options)
    {
        bool asked = !options.Sizes.IsDefaultOrEmpty;
        ImmutableArray<(int Width, int Height)> sizes = asked ? options.Sizes : [PictureInput.DefaultSize(path, input, model.Metadata)];
        int stride = ModelMetadata.StrideOf(model.Metadata);
        foreach ((int width, int height) in sizes)
        {
            if (PictureInput.WhyNot(input, width, height, stride) is string reason)
            {
                throw asked ? new ArgumentException($"Model '{path}': {reason}", nameof(options)) : new ModelException(path, reason);
            }
        }

        return sizes;
    }
}
