namespace YoloZeroCopy;

/// <summary>How <see cref="TensorRtEngine"/> opens an engine.</summary>
internal sealed record TensorRtEngineOptions
{
    /// <summary>Where the shim and TensorRT are looked for.</summary>
    public required TensorRtSearch Search { get; init; }

    /// <summary>
    /// Sizes of the input. For one the smallest profile that fits it is taken; of several each has a profile that runs at it. Null leaves it to the
    /// engine.
    /// </summary>
    public InputSizes? Sizes { get; init; }

    /// <summary>Whether a version-compatible plan may run the code for the processor that it brings.</summary>
    public bool HostCodeAllowed { get; init; }
}
