using System.Collections.Immutable;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>How pictures lie in an engine's input tensor.</summary>
internal enum InputLayout
{
    /// <summary><c>[batch, 3, height, width]</c> of the model's type: red, green, blue.</summary>
    ChannelsFirst,

    /// <summary><c>[batch, height, width, 4]</c> of halves: red, green, blue, 0. 8 bytes a pixel, as tensor cores want it.</summary>
    ChannelsLast4,
}

/// <summary>A loaded model on one device. Thread-safe: several lanes share one engine; each has contexts of its own.</summary>
/// <remarks>Opened for several input sizes it is that of the largest, and <see cref="AtSizes"/> has one for each.</remarks>
internal abstract class InferenceEngine : IDisposable
{
    /// <summary>What the model is, with every shape resolved for the input size the engine was opened for.</summary>
    public abstract ModelInfo Model { get; }

    /// <summary>
    /// The engine at each input size that it was opened for, by rising area and this one last: the same model, sharing what the runtime lets it
    /// share. This one owns the others.
    /// </summary>
    public ImmutableArray<InferenceEngine> AtSizes { get => field.IsDefault ? [this] : field; protected set; }

    /// <summary>The input sizes of <see cref="AtSizes"/>, in the same order.</summary>
    public InputSizes InputSizes => InputSizes.Of(
        AtSizes.Select(static engine => new ModelInputSize(engine.Model.InputWidth, engine.Model.InputHeight)));

    /// <summary>The maps that a context gives, where the model is cut before the end of its head; null where it gives the model's own
    /// output.</summary>
    public virtual DetectionHead? Head => null;

    /// <summary>What was changed of the model's graph, and what was not and why; for reports.</summary>
    public virtual string GraphChanges => "none";

    /// <summary>How pictures lie in the input tensor.</summary>
    public virtual InputLayout InputLayout => InputLayout.ChannelsFirst;

    /// <summary>Whether contexts can read pictures where they lie, without a tensor: <see cref="EngineContext.Enqueue(ulong)"/>. The same at every
    /// input size.</summary>
    public virtual bool TakesPictures => false;

    /// <summary>
    /// Whether a context that reads pictures leaves a <see cref="BestLogit"/> of each cell in place of a head's maps of scores. The same at every
    /// input size.
    /// </summary>
    public virtual bool GivesBestLogits => false;

    /// <summary>Bytes of what a context takes for one picture.</summary>
    public int InputBytes => InputLayout == InputLayout.ChannelsLast4
        ? checked(LayerNetwork.InputChannels * Model.InputWidth * Model.InputHeight * sizeof(ushort))
        : Model.InputBytes;

    /// <summary>Bytes of a lane's input tensor for one picture: none where its contexts read pictures.</summary>
    public int LaneInputBytes => TakesPictures ? 0 : InputBytes;

    /// <summary>Bytes of what a context gives for one picture.</summary>
    public int OutputBytes => Head?.PictureBytes ?? Model.OutputBytes;

    /// <summary>Name and version of the runtime, its device and where it came from, for reports.</summary>
    public abstract string Description { get; }

    /// <summary>Smallest batch that the engine takes; smaller ones are filled up to it.</summary>
    public virtual int MinBatch => Math.Max(1, Model.FixedBatch);

    /// <summary>Largest batch that the engine takes.</summary>
    public virtual int MaxBatch => MaxBatchOf(Model);

    /// <summary>Largest batch of an engine that takes what its model takes.</summary>
    public static int MaxBatchOf(ModelInfo model) => model.FixedBatch == 0 ? PictureInput.MaxBatch : model.FixedBatch;

    /// <summary>What the engine takes of memory to run, at all its input sizes, added up before the contexts take it.</summary>
    /// <param name="batches">Batch sizes that each stream has a context for, in rising order.</param>
    /// <param name="streams">Streams with contexts; on the CPU, lanes.</param>
    /// <exception cref="InferenceException">The engine had to run to tell, and failed.</exception>
    public virtual ImmutableArray<MemoryPlanEntry> Plan(ReadOnlySpan<int> batches, int streams) => [];

    /// <summary>Bytes of activations that a batch takes at this input size; known once <see cref="Plan"/> was asked.</summary>
    public virtual long ActivationBytes(int batch) => 0;

    /// <summary>What the contexts of this input size take for themselves, where sizes do not share; 0 where they do.</summary>
    /// <inheritdoc cref="Plan" path="/param"/>
    public virtual long OwnBytes(ReadOnlySpan<int> batches, int streams) => 0;

    /// <summary>
    /// Batch sizes, of those that it was opened for, which it has not compiled for yet. There are no contexts for them before
    /// <see cref="CompileLater"/>.
    /// </summary>
    public virtual ImmutableArray<int> LaterBatches => [];

    /// <summary>Compiles for one of <see cref="LaterBatches"/>. One thread at a time; contexts may run meanwhile.</summary>
    /// <param name="batch">The batch size.</param>
    /// <param name="isBehind">Whether frames run meanwhile, to which this gives way.</param>
    /// <param name="onProgress">Told on the calling thread how many of how many parts are done; what it throws ends it.</param>
    /// <exception cref="InferenceException">It could not be compiled.</exception>
    public virtual void CompileLater(int batch, bool isBehind, Action<int, int> onProgress) => throw new NotSupportedException();

    /// <summary>Makes ready for contexts of a batch size that was compiled later: what their first run loads is loaded.</summary>
    /// <param name="batch">The batch size.</param>
    /// <param name="captureStream">Where they are captured, a stream that nobody else uses.</param>
    /// <exception cref="InsufficientMemoryException">The device's memory does not suffice.</exception>
    public virtual LaterContexts OpenLater(int batch, CudaStream captureStream) => throw new NotSupportedException();

    /// <summary>What the runs of all contexts have taken of memory at a time, beyond weights and tensors; null where the engine does not tell. Any
    /// thread.</summary>
    public virtual long? TakenActivationBytes => null;

    /// <summary>
    /// Makes a context for one batch size, bound for good to the given tensors and stream. On a GPU it is also run until later runs allocate nothing;
    /// it has finished when this returns, and the output tensor is overwritten. On the CPU it is only bound, which takes no time, and the first run
    /// is as good as any.
    /// </summary>
    /// <param name="batch">Pictures per run; <see cref="ModelInfo.FixedBatch"/> where that is not 0.</param>
    /// <param name="input">
    /// Address of the input tensor on the engine's device, as <see cref="InputLayout"/> says; the caller owns it and keeps it alive. 0 for a context
    /// that is only run on pictures, which <see cref="TakesPictures"/> allows.
    /// </param>
    /// <param name="output">
    /// Address of the output tensor on the engine's device, <c>[batch, rows, columns]</c>, or of the maps of <see cref="Head"/> one behind the other;
    /// likewise.
    /// </param>
    /// <param name="stream">
    /// Stream on which the context runs for good, because a captured graph replays there; the caller owns it and keeps it alive. Not looked at on the
    /// CPU.
    /// </param>
    public abstract EngineContext CreateContext(int batch, nint input, nint output, nint stream);

    public abstract void Dispose();
}

/// <summary>One batch size of an engine, bound to its tensors and its stream.</summary>
/// <remarks>
/// Used by one thread at a time. A context of a GPU engine is created, warmed up and run by one and the same thread, the dispatcher; it is disposed
/// when its stream is idle.
/// </remarks>
internal abstract class EngineContext : IDisposable
{
    /// <summary>
    /// Why the runs of this context neither are replays of a CUDA graph nor can be captured into one; null when they are or can, and on the CPU. A
    /// run without a graph is right, too, but <see cref="Enqueue()"/> may wait for the stream.
    /// </summary>
    public virtual string? GraphFallbackReason => null;

    /// <summary>
    /// Whether the caller may capture <see cref="Enqueue()"/> into a CUDA graph of its own, with what comes before and after it on the stream. That
    /// graph is launched by the caller and destroyed before this context.
    /// </summary>
    public virtual bool CanCapture => false;

    /// <summary>Runs the model on the bound tensors: at once on the CPU, in order on the context's stream on a GPU.</summary>
    /// <exception cref="InferenceException">The engine failed; the message is the runtime's own.</exception>
    /// <exception cref="NotSupportedException">The context was made without an input tensor.</exception>
    public abstract void Enqueue();

    /// <summary>Runs the model on pictures: preprocessing is part of its first layer, and the input tensor is neither written nor read.</summary>
    /// <param name="pictures">Device address of a batch of <see cref="KernelPicture"/>, aligned to 16 bytes.</param>
    /// <exception cref="InferenceException">The engine failed; the message is the runtime's own.</exception>
    /// <exception cref="NotSupportedException">The engine does not say <see cref="InferenceEngine.TakesPictures"/>.</exception>
    public virtual void Enqueue(ulong pictures) => throw new NotSupportedException("The engine takes a tensor.");

    public abstract void Dispose();
}
