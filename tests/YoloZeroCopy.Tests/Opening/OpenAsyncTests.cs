namespace YoloZeroCopy.Tests;

/// <summary>
/// Opening beside the caller, on the CPU: steps, cancellation, and callbacks that throw. What is freed is counted by a stand-in for ONNX Runtime.
/// </summary>
public sealed class OpenAsyncTests(OnnxRuntimeDoubles doubles) : IClassFixture<OnnxRuntimeDoubles>, IDisposable
{
    private static readonly OpeningProgress[] AllSteps =
    [
        new(OpeningStep.ReadModel, 0, 1), new(OpeningStep.ReadModel, 1, 1), new(OpeningStep.LoadEngine, 0, 1), new(OpeningStep.LoadEngine, 1, 1),
        new(OpeningStep.PrepareLanes, 0, 2), new(OpeningStep.PrepareLanes, 1, 2), new(OpeningStep.PrepareLanes, 2, 2),
    ];

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_detector_opens_off_the_callers_thread_and_tells_its_steps()
    {
        string model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        StepRecorder recorder = new();
        int caller = Environment.CurrentManagedThreadId;
        await using YoloDetector detector =
            await YoloDetector.OpenAsync(model, new DetectorOptions { Device = Device.Cpu, Lanes = 2, MaxBatch = 1 }, recorder);
        Assert.Equal(AllSteps, recorder.Steps);
        Assert.Equal("preparing lanes, 1 of 2", recorder.Steps[5].ToString());
        Assert.NotEqual(caller, recorder.ThreadId);
        FrameSlot slot = await detector.RentAsync(new FrameFormat(PixelFormat.Gray8, 8, 8));
        using DetectionResult result = await detector.SubmitAsync(slot);
        Assert.Equal(2, result.Detections.Length);
    }

    [Fact]
    public async Task Cancelled_at_any_step_it_frees_everything()
    {
        OnnxRuntimeDouble runtime = new(doubles.Library("counting"));
        for (int step = 1; step <= AllSteps.Length; step++)
        {
            using CancellationTokenSource cancellation = new();
            StepRecorder recorder = new(step, cancellation.Cancel);
            OperationCanceledException error =
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => OpenDouble(recorder, cancellation.Token));
            Assert.Equal(cancellation.Token, error.CancellationToken);
            Assert.Equal(AllSteps[..step], recorder.Steps);
            Assert.Equal(0, runtime.Live);
        }
    }

    [Fact]
    public async Task A_callback_that_throws_ends_the_opening_and_leaks_nothing()
    {
        OnnxRuntimeDouble runtime = new(doubles.Library("counting"));
        for (int step = 1; step <= AllSteps.Length; step++)
        {
            StepRecorder recorder = new(step, static () => throw new InvalidTimeZoneException("the caller's own"));
            await Assert.ThrowsAsync<InvalidTimeZoneException>(() => OpenDouble(recorder, default));
            Assert.Equal(step, recorder.Steps.Length);
            Assert.Equal(0, runtime.Live);
        }
    }

    [Fact]
    public async Task A_token_that_is_cancelled_before_opens_nothing_and_wrong_arguments_throw_at_once()
    {
        StepRecorder recorder = new();
        Task<YoloDetector> task = YoloDetector.OpenAsync("no such model.onnx", null, recorder, new CancellationToken(canceled: true));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        Assert.True(task.IsCanceled);
        Assert.Empty(recorder.Steps);
        Assert.Equal("MaxBatch",
            Assert.Throws<ArgumentOutOfRangeException>(
            () => { _ = YoloDetector.OpenAsync("model.onnx", new DetectorOptions { MaxBatch = -1 }); }).ParamName);
        await Assert.ThrowsAsync<ModelException>(
            () => YoloDetector.OpenAsync(folder.File("missing.onnx"), new DetectorOptions { Device = Device.Cpu }));
    }

    private Task<YoloDetector> OpenDouble(IProgress<OpeningProgress> progress, CancellationToken cancellationToken)
    {
        string model = folder.File("model.onnx");
        File.WriteAllText(model, "the stand-in does not read it");
        DetectorOptions options = new() { Device = Device.Cpu, Lanes = 2, MaxBatch = 1, OnnxRuntimePath = doubles.Library("counting") };
        return YoloDetector.OpenAsync(model, options, progress, cancellationToken);
    }
}
