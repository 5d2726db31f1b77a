using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What a <see cref="CudnnEngine"/> would be on a device that is not here, to plan with.</summary>
internal sealed class CudnnEngineOnPaper : InferenceEngine
{
    private readonly LayerNetwork network;
    private readonly long weightBytes;

    private CudnnEngineOnPaper(ModelInfo model, LayerNetwork network, DetectionHead head)
    {
        Model = model;
        this.network = network;
        Head = head;
        weightBytes = network.Weights.Span.Length;
    }

    /// <inheritdoc/>
    public override ModelInfo Model { get; }

    /// <inheritdoc/>
    public override DetectionHead Head { get; }

    /// <inheritdoc/>
    public override InputLayout InputLayout => InputLayout.ChannelsLast4;

    /// <inheritdoc/>
    public override string Description => "cuDNN in half precision";

    /// <summary>Reads a model, if it is one that the engine would run.</summary>
    /// <param name="model">The model.</param>
    /// <param name="reason">Why it would not, where this gives null.</param>
    public static CudnnEngineOnPaper? TryOpen(OnnxRuntimeModel model, out string? reason) =>
        CudnnEngine.TryRead(model, out reason) is (LayerNetwork network, DetectionHead head)
            ? new CudnnEngineOnPaper(model.Info, network, CudnnEngine.HalfHead(head))
            : null;

    /// <inheritdoc/>
    public override ImmutableArray<MemoryPlanEntry> Plan(ReadOnlySpan<int> batches, int streams) =>
        CudnnEngine.Plan(network, weightBytes, batches[^1], streams, streamBytes: null);

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override EngineContext CreateContext(int batch, nint input, nint output, nint stream) =>
        throw new NotSupportedException("There is no device.");

    /// <inheritdoc/>
    public override void Dispose() => network.Dispose();
}
