namespace YoloZeroCopy;

/// <summary>How <see cref="TensorRtEngine"/> opens an engine.</summary>
internal sealed record TensorRtEngineOptions
{
    /// <summary>Where the shim and TensorRT are looked for.</summary>
    public required TensorRtSearch Search { get; init; }

    /// <summary>Size of the input in pixels; the smallest profile that fits it is taken. Null leaves it to the engine.</summary>
    public (int Width, int Height)? ImageSize { get; init; }

    /// <summary>Whether a version-compatible plan may run the code for the processor that it brings.</summary>
    public bool HostCodeAllowed { get; init; }
}
