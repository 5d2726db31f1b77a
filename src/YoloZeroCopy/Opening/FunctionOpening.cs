namespace YoloZeroCopy;

/// <summary>Opens a detector over a function.</summary>
internal static class FunctionOpening
{
    public static YoloDetector Open(ModelInfo model, DetectFunction detect, DetectorOptions options)
    {
        int maxBatch = options.MaxBatch == 0 ? CpuOpening.DefaultBatch : options.MaxBatch;
        int laneCount = options.Lanes == 0 ? 1 : options.Lanes;
        int slotCount = Opening.SlotCountOf(options, laneCount, maxBatch);
        MemoryPlan plan = new(FramePool.Plan(slotCount, options.SlotBytes, MemoryPlace.Host));
        plan.ThrowIfAbove(new MemoryBudget(null, Opening.AvailableHostBytes, options.MemoryMargin));
        List<IDisposable?> made = [];
        try
        {
            FunctionLane[] lanes = new FunctionLane[laneCount];
            for (int number = 0; number < laneCount; number++)
            {
                lanes[number] = new FunctionLane(detect, model.ClassLimit, Opening.DecodingOf(options), number);
                made.Add(lanes[number]);
            }

            FramePool pool = new(slotCount, options.SlotBytes);
            made.Add(pool);
            Pipeline pipeline = Opening.Start(
                pool, lanes, options, maxBatch, options.AskedSizes ?? InputSizes.Of((model.InputWidth, model.InputHeight)));
            return new YoloDetector(pipeline, engine: null, [], model, options.Name, Device.Cpu.Name, "cpu, a function in place of a model", plan);
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }
    }
}
