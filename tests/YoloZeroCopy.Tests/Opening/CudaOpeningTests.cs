using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>
/// The whole of opening on CUDA, without a GPU: the stand-in driver, and the stand-in runtime with its CUDA provider. Both count what is not given
/// back.
/// </summary>
[Collection(CudaTests.Name)]
public sealed class CudaOpeningTests(CompiledSources sources, OnnxRuntimeDoubles doubles) : IClassFixture<OnnxRuntimeDoubles>, IDisposable
{
    // Three lanes on two compute streams, and the batch buckets 1 and 4.
    private const int Parts = 6;
    private const int Steps = 4 + 1 + Parts;

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_lane_and_bucket_is_a_step()
    {
        (DriverDouble driver, OnnxRuntimeDouble runtime) = Doubles();
        StepRecorder recorder = new();
        await using (YoloDetector detector = Open(driver, recorder, default))
        {
            Assert.Equal(Steps, recorder.Steps.Length);
            Assert.Equal(new OpeningProgress(OpeningStep.PrepareLanes, Parts, Parts), recorder.Steps[^1]);
            Assert.StartsWith("cuda:0, ", detector.Device, StringComparison.Ordinal);
        }

        driver.AssertClean();
        Assert.Equal(0, runtime.Live);
    }

    [Fact]
    public async Task A_model_in_memory_opens_as_its_file_does()
    {
        (DriverDouble driver, OnnxRuntimeDouble runtime) = Doubles();
        OpeningSteps steps = new(progress: null, CancellationToken.None);
        await using (YoloDetector detector = CudaOpening.Open(
            ModelSource.InMemory("the stand-in does not read it"u8.ToArray(), "a resource"), Options(), () => driver.Device, why: "", steps))
        {
            Assert.Equal("a resource", detector.Model.Path);
        }

        driver.AssertClean();
        Assert.Equal(0, runtime.Live);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Our_operators_are_offered_to_the_runtime_where_the_option_says_so(bool replace)
    {
        string library = doubles.Library("operators");
        DriverDouble driver = new(sources);
        OnnxRuntimeDouble runtime = new(library);
        DetectorOptions options = Options();
        options.OnnxRuntimePath = library;
        options.ReplaceOperators = replace;
        OpeningSteps steps = new(progress: null, CancellationToken.None);
        await using (YoloDetector detector = CudaOpening.Open(Model(), options, () => driver.Device, why: "", steps))
        {
            Assert.Equal(replace, runtime.Said.Contains("operators"));
        }

        driver.AssertClean();
        Assert.Equal(0, runtime.Live);
    }

    [Fact]
    public void Cancelled_at_any_step_it_frees_everything()
    {
        for (int step = 1; step <= Steps; step++)
        {
            (DriverDouble driver, OnnxRuntimeDouble runtime) = Doubles();
            using CancellationTokenSource cancellation = new();
            StepRecorder recorder = new(step, cancellation.Cancel);
            Assert.Throws<OperationCanceledException>(() => Open(driver, recorder, cancellation.Token));
            Assert.Equal(step, recorder.Steps.Length);
            driver.AssertClean();
            Assert.Equal(0, runtime.Live);
        }
    }

    [Fact]
    public void A_callback_that_throws_ends_the_opening_and_leaks_nothing()
    {
        for (int step = 1; step <= Steps; step++)
        {
            (DriverDouble driver, OnnxRuntimeDouble runtime) = Doubles();
            StepRecorder recorder = new(step, static () => throw new InvalidTimeZoneException("the caller's own"));
            Assert.Throws<InvalidTimeZoneException>(() => Open(driver, recorder, default));
            driver.AssertClean();
            Assert.Equal(0, runtime.Live);
        }
    }

    private (DriverDouble Driver, OnnxRuntimeDouble Runtime) Doubles() =>
        (new DriverDouble(sources), new OnnxRuntimeDouble(doubles.Library("counting")));

    private YoloDetector Open(DriverDouble driver, StepRecorder recorder, CancellationToken cancellationToken) =>
        CudaOpening.Open(Model(), Options(), () => driver.Device, why: "", new OpeningSteps(recorder, cancellationToken));

    private string Model()
    {
        string model = folder.File("model.onnx");
        File.WriteAllText(model, "the stand-in does not read it");
        return model;
    }

    private DetectorOptions Options() => new()
    {
        Device = Device.Cuda(),
        Lanes = 3,
        MaxBatch = 4,
        SlotBytes = 4096,
        MemoryMargin = 0,
        OnnxRuntimePath = doubles.Library("counting"),
    };
}
