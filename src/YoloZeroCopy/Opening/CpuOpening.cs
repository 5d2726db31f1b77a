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
        ThrowIfTensorRt(source);
        steps.Advance();
        steps.Begin(OpeningStep.LoadEngine);
        OnnxRuntimeEngine engine = OpenEngine(source, options);
        List<IDisposable?> made = [engine];
        try
        {
            steps.Advance();
            CpuLayout layout = CpuLayout.For(engine, options);
            layout.Plan.ThrowIfAbove(layout.Plan.Budget);
            Lane[] lanes = new Lane[layout.LaneCount];
            for (int number = 0; number < lanes.Length; number++)
            {
                lanes[number] = new CpuLane(engine, layout.MaxBatch, Opening.DecodingOf(options), number);
                made.Add(lanes[number]);
            }

            FramePool pool = new(layout.SlotCount, options.SlotBytes);
            made.Add(pool);
            Pipeline pipeline = Opening.Start(pool, lanes, options, layout, steps);
            NativeHeap.Trim();
            MemoryPlanEntry activations = layout.Plan.Entries.Single(static entry => entry.Item == MemoryItem.Activations);
            MemoryWatch watch = new(() => engine.TakenActivationBytes, activations, text => pipeline.Warnings.Say(text));
            string description = Describe(engine, layout, why);
            return new YoloDetector(pipeline, engine, [watch], engine.Model, options.Name, Device.Cpu.Name, description, layout.Plan.On(description));
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }
    }

    /// <summary>Plans without opening.</summary>
    public static MemoryPlan Plan(ModelSource source, DetectorOptions options, string why)
    {
        ThrowIfTensorRt(source);
        using OnnxRuntimeEngine engine = OpenEngine(source, options);
        CpuLayout layout = CpuLayout.For(engine, options);
        return layout.Plan.On(Describe(engine, layout, why));
    }

    private static string Describe(OnnxRuntimeEngine engine, CpuLayout layout, string why) => $"cpu, {engine.Description}{layout.Shrunk}{why}";

    private static void ThrowIfTensorRt(ModelSource source)
    {
        if (ModelFile.IsTensorRt(source))
        {
            // Missing and damaged files say so themselves.
            _ = TensorRtPlanFile.Read(source);
            throw new ModelException(
                source.Path, "it is a TensorRT engine, which runs on a CUDA device only; the ONNX file that it was built from runs on the CPU.");
        }
    }

    private static OnnxRuntimeEngine OpenEngine(ModelSource source, DetectorOptions options) => OnnxRuntimeEngine.Open(source, new OnnxRuntimeOptions
    {
        LibraryPath = options.OnnxRuntimePath,
        Threads = options.Threads,
        Sizes = options.AskedSizes,
        CutHead = options.RewriteGraph,
    });
}
