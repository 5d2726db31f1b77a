using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>An engine at one of its input sizes, with the decoding of what it gives there. Immutable; any thread.</summary>
/// <param name="engine">The engine at that size.</param>
/// <param name="decode">How its output is decoded.</param>
internal sealed class EngineAtSize(InferenceEngine engine, DecodeKernels decode)
{
    public InferenceEngine Engine => engine;

    public DecodeKernels Decode => decode;

    public int Width { get; } = engine.Model.InputWidth;

    public int Height { get; } = engine.Model.InputHeight;

    /// <summary>An engine at each of its input sizes, by rising area.</summary>
    public static ImmutableArray<EngineAtSize> AllOf(InferenceEngine engine, DecodingOptions options) =>
        [.. engine.AtSizes.Select(sized => new EngineAtSize(sized, DecodeKernels.For(sized, options)))];

    /// <summary>Batch sizes that a lane of so many frames is ready for.</summary>
    public int[] BatchSizes(int maxBatch) => BatchBucket.SizesFor(maxBatch, engine.Model.FixedBatch, engine.MinBatch);
}
