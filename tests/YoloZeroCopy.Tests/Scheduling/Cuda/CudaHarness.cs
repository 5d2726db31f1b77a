using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>
/// A pipeline of two CUDA lanes that share a compute stream, over the stand-in driver, put together and taken apart in the order in which a detector
/// does it.
/// </summary>
internal sealed class CudaHarness : IAsyncDisposable
{
    private readonly List<IDisposable?> made = [];
    private readonly Pipeline pipeline;
    private readonly CudaContext context;
    private readonly KernelSet kernels;
    private readonly CudaComputeStream compute;
    private readonly CudaSharedResources shared;
    private readonly FrameFormat format;

    /// <param name="driver">The stand-in driver.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="mode">How the lanes wait.</param>
    /// <param name="side">Width and height of the gray frames. A slot has 4,096 bytes, 64 x 64.</param>
    /// <param name="waitsForFullBatches">Whether nothing goes before four frames are there.</param>
    /// <param name="transfer">How frames come to the device.</param>
    public CudaHarness(
        DriverDouble driver, InferenceEngine engine, WaitMode mode = WaitMode.Block, int side = 32, bool waitsForFullBatches = false,
        TransferMode transfer = TransferMode.PageLocked)
    {
        const int MaxBatch = 4;
        const int SlotBytes = 4096;
        format = new FrameFormat(PixelFormat.Gray8, side, side);
        try
        {
            context = driver.Device.OpenContext();
            made.Add(context);
            kernels = new KernelSet(context);
            made.Add(kernels);
            shared = new CudaSharedResources(context, kernels, engine, new DecodingOptions(), mode);
            made.Add(shared);
            CudaLaneSizes sizes = CudaLayout.SizesOf(shared.Sizes, MaxBatch, SlotBytes, laneCount: 2);
            Pool = new FramePool(12, SlotBytes, byteCount => shared.AllocateSlots(transfer, byteCount, NumaPlace.Of(context.Device.PciBusId)));
            made.Add(Pool);
            compute = new CudaComputeStream(context, sizes);
            made.Add(compute);
            Lanes = new CudaLane[2];
            for (int number = 0; number < Lanes.Length; number++)
            {
                Lanes[number] = new CudaLane(shared, compute, sizes);
                made.Add(Lanes[number]);
            }

            pipeline = new Pipeline(
                Pool, Lanes, new PipelineOptions(
                    MaxBatch, waitsForFullBatches ? TimeSpan.FromHours(1) : TimeSpan.Zero, OverflowPolicy.Wait, Pool.SlotCount, TimeSpan.Zero, 300,
                    Sizes: engine.InputSizes));
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }
    }

    public FramePool Pool { get; }

    public CudaSharedResources Shared => shared;

    public CudaContext Context => context;

    public Pipeline Pipeline => pipeline;

    public CudaLane[] Lanes { get; }

    /// <summary>A detector of two such lanes.</summary>
    public static YoloDetector OpenDetector(DriverDouble driver, InferenceEngine engine)
    {
        CudaHarness harness = new(driver, engine);
        return new YoloDetector(
            harness.pipeline, engine, [harness.compute, harness.shared, harness.kernels, harness.context], engine.Model, name: null, "cuda:0",
                "stand-in", new MemoryPlan());
    }

    public async Task<DetectionResult> Submit(FrameFormat? other = null)
    {
        FrameSlot slot = await Pool.RentAsync(other ?? format);
        return await pipeline.Submit(slot, 0, 0, default).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
    }

    public async ValueTask DisposeAsync()
    {
        await pipeline.DisposeAsync();
        compute.Dispose();
        shared.Dispose();
        kernels.Dispose();
        context.Dispose();
    }
}
