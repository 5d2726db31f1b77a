using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What a build took and gave.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed record TensorRtBuildReport
{
    /// <summary>Name and version of the TensorRT that built it, and where it was found.</summary>
    public required string Library { get; init; }

    /// <summary>What was changed of the model's graph before it was built, and what was not and why.</summary>
    public string GraphChanges { get; init; } = "none";

    /// <summary>Bytes of the plan, without the metadata before it.</summary>
    public required long PlanBytes { get; init; }

    /// <summary>Profiles of the engine, in their order.</summary>
    public required ImmutableArray<TensorRtProfile> Profiles { get; init; }

    /// <summary>Nodes of the ONNX model.</summary>
    public required int NodeCount { get; init; }

    /// <summary>Most bytes of scratch memory that a layer was allowed.</summary>
    public required long WorkspaceLimitBytes { get; init; }

    /// <summary>
    /// Device memory in bytes that TensorRT asks for to run each profile at its largest, in the order of <see cref="Profiles"/>: what the limit was
    /// for. Empty where the engine cannot be opened on this machine, which has no GPU or another kind of GPU than the engine is for.
    /// </summary>
    public required ImmutableArray<long> DeviceMemoryBytes { get; init; }

    /// <summary>Time from the call to the finished file.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>What TensorRT warned of, in its own words.</summary>
    public required ImmutableArray<string> Warnings { get; init; }
}

/// <summary>One input size that an engine is made for.</summary>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="MinBatch">Smallest batch.</param>
/// <param name="OptimalBatch">Batch that it is tuned for.</param>
/// <param name="MaxBatch">Largest batch.</param>
public readonly record struct TensorRtProfile(int Width, int Height, int MinBatch, int OptimalBatch, int MaxBatch)
{
    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Width}x{Height}, batch {MinBatch} to {MaxBatch}, tuned for {OptimalBatch}");
}

/// <summary>How far a build is. TensorRT's phases nest: each has its own steps.</summary>
/// <param name="Phase">Name of the phase, in TensorRT's own words.</param>
/// <param name="Parent">Name of the phase that it is part of; empty for an outermost one.</param>
/// <param name="Step">Steps of the phase that are done.</param>
/// <param name="Steps">Steps of the phase.</param>
public readonly record struct TensorRtBuildProgress(string Phase, string Parent, int Step, int Steps);
