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

    /// <summary>Whether it may compile for the largest batch only, where plans of others are not kept: see <see
    /// cref="InferenceEngine.LaterBatches"/>.</summary>
    public bool MayCompileLater { get; init; }

    /// <summary>Told on the calling thread how many of how many convolutions are compiled, from 0 on; what it throws ends the opening.</summary>
    public Action<int, int> OnProgress { get; init; } = static (_, _) => { };
}
