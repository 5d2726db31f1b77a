using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>A detector with real CUDA lanes and an engine that computes nothing, for the stand-in driver, which runs no kernels either.</summary>
internal static class FakeCudaDetector
{
    public static YoloDetector Open(DetectorOptions options)
    {
        FakeCudaEngine engine = new();
        CudaContext context = CudaDevice.Get(0).OpenContext();
        KernelSet kernels = new(context);
        CudaSharedResources shared = new(context, kernels, engine, Opening.DecodingOf(options), options.WaitMode);
        CudaLaneSizes sizes = new(
            options.MaxBatch,
            options.MaxBatch,
            CudaLaneMemory.Align(options.SlotBytes),
            engine.LaneInputBytes,
            engine.OutputBytes,
            shared.Decode.ScratchBytes,
            shared.Decode.ResultBytes,
            HasResultStream: options.Lanes > 1);
        FramePool pool = new(
            Opening.SlotCountOf(options, options.Lanes, options.MaxBatch), options.SlotBytes,
            bytes => shared.AllocateSlots(options.TransferMode, bytes, NumaPlace.Of(context.Device.PciBusId)));
        CudaComputeStream compute = new(context, sizes);
        Lane[] lanes = [.. Enumerable.Range(0, options.Lanes).Select(_ => new CudaLane(shared, compute, sizes))];
        Pipeline pipeline = Opening.Start(pool, lanes, options, options.MaxBatch, InputSizes.Usual);
        return new YoloDetector(
            pipeline, engine, [compute, shared, kernels, context], engine.Model, name: null, "cuda:0", "stand-in", new MemoryPlan());
    }
}

/// <summary>An engine whose runs are empty; it can be captured.</summary>
internal sealed class FakeCudaEngine : InferenceEngine
{
    public const int Anchors = 400;
    public const int Classes = 8;

    public override ModelInfo Model { get; } =
        ModelInfo.OfClasses(Enumerable.Range(0, Classes).Select(static number => $"part{number}")) with
        {
            Path = "fake.onnx",
            Layout = OutputLayout.ChannelsFirst,
            InputWidth = 64,
            InputHeight = 64,
            InputType = TensorElementType.Float16,
            OutputType = TensorElementType.Float16,
            OutputShape = (4 + Classes, Anchors),
        };

    public override string Description => "fake";

    public override EngineContext CreateContext(int batch, nint input, nint output, nint stream) => new Context();

    public override void Dispose()
    {
    }

    private sealed class Context : EngineContext
    {
        public override bool CanCapture => true;

        public override void Enqueue()
        {
        }

        public override void Dispose()
        {
        }
    }
}
