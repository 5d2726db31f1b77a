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

    /// <summary>Opens on a device that is looked for while the model is read.</summary>
    internal static YoloDetector Open(ModelSource source, DetectorOptions options, Func<CudaDevice> getDevice, string why, OpeningSteps steps)
    {
        List<IDisposable?> made = [];
        try
        {
            OpenedEngine opened = OpenEngine(source, options, WithTransfer, made, steps);
            CudaDevice device = opened.Device.Context.Device;
            NumaPlace place = NumaPlace.Of(device.PciBusId);
            TransferChoice transfer = ChooseTransfer(device, opened, options, place, steps);
            DetectorOptions chosen = options with { TransferMode = transfer.Mode };
            CudaLayout layout = CudaLayout.For(opened.Engine, chosen, opened.BudgetFor(options));
            layout.Plan.ThrowIfAbove(layout.Plan.Budget, device.ToString());
            CudaPipeline running = Assemble(opened, chosen, layout, place, made, steps);
            MemoryPlan plan = layout.Plan.AsTaken(opened.Device.FreeBytes - (long)opened.Device.Context.GetMemoryInfo().FreeBytes)
                .WithSlots(place.Text);
            if (plan.GrowthText is string growth)
            {
                running.Pipeline.Warnings.Say(growth);
            }

            string deviceName = Device.Cuda(device.Ordinal).Name;
            InferenceEngine engine = opened.Engine;
            CompileLater(opened, layout, running.Shared, running.Lanes, running.Pipeline, options.CompileAfter);
            string graphs = running.Shared.GraphFallback is string fallback ? $", {fallback}" : "";
            string description = $"{deviceName}, {device.Name}, {engine.Description}{graphs}{transfer.Text}{layout.Shrunk}{why}";
            IDisposable[] resources = ResourcesOf(opened, running.Shared, running.Computes);
            return new YoloDetector(
                running.Pipeline, engine, resources, engine.Model, options.Name, deviceName, description, plan.On(description));
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }

        CudaDevice WithTransfer()
        {
            CudaDevice device = getDevice();
            TransferChoice.ThrowIfLacking(device, options.TransferMode);
            return device;
        }
    }

    /// <summary>Makes the parts of a detector over an opened engine, and starts them.</summary>
    private static CudaPipeline Assemble(
        OpenedEngine opened, DetectorOptions options, CudaLayout layout, NumaPlace place, List<IDisposable?> made, OpeningSteps? steps)
    {
        CudaSharedResources shared = Share(opened, options, layout, made, steps);
        FramePool pool = new(
            layout.SlotCount, options.SlotBytes, byteCount => shared.AllocateSlots(options.TransferMode, byteCount, place));
        made.Add(pool);
        (CudaComputeStream[] computes, CudaLane[] lanes) = MakeLanes(shared, layout, made);
        Pipeline pipeline = Start(opened.Device.Context, pool, lanes, options, layout, steps);
        shared.GraphFallback = GraphFallbackOf(lanes);
        return new CudaPipeline(shared, computes, lanes, pool, pipeline);
    }

    /// <summary>Makes what the lanes on a device share.</summary>
    internal static CudaSharedResources Share(
        OpenedEngine opened, DetectorOptions options, CudaLayout layout, List<IDisposable?> made, OpeningSteps? steps)
    {
        InferenceEngine engine = opened.Engine;
        if (engine.LaterBatches.Contains(layout.Buckets[^1]))
        {
            // There is no memory for the batches that it is compiled for.
            engine.CompileLater(layout.Buckets[^1], isBehind: false, (done, total) => Tell(steps, done, total));
        }

        CudaSharedResources shared = new(opened.Device.Context, opened.Device.Kernels, engine, Opening.DecodingOf(options), options.WaitMode);
        made.Add(shared);
        shared.Reserve(options.ExpectedDecoders ?? []);
        return shared;
    }

    /// <summary>Makes the lanes on a device.</summary>
    internal static (CudaComputeStream[] Computes, CudaLane[] Lanes) MakeLanes(CudaSharedResources shared, CudaLayout layout, List<IDisposable?> made)
    {
        CudaLaneSizes sizes = layout.Sizes;
        CudaComputeStream[] computes = new CudaComputeStream[layout.ComputeCount];
        for (int number = 0; number < computes.Length; number++)
        {
            computes[number] = new CudaComputeStream(shared.Context, sizes);
            made.Add(computes[number]);
        }

        CudaLane[] lanes = new CudaLane[layout.LaneCount];
        for (int number = 0; number < lanes.Length; number++)
        {
            lanes[number] = new CudaLane(shared, computes[number % computes.Length], sizes);
            made.Add(lanes[number]);
        }

        return (computes, lanes);
    }

    /// <summary>Compiles what opening left behind the first frames.</summary>
    internal static void CompileLater(
        OpenedEngine opened, CudaLayout layout, CudaSharedResources shared, CudaLane[] lanes, Pipeline pipeline, TimeSpan after)
    {
        if (layout.Buckets.Intersect(opened.Engine.LaterBatches).ToArray() is { Length: > 0 } later)
        {
            shared.Later = new LaterBuckets(shared, opened.Engine, lanes, later, pipeline.Warnings, after);
        }
    }

    /// <summary>What is disposed behind the engine.</summary>
    internal static IDisposable[] ResourcesOf(OpenedEngine opened, CudaSharedResources shared, CudaComputeStream[] computes) =>
        [.. computes, .. Existing(opened.Operators), shared, opened.Device.Kernels, opened.Device.Context];

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
            $"{options.SlotBytes} bytes, {model.InputWidth}x{model.InputHeight}, batch {usual.MaxBatch}, ")
            + FormattableString.Invariant($"{usual.LaneCount} lanes, {options.WaitMode}");
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
        OpeningSteps steps = new(progress: null, CancellationToken.None);
        List<IDisposable?> made = [];
        try
        {
            // Every batch size counts.
            OpenedEngine opened = OpenEngine(source, options with { CompileInBackground = false }, () => CudaDevice.Get(ordinal), made, steps);
            CudaLayout layout = CudaLayout.For(opened.Engine, options, opened.BudgetFor(options));
            string deviceName = opened.Device.Context.Device.Name;
            return layout.Plan.On($"{Device.Cuda(ordinal).Name}, {deviceName}, {opened.Engine.Description}{layout.Shrunk}{why}");
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
            ? CudnnEngineOnPaper.TryOpen(OnnxRuntimeModel.OpenAll(source, runtimeOptions.LibraryPath, runtimeOptions.Sizes), out reason)
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

    internal static OnnxRuntimeCudaOptions RuntimeOptions(DetectorOptions options, int deviceOrdinal) => new()
    {
        LibraryPath = options.OnnxRuntimePath,
        DeviceOrdinal = deviceOrdinal,
        Sizes = options.AskedSizes,
        HalfPrecision = MakesHalf(options),
    };

    private static Pipeline Start(
        CudaContext context, FramePool pool, CudaLane[] lanes, DetectorOptions options, CudaLayout layout, OpeningSteps? steps)
    {
        try
        {
            return steps is null
                ? Opening.Start(pool, lanes, options, layout.MaxBatch, layout.InputSizes)
                : Opening.Start(pool, lanes, options, layout, steps);
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

    internal static void ThrowIfNotDecodable(ModelInfo model, DetectorOptions options)
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

    internal static string? GraphFallbackOf(CudaLane[] lanes)
    {
        string? reason = lanes.Select(static lane => lane.GraphFallbackReason).FirstOrDefault(static reason => reason is not null);
        string partly = lanes.Any(static lane => lane.HasGraphs) ? "partly " : "";
        return reason is null ? null : $"{partly}without CUDA graphs: {OnnxRuntimeCudaErrors.Words(reason)}";
    }

    /// <summary>Reads the model and loads it into an engine while the device gets ready.</summary>
    private static OpenedEngine OpenEngine(
        ModelSource source, DetectorOptions options, Func<CudaDevice> getDevice, List<IDisposable?> made, OpeningSteps steps)
    {
        steps.Begin(OpeningStep.ReadModel);
        DeviceStart start = StartDevice(source, options, getDevice);
        made.Add(start);
        using CudaModelRead read = CudaModelRead.Of(source, options);
        return OpenOn(source, options, read, start, made, steps);
    }

    /// <summary>Lets a device get ready.</summary>
    internal static DeviceStart StartDevice(ModelSource source, DetectorOptions options, Func<CudaDevice> getDevice)
    {
        bool isTensorRt = ModelFile.IsTensorRt(source);
        if (isTensorRt)
        {
            // A file that is missing or damaged is that on every machine.
            _ = TensorRtPlanFile.Read(source);
        }

        bool mayBeCudnn = !isTensorRt && MakesHalf(options);
        return new DeviceStart(getDevice, mayBeCudnn ? CudnnSearch.ForThisProcess(options.CudnnPath) : null);
    }

    /// <summary>Whether a model may be made half precision.</summary>
    internal static bool MakesHalf(DetectorOptions options) => options.RewriteGraph && options.Precision != Precision.Single;

    /// <summary>Loads a model that was read into an engine on a device that gets ready.</summary>
    internal static OpenedEngine OpenOn(
        ModelSource source, DetectorOptions options, CudaModelRead read, DeviceStart start, List<IDisposable?> made, OpeningSteps steps) =>
        read.IsTensorRt ? OpenTensorRt(source, options, start, made, steps) : OpenOnnx(source, options, read, start, made, steps);

    private static OpenedEngine OpenOnnx(
        ModelSource source, DetectorOptions options, CudaModelRead read, DeviceStart start, List<IDisposable?> made, OpeningSteps steps)
    {
        OnnxRuntimeCudaOptions runtimeOptions = RuntimeOptions(options, options.Device.IsCuda ? options.Device.CudaOrdinal : 0);
        if (read.Models.IsEmpty)
        {
            return OpenOnnxRuntime(source, options, runtimeOptions, () => FinishLoading(start, steps), made);
        }

        string? reason = read.Reason;
        DeviceParts device = FinishLoading(start, steps);
        if (read.Layers is SizedNetwork[] sized)
        {
            // The driver compiles these while cuDNN compiles its own.
            (_, LayerNetwork network, DetectionHead head) = sized[^1];
            DecodeKernels decode = new(
                CudnnEngine.HalfHead(head), Opening.DecodingOf(options), LayerKernels.GivesBestLogits(network, head));
            IEnumerable<string> layers = sized.SelectMany(static one => CudnnBinding.KernelsOf(one.Network, one.Head)).Distinct();
            device.Kernels.Begin([.. layers, decode.ScanName, decode.RankName]);
            CudnnEngineOptions engineOptions = CudnnOptions(read.Models[^1], options, steps);
            if (CudnnEngine.TryOpen(sized, device.Context, device.Kernels, engineOptions, out reason) is CudnnEngine own)
            {
                made.Add(own);
                return new OpenedEngine(own, device, null);
            }
        }

        return OpenOnnxRuntime(source, options, runtimeOptions with { Because = reason }, () => device, made);
    }

    private static OpenedEngine OpenOnnxRuntime(
        ModelSource source, DetectorOptions options, OnnxRuntimeCudaOptions runtimeOptions, Func<DeviceParts> finishDevice, List<IDisposable?> made)
    {
        // Read and checked on the CPU, so that a bad model costs no device memory.
        OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(source, runtimeOptions);
        made.Add(engine);
        ThrowIfNotDecodable(engine.Model, options);
        DeviceParts device = finishDevice();
        if (options.ReplaceOperators)
        {
            engine.Operators = OnnxRuntimeOperators.ForCuda(engine.Library, device.Kernels);
            made.Add(engine.Operators);
        }

        return new OpenedEngine(engine, device, engine.Operators);
    }

    private static CudnnEngineOptions CudnnOptions(OnnxRuntimeModel model, DetectorOptions options, OpeningSteps steps) => new()
    {
        Search = CudnnSearch.ForThisProcess(options.CudnnPath),
        CacheFolder = options.EngineCacheFolder,
        Batches = [.. BatchBucket.SizesFor(
            Opening.MaxBatchOf(model.Info, InferenceEngine.MaxBatchOf(model.Info), options, DefaultBatch), model.Info.FixedBatch)],
        MayCompileLater = options.CompileInBackground,
        OnProgress = (done, total) => Tell(steps, done, total),
    };

    private static void Tell(OpeningSteps? steps, int compiled, int total)
    {
        if (compiled == 0)
        {
            steps?.Begin(OpeningStep.CompileKernels, total);
        }
        else
        {
            steps?.Advance();
        }
    }

    private static OpenedEngine OpenTensorRt(
        ModelSource source, DetectorOptions options, DeviceStart start, List<IDisposable?> made, OpeningSteps steps)
    {
        DeviceParts device = WaitForDevice(start, steps);
        TensorRtEngine engine = TensorRtEngine.Open(source, new TensorRtCudaDevice(device.Context), new TensorRtEngineOptions
        {
            Search = TensorRtSearch.ForThisProcess(options.TensorRtPath, options.TensorRtShimPath),
            Sizes = options.AskedSizes,
            HostCodeAllowed = options.TensorRtHostCodeAllowed,
        });
        made.Add(engine);
        ThrowIfNotDecodable(engine.Model, options);
        steps.Advance();
        return new OpenedEngine(engine, device, null);
    }

    private static DeviceParts FinishLoading(DeviceStart start, OpeningSteps steps)
    {
        DeviceParts device = WaitForDevice(start, steps);
        steps.Advance();
        return device;
    }

    /// <summary>The model is read: waits for the device, if it is not ready.</summary>
    private static DeviceParts WaitForDevice(DeviceStart start, OpeningSteps steps)
    {
        steps.Advance();
        steps.Begin(OpeningStep.LoadEngine);
        return start.Finish();
    }

    /// <param name="Engine">The engine.</param>
    /// <param name="Device">What it is on.</param>
    /// <param name="Operators">Kernels of ours in ONNX Runtime, where it runs the model.</param>
    internal readonly record struct OpenedEngine(InferenceEngine Engine, DeviceParts Device, OnnxRuntimeOperators? Operators)
    {
        /// <summary>What the process may have; what it has taken for its context belongs to the plan.</summary>
        public MemoryBudget BudgetFor(DetectorOptions options) =>
            new(Device.FreeBytes + CudaLayout.ContextBytes, Opening.AvailableHostBytes, options.MemoryMargin)
            {
                PageLockedBytes = HostMemory.OfThisMachine.LockableBytes(options.PageLockedLimit),
            };
    }

    /// <summary>The parts of a detector that runs.</summary>
    private readonly record struct CudaPipeline(
        CudaSharedResources Shared, CudaComputeStream[] Computes, CudaLane[] Lanes, FramePool Pool, Pipeline Pipeline);
}
