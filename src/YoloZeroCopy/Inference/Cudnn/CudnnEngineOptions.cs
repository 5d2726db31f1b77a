using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>How <see cref="CudnnEngine"/> opens a model.</summary>
internal sealed record CudnnEngineOptions
{
    /// <summary>Where cuDNN is looked for.</summary>
    public required CudnnSearch Search { get; init; }

    /// <summary>Folder of compiled convolutions; null for the user's own, an empty text for none.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Batch sizes that there will be contexts for, in rising order.</summary>
    public required ImmutableArray<int> Batches { get; init; }

    /// <summary>Called between two parts of the work, on one thread of several; throws to end it.</summary>
    public Action ThrowIfCancelled { get; init; } = static () => { };
}
