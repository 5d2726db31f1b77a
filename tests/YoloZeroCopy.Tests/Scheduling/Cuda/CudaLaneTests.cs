using System.Reflection;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Interop;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>
/// The CUDA lane on the stand-in driver, which runs no kernel: what it asks for, what it gives back, and what it does when that fails.
/// </summary>
/// <remarks>Results are the zeros of cleared memory, that is, no detections.</remarks>
[Collection(CudaTests.Name)]
public sealed class CudaLaneTests(CompiledSources sources)
{
    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 40, 30);

    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Yield)]
    [InlineData(WaitMode.Spin)]
    public async Task Batches_are_one_graph_each_and_everything_is_given_back(WaitMode mode)
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new();
        await using (CudaHarness harness = new(driver, engine, mode))
        {
            Assert.Equal([1, 4], engine.Batches);
            int enqueued = engine.Enqueued;

            // A launch for each bucket of each lane was made to try it, with and without results.
            long launches = driver.Calls("cuGraphLaunch");
            Assert.Equal(8, launches);
            long copies = driver.Calls("cuMemcpyHtoDAsync_v2");
            for (int frame = 0; frame < 10; frame++)
            {
                (await harness.Submit()).Dispose();
            }

            Assert.Equal(enqueued, engine.Enqueued);
            Assert.Equal(launches + 10, driver.Calls("cuGraphLaunch"));

            // A frame and its descriptor.
            Assert.Equal(copies + 20, driver.Calls("cuMemcpyHtoDAsync_v2"));
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        Assert.Equal(0, engine.LiveContexts);
        driver.AssertClean();
    }

    [Fact]
    public async Task Every_input_size_has_graphs_of_its_own_and_the_tensors_are_the_same()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine small = new() { Described = new FakeCudaEngine().Model with { InputWidth = 32, InputHeight = 32, OutputShape = (5, 21) } };
        FakeCudaEngine large = new() { Smaller = [small] };
        await using (CudaHarness harness = new(driver, large))
        {
            Assert.Equal([1, 4], small.Batches);
            Assert.Equal([1, 4], large.Batches);
            Assert.Equal(Assert.Single(large.Tensors), Assert.Single(small.Tensors));
            Assert.Equal([(32, 32), (64, 32)], harness.Shared.Sizes.Select(static sized => (sized.Width, sized.Height)));
            (int ofSmall, int ofLarge) = (small.Enqueued, large.Enqueued);
            long launches = driver.Calls("cuGraphLaunch");
            for (int frame = 0; frame < 6; frame++)
            {
                (await harness.Submit(new FrameFormat(PixelFormat.Gray8, frame % 3 == 0 ? 60 : 30, 30))).Dispose();
            }

            Assert.Equal((ofSmall, ofLarge), (small.Enqueued, large.Enqueued));
            Assert.Equal(launches + 6, driver.Calls("cuGraphLaunch"));
            Assert.Equal([4, 2], harness.Pipeline.Snapshot().InputSizes.Select(static size => size.Frames));
            await RunAsync(20);
            Assert.Equal(0, await AllocationSlices.LeastAsync(async () =>
            {
                long before = harness.Pipeline.Snapshot().ManagedBytes;
                await RunAsync(50);
                return harness.Pipeline.Snapshot().ManagedBytes - before;
            }));

            async Task RunAsync(int rounds)
            {
                for (int round = 0; round < rounds; round++)
                {
                    Task<DetectionResult>[] results =
                        [.. Enumerable.Range(0, 8).Select(index => harness.Submit(new FrameFormat(PixelFormat.Gray8, index % 2 == 0 ? 60 : 30, 30)))];
                    foreach (DetectionResult result in await Task.WhenAll(results))
                    {
                        result.Dispose();
                    }
                }
            }
        }

        Assert.Equal((0, 0), (small.LiveContexts, large.LiveContexts));
        driver.AssertClean();
    }

    [Fact]
    public async Task Frames_are_described_and_decoded_for_the_size_that_they_run_at()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine small = new()
        {
            GraphFallbackReason = "so that it is asked for every batch",
            Described = new FakeCudaEngine().Model with { InputWidth = 32, InputHeight = 32, OutputShape = (5, 21) },
        };
        FakeCudaEngine large = new() { GraphFallbackReason = small.GraphFallbackReason, Smaller = [small] };
        await using (CudaHarness harness = new(driver, large))
        {
            (int ofSmall, int ofLarge) = (small.Enqueued, large.Enqueued);
            (await harness.Submit(new FrameFormat(PixelFormat.Gray8, 32, 32))).Dispose();
            Assert.Equal((ofSmall + 1, ofLarge), (small.Enqueued, large.Enqueued));
            (await harness.Submit(new FrameFormat(PixelFormat.Gray8, 33, 32))).Dispose();
            Assert.Equal((ofSmall + 1, ofLarge + 1), (small.Enqueued, large.Enqueued));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task A_lone_frame_is_six_calls_to_queue_and_three_to_wait_and_nothing_of_the_result_stream()
    {
        DriverDouble driver = new(sources);
        await using (CudaHarness harness = new(driver, new FakeCudaEngine()))
        {
            string[] functions = [.. typeof(DriverApi).GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
                .Select(static field => field.Name).Where(static name => name.StartsWith("cu", StringComparison.Ordinal))];
            Assert.Contains("cuStreamWaitEvent", functions);
            (await harness.Submit()).Dispose();
            const int Frames = 50;
            long[] before = [.. functions.Select(driver.Calls)];
            for (int frame = 0; frame < Frames; frame++)
            {
                (await harness.Submit()).Dispose();
            }

            Dictionary<string, double> calls = functions.Select((name, index) => (name, (driver.Calls(name) - before[index]) / (double)Frames))
                .Where(static call => call.Item2 != 0).ToDictionary();
            Assert.Equal(
                new Dictionary<string, double>
                {
                    // The frame and its descriptor; uploaded and done.
                    ["cuMemcpyHtoDAsync_v2"] = 2,
                    ["cuEventRecord"] = 2,
                    ["cuStreamWaitEvent"] = 1,
                    ["cuGraphLaunch"] = 1,
                    ["cuEventSynchronize"] = 2,
                    ["cuEventElapsedTime"] = 1,
                },
                calls);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task An_engine_that_gives_maps_has_their_kernels_and_their_memory()
    {
        DriverDouble driver = new(sources);
        DetectionHead head = DetectionHeadTests.ForInput(64, 32, bins: 16, classCount: 1) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
        };
        FakeCudaEngine engine = new() { HeadOfMaps = head };
        Assert.Equal(64 * 32 * 4 * 2, engine.InputBytes);
        Assert.Equal((32 + 8 + 2) * (64 + 8) * 2, engine.OutputBytes);
        await using (CudaHarness harness = new(driver, engine))
        {
            Assert.Equal("yzc_preprocess_f16_last", harness.Shared.Preprocess?.Name);
            Assert.Equal("yzc_scan_head_f16", harness.Shared.Scan.Name);
            (await harness.Submit()).Dispose();
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task An_engine_that_takes_pictures_is_given_them_and_has_no_input_tensor()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new() { ReadsPictures = true };
        FakeCudaEngine other = new();
        CudaLaneSizes sizes = SizesOf(engine);
        Assert.Equal(SizesOf(other).ComputeBytes - CudaLaneMemory.Align(4L * other.InputBytes), sizes.ComputeBytes);
        MemoryPlanEntry inputs = sizes.Plan(2, 1).Single(static entry => entry.Item == MemoryItem.Inputs);
        Assert.Equal((0, "none: the first layer reads frames"), (inputs.Bytes, inputs.Basis));
        await using (CudaHarness harness = new(driver, engine))
        {
            Assert.Null(harness.Shared.Preprocess);
            (await harness.Submit()).Dispose();
            Assert.All(engine.Tensors, static tensors => Assert.Equal(0, tensors.Input));

            // Two lanes, each with its own.
            Assert.Equal(2, engine.Pictures.Count);
            Assert.DoesNotContain(0UL, engine.Pictures);
        }

        driver.AssertClean();

        static CudaLaneSizes SizesOf(FakeCudaEngine engine) =>
            CudaLayout.SizesOf(EngineAtSize.AllOf(engine, new DecodingOptions()), maxBatch: 4, slotBytes: 4096, laneCount: 2);
    }

    [Fact]
    public async Task Times_of_upload_and_computing_are_known_and_those_inside_the_graph_absent()
    {
        DriverDouble driver = new(sources);
        await using YoloDetector detector = CudaHarness.OpenDetector(driver, new FakeCudaEngine());
        (await detector.DetectAsync(new byte[64], new FrameFormat(PixelFormat.Gray8, 8, 8))).Dispose();
        DetectorStatistics statistics = detector.Statistics;
        Assert.True(statistics.UploadTime > TimeSpan.Zero && statistics.ComputeTime > TimeSpan.Zero);
        Assert.Equal((null, null, null), (statistics.PreprocessTime, statistics.InferenceTime, statistics.DecodeTime));
    }

    [Theory]
    [InlineData(64, 1)]
    [InlineData(63, 1)]
    [InlineData(60, 4)]
    public async Task Frames_that_fill_slots_side_by_side_go_up_in_one_copy(int side, int copies)
    {
        DriverDouble driver = new(sources);
        using ManualResetEventSlim submitted = new();
        FakeCudaEngine engine = new() { GraphFallbackReason = "so that the dispatcher can be held up in a run" };
        await using (CudaHarness harness = new(driver, engine, side: side))
        {
            engine.OnEnqueue = submitted.Wait;
            long before = driver.Calls("cuMemcpyHtoDAsync_v2");
            Task<DetectionResult>[] results = [.. Enumerable.Range(0, 5).Select(_ => harness.Submit())];
            submitted.Set();
            foreach (DetectionResult result in await Task.WhenAll(results))
            {
                result.Dispose();
            }

            // The first frame goes alone, those that came meanwhile together; each batch has a copy of descriptors, too.
            Assert.Equal(2 + copies + 1, driver.Calls("cuMemcpyHtoDAsync_v2") - before);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Without_a_graph_every_part_is_queued_by_itself()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new() { GraphFallbackReason = "told so" };
        await using (CudaHarness harness = new(driver, engine))
        {
            Assert.Equal("told so", harness.Lanes[0].GraphFallbackReason);
            int enqueued = engine.Enqueued;
            long kernels = driver.Calls("cuLaunchKernel");
            (await harness.Submit()).Dispose();
            Assert.Equal(enqueued + 1, engine.Enqueued);
            Assert.Equal(kernels + 3, driver.Calls("cuLaunchKernel"));
            Assert.Equal(0, driver.Calls("cuGraphLaunch"));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task A_capture_that_breaks_is_given_up_and_the_lane_goes_on_without_graphs()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new();
        int run = 0;

        // Each bucket's second run is the captured one; CUDA reports a broken capture once more after it.
        engine.OnEnqueue = () =>
        {
            if (run++ % 4 is 1 or 2)
            {
                throw new InferenceException("CUDA failure 900: operation not permitted when stream is capturing");
            }
        };
        await using (CudaHarness harness = new(driver, engine))
        {
            Assert.Contains("CUDA failure 900", harness.Lanes[0].GraphFallbackReason, StringComparison.Ordinal);
            engine.OnEnqueue = null;
            (await harness.Submit()).Dispose();
            Assert.Equal(0, driver.Calls("cuGraphLaunch"));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task A_run_that_the_engine_refuses_fails_its_frames_and_not_the_lane()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new() { GraphFallbackReason = "told so" };
        await using (CudaHarness harness = new(driver, engine))
        {
            engine.OnEnqueue = static () => throw new InferenceException("no");
            _ = await Assert.ThrowsAsync<InferenceException>(async () => await harness.Submit());
            engine.OnEnqueue = null;
            (await harness.Submit()).Dispose();
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Theory]
    [InlineData("cuMemcpyHtoDAsync_v2")]
    [InlineData("cuGraphLaunch")]
    [InlineData("cuEventRecord")]
    [InlineData("cuStreamWaitEvent")]
    public async Task A_call_that_fails_while_a_batch_is_queued_faults_the_detector_and_loses_no_slot(string function)
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new();
        await using (CudaHarness harness = new(driver, engine))
        {
            driver.Fail(function, CUresult.CUDA_ERROR_LAUNCH_FAILED);
            DetectorFaultedException error = await Assert.ThrowsAsync<DetectorFaultedException>(async () => await harness.Submit());
            Assert.Equal(CUresult.CUDA_ERROR_LAUNCH_FAILED, Assert.IsType<CudaException>(error.InnerException).Status);
            Assert.Throws<DetectorFaultedException>(() => harness.Pool.TryRent(Format, out _));
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        Assert.Equal(0, engine.LiveContexts);
        driver.AssertClean();
    }

    [Theory]
    [InlineData(WaitMode.Block, "cuEventSynchronize", 1)]
    [InlineData(WaitMode.Block, "cuEventSynchronize", 2)]
    [InlineData(WaitMode.Spin, "cuEventQuery", 1)]
    [InlineData(WaitMode.Spin, "cuEventQuery", 2)]
    public async Task An_error_that_one_waiting_thread_meets_once_faults_the_detector_and_loses_no_slot(WaitMode mode, string function, int nth)
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new();
        await using (CudaHarness harness = new(driver, engine, mode))
        {
            // Of the two threads that wait for a batch that is alone, uploads and results, either is first. An error after which CUDA would go on is
            // met by one of them only: what the batch has read is not known, whichever it is.
            driver.Fail(function, CUresult.CUDA_ERROR_INVALID_VALUE, nth);
            DetectorFaultedException fault = await Assert.ThrowsAsync<DetectorFaultedException>(async () => await harness.Submit());
            Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Assert.IsType<CudaException>(fault.InnerException).Status);
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task An_error_that_is_met_only_behind_another_batch_faults_the_detector_and_loses_no_slot()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new();
        await using (CudaHarness harness = new(driver, engine, WaitMode.Block))
        {
            // Where another batch is on the device nobody waits for the upload: that event alone is asked whether it has passed.
            driver.Set("delay", 1_000_000);
            driver.Fail("cuEventQuery", CUresult.CUDA_ERROR_INVALID_VALUE);
            long before = driver.Calls("cuEventQuery");
            Exception? error = null;
            while (driver.Calls("cuEventQuery") == before)
            {
                Task<DetectionResult>[] frames = [.. Enumerable.Range(0, harness.Pool.SlotCount).Select(_ => harness.Submit())];
                error = await Record.ExceptionAsync(() => Task.WhenAll(frames));
            }

            Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Assert.IsType<CudaException>(
                Assert.IsType<DetectorFaultedException>(error).InnerException).Status);
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Fact]
    public void Nothing_leaks_whichever_call_fails_while_lanes_are_made()
    {
        foreach (string function in (string[])[
            "cuStreamCreateWithPriority", "cuEventCreate", "cuMemAlloc_v2", "cuMemHostAlloc", "cuModuleLoadDataEx", "cuModuleGetFunction",
                "cuMemsetD8Async",
            "cuMemcpyHtoDAsync_v2", "cuLaunchKernel", "cuMemcpyDtoHAsync_v2", "cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags",
                "cuGraphLaunch"])
        {
            for (int nth = 1; nth <= 2; nth++)
            {
                DriverDouble driver = new(sources);
                FakeCudaEngine engine = new();
                driver.Fail(function, CUresult.CUDA_ERROR_OUT_OF_MEMORY, nth);
                Exception? error = Record.Exception(() => new CudaHarness(driver, engine).DisposeAsync().AsTask().GetAwaiter().GetResult());
                bool mayRun = function is "cuLaunchKernel" or "cuMemcpyDtoHAsync_v2";
                Assert.True(error is CudaException || (mayRun && error is null), $"{function}, call {nth}: {error}");
                Assert.Equal(0, engine.LiveContexts);
                driver.AssertClean();
            }
        }
    }

    [Fact]
    public async Task Waiters_pass_events_on_in_order_and_report_an_unusable_context()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaStream stream = new(context);
            using CudaEvent passed = new(context, EventWaiter.OptionsFor(WaitMode.Block));
            List<int> order = [];
            using (EventWaiter waiter = new(context, WaitMode.Block, "test"))
            {
                passed.Record(stream);
                // The test goes on elsewhere: on the waiter's own thread it could not end the waiter.
                TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
                for (int number = 0; number < 100; number++)
                {
                    int own = number;
                    waiter.Add(passed, error =>
                    {
                        Assert.Null(error);
                        order.Add(own);
                        if (own == 99)
                        {
                            done.SetResult();
                        }
                    });
                }

                await done.Task.WaitAsync(TimeSpan.FromSeconds(60));
            }

            Assert.Equal(Enumerable.Range(0, 100), order);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task What_follows_an_event_is_told_before_it_with_its_own_error_or_that_events()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaStream stream = new(context);
            using CudaEvent first = new(context, EventWaiter.OptionsFor(WaitMode.Block));
            using CudaEvent second = new(context, EventWaiter.OptionsFor(WaitMode.Block));
            first.Record(stream);
            second.Record(stream);
            foreach ((string? function, bool followerFails, bool eventFails) in ((string?, bool, bool)[])[
                (null, false, false), ("cuEventQuery", true, false), ("cuEventSynchronize", true, true)])
            {
                using EventWaiter waiter = new(context, WaitMode.Block, "test");
                List<(string Name, bool Failed)> told = [];
                TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
                if (function is not null)
                {
                    driver.Fail(function, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, 1);
                }

                Assert.True(waiter.IsIdle);
                waiter.Follow(first, error => told.Add(("follower", error is CudaException)));
                Assert.True(waiter.IsIdle);
                waiter.Add(second, error =>
                {
                    told.Add(("event", error is CudaException));
                    told.Add(("idle", waiter.IsIdle));
                    done.SetResult();
                });
                await done.Task.WaitAsync(TimeSpan.FromSeconds(60));
                Assert.Equal([("follower", followerFails), ("event", eventFails), ("idle", true)], told);
            }
        }

        driver.AssertClean();
    }

    [Fact]
    public void Waiting_and_following_allocate_nothing()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaStream stream = new(context);
            using CudaEvent passed = new(context, EventWaiter.OptionsFor(WaitMode.Block));
            using SemaphoreSlim told = new(0);
            using EventWaiter waiter = new(context, WaitMode.Block, "test");
            passed.Record(stream);
            Action<Exception?> onPassed = _ => told.Release();
            Run(200);
            Assert.Equal(0, AllocationSlices.LeastHere(() => Run(2000)));

            void Run(int times)
            {
                for (int time = 0; time < times; time++)
                {
                    waiter.Follow(passed, onPassed);
                    waiter.Add(passed, onPassed);
                    told.Wait();
                    told.Wait();
                }
            }
        }

        driver.AssertClean();
    }
}
