using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>Suppression and results on a stream of their own while another batch is in flight, by what the stand-in driver was asked for.</summary>
[Collection(CudaTests.Name)]
public sealed class CudaResultStreamTests(CompiledSources sources)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_batch_behind_another_waits_for_no_suppression_and_touches_nothing_that_one_still_reads()
    {
        DriverDouble driver = new(sources);
        await using (CudaHarness harness = new(driver, new FakeCudaEngine(), WaitMode.Spin))
        {
            List<DriverWork> works = await RunChainAsync(driver, harness, batches: 5);
            DriverWork[] scans = [.. works.Where(work => work.Name == harness.Shared.Scan.Name)];
            DriverWork[] ranks = [.. works.Where(static work => work.Name == "yzc_suppress")];
            Assert.Equal((5, 5), (scans.Length, ranks.Length));

            // The first was alone.
            ulong compute = (ulong)harness.Lanes[0].ComputeStream.Stream.Handle.Value;
            ulong results = (ulong)harness.Shared.ResultStream.Handle.Value;
            Assert.All(scans, scan => Assert.Equal(compute, scan.Stream));
            Assert.Equal([compute, results, results, results, results], ranks.Select(static rank => rank.Stream));
            Assert.Equal(ranks.Select(static rank => rank.Stream),
                works.Where(static work => work.Kind == DriverWorkKind.CopyDown).Select(static copy => copy.Stream));

            bool[][] before = Before(works);
            Assert.Empty(Conflicts(works, before));

            // From the third on, each was queued while the one before was not done.
            for (int batch = 2; batch < 5; batch++)
            {
                Assert.True(before[works.IndexOf(scans[batch])][works.IndexOf(scans[batch - 1])]);
                Assert.False(before[works.IndexOf(scans[batch])][works.IndexOf(ranks[batch - 1])]);
            }
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Where_the_second_kernel_reads_the_output_all_stays_on_the_compute_stream()
    {
        DriverDouble driver = new(sources);
        DetectionHead head = DetectionHeadTests.ForInput(64, 32, bins: 1, classCount: 2) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
            Layout = OutputLayout.EndToEnd,
            Kept = 10,
        };
        await using (CudaHarness harness = new(driver, new FakeCudaEngine { HeadOfMaps = head }, WaitMode.Spin))
        {
            List<DriverWork> works = await RunChainAsync(driver, harness, batches: 3);
            ulong compute = (ulong)harness.Lanes[0].ComputeStream.Stream.Handle.Value;
            Assert.Equal([compute, compute, compute], works.Where(static work => work.Name == "yzc_choose_pairs").Select(static rank => rank.Stream));
            Assert.Empty(Conflicts(works, Before(works)));
        }

        driver.AssertClean();
    }

    [Theory]
    [InlineData("cuLaunchKernel")]
    [InlineData("cuMemcpyDtoHAsync_v2")]
    public async Task A_call_that_fails_on_the_result_stream_faults_the_detector_and_loses_no_slot(string function)
    {
        DriverDouble driver = new(sources);
        await using (CudaHarness harness = new(driver, new FakeCudaEngine(), WaitMode.Spin))
        {
            Task<DetectionResult> alone = await HoldFirstAsync(driver, harness);

            // These are calls of the result stream only, as the rest is a graph.
            driver.Fail(function, CUresult.CUDA_ERROR_LAUNCH_FAILED);
            Task<DetectionResult> second = harness.Submit();
            await WaitUntilAsync(() => harness.Pipeline.FaultCause is not null);
            Go(driver);
            (await alone.WaitAsync(Patience)).Dispose();
            DetectorFaultedException error = await Assert.ThrowsAsync<DetectorFaultedException>(async () => await second.WaitAsync(Patience));
            Assert.Equal(CUresult.CUDA_ERROR_LAUNCH_FAILED, Assert.IsType<CudaException>(error.InnerException).Status);
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task An_error_of_a_kernel_on_the_result_stream_answers_every_frame()
    {
        DriverDouble driver = new(sources);
        await using (CudaHarness harness = new(driver, new FakeCudaEngine(), WaitMode.Spin))
        {
            Task<DetectionResult> alone = await HoldFirstAsync(driver, harness);
            driver.Set("fault", (int)CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
            Task<DetectionResult> second = harness.Submit();
            _ = await Assert.ThrowsAsync<DetectorFaultedException>(async () => await alone.WaitAsync(Patience));
            _ = await Assert.ThrowsAsync<DetectorFaultedException>(async () => await second.WaitAsync(Patience));
            Assert.Equal(0, harness.Pool.SlotsInUse);
            driver.Set("fault", 0);
        }

        Assert.Equal(0, driver.Live());
    }

    [Fact]
    public async Task A_run_that_the_engine_refuses_behind_another_batch_fails_its_frames_alone()
    {
        DriverDouble driver = new(sources);
        FakeCudaEngine engine = new() { GraphFallbackReason = "told so" };
        await using (CudaHarness harness = new(driver, engine, WaitMode.Spin))
        {
            Task<DetectionResult> alone = await HoldFirstAsync(driver, harness);
            engine.OnEnqueue = static () => throw new InferenceException("no");
            Task<DetectionResult> refused = harness.Submit();
            await QueuedAsync(driver, records: 4);
            Go(driver);
            (await alone.WaitAsync(Patience)).Dispose();
            _ = await Assert.ThrowsAsync<InferenceException>(async () => await refused.WaitAsync(Patience));
            engine.OnEnqueue = null;
            (await harness.Submit()).Dispose();
            Assert.Equal(0, harness.Pool.SlotsInUse);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task A_detector_that_is_disposed_of_meanwhile_waits_for_the_result_stream()
    {
        DriverDouble driver = new(sources);
        CudaHarness harness = new(driver, new FakeCudaEngine(), WaitMode.Spin);
        Task<DetectionResult> alone = await HoldFirstAsync(driver, harness);
        Task<DetectionResult> second = harness.Submit();
        await QueuedAsync(driver, records: 5);

        // The first is done, the other one on the result stream.
        driver.Set("pending_event", LastRecorded(driver));
        driver.Set("not_ready", 0);
        (await alone.WaitAsync(Patience)).Dispose();
        Task disposed = harness.DisposeAsync().AsTask();
        Assert.False(disposed.IsCompleted);
        Go(driver);
        _ = await Record.ExceptionAsync(async () => (await second.WaitAsync(Patience)).Dispose());
        await disposed.WaitAsync(Patience);
        driver.AssertClean();
    }

    [Fact]
    public async Task Nothing_is_allocated_for_batches_with_others_in_flight()
    {
        DriverDouble driver = new(sources);
        await using (CudaHarness harness = new(driver, new FakeCudaEngine(), WaitMode.Spin))
        {
            harness.Context.MakeCurrent();
            using CudaEvent held = new(harness.Context);
            held.Record(harness.Shared.CopyStream);
            await RunBehindAsync(driver, harness, held, 40);
            long waits = driver.Calls("cuStreamWaitEvent");
            long launches = driver.Calls("cuGraphLaunch");
            Assert.Equal(0, await AllocationSlices.LeastAsync(async () =>
            {
                long before = harness.Pipeline.Snapshot().ManagedBytes;
                await RunBehindAsync(driver, harness, held, 40);
                return harness.Pipeline.Snapshot().ManagedBytes - before;
            }));

            // For its upload, and for its candidates.
            Assert.Equal(2 * (driver.Calls("cuGraphLaunch") - launches), driver.Calls("cuStreamWaitEvent") - waits);
        }

        driver.AssertClean();
    }

    // A frame at a time, queued while an event that was added before it has not passed.
    private static async Task RunBehindAsync(DriverDouble driver, CudaHarness harness, CudaEvent held, int times)
    {
        for (int time = 0; time < times; time++)
        {
            driver.Set("pending_event", held.Handle.Value);
            harness.Shared.Results.Add(held, static _ => { });
            long launches = driver.Calls("cuGraphLaunch");
            Task<DetectionResult> result = harness.Submit();
            await WaitUntilAsync(() => driver.Calls("cuGraphLaunch") > launches);
            driver.Set("pending_event", 0);
            (await result).Dispose();
        }
    }

    /// <summary>Batches of one frame: the first alone, each further one while the one before it is in flight and the one before that is
    /// done.</summary>
    private static async Task<List<DriverWork>> RunChainAsync(DriverDouble driver, CudaHarness harness, int batches)
    {
        List<Task<DetectionResult>> results = [await HoldFirstAsync(driver, harness)];
        for (int batch = 1; batch < batches; batch++)
        {
            if (batch > 1)
            {
                driver.Set("pending_event", LastRecorded(driver));
                driver.Set("not_ready", 0);
                (await results[batch - 2].WaitAsync(Patience)).Dispose();
            }

            int records = driver.Journal().Count(static work => work.Kind == DriverWorkKind.Record);
            results.Add(harness.Submit());
            await QueuedAsync(driver, records + (harness.Shared.Decode.RankReadsOutput ? 2 : 3));
        }

        Go(driver);
        (await results[^2].WaitAsync(Patience)).Dispose();
        (await results[^1].WaitAsync(Patience)).Dispose();
        return driver.Journal();
    }

    // Queues a batch, which is not done before Go.
    private static async Task<Task<DetectionResult>> HoldFirstAsync(DriverDouble driver, CudaHarness harness)
    {
        driver.Set("journal", 1);
        driver.Set("not_ready", long.MaxValue);
        Task<DetectionResult> result = harness.Submit();
        await QueuedAsync(driver, records: 2);
        return result;
    }

    private static void Go(DriverDouble driver)
    {
        driver.Set("pending_event", 0);
        driver.Set("not_ready", 0);
    }

    // What a batch records: uploaded, scanned where its results come on the result stream, done.
    private static Task QueuedAsync(DriverDouble driver, int records) =>
        WaitUntilAsync(() => driver.Journal().Count(static work => work.Kind == DriverWorkKind.Record) >= records);

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using CancellationTokenSource patience = new(Patience);
        while (!condition())
        {
            await Task.Delay(1, patience.Token);
        }
    }

    private static long LastRecorded(DriverDouble driver) =>
        (long)driver.Journal().Last(static work => work.Kind == DriverWorkKind.Record).Object;

    /// <summary>
    /// For each piece of work those that surely end before it begins: what is ahead of it on its stream and of events that the stream waited for, and
    /// of events of which the host knew that they had passed.
    /// </summary>
    private static bool[][] Before(List<DriverWork> works)
    {
        bool[][] before = new bool[works.Count][];
        Dictionary<ulong, int> lastOfStream = [];
        Dictionary<ulong, int> lastRecord = [];
        int seen = -1;
        for (int index = 0; index < works.Count; index++)
        {
            DriverWork work = works[index];
            bool[] own = before[index] = new bool[works.Count];
            void Follow(int earlier)
            {
                own[earlier] = true;
                for (int other = 0; other < earlier; other++)
                {
                    own[other] |= before[earlier][other];
                }
            }

            if (seen >= 0)
            {
                Follow(seen);
            }

            if (work.Kind is DriverWorkKind.Wait or DriverWorkKind.Passed && lastRecord.TryGetValue(work.Object, out int record))
            {
                Follow(record);
            }

            if (work.Kind == DriverWorkKind.Passed)
            {
                seen = index;
                continue;
            }

            if (lastOfStream.TryGetValue(work.Stream, out int last))
            {
                Follow(last);
            }

            lastOfStream[work.Stream] = index;
            if (work.Kind == DriverWorkKind.Record)
            {
                lastRecord[work.Object] = index;
            }
        }

        return before;
    }

    /// <summary>Pairs of work that touch the same memory, one of them writing, without an order between them.</summary>
    private static IEnumerable<string> Conflicts(List<DriverWork> works, bool[][] before)
    {
        for (int later = 0; later < works.Count; later++)
        {
            for (int earlier = 0; earlier < later; earlier++)
            {
                (ulong[] reads, ulong[] writes) = Touched(works[later]);
                (ulong[] readBefore, ulong[] writtenBefore) = Touched(works[earlier]);
                bool touches = writes.Intersect([.. readBefore, .. writtenBefore]).Any() || reads.Intersect(writtenBefore).Any();
                if (touches && !before[later][earlier])
                {
                    yield return $"{later} {works[later].Kind} {works[later].Name} and {earlier} {works[earlier].Kind} {works[earlier].Name}";
                }
            }
        }
    }

    private static (ulong[] Reads, ulong[] Writes) Touched(DriverWork work)
    {
        ulong[] words = work.Arguments;
        return work switch
        {
            { Kind: DriverWorkKind.CopyUp } => ([], [words[0]]),
            { Kind: DriverWorkKind.CopyDown } => ([words[0]], [work.Object]),
            { Kind: not DriverWorkKind.Kernel } => ([], []),
            _ when work.Name.StartsWith("yzc_preprocess", StringComparison.Ordinal) => ([words[0]], [words[1]]),
            _ when work.Name.StartsWith("yzc_scan", StringComparison.Ordinal) => ([words[0], words[1]], [words[2]]),

            // It keeps what stays in scratch memory, too; the one that chooses pairs reads the output.
            { Name: "yzc_suppress" } => ([words[0]], [words[2], words[3]]),
            { Name: "yzc_choose_pairs" } => ([words[0], words[1]], [words[2], words[3]]),
            _ => throw new InvalidOperationException($"'{work.Name}' is no kernel of a lane."),
        };
    }
}
