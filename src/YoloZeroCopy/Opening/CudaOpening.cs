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
        TransferChoice.ThrowIfLacking(device, options.TransferMode);
        List<IDisposable?> made = [];
        try
        {
            steps.Begin(OpeningStep.LoadEngine);
            OpenedEngine opened = isTensorRt
                ? OpenTensorRt(source, options, device, made, steps)
                : OpenOnnxRuntime(source, options, device, made, steps);
            NumaPlace place = NumaPlace.Of(device.PciBusId);
            TransferChoice transfer = ChooseTransfer(device, opened, options, place, steps);
            DetectorOptions chosen = options with { TransferMode = transfer.Mode };
            CudaLayout layout = CudaLayout.For(opened.Engine, chosen, opened.BudgetFor(options));
            layout.Plan.ThrowIfAbove(layout.Plan.Budget, device.ToString());
            CudaPipeline running = Assemble(opened, chosen, layout, place, made, steps);
            MemoryPlan plan = layout.Plan.AsTaken(opened.FreeBytes - (long)opened.Context.GetMemoryInfo().FreeBytes).WithSlots(place.Text);
            if (plan.GrowthText is string growth)
            {
                running.Pipeline.Warnings.Say(growth);
            }

            string deviceName = Device.Cuda(device.Ordinal).Name;
            InferenceEngine engine = opened.Engine;
            string graphs = running.Shared.GraphFallback is string fallback ? $", {fallback}" : "";
            string description = $"{deviceName}, {device.Name}, {engine.Description}{graphs}{transfer.Text}{layout.Shrunk}{why}";
            return new YoloDetector(
                running.Pipeline, engine, [.. running.Computes, .. Existing(opened.Operators), running.Shared, opened.Context], engine.Model,
                options.Name, deviceName, description, plan.On(description));
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }
    }

    /// <summary>Makes the parts of a detector over an opened engine, and starts them.</summary>
    private static CudaPipeline Assemble(
        OpenedEngine opened, DetectorOptions options, CudaLayout layout, NumaPlace place, List<IDisposable?> made, OpeningSteps? steps)
    {
        (InferenceEngine engine, CudaContext context) = (opened.Engine, opened.Context);
        CudaSharedResources shared = new(context, engine, Opening.DecodingOf(options), options.WaitMode);
        made.Add(shared);
        CudaLaneSizes sizes = layout.Sizes;
        FramePool pool = new(
            layout.SlotCount, options.SlotBytes, byteCount => shared.AllocateSlots(options.TransferMode, byteCount, place));
        made.Add(pool);
        CudaComputeStream[] computes = new CudaComputeStream[layout.ComputeCount];
        for (int number = 0; number < computes.Length; number++)
        {
            computes[number] = new CudaComputeStream(context, engine, sizes);
            made.Add(computes[number]);
        }

        CudaLane[] lanes = new CudaLane[layout.LaneCount];
        for (int number = 0; number < lanes.Length; number++)
        {
            lanes[number] = new CudaLane(shared, computes[number % computes.Length], sizes);
            made.Add(lanes[number]);
        }

        Pipeline pipeline = Start(context, pool, lanes, options, layout, steps);
        shared.GraphFallback = GraphFallbackOf(lanes);
        return new CudaPipeline(shared, computes, pool, pipeline);
    }

    /// <summary>The transfer mode that is asked for or, where that is left to us, the one that this engine is fastest with.</summary>
    private static TransferChoice ChooseTransfer(
        CudaDevice device, OpenedEngine opened, DetectorOptions options, NumaPlace place, OpeningSteps steps)
    {
        if (options.TransferMode != TransferMode.Auto)
        {
            return new TransferChoice(options.TransferMode, "");
        }

        // Frames go through as they come, whatever the caller's policy.
        DetectorOptions plain = options with
        {
            Overflow = OverflowPolicy.Wait,
            QueueCapacity = 0,
            MaxFrameAge = TimeSpan.Zero,
            MaxBatchDelay = TimeSpan.Zero,
            LatencyGoal = TimeSpan.Zero,
        };
        string driver = SystemFiles.OfThisMachine.Read("/sys/module/nvidia/version") ?? "";
        EngineCache? cache = EngineCache.TryOpen(
            options.EngineCacheFolder, $"transfer mode 1, {device.Uuid}, {device.DriverVersion}, {driver}, {opened.Engine.Description}");
        CudaLayout usual = CudaLayout.For(opened.Engine, plain, opened.BudgetFor(options));
        ModelInfo model = opened.Engine.Model;
        string part = FormattableString.Invariant(
            $"{options.SlotBytes} bytes, {model.InputWidth}x{model.InputHeight}, batch {usual.MaxBatch}, {usual.LaneCount} lanes, {options.WaitMode}");
        steps.Begin(OpeningStep.ChooseTransfer, TransferChoice.Candidates.Count);
        return TransferChoice.Measured(device, cache, part, mode =>
        {
            TransferTrial? trial = TryTransfer(opened, plain with { TransferMode = mode }, place);
            steps.Advance();
            return trial;
        });
    }

    private static TransferTrial? TryTransfer(OpenedEngine opened, DetectorOptions options, NumaPlace place)
    {
        List<IDisposable?> made = [];
        Pipeline? pipeline = null;
        try
        {
            CudaLayout layout = CudaLayout.For(opened.Engine, options, opened.BudgetFor(options));
            if (!layout.Plan.IsWithinBudget)
            {
                return null;
            }

            CudaPipeline running = Assemble(opened, options, layout, place, made, steps: null);
            pipeline = running.Pipeline;
            made = [running.Shared, .. running.Computes];
            return TransferRun.MeasureAsync(running.Pool, pipeline, options.TransferMode).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is CudaOutOfMemoryException or InsufficientMemoryException)
        {
            // What the driver does not give is not to be had in this mode.
            return null;
        }
        finally
        {
            pipeline?.Dispose();
            Opening.Dispose(made);
        }
    }

    /// <summary>Plans on a device: the engine is loaded, asked, and freed again.</summary>
    public static MemoryPlan Plan(ModelSource source, DetectorOptions options, int ordinal, string why)
    {
        bool isTensorRt = ModelFile.IsTensorRt(source);
        if (isTensorRt)
        {
            _ = TensorRtPlanFile.Read(source);
        }

        CudaDevice device = CudaDevice.Get(ordinal);
        OpeningSteps steps = new(progress: null, CancellationToken.None);
        List<IDisposable?> made = [];
        try
        {
            OpenedEngine opened = isTensorRt
                ? OpenTensorRt(source, options, device, made, steps)
                : OpenOnnxRuntime(source, options, device, made, steps);
            CudaLayout layout = CudaLayout.For(opened.Engine, options, opened.BudgetFor(options));
            return layout.Plan.On($"{Device.Cuda(ordinal).Name}, {device.Name}, {opened.Engine.Description}{layout.Shrunk}{why}");
        }
        finally
        {
            Opening.Dispose(made);
        }
    }

    /// <summary>Plans by formula for a device that need not be there.</summary>
    public static MemoryPlan PlanOnPaper(ModelSource source, DetectorOptions options, MemoryBudget budget)
    {
        if (ModelFile.IsTensorRt(source))
        {
            _ = TensorRtPlanFile.Read(source);
            throw new ArgumentException(
                $"'{source.Path}' is a TensorRT engine, and only TensorRT on its device says what it takes; plan there, or plan its ONNX file.",
                nameof(source));
        }

        OnnxRuntimeCudaOptions runtimeOptions = RuntimeOptions(options, deviceOrdinal: 0);
        string? reason = null;
        using InferenceEngine? own = runtimeOptions.HalfPrecision
            ? CudnnEngineOnPaper.TryOpen(OnnxRuntimeCudaEngine.ReadModel(source, runtimeOptions), out reason)
            : null;
        if (own is not null)
        {
            ThrowIfNotDecodable(own.Model, options);
            return PlanOnPaper(own, options, budget);
        }

        using OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(source, runtimeOptions with { Because = reason });
        ThrowIfNotDecodable(engine.Model, options);
        return PlanOnPaper(engine, options, budget);
    }

    private static MemoryPlan PlanOnPaper(InferenceEngine engine, DetectorOptions options, MemoryBudget budget)
    {
        CudaLayout layout = CudaLayout.For(engine, options, budget);
        string engineName = engine is CudnnEngineOnPaper ? engine.Description : "ONNX Runtime";
        return layout.Plan.On($"a device that is not asked, {engineName}{layout.Shrunk}");
    }

    private static OnnxRuntimeCudaOptions RuntimeOptions(DetectorOptions options, int deviceOrdinal) => new()
    {
        LibraryPath = options.OnnxRuntimePath,
        DeviceOrdinal = deviceOrdinal,
        ImageSize = options.InputSize,
        HalfPrecision = options.RewriteGraph && options.Precision != Precision.Single,
    };

    private static Pipeline Start(
        CudaContext context, FramePool pool, CudaLane[] lanes, DetectorOptions options, CudaLayout layout, OpeningSteps? steps)
    {
        try
        {
            return steps is null ? Opening.Start(pool, lanes, options, layout.MaxBatch) : Opening.Start(pool, lanes, options, layout, steps);
        }
        catch (InsufficientMemoryException error)
        {
            throw new InsufficientMemoryException(
                $"{error.Message}{Environment.NewLine}The plan was met, and the engine or another process took more. A larger "
                    + $"{nameof(DetectorOptions.MemoryMargin)} refuses earlier; fewer Lanes or a "
                + $"smaller MaxBatch need less:{Environment.NewLine}{layout.Plan}",
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

    private static OpenedEngine OpenOnnxRuntime(
        ModelSource source, DetectorOptions options, CudaDevice device, List<IDisposable?> made, OpeningSteps steps)
    {
        // Read and checked on the CPU, so that a bad model costs no device memory.
        OnnxRuntimeCudaOptions runtimeOptions = RuntimeOptions(options, device.Ordinal);
        CudaContext? context = null;
        long free = 0;
        if (runtimeOptions.HalfPrecision)
        {
            OnnxRuntimeModel model = OnnxRuntimeCudaEngine.ReadModel(source, runtimeOptions);
            ThrowIfNotDecodable(model.Info, options);
            (context, free) = OpenContext(device, made);
            steps.Advance();
            if (CudnnEngine.TryOpen(model, context, CudnnOptions(model, options, steps), out string? reason) is CudnnEngine own)
            {
                made.Add(own);
                return new OpenedEngine(own, context, null, free);
            }

            runtimeOptions = runtimeOptions with { Because = reason };
        }

        OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(source, runtimeOptions);
        made.Add(engine);
        ThrowIfNotDecodable(engine.Model, options);
        if (context is null)
        {
            (context, free) = OpenContext(device, made);
            steps.Advance();
        }

        if (options.ReplaceOperators)
        {
            engine.Operators = OnnxRuntimeOperators.ForCuda(engine.Library, context);
            made.Add(engine.Operators);
        }

        return new OpenedEngine(engine, context, engine.Operators, free);
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

    private static OpenedEngine OpenTensorRt(
        ModelSource source, DetectorOptions options, CudaDevice device, List<IDisposable?> made, OpeningSteps steps)
    {
        (CudaContext context, long free) = OpenContext(device, made);
        TensorRtEngine engine = TensorRtEngine.Open(source, new TensorRtCudaDevice(context), new TensorRtEngineOptions
        {
            Search = TensorRtSearch.ForThisProcess(options.TensorRtPath, options.TensorRtShimPath),
            ImageSize = options.InputSize,
            HostCodeAllowed = options.TensorRtHostCodeAllowed,
        });
        made.Add(engine);
        ThrowIfNotDecodable(engine.Model, options);
        steps.Advance();
        return new OpenedEngine(engine, context, null, free);
    }

    // The engine's libraries and weights are in the plan, so what is free is read before they come.
    private static (CudaContext Context, long FreeBytes) OpenContext(CudaDevice device, List<IDisposable?> made)
    {
        CudaContext context = device.OpenContext();
        made.Add(context);
        return (context, (long)context.GetMemoryInfo().FreeBytes);
    }

    /// <param name="Engine">The engine.</param>
    /// <param name="Context">The device's context.</param>
    /// <param name="Operators">Kernels of ours in ONNX Runtime, where it runs the model.</param>
    /// <param name="FreeBytes">Bytes of the device that were free when there was nothing but the context.</param>
    private readonly record struct OpenedEngine(InferenceEngine Engine, CudaContext Context, OnnxRuntimeOperators? Operators, long FreeBytes)
    {
        /// <summary>What the process may have; what it has taken for its context belongs to the plan.</summary>
        public MemoryBudget BudgetFor(DetectorOptions options) =>
            new(FreeBytes + CudaLayout.ContextBytes, Opening.AvailableHostBytes, options.MemoryMargin)
            {
                PageLockedBytes = HostMemory.OfThisMachine.LockableBytes(options.PageLockedLimit),
            };
    }

    /// <summary>The parts of a detector that runs.</summary>
    private readonly record struct CudaPipeline(CudaSharedResources Shared, CudaComputeStream[] Computes, FramePool Pool, Pipeline Pipeline);
}
