using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Opens a detector on a CUDA device.</summary>
internal static class CudaOpening
{
    // Three compute streams fill each other's gaps between kernels, each with one batch on the device and the next one queued. Measured:
    // docs/performance.md.
    internal const int DefaultLanes = 6;
    internal const int DefaultBatch = 8;
    private const int LanesPerCompute = 2;

    public static YoloDetector Open(ModelSource source, DetectorOptions options, int ordinal, string why, OpeningSteps steps) =>
        Open(source, options, () => CudaDevice.Get(ordinal), why, steps);

    /// <summary>Opens on a device that is looked for when the model's file has been.</summary>
    internal static YoloDetector Open(ModelSource source, DetectorOptions options, Func<CudaDevice> getDevice, string why, OpeningSteps steps)
    {
        steps.Begin(OpeningStep.ReadModel);
        bool isTensorRt = ModelFile.IsTensorRt(source);
        if (isTensorRt)
        {
            // A file that is missing or damaged is that on every machine.
            _ = TensorRtPlanFile.Read(source);
        }

        steps.Advance();
        CudaDevice device = getDevice();
        List<IDisposable?> made = [];
        try
        {
            steps.Begin(OpeningStep.LoadEngine);
            (InferenceEngine engine, CudaContext context, OnnxRuntimeOperators? operators) = isTensorRt
                ? OpenTensorRt(source, options, device, made, steps)
                : OpenOnnxRuntime(source, options, device, made, steps);
            ModelInfo model = engine.Model;
            int maxBatch = Opening.MaxBatchOf(engine, options, DefaultBatch);
            int laneCount = options.Lanes == 0 ? DefaultLanes : options.Lanes;
            int slotCount = Opening.SlotCountOf(options, laneCount, maxBatch);
            DecodingOptions decoding = Opening.DecodingOf(options);
            CudaSharedResources shared = new(context, engine, decoding, options.WaitMode);
            made.Add(shared);
            CudaLaneSizes sizes = SizesOf(engine, shared.Decode, maxBatch, options.SlotBytes);
            MemoryPlan plan = Plan(engine, sizes, maxBatch, laneCount, slotCount, options.SlotBytes);
            ThrowIfTooLittle(plan, context.GetMemoryInfo(), options.MemoryMargin, device);

            FramePool pool = new(slotCount, options.SlotBytes, byteCount => new PinnedFrameMemory(context, byteCount));
            made.Add(pool);
            CudaComputeStream[] computes = new CudaComputeStream[ComputesOf(laneCount)];
            for (int number = 0; number < computes.Length; number++)
            {
                computes[number] = new CudaComputeStream(context, engine, sizes);
                made.Add(computes[number]);
            }

            CudaLane[] lanes = new CudaLane[laneCount];
            for (int number = 0; number < laneCount; number++)
            {
                lanes[number] = new CudaLane(shared, computes[number % computes.Length], sizes);
                made.Add(lanes[number]);
            }

            Pipeline pipeline = Start(context, pool, lanes, options, maxBatch, plan, steps);

            string deviceName = Device.Cuda(device.Ordinal).Name;
            shared.GraphFallback = GraphFallbackOf(lanes);
            string graphs = shared.GraphFallback is string fallback ? $", {fallback}" : "";
            string description = $"{deviceName}, {device.Name}, {engine.Description}{graphs}{why}";
            return new YoloDetector(
                pipeline, engine, [.. computes, .. Existing(operators), shared, context], model, options.Name, deviceName, description, plan);
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }
    }

    private static Pipeline Start(
        CudaContext context, FramePool pool, CudaLane[] lanes, DetectorOptions options, int maxBatch, MemoryPlan plan, OpeningSteps steps)
    {
        try
        {
            return Opening.Start(pool, lanes, options, maxBatch, steps);
        }
        catch (InsufficientMemoryException error)
        {
            throw new InsufficientMemoryException(
                $"{error.Message}{Environment.NewLine}The plan was met, and the engine or another process took more. A larger "
                    + $"{nameof(DetectorOptions.MemoryMargin)} refuses earlier; fewer Lanes or a "
                + $"smaller MaxBatch need less:{Environment.NewLine}{plan}",
                error);
        }
        catch (InferenceException)
        {
            // An engine tells a fault of the device in words of its own; the device says what it is.
            _ = context.GetMemoryInfo();
            throw;
        }
    }

    private static IDisposable[] Existing(IDisposable? resource) => resource is null ? [] : [resource];

    private static void ThrowIfNotDecodable(ModelInfo model, DetectorOptions options)
    {
        if (model.ClassCount > DecodeKernels.ClassLimit)
        {
            throw new ModelException(
                model.Path, $"it has {model.ClassCount} classes; a CUDA device decodes up to {DecodeKernels.ClassLimit}, the CPU any number.");
        }

        if (options.MaxDetections > DecodeKernels.DetectionLimit)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.MaxDetections,
                    $"{nameof(DetectorOptions.MaxDetections)} is at most {DecodeKernels.DetectionLimit} on a CUDA device.");
        }
    }

    /// <summary>Compute streams of a detector with so many lanes.</summary>
    public static int ComputesOf(int laneCount) => (laneCount + LanesPerCompute - 1) / LanesPerCompute;

    private static string? GraphFallbackOf(CudaLane[] lanes)
    {
        string? reason = lanes.Select(static lane => lane.GraphFallbackReason).FirstOrDefault(static reason => reason is not null);
        string partly = lanes.Any(static lane => lane.HasGraphs) ? "partly " : "";
        return reason is null ? null : $"{partly}without CUDA graphs: {OnnxRuntimeCudaErrors.Words(reason)}";
    }

    private static (InferenceEngine Engine, CudaContext Context, OnnxRuntimeOperators? Operators) OpenOnnxRuntime(
        ModelSource source, DetectorOptions options, CudaDevice device, List<IDisposable?> made, OpeningSteps steps)
    {
        // Read and checked on the CPU, so that a bad model costs no device memory.
        bool mayChange = options.RewriteGraph && options.Precision != Precision.Single;
        OnnxRuntimeCudaOptions runtimeOptions = new()
        {
            LibraryPath = options.OnnxRuntimePath,
            DeviceOrdinal = device.Ordinal,
            ImageSize = options.InputSize,
            HalfPrecision = mayChange,
        };
        CudaContext? context = null;
        if (mayChange)
        {
            OnnxRuntimeModel model = OnnxRuntimeCudaEngine.ReadModel(source, runtimeOptions);
            ThrowIfNotDecodable(model.Info, options);
            context = device.OpenContext();
            made.Add(context);
            steps.Advance();
            if (CudnnEngine.TryOpen(model, context, CudnnOptions(model, options, steps), out string? reason) is CudnnEngine own)
            {
                made.Add(own);
                return (own, context, null);
            }

            runtimeOptions = runtimeOptions with { Because = reason };
        }

        OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(source, runtimeOptions);
        made.Add(engine);
        ThrowIfNotDecodable(engine.Model, options);
        if (context is null)
        {
            context = device.OpenContext();
            made.Add(context);
            steps.Advance();
        }

        if (options.ReplaceOperators)
        {
            engine.Operators = OnnxRuntimeOperators.ForCuda(engine.Library, context);
            made.Add(engine.Operators);
        }

        return (engine, context, engine.Operators);
    }

    private static CudnnEngineOptions CudnnOptions(OnnxRuntimeModel model, DetectorOptions options, OpeningSteps steps) => new()
    {
        Search = CudnnSearch.ForThisProcess(options.CudnnPath),
        CacheFolder = options.EngineCacheFolder,
        Batches = [.. BatchBucket.SizesFor(
            Opening.MaxBatchOf(model.Info, InferenceEngine.MaxBatchOf(model.Info), options, DefaultBatch), model.Info.FixedBatch)],
        OnProgress = (done, total) =>
        {
            if (done == 0)
            {
                steps.Begin(OpeningStep.CompileKernels, total);
            }
            else
            {
                steps.Advance();
            }
        },
    };

    private static (InferenceEngine Engine, CudaContext Context, OnnxRuntimeOperators? Operators) OpenTensorRt(
        ModelSource source, DetectorOptions options, CudaDevice device, List<IDisposable?> made, OpeningSteps steps)
    {
        CudaContext context = device.OpenContext();
        made.Add(context);
        TensorRtEngine engine = TensorRtEngine.Open(source, new TensorRtCudaDevice(context), new TensorRtEngineOptions
        {
            Search = TensorRtSearch.ForThisProcess(options.TensorRtPath, options.TensorRtShimPath),
            ImageSize = options.InputSize,
            HostCodeAllowed = options.TensorRtHostCodeAllowed,
        });
        made.Add(engine);
        ThrowIfNotDecodable(engine.Model, options);
        steps.Advance();
        return (engine, context, null);
    }

    private static CudaLaneSizes SizesOf(InferenceEngine engine, DecodeKernels decode, int maxBatch, int slotBytes) => new(
        maxBatch,
        Math.Max(maxBatch, engine.MinBatch),
        FramePool.StepOf(slotBytes),
        engine.InputBytes,
        engine.OutputBytes,
        decode.ScratchBytes,
        decode.ResultBytes,
        engine.MinBatch);

    private static MemoryPlan Plan(InferenceEngine engine, in CudaLaneSizes sizes, int maxBatch, int laneCount, int slotCount, int slotBytes)
    {
        int[] buckets = BatchBucket.SizesFor(maxBatch, engine.Model.FixedBatch, sizes.MinBatch);
        int computes = ComputesOf(laneCount);
        return new MemoryPlan(
        [
            FramePool.Plan(slotCount, slotBytes, MemoryPlace.Pinned),
            .. sizes.Plan(laneCount, computes),
            .. engine.Plan(buckets, computes),
        ]);
    }

    private static void ThrowIfTooLittle(MemoryPlan plan, CudaMemoryInfo memory, double margin, CudaDevice device)
    {
        double wanted = plan.DeviceBytes * (1 + margin);
        if (wanted > memory.FreeBytes)
        {
            throw new InsufficientMemoryException(
                $"{device} has {memory.FreeBytes >> 20} MiB free; the plan and its margin of {margin:P0} take {(long)wanted >> 20} MiB. "
                + $"Fewer Lanes, a smaller MaxBatch or a smaller SlotBytes need less:{Environment.NewLine}{plan}");
        }

        plan.ThrowIfAbove(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
    }
}
