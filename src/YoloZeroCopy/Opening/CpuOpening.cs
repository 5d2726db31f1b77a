using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Opens a detector on the processor.</summary>
internal static class CpuOpening
{
    // A larger batch takes the processor as long for each frame, and every frame of it waits for the last: docs/performance.md.
    internal const int DefaultBatch = 1;

    public static YoloDetector Open(ModelSource source, DetectorOptions options, string why, OpeningSteps steps)
    {
        steps.Begin(OpeningStep.ReadModel);
        if (ModelFile.IsTensorRt(source))
        {
            // Missing and damaged files say so themselves.
            _ = TensorRtPlanFile.Read(source);
            throw new ModelException(
                source.Path, "it is a TensorRT engine, which runs on a CUDA device only; the ONNX file that it was built from runs on the CPU.");
        }

        steps.Advance();
        steps.Begin(OpeningStep.LoadEngine);
        OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(source, new OnnxRuntimeOptions
        {
            LibraryPath = options.OnnxRuntimePath,
            Threads = options.Threads,
            ImageSize = options.InputSize,
            CutHead = options.RewriteGraph,
        });
        List<IDisposable?> made = [engine];
        try
        {
            steps.Advance();
            ModelInfo model = engine.Model;
            int maxBatch = Opening.MaxBatchOf(engine, options, DefaultBatch);

            // The engine uses every core for one batch; a second lane would only add switching (docs/performance.md).
            int laneCount = options.Lanes == 0 ? 1 : options.Lanes;
            int slotCount = Opening.SlotCountOf(options, laneCount, maxBatch);
            MemoryPlan plan = Plan(engine, maxBatch, laneCount, slotCount, options.SlotBytes);
            plan.ThrowIfAbove(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
            Lane[] lanes = new Lane[laneCount];
            for (int number = 0; number < laneCount; number++)
            {
                lanes[number] = new CpuLane(engine, maxBatch, Opening.DecodingOf(options), number);
                made.Add(lanes[number]);
            }

            FramePool pool = new(slotCount, options.SlotBytes);
            made.Add(pool);
            Pipeline pipeline = Opening.Start(pool, lanes, options, maxBatch, steps);
            NativeHeap.Trim();
            return new YoloDetector(pipeline, engine, [], model, options.Name, Device.Cpu.Name, $"cpu, {engine.Description}{why}", plan);
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }
    }

    private static MemoryPlan Plan(InferenceEngine engine, int maxBatch, int laneCount, int slotCount, int slotBytes)
    {
        ModelInfo model = engine.Model;
        int tensorBatch = Math.Max(maxBatch, model.FixedBatch);
        return new MemoryPlan(
        [
            FramePool.Plan(slotCount, slotBytes, MemoryPlace.Host),
            Tensors(MemoryItem.Inputs, model.InputBytes),
            Tensors(MemoryItem.Outputs, engine.OutputBytes),
            .. engine.Plan([tensorBatch], laneCount),
        ]);

        MemoryPlanEntry Tensors(MemoryItem item, long pictureBytes) => new(
            item, MemoryPlace.Host, laneCount * tensorBatch * pictureBytes, MemoryEvidence.Formula,
            $"{laneCount} lanes x {tensorBatch} pictures x {pictureBytes} bytes");
    }
}
