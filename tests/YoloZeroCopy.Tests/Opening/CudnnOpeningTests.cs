using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>Opening the sample model with the engine on cuDNN, over the stand-ins for driver and cuDNN, which count what is not given back.</summary>
[Collection(CudaTests.Name)]
public sealed class CudnnOpeningTests(CompiledSources sources) : IDisposable
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    // What the stand-in has.
    private const long Total = 1L << 30;

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Lanes_run_the_layers_and_say_so()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        StepRecorder recorder = new();
        await using (YoloDetector detector = Open(driver, cudnn, recorder))
        {
            Assert.Contains("cuDNN 9.19.0 in half precision", detector.Device, StringComparison.Ordinal);
            Assert.Contains("68 layers in half precision", detector.GraphChanges, StringComparison.Ordinal);
            Assert.Contains("in one with preprocessing", detector.GraphChanges, StringComparison.Ordinal);
            Assert.Null(detector.Inspection.Cuda?.Preprocess);
            Assert.Contains(
                detector.Memory.Entries,
                static entry =>
                    entry is { Item: MemoryItem.Weights, Place: MemoryPlace.Device, Evidence: MemoryEvidence.Formula, Bytes: > 6_000_000 });
            Assert.DoesNotContain("without CUDA graphs", detector.Device, StringComparison.Ordinal);
            OpeningProgress[] compiling = [.. recorder.Steps.Where(static step => step.Step == OpeningStep.CompileKernels)];
            Assert.Equal(Enumerable.Range(0, compiling[0].Total + 1), compiling.Select(static step => step.Done));

            // Convolutions of 63 layers, of which some are alike, in two batch sizes.
            Assert.InRange(compiling[0].Total, 2 * 30, 2 * 63);
            FrameFormat format = new(PixelFormat.Gray8, 32, 32);
            using DetectionResult result = await detector.DetectAsync(new byte[format.ByteCount], format);
            Assert.True(cudnn.Get("executed") > 63);
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public async Task A_second_detector_compiles_nothing()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        await using (YoloDetector first = Open(driver, cudnn))
        {
            long compiled = cudnn.Get("compiled");
            Assert.True(compiled > 0);
            await using YoloDetector second = Open(driver, cudnn);
            Assert.Equal(compiled, cudnn.Get("compiled"));
            await second.DisposeAsync();
            FrameFormat format = new(PixelFormat.Gray8, 32, 32);
            using DetectionResult result = await first.DetectAsync(new byte[format.ByteCount], format);
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public async Task Several_input_sizes_have_one_copy_of_the_weights_and_one_memory_to_work_in()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        MemoryPlan one;
        await using (YoloDetector detector = Open(driver, cudnn, change: static options => options.InputSize = 64))
        {
            one = detector.Memory;
        }

        await using (YoloDetector detector = Open(driver, cudnn, change: static options =>
        {
            options.InputSize = null;
            options.InputSizes = [64, 32];
        }))
        {
            Assert.Equal([32, 64], detector.InputSizes);
            Assert.DoesNotContain("without CUDA graphs", detector.Device, StringComparison.Ordinal);
            foreach (MemoryItem item in (MemoryItem[])[MemoryItem.Weights, MemoryItem.Activations, MemoryItem.Inputs, MemoryItem.Outputs])
            {
                Assert.Equal(BytesOf(one, item), BytesOf(detector.Memory, item));
            }

            Assert.Equal(2 * BytesOf(one, MemoryItem.Graphs), BytesOf(detector.Memory, MemoryItem.Graphs));
            Assert.Equal(0, detector.Memory.InputSizes[0].OwnBytes);
            Assert.InRange(detector.Memory.InputSizes[0].IdlePart, 0.7, 0.76);
            foreach (int side in (int[])[32, 64, 20])
            {
                FrameFormat format = new(PixelFormat.Gray8, side, side);
                (await detector.DetectAsync(new byte[format.ByteCount], format)).Dispose();
            }

            Assert.Equal([2, 1], detector.Statistics.InputSizes.Select(static size => size.Frames));
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();

        static long BytesOf(MemoryPlan plan, MemoryItem item) =>
            plan.Entries.Single(entry => entry.Item == item && entry.Place == MemoryPlace.Device).Bytes;
    }

    [Theory]
    [InlineData(true, Precision.Single)]
    [InlineData(false, Precision.Auto)]
    public void It_is_left_alone_where_the_options_say_so(bool rewrite, Precision precision)
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);

        // The runtime that the tests have knows no CUDA.
        _ = Assert.Throws<NativeLibraryException>(() => Open(driver, cudnn, change: options =>
        {
            options.RewriteGraph = rewrite;
            options.Precision = precision;
        }));
        Assert.Equal(0, cudnn.Get("compiled"));
        driver.AssertClean();
    }

    [Theory]
    [InlineData("cudnnCreate")]
    [InlineData("cudnnBackendSetAttribute")]
    [InlineData("cudnnBackendExecute")]
    public async Task What_cuDNN_refuses_ends_in_ONNX_Runtime_or_in_its_words_and_loses_nothing(string function)
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        await Open(driver, cudnn).DisposeAsync();
        for (int nth = 1; nth < 4000; nth *= 3)
        {
            cudnn.Fail(function, nth);
            Exception? error = await Record.ExceptionAsync(async () => await Open(driver, cudnn).DisposeAsync());
            cudnn.Fail(function, 0);
            Assert.True(error is null or NativeLibraryException or InferenceException, error?.ToString());
            Assert.Equal(0, cudnn.Live);
            driver.AssertClean();
        }
    }

    [Fact]
    public async Task Too_little_memory_at_any_place_is_told_and_loses_nothing()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        int told = 0;
        for (int nth = 1; nth <= 12; nth++)
        {
            driver.Fail("cuMemAlloc_v2", CUresult.CUDA_ERROR_OUT_OF_MEMORY, nth);
            Exception? error = await Record.ExceptionAsync(async () => await Open(driver, cudnn).DisposeAsync());
            driver.Fail("cuMemAlloc_v2", 0, 0);
            told += error is null ? 0 : 1;
            Assert.True(error is null or InsufficientMemoryException or CudaOutOfMemoryException, error?.ToString());
            Assert.Equal(0, cudnn.Live);
            driver.AssertClean();
        }

        Assert.InRange(told, 5, 11);
    }

    /// <summary>Another's kernel ends the device while the detector opens. cuDNN says only that it failed.</summary>
    [Theory]
    [InlineData(OpeningStep.CompileKernels, "sticky", "cudnnBackendFinalize")]
    [InlineData(OpeningStep.PrepareLanes, "fault", "cudnnBackendExecute")]
    public void A_device_that_faults_is_named_and_not_left_for_another_engine(OpeningStep step, string when, string function)
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        bool isBroken = false;
        StepAction action = new(value =>
        {
            if (value.Step == step && !isBroken)
            {
                isBroken = true;
                cudnn.Fail(function, status: 5000);
                driver.Set(when, 700);
            }
        });
        CudaException error = Assert.Throws<CudaException>(
            () => Open(driver, cudnn, action, change: static options => options.ReplaceOperators = false));
        Assert.True(error.IsSticky);
        Assert.Contains("restart the process", error.Message, StringComparison.Ordinal);
        cudnn.Fail(function, 0);
        Assert.Equal(0, cudnn.Live);
    }

    [Fact]
    public async Task What_is_planned_without_the_device_is_what_is_planned_on_it()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        await using YoloDetector detector = Open(driver, cudnn);
        DetectorOptions options = new() { Lanes = 3, MaxBatch = 4, InputSize = (32, 32), SlotBytes = 4096, MemoryMargin = 0 };
        MemoryPlan plan = await YoloDetector.PlanAsync(
            Sample, options, new MemoryPlanOptions { DeviceBytes = 1L << 30 }, TestContext.Current.CancellationToken);
        Assert.Equal(Known(detector.Memory), Known(plan));

        // What cuDNN works in, only it says.
        static IEnumerable<(MemoryItem, MemoryPlace, long)> Known(MemoryPlan plan) => plan.Entries
            .Where(static entry => !entry.Basis.Contains("cuDNN", StringComparison.Ordinal) || entry.Item != MemoryItem.Workspace)
            .Select(static entry => (entry.Item, entry.Place, entry.Bytes));
    }

    [Theory]
    [InlineData(1, 2, 4, false)]
    [InlineData(2, 2, 1, false)]
    [InlineData(2, 2, 1, true)]
    [InlineData(3, 1, 1, false)]
    public async Task Lanes_and_then_the_batch_are_fewer_where_memory_does_not_suffice(int step, int lanes, int batch, bool inBackground)
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        await LeaveAsync(driver, cudnn, step);
        InsufficientMemoryException refused = Assert.Throws<InsufficientMemoryException>(() => Open(driver, cudnn));
        Assert.Contains("MiB free", refused.Message, StringComparison.Ordinal);
        TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (YoloDetector detector = Open(driver, cudnn, change: options =>
        {
            options.ShrinkToFit = true;
            options.Warning = text => _ = warned.TrySetResult(text);
            if (inBackground)
            {
                options.CompileInBackground = true;
                options.EngineCacheFolder = "";
            }
        }))
        {
            Assert.Equal((lanes, batch), (detector.Memory.Lanes, detector.Memory.MaxBatch));
            Assert.True(detector.Memory.IsWithinBudget);
            string words = $"{lanes} lanes and batches of {batch} for lack of memory instead of 3 and 4";
            Assert.Contains(words, detector.Device, StringComparison.Ordinal);
            Assert.Equal(lanes, detector.Inspection.LaneCount);
            Assert.Equal(0, detector.Statistics.MissingBatchSizes);
            FrameFormat format = new(PixelFormat.Gray8, 32, 32);
            using DetectionResult result = await detector.DetectAsync(new byte[format.ByteCount], format);
            Assert.Contains(words, await warned.Task.WaitAsync(TimeSpan.FromMinutes(1)), StringComparison.Ordinal);
        }

        await LeaveAsync(driver, cudnn, 4);
        refused = Assert.Throws<InsufficientMemoryException>(() => Open(driver, cudnn, change: static options => options.ShrinkToFit = true));
        Assert.Contains("1 lanes x 1 frames", refused.Message, StringComparison.Ordinal);
        driver.Set("used", 0);
        driver.AssertClean();
        Assert.Equal(0, cudnn.Live);
    }

    [Fact]
    public async Task Sources_that_were_expected_come_and_go_and_the_driver_is_asked_for_no_memory()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        JpegDouble jpeg = new(sources);
        string[] names = ["s221111", "gray"];
        MemoryPlan without;
        await using (YoloDetector detector = Open(driver, cudnn))
        {
            without = detector.Memory;
            Assert.Equal((0, 0), (detector.DecoderMemory!.Statistics.KeptBytes, detector.DecoderMemory.Statistics.ReservedBytes));
        }

        ExpectedDecoders[] expected =
        [
            .. names.Select(name =>
            {
                (int width, int height, _) = JpegPictures.GetPixels(name);
                return ExpectedDecoders.Parse(FormattableString.Invariant($"2 mjpeg {width}x{height}"));
            }),
            ExpectedDecoders.Parse("1 h264 64x64"),
        ];
        await using (YoloDetector detector = Open(driver, cudnn, change: options => options.ExpectedDecoders = expected))
        {
            CudaBlockPool memory = detector.DecoderMemory!;
            MemoryPlanEntry pictures = detector.Memory.Entries.Single(static entry => entry.Item == MemoryItem.DecoderPictures);
            MemoryPlanEntry surfaces = detector.Memory.Entries.Single(static entry => entry.Item == MemoryItem.DecoderSurfaces);
            Assert.Equal((pictures.Bytes, pictures.Bytes), (memory.Statistics.KeptBytes, memory.Statistics.ReservedBytes));
            Assert.Equal(without.DeviceBytes + pictures.Bytes + surfaces.Bytes, detector.Memory.DeviceBytes);
            Assert.Equal(without.TakenDeviceBytes + pictures.Bytes, detector.Memory.TakenDeviceBytes);
            Assert.Equal(expected.Sum(static decoders => decoders.Count * decoders.SurfaceBytes), surfaces.Bytes);
            (long taken, long freed) = (driver.Calls("cuMemAlloc_v2"), driver.Calls("cuMemFree_v2"));
            List<Task<DetectionResult>> results = [];
            for (int turn = 0; turn < 20; turn++)
            {
                DeviceMjpeg[] cameras = [.. Enumerable.Range(0, 4).Select(camera => Camera(detector, (4 * turn) + camera))];
                for (int frame = 0; frame < 2 * ExpectedDecoders.CameraFramesHeld; frame++)
                {
                    for (int camera = 0; camera < cameras.Length; camera++)
                    {
                        cameras[camera].Decode(JpegPictures.Get(names[camera % 2]), default, 1, default);
                    }
                }

                Opening.Dispose([.. cameras]);
                foreach (Task<DetectionResult> pending in results)
                {
                    (await pending.WaitAsync(TimeSpan.FromMinutes(1))).Dispose();
                }

                results.Clear();

                // What the last pictures held comes back on a thread of the pool.
                Assert.True(SpinWait.SpinUntil(() => memory.Statistics.UsedBytes == 0, TimeSpan.FromMinutes(1)));
            }

            Assert.Equal((taken, freed, 0L), (driver.Calls("cuMemAlloc_v2"), driver.Calls("cuMemFree_v2"), memory.Statistics.Misses));
            CudaBlockStatistics end = memory.Statistics;
            Assert.InRange(end.Hits, 20 * 4, 20 * 4 * ExpectedDecoders.CameraFramesHeld);
            Assert.Equal((pictures.Bytes, pictures.Bytes), (end.ReservedBytes, end.MaxReservedBytes));
            Assert.InRange(end.MaxUsedBytes, 1, pictures.Bytes);

            DeviceMjpeg Camera(YoloDetector detector, int source) => new(
                driver.Device.OpenContext(),
                context => new CudaJpegDecoder(
                    context, jpeg.Api,
                    DeviceMjpeg.OptionsFor(detector.DecoderMemory, new CudaJpegDecoderOptions { MaxFramesHeld = ExpectedDecoders.CameraFramesHeld })),
                DeviceFrameTakers.To(detector, source, (in DeviceFrame _, ValueTask<DetectionResult> result) => results.Add(result.AsTask())));
        }

        Assert.Equal(0, cudnn.Live);
        Assert.True(SpinWait.SpinUntil(() => jpeg.Get("handles") == 0 && driver.Live() == 0, TimeSpan.FromMinutes(1)));
        jpeg.AssertClean();
        driver.AssertClean();
    }

    [Fact]
    public async Task Decoders_that_are_expected_and_do_not_fit_are_told_at_opening_and_lose_nothing()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        InsufficientMemoryException planned = Assert.Throws<InsufficientMemoryException>(
            () => Open(driver, cudnn, change: static options => options.ExpectedDecoders = [ExpectedDecoders.Parse("100 h264 1920x1080")]));
        Assert.Contains("decoder surfaces", planned.Message, StringComparison.Ordinal);
        driver.AssertClean();

        // Another process takes what the plan counted with.
        for (int nth = 1; nth <= 12; nth++)
        {
            driver.Fail("cuMemAlloc_v2", CUresult.CUDA_ERROR_OUT_OF_MEMORY, nth);
            Exception? error = await Record.ExceptionAsync(async () => await Open(
                driver, cudnn, change: static options => options.ExpectedDecoders = [ExpectedDecoders.Parse("1 mjpeg 64x48")]).DisposeAsync());
            driver.Fail("cuMemAlloc_v2", 0, 0);
            Assert.True(error is null or InsufficientMemoryException or CudaOutOfMemoryException, error?.ToString());
            Assert.Equal(0, cudnn.Live);
            driver.AssertClean();
        }
    }

    [Fact]
    public async Task Small_batches_run_in_the_largest_until_what_is_compiled_behind_them_is_in_place()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        StepRecorder recorder = new();
        FrameFormat format = new(PixelFormat.Gray8, 32, 32);
        long compiled;
        await using (YoloDetector detector = OpenHeld(driver, cudnn, recorder))
        {
            compiled = cudnn.Get("compiled");
            Assert.Equal(new OpeningProgress(OpeningStep.PrepareLanes, 3, 3), recorder.Steps[^1]);

            // A lane has two graphs for each size.
            Assert.Equal((1, 6), (detector.Statistics.MissingBatchSizes, driver.Live("execs")));
            using (DetectionResult result = await detector.DetectAsync(new byte[format.ByteCount], format))
            {
                Assert.Equal(1, detector.Statistics.MissingBatchSizes);
            }

            cudnn.Set("held", 0);
            await Later(detector);
            Assert.Equal((0, 12), (detector.Statistics.MissingBatchSizes, driver.Live("execs")));
            using DetectionResult later = await detector.DetectAsync(new byte[format.ByteCount], format);
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();

        // All of it is kept, so that another opening has nothing to leave for later.
        long all = cudnn.Get("compiled");
        Assert.InRange(all, (2 * compiled) - 4, (2 * compiled) + 4);
        await using (YoloDetector second = Open(driver, cudnn, change: static options => options.CompileInBackground = true))
        {
            Assert.Equal((0, 12), (second.Statistics.MissingBatchSizes, driver.Live("execs")));
            Assert.Null(second.Inspection.Cuda!.Later);
            Assert.Equal(all, cudnn.Get("compiled"));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task What_is_compiled_behind_frames_has_no_more_memory_than_they_have()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (YoloDetector detector = OpenHeld(driver, cudnn, change: options => options.Warning = text => _ = warned.TrySetResult(text)))
        {
            cudnn.Set("workspace", 1L << 30);
            cudnn.Set("held", 0);
            await Later(detector);
            Assert.Equal(1, detector.Statistics.MissingBatchSizes);
            string text = await warned.Task.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Contains("batches of 1 ", text, StringComparison.Ordinal);
            Assert.Contains("1024 MiB", text, StringComparison.Ordinal);
            FrameFormat format = new(PixelFormat.Gray8, 32, 32);
            using DetectionResult result = await detector.DetectAsync(new byte[format.ByteCount], format);
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Theory]
    [InlineData("cudnnCreate")]
    [InlineData("cudnnBackendFinalize")]
    [InlineData("cudnnBackendExecute")]
    [InlineData("cuMemAlloc_v2")]
    [InlineData("cuStreamCreateWithPriority")]
    [InlineData("cuStreamEndCapture")]
    [InlineData("cuGraphInstantiateWithFlags")]
    public async Task Whatever_fails_behind_frames_is_told_or_done_again_and_loses_nothing(string function)
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        int missing = 0;
        int nth = 1;
        for (bool isThere = true; isThere && nth < 2000; nth *= 4)
        {
            TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
            bool isCuda = function.StartsWith("cu", StringComparison.Ordinal) && !function.StartsWith("cudnn", StringComparison.Ordinal);
            await using (YoloDetector detector = OpenHeld(
                driver, cudnn, cache: "", change: options => options.Warning = text => _ = warned.TrySetResult(text)))
            {
                long calls = isCuda ? driver.Calls(function) : 0;
                if (isCuda)
                {
                    driver.Fail(function, CUresult.CUDA_ERROR_OUT_OF_MEMORY, nth);
                }
                else
                {
                    cudnn.Fail(function, nth);
                }

                cudnn.Set("held", 0);
                await Later(detector);
                isThere = isCuda ? driver.Calls(function) - calls >= nth : nth < 500;
                if (detector.Statistics.MissingBatchSizes == 1)
                {
                    missing++;
                    Assert.Contains("batches of 1 ", await warned.Task.WaitAsync(TimeSpan.FromMinutes(1)), StringComparison.Ordinal);
                }

                driver.Fail(function, 0, 0);
                cudnn.Fail(function, 0);
                FrameFormat format = new(PixelFormat.Gray8, 32, 32);
                using DetectionResult result = await detector.DetectAsync(new byte[format.ByteCount], format);
            }

            Assert.Equal(0, cudnn.Live);
            driver.AssertClean();
        }

        // What is compiled or run once can be told only; a capture is tried again.
        Assert.Equal(function != "cudnnBackendExecute" || missing > 0, missing > 0);
    }

    [Fact]
    public async Task Disposed_while_it_compiles_behind_frames_it_frees_everything()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        YoloDetector detector = OpenHeld(driver, cudnn);
        Task first = detector.DisposeAsync().AsTask();
        Task second = Task.Run(detector.Dispose);
        cudnn.Set("held", 0);
        await Task.WhenAll(first, second);
        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();

        // Another takes up what this one had to leave, so that both together compiled as much as one that is let alone, and keep as much.
        string whole = folder.File("whole");
        await Open(driver, cudnn).DisposeAsync();
        long compiled = cudnn.Get("compiled");
        await Open(driver, cudnn, cache: whole).DisposeAsync();
        Assert.InRange(cudnn.Get("compiled") - compiled, compiled - 4, compiled + 4);
        Assert.Equal(Names(whole), Names(folder.File("engines")));
        driver.AssertClean();
    }

    [Fact]
    public async Task A_program_that_ends_soon_waits_for_nothing_that_would_be_compiled_behind_frames()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        long compiled;
        await using (YoloDetector detector = OpenHeld(driver, cudnn, change: static options => options.CompileAfter = TimeSpan.FromHours(1)))
        {
            compiled = cudnn.Get("compiled");
            FrameFormat format = new(PixelFormat.Gray8, 32, 32);
            using DetectionResult result = await detector.DetectAsync(new byte[format.ByteCount], format);
            Assert.Equal(1, detector.Statistics.MissingBatchSizes);
        }

        // What cuDNN is asked for would be held until the end of the test.
        Assert.Equal(compiled, cudnn.Get("compiled"));
        cudnn.Set("held", 0);
        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public void Cancelled_while_it_compiles_it_frees_everything()
    {
        foreach (int step in (int[])[5, 6, 7, 30, 60])
        {
            DriverDouble driver = new(sources);
            CudnnDouble cudnn = new(sources);
            using CancellationTokenSource cancellation = new();
            StepRecorder recorder = new(step, cancellation.Cancel);
            _ = Assert.Throws<OperationCanceledException>(() => Open(driver, cudnn, recorder, cache: "", cancellationToken: cancellation.Token));
            Assert.Equal(OpeningStep.CompileKernels, recorder.Steps[^1].Step);
            Assert.Equal(0, cudnn.Live);
            driver.AssertClean();
        }
    }

    /// <summary>Makes so much of the device free that only the layout of a step fits: three lanes of 4, two, two of 1, one, none.</summary>
    private async Task LeaveAsync(DriverDouble driver, CudnnDouble cudnn, int step)
    {
        driver.Set("used", 0);
        List<long> wanted = [];
        foreach ((int lanes, int batch) in ((int, int)[])[(3, 4), (2, 4), (2, 1), (1, 1)])
        {
            await using YoloDetector detector = Open(driver, cudnn, change: options => (options.Lanes, options.MaxBatch) = (lanes, batch));
            wanted.Add(detector.Memory.DeviceBytes - CudaLayout.ContextBytes);
        }

        wanted.Add(0);
        Assert.Equal(wanted.OrderDescending(), wanted);
        driver.Set("used", Total - ((wanted[step - 1] + wanted[step]) / 2));
    }

    /// <summary>Opens with the largest batch alone, and lets nothing more be compiled until <c>held</c> is 0.</summary>
    private YoloDetector OpenHeld(
        DriverDouble driver, CudnnDouble cudnn, StepRecorder? recorder = null, string? cache = null, Action<DetectorOptions>? change = null)
    {
        StepAction hold = new(value =>
        {
            recorder?.Report(value);
            if (value.Step == OpeningStep.PrepareLanes)
            {
                cudnn.Set("held", 1);
            }
        });
        return Open(driver, cudnn, hold, cache, options =>
        {
            options.CompileInBackground = true;
            change?.Invoke(options);
        });
    }

    private static IEnumerable<string?> Names(string folder) => Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static Task Later(YoloDetector detector) => detector.Inspection.Cuda!.Later!.Ended.WaitAsync(TimeSpan.FromMinutes(2));

    private YoloDetector Open(
        DriverDouble driver, CudnnDouble cudnn, IProgress<OpeningProgress>? progress = null, string? cache = null,
        Action<DetectorOptions>? change = null, CancellationToken cancellationToken = default)
    {
        DetectorOptions options = new()
        {
            Device = Device.Cuda(),
            Lanes = 3,
            MaxBatch = 4,
            InputSize = (32, 32),
            SlotBytes = 4096,
            MemoryMargin = 0,
            CudnnPath = cudnn.File,
            EngineCacheFolder = cache ?? folder.File("engines"),
            CompileInBackground = false,
            CompileAfter = TimeSpan.Zero,
        };
        change?.Invoke(options);
        cudnn.Set("computes", 0);
        return CudaOpening.Open(Sample, options, () => driver.Device, why: "", new OpeningSteps(progress, cancellationToken));
    }

    private sealed class StepAction(Action<OpeningProgress> act) : IProgress<OpeningProgress>
    {
        public void Report(OpeningProgress value) => act(value);
    }
}
