using System.Collections.Immutable;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>What all lanes of a detector on one CUDA device share: context, streams for copies and results, kernels, and the two threads that wait
/// for it.</summary>
internal sealed class CudaSharedResources : IDisposable
{
    // Pictures of a few cameras that are gone, for those that come.
    private const long MaxIdleDecoderBytes = 256L << 20;

    // Decoders whose frames lie on the device.
    internal int Decoders;

    /// <param name="context">The device's context.</param>
    /// <param name="kernels">Where kernels come from; it lives longer.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="decoding">Thresholds and limits.</param>
    /// <param name="waitMode">How the threads wait.</param>
    public CudaSharedResources(CudaContext context, KernelSet kernels, InferenceEngine engine, DecodingOptions decoding, WaitMode waitMode)
    {
        Context = context;
        Name = Device.Cuda(context.Device.Ordinal).Name;
        Devices = [this];
        WaitMode = waitMode;
        Model = engine.Model;
        Sizes = EngineAtSize.AllOf(engine, decoding);
        DecoderMemory = new CudaBlockPool(context, MaxIdleDecoderBytes);
        Preprocess = engine.TakesPictures ? null : kernels.Get(PreprocessKernel.NameOf(Model.InputType, engine.InputLayout));
        Scan = kernels.Get(Decode.ScanName);
        Rank = kernels.Get(Decode.RankName);
        try
        {
            CopyStream = new CudaStream(context);
            ResultStream = new CudaStream(context, context.GetStreamPriorityRange().Greatest);
            Uploads = new EventWaiter(context, waitMode, "YoloZeroCopy uploads");
            Results = new EventWaiter(context, waitMode, "YoloZeroCopy results");
        }
        catch
        {
            Uploads?.Dispose();
            ResultStream?.Dispose();
            CopyStream?.Dispose();
            throw;
        }
    }

    public CudaContext Context { get; }

    /// <summary>The devices of the detector, by their numbers, with this one among them.</summary>
    public IReadOnlyList<CudaSharedResources> Devices { get; private set; }

    /// <summary>Its place among <see cref="Devices"/>.</summary>
    public int Index { get; private set; }

    /// <summary>Whether the detector has others.</summary>
    public bool IsOneOfSeveral => Devices.Count > 1;

    /// <summary>The device as metrics name it.</summary>
    public string Name { get; }

    public WaitMode WaitMode { get; }

    public ModelInfo Model { get; }

    /// <summary>
    /// Uploads of all lanes, in the order of dispatch: the link is one, and a batch that is whole early is worth more than two half ones.
    /// </summary>
    public CudaStream CopyStream { get; }

    /// <summary>
    /// Suppression and copies of results of all lanes, in the order of dispatch, in which they are waited for anyhow: while other batches are in
    /// flight, so that the kernels of the next one on a compute stream do not wait for them. A few blocks for each batch, which go first.
    /// </summary>
    public CudaStream ResultStream { get; }

    /// <summary>The engine at each input size, by rising area.</summary>
    public ImmutableArray<EngineAtSize> Sizes { get; }

    /// <summary>Decoding at the largest input size. The others have the same kernels.</summary>
    public DecodeKernels Decode => Sizes[^1].Decode;

    /// <summary>Null where the engine reads pictures.</summary>
    public CudaKernel? Preprocess { get; }

    public CudaKernel Scan { get; }

    public CudaKernel Rank { get; }

    public EventWaiter Uploads { get; }

    public EventWaiter Results { get; }

    /// <summary>The slots' memory, from <see cref="AllocateSlots"/>; the pool owns it.</summary>
    public CudaFrameMemory? Slots { get; private set; }

    /// <summary>Memory for decoders on the device, which sources that come and go take over from each other.</summary>
    public CudaBlockPool DecoderMemory { get; }

    /// <summary>Why lanes run without graphs, or some buckets of them; null where every bucket is one. Known when the detector is open.</summary>
    public string? GraphFallback { get; set; }

    /// <summary>What is made behind the first frames; null where nothing was left to do. Set when the detector is open.</summary>
    public LaterBuckets? Later { get; set; }

    /// <summary>Records when batches are uploaded and computed, where somebody looks; null otherwise. Set and taken away between batches.</summary>
    public CudaTimeline? Timeline { get; set; }

    /// <summary>Puts devices together that one detector has. Before their lanes are made.</summary>
    public static void Join(IReadOnlyList<CudaSharedResources> devices)
    {
        for (int index = 0; index < devices.Count; index++)
        {
            (devices[index].Devices, devices[index].Index) = (devices, index);
        }
    }

    /// <summary>Makes the memory for the pool, so that lanes know what kind it is.</summary>
    public CudaFrameMemory AllocateSlots(TransferMode mode, long byteCount, NumaPlace place) =>
        Slots = CudaFrameMemory.Allocate(Context, mode, byteCount, place);

    /// <summary>Allocates pictures for decoders that will come.</summary>
    /// <exception cref="CudaOutOfMemoryException">The device has too little free memory.</exception>
    public void Reserve(IReadOnlyList<ExpectedDecoders> expected)
    {
        foreach (ExpectedDecoders decoders in expected)
        {
            if (decoders.Pictures != 0)
            {
                DecoderMemory.Reserve((ulong)decoders.PictureBytes, decoders.Pictures);
            }
        }
    }

    /// <summary>Called when every lane is disposed.</summary>
    public void Dispose()
    {
        Uploads.Dispose();
        Results.Dispose();
        ResultStream.Dispose();
        CopyStream.Dispose();
        DecoderMemory.Dispose();
    }
}
