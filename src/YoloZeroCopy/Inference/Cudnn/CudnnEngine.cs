using System.Collections.Concurrent;
using System.Collections.Immutable;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>
/// A detection model as layers of our own on a CUDA device, in half precision with channels last: cuDNN computes the convolutions, each in one kernel
/// with its bias, activation and sum, and kernels of the library do what little lies between.
/// </summary>
/// <remarks>
/// Weights lie on the device once, and a plan serves every stream; contexts of one stream share its activations. The head ends in its raw maps.
/// Thread-safe; contexts are created and run by one thread, on which the CUDA context is current.
/// </remarks>
internal sealed class CudnnEngine : InferenceEngine
{
    // What CUDA, cuDNN and its compiler bring onto the device once and keep, after an opening that compiled (H200, driver 580, cuDNN 9.19).
    private const long LibraryBytes = 78L << 20;

    private readonly OnnxRuntimeModel model;

    // What has weights, plans and the streams' memory for all input sizes: the engine of the largest.
    private readonly CudnnEngine root;
    private readonly CudaContext context;
    private readonly CudnnLibrary library;
    private readonly LayerNetwork network;
    private readonly ImmutableArray<int> batches;
    private readonly ConcurrentDictionary<int, bool> compiled = [];
    private readonly Lock gate = new();
    private readonly Dictionary<nint, CudnnWorkspace> workspaces = [];
    private readonly CudnnPlans plans;
    private readonly KernelSet kernels;
    private readonly CudaDeviceMemory weights;
    private long workspaceBytes;
    private int users = 1;
    private bool disposed;

    private CudnnEngine(
        ReadOnlySpan<SizedNetwork> sized, CudaContext context, KernelSet kernels, CudnnLibrary library, CudnnEngineOptions options)
    {
        (model, network, DetectionHead head) = sized[^1];
        root = this;
        this.context = context;
        this.kernels = kernels;
        this.library = library;
        batches = options.Batches;
        Head = HalfHead(head);
        foreach (SizedNetwork one in sized)
        {
            ThrowIfOther(one.Network.Weights, network.Weights);
        }

        plans = new CudnnPlans(library, context, (batches[0], batches[^1]), OpenCache(library, context, options));
        List<InferenceEngine> engines = [];
        foreach (SizedNetwork one in sized[..^1])
        {
            engines.Add(new CudnnEngine(this, one));
        }

        AtSizes = [.. engines, this];
        ImmutableArray<int> first =
            options.MayCompileLater ? [.. batches.Where(batch => batch == batches[^1] || plans.AreKept(Shapes(batch)))] : batches;
        try
        {
            plans.Compile(first.SelectMany(Shapes), CudnnEffort.InFront, options.OnProgress);
            SetCompiled(first);
            workspaceBytes = WorkspaceBytesOf(batches[^1]);
            weights = new CudaDeviceMemory(context, (nuint)network.Weights.Span.Length);
            Upload(network.Weights);
        }
        catch
        {
            CudnnWork.Release(context, Free);
            throw;
        }
    }

    private CudnnEngine(CudnnEngine root, in SizedNetwork sized)
    {
        (model, network, DetectionHead head) = sized;
        this.root = root;
        (context, kernels, library, batches, plans) = (root.context, root.kernels, root.library, root.batches, root.plans);
        weights = null!;
        Head = HalfHead(head);
    }

    /// <inheritdoc/>
    public override ModelInfo Model => model.Info;

    /// <inheritdoc/>
    public override DetectionHead Head { get; }

    /// <inheritdoc/>
    public override InputLayout InputLayout => InputLayout.ChannelsLast4;

    /// <inheritdoc/>
    public override bool TakesPictures => LayerKernels.StemOf(network) is not null;

    /// <inheritdoc/>
    public override bool GivesBestLogits => LayerKernels.GivesBestLogits(network, Head);

    /// <inheritdoc/>
    public override string GraphChanges =>
        $"the end of the head is decoded by the library; {network.Layers.Length} layers in half precision with channels last"
            + (TakesPictures ? ", the first of them in one with preprocessing" : "")
            + (GivesBestLogits ? ", those of scores in one with the search for the best class" : "");

    /// <inheritdoc/>
    public override string Description => $"cuDNN {library.Version} in half precision on CUDA device {context.Device.Ordinal} ({library.Path})";

    /// <summary>Opens a model that <see cref="TryRead(IReadOnlyList{OnnxRuntimeModel}, out string?)"/> has read: compiles its layers.</summary>
    /// <param name="sized">The model at each input size, by rising area; its layers are needed until this returns.</param>
    /// <param name="context">The device's context; the caller disposes it after the engine and its contexts.</param>
    /// <param name="kernels">Where the library's own kernels come from; disposed likewise, before the context.</param>
    /// <param name="options">How to open it.</param>
    /// <param name="reason">Why the model is not run so, where this gives null.</param>
    /// <exception cref="CudaException">The device failed.</exception>
    /// <exception cref="InsufficientMemoryException">The device has too little memory for the weights, or to time its plans.</exception>
    /// <exception cref="NativeLibraryException">The options or the environment name a cuDNN that is none.</exception>
    public static CudnnEngine? TryOpen(
        ReadOnlySpan<SizedNetwork> sized, CudaContext context, KernelSet kernels, CudnnEngineOptions options, out string? reason)
    {
        try
        {
            CudnnLibrary library = CudnnLibrary.Load(options.Search);
            reason = null;
            return new CudnnEngine(sized, context, kernels, library, options);
        }
        catch (NativeLibraryException error) when (!options.Search.IsNamed)
        {
            reason = error.Message;
            return null;
        }
        catch (InferenceException error)
        {
            // On a device that has faulted nothing else runs either, and this says so.
            _ = context.GetMemoryInfo();
            reason = error.Message;
            return null;
        }
        catch (CudaOutOfMemoryException error)
        {
            throw new InsufficientMemoryException(error.Message, error);
        }
    }

    /// <summary>Makes layers of a model, if it is one that can be run so. No device is used.</summary>
    /// <param name="model">The model.</param>
    /// <param name="reason">Why the model is not run so, where this gives null.</param>
    /// <returns>The layers, which the caller disposes, and the head behind them.</returns>
    public static (LayerNetwork Network, DetectionHead Head)? TryRead(OnnxRuntimeModel model, out string? reason)
    {
        using CutModel? cut = OnnxRuntimeHead.TryCut(model, out reason);
        if (cut?.Head is not DetectionHead head)
        {
            return null;
        }

        if (DecodeKernels.WhyNot(HalfHead(head)) is string notDecodable)
        {
            reason = $"its head cannot be decoded on CUDA: {notDecodable}";
            return null;
        }

        LayerNetwork? network = LayerLowering.TryLower(
            cut.File, cut.Graph, model.Input.Tensor.Name, (model.Info.InputWidth, model.Info.InputHeight),
            head.Maps.Select(static map => map.Name), out reason);
        if (network?.Layers.FirstOrDefault(static layer => layer is not ConvolutionLayer && !LayerKernels.Has(layer)) is Layer unknown)
        {
            reason = $"there is no kernel for its {unknown.GetType().Name}";
            network.Dispose();
            return null;
        }

        return network is null ? null : (network, head);
    }

    /// <summary>Makes layers of a model at every input size; null where one of them cannot be run so.</summary>
    /// <returns>What <see cref="TryOpen"/> takes; the caller disposes the networks.</returns>
    /// <inheritdoc cref="TryRead(OnnxRuntimeModel, out string?)" path="/param[@name='reason']"/>
    public static SizedNetwork[]? TryRead(IReadOnlyList<OnnxRuntimeModel> models, out string? reason)
    {
        List<SizedNetwork> sized = [];
        reason = null;
        foreach (OnnxRuntimeModel model in models)
        {
            if (TryRead(model, out reason) is not (LayerNetwork network, DetectionHead head))
            {
                sized.ForEach(static one => one.Network.Dispose());
                return null;
            }

            sized.Add(new SizedNetwork(model, network, head));
        }

        return [.. sized];
    }

    /// <summary>A head as this engine gives its maps.</summary>
    public static DetectionHead HalfHead(DetectionHead head) => head with { IsChannelsLast = true, ElementType = TensorElementType.Float16 };

    /// <inheritdoc/>
    /// <remarks>Streams that are made from now on take what is said here.</remarks>
    public override ImmutableArray<MemoryPlanEntry> Plan(ReadOnlySpan<int> batchSizes, int streams)
    {
        workspaceBytes = WorkspaceBytesOf(batchSizes[^1]);
        return Plan(network, (long)weights.Bytes, batchSizes[^1], streams, workspaceBytes);
    }

    /// <summary>What layers take of a device's memory.</summary>
    /// <param name="network">The layers.</param>
    /// <param name="weightBytes">Bytes of their weights.</param>
    /// <param name="batch">Largest batch.</param>
    /// <param name="streams">Streams with contexts.</param>
    /// <param name="streamBytes">Bytes that a stream takes, with what cuDNN said that it needs; null where nobody has asked it.</param>
    public static ImmutableArray<MemoryPlanEntry> Plan(LayerNetwork network, long weightBytes, int batch, int streams, long? streamBytes)
    {
        long activationBytes = CudnnBinding.ActivationBytes(network, batch);
        long cudnnBytes = (streamBytes ?? activationBytes) - activationBytes;
        return
        [
            new MemoryPlanEntry(MemoryItem.Weights, MemoryPlace.Device, weightBytes, MemoryEvidence.Formula, "once for all streams"),
            new MemoryPlanEntry(
                MemoryItem.Activations, MemoryPlace.Device, streams * activationBytes, MemoryEvidence.Formula,
                $"{streams} compute streams x {activationBytes} bytes at batch {batch}"),
            new MemoryPlanEntry(
                MemoryItem.Workspace, MemoryPlace.Device, streams * cudnnBytes,
                streamBytes is null ? MemoryEvidence.Formula : MemoryEvidence.Reported,
                streamBytes is null ? "cuDNN's own, which it says on a device only" : $"{streams} compute streams x {cudnnBytes} bytes, by cuDNN"),
            new MemoryPlanEntry(
                MemoryItem.Libraries, MemoryPlace.Device, LibraryBytes, MemoryEvidence.Formula, "what CUDA, cuDNN and its compiler bring once"),
        ];
    }

    /// <inheritdoc/>
    public override long ActivationBytes(int batch) => CudnnBinding.ActivationBytes(network, batch);

    /// <inheritdoc/>
    public override ImmutableArray<int> LaterBatches => [.. batches.Where(batch => !root.compiled.ContainsKey(batch))];

    /// <inheritdoc/>
    /// <remarks>What a plan works in must find room in what streams have for the largest batch.</remarks>
    public override void CompileLater(int batch, bool isBehind, Action<int, int> onProgress)
    {
        long room = workspaceBytes - AtSizes.Max(sized => sized.ActivationBytes(batch));
        CudnnEffort effort = isBehind ? CudnnEffort.Behind(room) : CudnnEffort.InFront with { WorkspaceLimit = room };
        plans.Compile(Shapes(batch), effort, onProgress);
        SetCompiled([batch]);
    }

    /// <inheritdoc/>
    /// <remarks>It runs once on memory of its own, so that the frames' is not touched.</remarks>
    /// <exception cref="InferenceException">cuDNN refused.</exception>
    public override LaterContexts OpenLater(int batch, CudaStream captureStream)
    {
        long inputBytes = CudaLaneMemory.Align((long)batch * InputBytes);
        long outputBytes = CudaLaneMemory.Align((long)batch * OutputBytes);
        long bytes = CudnnBinding.WorkspaceBytes(network, plans, batch);
        nint queue = captureStream.Handle.Value;
        CudnnWorkspace own = NewWorkspace(queue, bytes + inputBytes + outputBytes);
        try
        {
            captureStream.Fill(new CUdeviceptr(own.Address), 0, (nuint)own.Bytes);
            nint input = (nint)own.Address + (nint)bytes;
            using (CudnnContext context = Bind(batch, input, input + (nint)inputBytes, own, own.Handle, queue, static () => { }))
            {
                context.Enqueue();
                captureStream.Synchronize();
            }

            return new CudnnLaterContexts(own, (input, output, stream) => CreateContext(batch, input, output, stream, own.Handle, queue));
        }
        catch
        {
            own.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The engine was not opened for the batch, or an address or the stream is null.</exception>
    /// <exception cref="InferenceException">cuDNN refused the tensors.</exception>
    /// <exception cref="InsufficientMemoryException">The device's memory does not suffice.</exception>
    /// <exception cref="ObjectDisposedException">The engine is disposed.</exception>
    public override EngineContext CreateContext(int batch, nint input, nint output, nint stream) =>
        CreateContext(batch, input, output, stream, handle: null, stream);

    /// <summary>Closes the engine; plans and weights go when the last context does.</summary>
    public override void Dispose()
    {
        if (root != this)
        {
            return;
        }

        lock (gate)
        {
            if (disposed)
            {
                return;
            }

            disposed = true;
            if (--users > 0)
            {
                return;
            }
        }

        CudnnWork.Release(context, Free);
    }

    // Layers are laid out by the model's nodes, whatever the size of their maps.
    private static void ThrowIfOther(ModelBytes weights, ModelBytes others)
    {
        if (weights != others && !weights.Span.SequenceEqual(others.Span))
        {
            throw new InferenceException("its weights are not the same at every input size");
        }
    }

    /// <summary>Bytes that the contexts of a stream share, at all input sizes.</summary>
    private long WorkspaceBytesOf(int largestBatch) =>
        AtSizes.Cast<CudnnEngine>().Max(sized => CudnnBinding.WorkspaceBytes(sized.network, plans, largestBatch));

    private static EngineCache? OpenCache(CudnnLibrary library, CudaContext context, CudnnEngineOptions options) => EngineCache.TryOpen(
        options.CacheFolder,
        $"cuDNN {library.Version} for CUDA {library.Api.CudaVersion}, {context.Device.Name}, "
            + $"compute capability {context.Device.ComputeCapability}");

    private IEnumerable<ConvolutionShape> Shapes(int batch) => AtSizes.Cast<CudnnEngine>().SelectMany(
        sized => sized.network.Layers.OfType<ConvolutionLayer>().Select(layer => ConvolutionShape.Of(sized.network, layer, batch)));

    private void SetCompiled(ImmutableArray<int> done)
    {
        foreach (int batch in done)
        {
            compiled[batch] = true;
        }
    }

    /// <param name="batch">Batch size.</param>
    /// <param name="input">Device address.</param>
    /// <param name="output">Device address.</param>
    /// <param name="stream">Whose activations it works on.</param>
    /// <param name="handle">A handle on the queue; null for the stream's own.</param>
    /// <param name="queue">The stream that it is queued on.</param>
    private CudnnContext CreateContext(int batch, nint input, nint output, nint stream, CudnnHandle? handle, nint queue)
    {
        model.CheckTensors(batch, TakesPictures ? output : input, output);
        ArgumentOutOfRangeException.ThrowIfZero(stream);
        if (!root.compiled.ContainsKey(batch))
        {
            throw new ArgumentOutOfRangeException(
                nameof(batch), batch, $"The engine is compiled for batches of {string.Join(", ", root.compiled.Keys.Order())}.");
        }

        CudnnWorkspace workspace = root.Rent(stream);
        try
        {
            return Bind(batch, input, output, workspace, handle ?? workspace.Handle, queue, () => root.Return(stream, workspace));
        }
        catch
        {
            root.Return(stream, workspace);
            throw;
        }
    }

    private CudnnContext Bind(
        int batch, nint input, nint output, CudnnWorkspace workspace, CudnnHandle handle, nint queue, Action release)
    {
        List<CudnnStep> steps = [];
        try
        {
            CudnnBinding binding = new(
                network, Head, plans, kernels, workspace, handle, root.weights.Address.Value, batch, (ulong)input, (ulong)output, queue);
            return new CudnnContext(input == 0 ? [] : binding.OnInput(steps), binding.OnPictures(steps), () =>
            {
                steps.ForEach(static step => step.Dispose());
                release();
            });
        }
        catch
        {
            steps.ForEach(static step => step.Dispose());
            throw;
        }
    }

    private unsafe void Upload(ModelBytes source) => CudnnWork.Run(context, () =>
    {
        using CudaStream stream = new(context);
        fixed (byte* bytes = source.Span)
        {
            stream.CopyToDevice(weights.Address, bytes, weights.Bytes);
            stream.Synchronize();
        }
    });

    private CudnnWorkspace Rent(nint stream)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (!workspaces.TryGetValue(stream, out CudnnWorkspace? workspace))
            {
                workspace = NewWorkspace(stream, workspaceBytes);
                workspaces.Add(stream, workspace);
            }

            workspace.Users++;
            users++;
            return workspace;
        }
    }

    private CudnnWorkspace NewWorkspace(nint stream, long bytes)
    {
        try
        {
            return new CudnnWorkspace(context, library.Api, stream, bytes);
        }
        catch (CudaOutOfMemoryException error)
        {
            throw new InsufficientMemoryException(error.Message, error);
        }
    }

    private void Return(nint stream, CudnnWorkspace workspace)
    {
        bool isLastOfStream;
        bool isLast;
        lock (gate)
        {
            isLastOfStream = --workspace.Users == 0;
            isLast = --users == 0;
            if (isLastOfStream)
            {
                _ = workspaces.Remove(stream);
            }
        }

        if (isLastOfStream)
        {
            CudnnWork.Release(context, workspace.Dispose);
        }

        if (isLast)
        {
            CudnnWork.Release(context, Free);
        }
    }

    private void Free()
    {
        plans.Dispose();
        weights?.Dispose();
    }
}
