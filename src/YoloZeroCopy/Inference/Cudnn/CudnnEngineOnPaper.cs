using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What a <see cref="CudnnEngine"/> would be on a device that is not here, to plan with.</summary>
internal sealed class CudnnEngineOnPaper : InferenceEngine
{
    private readonly LayerNetwork network;
    private readonly long weightBytes;

    private CudnnEngineOnPaper(ReadOnlySpan<SizedNetwork> sized)
    {
        (OnnxRuntimeModel model, network, DetectionHead head) = sized[^1];
        Model = model.Info;
        Head = CudnnEngine.HalfHead(head);
        weightBytes = network.Weights.Span.Length;
        List<InferenceEngine> engines = [];
        foreach (SizedNetwork one in sized[..^1])
        {
            engines.Add(new CudnnEngineOnPaper([one]));
        }

        AtSizes = [.. engines, this];
    }

    /// <inheritdoc/>
    public override ModelInfo Model { get; }

    /// <inheritdoc/>
    public override DetectionHead Head { get; }

    /// <inheritdoc/>
    public override InputLayout InputLayout => InputLayout.ChannelsLast4;

    /// <inheritdoc/>
    public override bool TakesPictures => LayerKernels.StemOf(network) is not null;

    /// <inheritdoc/>
    public override bool GivesBestLogits => LayerKernels.GivesBestLogits(network, Head);

    /// <inheritdoc/>
    public override string Description => "cuDNN in half precision";

    /// <summary>Reads a model, if it is one that the engine would run.</summary>
    /// <param name="models">The model at each input size.</param>
    /// <param name="reason">Why it would not, where this gives null.</param>
    public static CudnnEngineOnPaper? TryOpen(IReadOnlyList<OnnxRuntimeModel> models, out string? reason) =>
        CudnnEngine.TryRead(models, out reason) is SizedNetwork[] sized ? new CudnnEngineOnPaper(sized) : null;

    /// <inheritdoc/>
    public override ImmutableArray<MemoryPlanEntry> Plan(ReadOnlySpan<int> batches, int streams) =>
        CudnnEngine.Plan(network, weightBytes, batches[^1], streams, streamBytes: null);

    /// <inheritdoc/>
    public override long ActivationBytes(int batch) => CudaLaneMemory.Align(LayerMemory.Plan(network, batch).Bytes);

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override EngineContext CreateContext(int batch, nint input, nint output, nint stream) =>
        throw new NotSupportedException("There is no device.");

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (InferenceEngine smaller in AtSizes[..^1])
        {
            smaller.Dispose();
        }

        network.Dispose();
    }
}
