using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What was made of a model.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed record QuantizationReport
{
    /// <summary>Pictures that the ranges are from.</summary>
    public required int Pictures { get; init; }

    /// <summary>Convolutions that compute in 8-bit integers.</summary>
    public required int IntegerConvolutions { get; init; }

    /// <summary>Names of those that stay in single precision: what reads the picture, and what nothing follows.</summary>
    public required ImmutableArray<string> SingleConvolutions { get; init; }

    /// <summary>Bytes of the model's file, with files of weights beside it.</summary>
    public required long ModelBytes { get; init; }

    /// <summary>Bytes of the new file.</summary>
    public required long OutputBytes { get; init; }

    /// <summary>Time from the call to the finished file.</summary>
    public required TimeSpan Duration { get; init; }
}
