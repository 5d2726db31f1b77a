namespace YoloZeroCopy;

public sealed partial class YoloDetector
{
    /// <summary>Loads a model and makes everything ready for the first frame.</summary>
    /// <param name="modelPath">ONNX file of a YOLO detection model, as Ultralytics exports it.</param>
    /// <param name="options">How to run it; null for the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the model cannot run with it; the message names both.</exception>
    /// <exception cref="ModelException">The file is missing, damaged, or no detection model.</exception>
    /// <exception cref="NativeLibraryException">ONNX Runtime is missing or too old.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has less memory than <see cref="Memory"/> would say; the message holds the plan.</exception>
    public static YoloDetector Open(string modelPath, DetectorOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelPath);
        options ??= new DetectorOptions();
        options.Validate();
        OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(modelPath, new OnnxRuntimeOptions
        {
            LibraryPath = options.OnnxRuntimePath,
            Threads = options.Threads,
            ImageSize = options.InputSize,
        });
        try
        {
            return OpenOnCpu(engine, options);
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    private static YoloDetector OpenOnCpu(InferenceEngine engine, DetectorOptions options)
    {
        ModelInfo model = engine.Model;
        int maxBatch = ResolveBatch(model, options);

        // The engine uses every core for one batch; a second lane would only add switching (docs/performance.md has the measurement).
        int laneCount = options.Lanes == 0 ? 1 : options.Lanes;
        int slotCount = options.Slots == 0 ? Math.Max(4, (laneCount + 1) * maxBatch) : options.Slots;
        DecodingOptions decoding = new()
        {
            ScoreThreshold = options.ScoreThreshold,
            IouThreshold = options.IouThreshold,
            MaxDetections = options.MaxDetections,
            ClassAgnostic = options.ClassAgnostic,
        };
        MemoryPlan plan = PlanMemory(model, maxBatch, laneCount, slotCount, options.SlotBytes);
        plan.ThrowIfAbove(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

        List<Lane> lanes = [];
        FramePool? pool = null;
        try
        {
            for (int number = 0; number < laneCount; number++)
            {
                lanes.Add(new CpuLane(engine, maxBatch, decoding, number));
            }

            pool = new FramePool(slotCount, options.SlotBytes);
            int queueCapacity = options.Overflow == OverflowPolicy.Wait ? slotCount : options.QueueCapacity == 0 ? maxBatch : options.QueueCapacity;
            Pipeline pipeline = new(
                pool,
                [.. lanes],
                new PipelineOptions(maxBatch, options.MaxBatchDelay, options.Overflow, queueCapacity, options.MaxFrameAge, options.MaxDetections));
            string why = options.Device == YoloZeroCopy.Device.Auto ? " (auto: the only device of this version)" : "";
            return new YoloDetector(pipeline, engine, model, $"cpu, {engine.Description}{why}", plan);
        }
        catch
        {
            foreach (Lane lane in lanes)
            {
                lane.Dispose();
            }

            pool?.Dispose();
            throw;
        }
    }

    private static int ResolveBatch(ModelInfo model, DetectorOptions options)
    {
        if (model.FixedBatch == 0)
        {
            return options.MaxBatch == 0 ? 8 : options.MaxBatch;
        }

        if (options.MaxBatch > model.FixedBatch)
        {
            throw new ArgumentException(
                $"MaxBatch is {options.MaxBatch}, and model '{model.Path}' is exported for batches of {model.FixedBatch}; export it with a dynamic batch for more.", nameof(options));
        }

        return options.MaxBatch == 0 ? model.FixedBatch : options.MaxBatch;
    }

    private static MemoryPlan PlanMemory(ModelInfo model, int maxBatch, int laneCount, int slotCount, int slotBytes)
    {
        (int inputBytes, int outputBytes) = CpuLane.TensorBytes(model);
        int tensorBatch = Math.Max(maxBatch, model.FixedBatch);
        return new MemoryPlan(
            new MemoryPlanEntry($"slots ({slotCount} x {slotBytes} bytes)", FramePool.PlannedBytes(slotCount, slotBytes)),
            new MemoryPlanEntry($"input tensors ({laneCount} lanes x {tensorBatch})", (long)laneCount * tensorBatch * inputBytes),
            new MemoryPlanEntry($"output tensors ({laneCount} lanes x {tensorBatch})", (long)laneCount * tensorBatch * outputBytes),
            new MemoryPlanEntry("model weights (size of the file)", new FileInfo(model.Path).Length));
    }
}
