using System.Text;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>Which transfer mode a detector gets: by what was measured, what an earlier opening left, and what the device lacks.</summary>
[Collection(CudaTests.Name)]
public sealed class TransferChoiceTests(CompiledSources sources) : IDisposable
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]

    // Page-locked, mapped, managed: frames a second and microseconds of a lone frame.
    [InlineData(TransferMode.PageLocked, 1000, 500, 1000, 500, 1000, 500)]
    [InlineData(TransferMode.PageLocked, 1000, 500, 1040, 490, 1040, 480)]
    [InlineData(TransferMode.Mapped, 1000, 500, 1000, 400, 1000, 500)]
    [InlineData(TransferMode.Mapped, 1000, 500, 960, 400, 500, 300)]
    [InlineData(TransferMode.PageLocked, 1000, 500, 940, 400, 500, 300)]
    [InlineData(TransferMode.Mapped, 1000, 500, 2000, 600, 1500, 400)]
    [InlineData(TransferMode.Managed, 1000, 500, 1200, 450, 1250, 440)]
    [InlineData(TransferMode.Managed, 1000, 500, 1200, 440, 1250, 430)]
    public void The_fastest_is_taken_and_page_locked_memory_where_nothing_is_gained(
        TransferMode expected, double fps0, double lone0, double fps1, double lone1, double fps2, double lone2)
    {
        TransferChoice choice = TransferChoice.Of(
        [
            new TransferTrial(TransferMode.PageLocked, fps0, lone0),
            new TransferTrial(TransferMode.Mapped, fps1, lone1),
            new TransferTrial(TransferMode.Managed, fps2, lone2),
        ]);
        Assert.Equal(expected, choice.Mode);
        Assert.Contains(
            FormattableString.Invariant($"mapped {fps1:F0} frames/s, a lone one {lone1:F0} us"), choice.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_chosen_is_kept_for_the_same_device_and_frames_and_damage_is_as_good_as_nothing()
    {
        DriverDouble driver = new(sources);
        string cacheFolder = folder.File("engines");
        EngineCache cache = EngineCache.TryOpen(cacheFolder, "a device")!;
        List<TransferMode> tried = [];
        TransferTrial? Try(TransferMode mode)
        {
            tried.Add(mode);
            return new TransferTrial(mode, mode == TransferMode.Mapped ? 2000 : 1000, 500);
        }

        TransferChoice first = TransferChoice.Measured(driver.Device, cache, "frames", Try);
        Assert.Equal((TransferMode.Mapped, 3), (first.Mode, tried.Count));
        Assert.Equal(first, TransferChoice.Measured(driver.Device, EngineCache.TryOpen(cacheFolder, "a device"), "frames", Try));
        Assert.Equal(3, tried.Count);
        _ = TransferChoice.Measured(driver.Device, cache, "larger frames", Try);
        _ = TransferChoice.Measured(driver.Device, EngineCache.TryOpen(cacheFolder, "another device"), "frames", Try);
        _ = TransferChoice.Measured(driver.Device, null, "frames", Try);
        Assert.Equal(12, tried.Count);

        foreach (string content in (string[])["", "Mapped", "Pageable\nbecause", "17\nbecause", "Mapped\nbecause\nof"])
        {
            tried.Clear();
            cache.TryWrite("frames", Encoding.UTF8.GetBytes(content));
            Assert.Equal(first, TransferChoice.Measured(driver.Device, cache, "frames", Try));
            Assert.Equal(3, tried.Count);
        }
    }

    [Fact]
    public void A_mode_that_the_device_lacks_is_not_tried_not_even_from_the_cache()
    {
        DriverDouble driver = new(sources);
        EngineCache cache = EngineCache.TryOpen(folder.File("engines"), "a device")!;
        List<TransferMode> tried = [];
        TransferTrial? Try(TransferMode mode)
        {
            tried.Add(mode);
            return new TransferTrial(mode, mode == TransferMode.Managed ? 2000 : 1000, 500);
        }

        Assert.Equal(TransferMode.Managed, TransferChoice.Measured(driver.Device, cache, "frames", Try).Mode);
        driver.Set("no_concurrent_access", 1);
        tried.Clear();
        Assert.Equal(TransferMode.PageLocked, TransferChoice.Measured(driver.Device, cache, "frames", Try).Mode);
        Assert.Equal([TransferMode.PageLocked, TransferMode.Mapped], tried);
        driver.Set("no_mapping", 1);
        tried.Clear();
        TransferChoice none = TransferChoice.Measured(driver.Device, null, "frames", mode =>
        {
            tried.Add(mode);
            return null;
        });
        Assert.Equal([TransferMode.PageLocked], tried);
        Assert.Equal((TransferMode.PageLocked, "there was no memory to try modes with"), (none.Mode, none.Why));
    }

    [Theory]
    [InlineData(TransferMode.Mapped, "no_mapping", "CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY")]
    [InlineData(TransferMode.Managed, "no_concurrent_access", "CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS")]
    public void A_mode_that_is_asked_for_and_lacking_is_refused(TransferMode mode, string lack, string attribute)
    {
        DriverDouble driver = new(sources);
        driver.Set(lack, 1);
        ArgumentException error = Assert.Throws<ArgumentException>(() => Open(driver, new CudnnDouble(sources), mode));
        Assert.Contains($"TransferMode is {mode}", error.Message, StringComparison.Ordinal);
        Assert.Contains(attribute, error.Message, StringComparison.Ordinal);
        driver.AssertClean();
    }

    [Theory]
    [InlineData(TransferMode.PageLocked, MemoryPlace.Pinned, "")]
    [InlineData(TransferMode.WriteCombined, MemoryPlace.Pinned, ", frames write-combined")]
    [InlineData(TransferMode.Mapped, MemoryPlace.Pinned, ", frames mapped")]
    [InlineData(TransferMode.Managed, MemoryPlace.Host, ", frames managed")]
    [InlineData(TransferMode.Pageable, MemoryPlace.Host, ", frames pageable")]
    public async Task A_detector_says_how_frames_go_and_plans_its_slots_where_they_lie(TransferMode mode, MemoryPlace place, string words)
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        await using (YoloDetector detector = Open(driver, cudnn, mode))
        {
            Assert.Equal(words.Length > 0, detector.Device.Contains(", frames ", StringComparison.Ordinal));
            Assert.EndsWith(words, detector.Device, StringComparison.Ordinal);
            MemoryPlanEntry[] slots = [.. detector.Memory.Entries.Where(static entry => entry.Item == MemoryItem.Slots)];
            Assert.Equal(place, slots[0].Place);

            // Managed pages have a copy on the device while their batch is there.
            Assert.Equal(mode == TransferMode.Managed, slots.Length == 2 && slots[1].Place == MemoryPlace.Device && slots[1].Bytes == slots[0].Bytes);
            Assert.Equal(1, driver.Live("managed") + (mode == TransferMode.Managed ? 0 : 1));
            FrameFormat format = new(PixelFormat.Gray8, 32, 32);
            using DetectionResult result = await detector.DetectAsync(new byte[format.ByteCount], format);
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public async Task Auto_tries_the_modes_at_the_first_opening_says_why_and_gives_all_back()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        StepRecorder recorder = new();
        string description;
        await using (YoloDetector detector = Open(driver, cudnn, TransferMode.Auto, recorder))
        {
            description = detector.Device;
            Assert.Matches(
                "frames (page-locked|mapped|managed) \\(auto: page-locked [0-9]+ frames/s, a lone one [0-9]+ us; mapped .*; managed .*\\)$",
                description);
            Assert.Equal(detector.Memory.Device, description);
            Assert.Equal(0, detector.Statistics.FramesSubmitted);
            Assert.Equal(
                [0, 1, 2, 3], recorder.Steps.Where(static step => step.Step == OpeningStep.ChooseTransfer).Select(static step => step.Done));
            FrameFormat format = new(PixelFormat.Gray8, 32, 32);
            using DetectionResult result = await detector.DetectAsync(new byte[format.ByteCount], format);
            Assert.Equal(0, result.Sequence);
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
        long graphs = driver.Calls("cuGraphInstantiateWithFlags");
        await using (YoloDetector again = Open(driver, cudnn, TransferMode.Auto))
        {
            Assert.Equal(description, again.Device);

            // Three lanes with two buckets of two graphs, and none to try with.
            Assert.Equal(12, driver.Calls("cuGraphInstantiateWithFlags") - graphs);
        }
    }

    [Fact]
    public async Task Auto_passes_over_a_mode_that_there_is_no_memory_for()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        driver.Fail("cuMemAllocManaged", CUresult.CUDA_ERROR_OUT_OF_MEMORY);
        await using (YoloDetector detector = Open(driver, cudnn, TransferMode.Auto))
        {
            Assert.Contains("mapped", detector.Device, StringComparison.Ordinal);
            Assert.DoesNotContain("managed", detector.Device, StringComparison.Ordinal);
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public void Auto_that_is_cancelled_between_two_modes_leaves_nothing_behind()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        using CancellationTokenSource stop = new();
        StepAction cancel = new(step =>
        {
            if (step is { Step: OpeningStep.ChooseTransfer, Done: 2 })
            {
                stop.Cancel();
            }
        });
        _ = Assert.ThrowsAny<OperationCanceledException>(() => Open(driver, cudnn, TransferMode.Auto, cancel, cancellationToken: stop.Token));
        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public void More_page_locked_memory_than_allowed_is_refused_with_both_numbers_and_ordinary_memory_is_not_counted()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(
            () => Open(driver, cudnn, TransferMode.PageLocked, limit: 40_000));
        Assert.Matches("needs 0\\.1 MiB of page-locked memory, and 0\\.0 MiB may be .*PageLockedLimit", error.Message);
        Assert.Contains("slots", error.Message, StringComparison.Ordinal);
        driver.AssertClean();
        Open(driver, cudnn, TransferMode.Pageable, limit: 40_000).Dispose();
        driver.AssertClean();
    }

    private YoloDetector Open(
        DriverDouble driver, CudnnDouble cudnn, TransferMode mode, IProgress<OpeningProgress>? progress = null, long? limit = null,
        CancellationToken cancellationToken = default)
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
            EngineCacheFolder = folder.File("engines"),
            CompileInBackground = false,
            TransferMode = mode,
            PageLockedLimit = limit,
        };
        cudnn.Set("computes", 0);
        return CudaOpening.Open(Sample, options, () => driver.Device, why: "", new OpeningSteps(progress, cancellationToken));
    }

    private sealed class StepAction(Action<OpeningProgress> act) : IProgress<OpeningProgress>
    {
        public void Report(OpeningProgress value) => act(value);
    }
}
