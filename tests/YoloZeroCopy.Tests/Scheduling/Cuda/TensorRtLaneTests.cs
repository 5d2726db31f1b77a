using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>
/// The CUDA lane with a TensorRT engine, on the stand-in driver, whose device memory is the machine's, and the double of TensorRT, which runs there.
/// </summary>
/// <remarks>Neither driver nor double captures anything: what is asked for, what is given back, and in which order.</remarks>
[Collection(CudaTests.Name)]
public sealed class TensorRtLaneTests(CompiledSources sources) : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    public async Task An_engine_runs_in_lanes_as_one_graph_for_each_bucket(int major)
    {
        NvinferDouble library = new(major);
        DriverDouble driver = new(sources);
        using CudaContext context = driver.Device.OpenContext();
        CUcontextOf(context, out bool before);
        TensorRtEngine engine = Open(library, context);
        CUcontextOf(context, out bool after);
        Assert.Equal(before, after);
        MemoryPlanEntry[] planned = [.. engine.Plan([1, 4], streams: 1)];
        Assert.True(planned[1].Bytes > 0);
        long memories = driver.Live("memory");
        await using (CudaHarness harness = new(driver, engine))
        {
            Assert.All(harness.Lanes, static lane => Assert.Null(lane.GraphFallbackReason));

            // Two lanes of two buckets, each launched once to try it.
            Assert.Equal(8, driver.Calls("cuGraphLaunch"));
            (await harness.Submit()).Dispose();
            Assert.Equal(9, driver.Calls("cuGraphLaunch"));

            // As a detector does: the engine first, the compute streams with its contexts after it.
            engine.Dispose();
        }

        library.CheckClean();
        Assert.Equal(memories, driver.Live("memory"));
    }

    [Fact]
    public async Task After_a_sticky_error_everything_is_given_back_all_the_same()
    {
        NvinferDouble library = new(11);
        DriverDouble driver = new(sources);
        using CudaContext context = driver.Device.OpenContext();
        TensorRtEngine engine = Open(library, context);
        await using (CudaHarness harness = new(driver, engine))
        {
            engine.Dispose();

            // The first context that is given back finds no way to its device.
            driver.Fail("cuCtxSetCurrent", CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
        }

        library.CheckClean();
    }

    [Fact]
    public async Task An_enqueue_that_refuses_a_capture_runs_without_a_graph()
    {
        NvinferDouble library = new(11);
        DriverDouble driver = new(sources);
        using CudaContext context = driver.Device.OpenContext();
        TensorRtEngine engine = Open(library, context);

        // A context's own first run, the lane's warm-up, and then the one in the capture.
        library.FailAt("enqueueV3", 3);
        await using (CudaHarness harness = new(driver, engine))
        {
            Assert.Contains("TensorRT", harness.Lanes[0].GraphFallbackReason, StringComparison.Ordinal);
            (await harness.Submit()).Dispose();
            engine.Dispose();
        }

        library.CheckClean();
    }

    private TensorRtEngine Open(NvinferDouble library, CudaContext context)
    {
        string model = OnnxModelBuilder.Network(3).Save(folder.Path);
        string plan = TensorRtAssets.DoublePlan(library.Major, model, folder.File("m.engine"), "--profile", "images=1x3x64x64:4x3x64x64:4x3x64x64");
        return TensorRtEngine.Open(plan, new TensorRtCudaDevice(context), new TensorRtEngineOptions
        {
            Search = new TensorRtSearch
            {
                ShimPath = TensorRtAssets.Shim(library.Major),
                LibraryPath = library.File,
                ApplicationDirectory = folder.Path,
            },
        });
    }

    // The thread that opens an engine keeps the context that it had.
    private static void CUcontextOf(CudaContext context, out bool isCurrent) => isCurrent = context.IsCurrent;
}
