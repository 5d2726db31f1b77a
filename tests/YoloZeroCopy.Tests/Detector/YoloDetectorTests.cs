namespace YoloZeroCopy.Tests;

/// <summary>The whole way of a frame on the CPU, with tiny models whose objects are known.</summary>
public sealed class YoloDetectorTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("yzc-detector-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(OutputLayout.ChannelsFirst)]
    [InlineData(OutputLayout.AnchorsFirst)]
    [InlineData(OutputLayout.EndToEnd)]
    public async Task Boxes_come_in_pixels_of_the_frame_for_every_layout(OutputLayout layout)
    {
        string model = Save(new FakeDetector { Layout = layout, Sensitivity = 0 });
        await using YoloDetector detector = YoloDetector.Open(model);

        // 128x64 into 64x64: half size, 16 rows of padding above and below.
        FrameFormat format = new(PixelFormat.Bgr24, 128, 64, stride: 400);
        FrameSlot slot = await detector.RentAsync(format);
        slot.Span.Clear();
        using DetectionResult result = await detector.SubmitAsync(slot, source: 3);
        Assert.Equal(2, result.Detections.Length);
        Detection first = result.Detections[0];
        Assert.Equal((1, 0.75f), (first.ClassId, first.Score));
        Assert.Equal((24f, 4f, 56f, 28f), (first.X1, first.Y1, first.X2, first.Y2));
        Detection second = result.Detections[1];
        Assert.Equal((2, 0.5f), (second.ClassId, second.Score));
        Assert.Equal((78f, 28f, 98f, 64f), (second.X1, second.Y1, second.X2, second.Y2));
        Assert.Equal((3, FrameStatus.Completed, format), (result.Source, result.Status, result.Format));
        Assert.True(result.Latency >= result.QueueTime);
        Assert.Equal("part1", detector.Model.Names[first.ClassId]);
        Assert.StartsWith("cpu, ONNX Runtime", detector.Device, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OutputLayout.ChannelsFirst)]
    [InlineData(OutputLayout.AnchorsFirst)]
    [InlineData(OutputLayout.EndToEnd)]
    public async Task Only_the_classes_asked_for_are_found_in_every_layout(OutputLayout layout)
    {
        string model = Save(new FakeDetector { Layout = layout, Sensitivity = 0 });
        foreach (int[] classes in (int[][])[[1], [2], [2, 1], [0]])
        {
            List<int> asked = [.. classes];
            await using YoloDetector detector = YoloDetector.Open(model, new DetectorOptions { Classes = asked });
            asked.Clear();
            using DetectionResult result = await detector.DetectAsync(new byte[64 * 64], new FrameFormat(PixelFormat.Gray8, 64, 64));
            Assert.Equal(classes.Where(static id => id != 0).Order(), result.ToArray().Select(static found => found.ClassId));
        }

        ArgumentException error = Assert.Throws<ArgumentException>(() => YoloDetector.Open(model, new DetectorOptions { Classes = [1, 3] }));
        Assert.Contains("Classes has 3; the model's classes are 0 to 2.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_frame_in_registered_memory_gives_what_it_gives_in_a_slot_and_one_on_a_device_is_refused()
    {
        await using YoloDetector detector =
            YoloDetector.Open(Save(new FakeDetector { Sensitivity = 0.2f }), new DetectorOptions { Device = Device.Cpu });
        using Ring owner = new(1);
        byte[] ring = new byte[1 << 16];
        new Random(3).NextBytes(ring);
        using (RegisteredMemory memory = detector.Register(ring))
        {
            foreach (PixelFormat pixelFormat in Enum.GetValues<PixelFormat>())
            {
                const int Offset = 33;
                FrameFormat format = new(pixelFormat, 64, 62, stride: 320);
                using FrameSlot slot = await detector.RentAsync(format);
                ring.AsSpan(Offset, format.ByteCount).CopyTo(slot.Span);
                using DetectionResult wanted = await detector.SubmitAsync(slot);
                using DetectionResult given = await detector.SubmitAsync(ExternalFrame.InRegistered(memory, Offset, format, owner));
                Assert.True(wanted.Detections.SequenceEqual(given.Detections), $"{format}");
                Assert.NotEmpty(given.Detections.ToArray());
                Assert.Equal(0, owner.Next());
            }
        }

        Assert.Equal(0, detector.Statistics.HostCopies);
        ArgumentException refused = Assert.Throws<ArgumentException>(() =>
        {
            _ = detector.SubmitAsync(ExternalFrame.OnDevice(4096, 0, new FrameFormat(PixelFormat.Gray8, 8, 8), 0, owner)).AsTask();
        });
        Assert.Contains("this detector runs on the processor", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_finished_output_without_names_gives_its_class_ids()
    {
        await using YoloDetector detector = YoloDetector.Open(
            Save(new FakeDetector { Layout = OutputLayout.EndToEnd, WithMetadata = false }), new DetectorOptions { InputSize = (64, 64) });
        FrameSlot slot = await detector.RentAsync(new FrameFormat(PixelFormat.Gray8, 64, 64));
        using DetectionResult result = await detector.SubmitAsync(slot);
        Assert.Equal([1, 2], result.Detections.ToArray().Select(static detection => detection.ClassId));
        Assert.Equal(0, detector.Model.ClassCount);
        Assert.Equal("class2", detector.Model.NameOf(2));
    }

    [Fact]
    public async Task Batches_and_single_frames_give_the_same_detections_and_none_is_mixed_up()
    {
        string model = Save(new FakeDetector { Sensitivity = 0.2f });
        Detection[][] single = await DetectAsync(model, new DetectorOptions { MaxBatch = 1 });
        Detection[][] batched = await DetectAsync(model, new DetectorOptions { MaxBatch = 8, MaxBatchDelay = TimeSpan.FromSeconds(30) });
        Assert.Equal(single, batched);
        Assert.NotEqual(single[0][0].Score, single[1][0].Score);
    }

    [Fact]
    public async Task A_fixed_batch_runs_with_fewer_frames_and_more_is_refused()
    {
        string model = Save(new FakeDetector { Batch = 4, Dynamic = false });
        await using (YoloDetector detector = YoloDetector.Open(model))
        {
            FrameSlot slot = await detector.RentAsync(new FrameFormat(PixelFormat.Gray8, 64, 64));
            slot.Span.Fill(255);
            using DetectionResult result = await detector.SubmitAsync(slot);
            Assert.Equal(0.85f, result.Detections[0].Score, 1e-5f);
        }

        ArgumentException error = Assert.Throws<ArgumentException>(() => YoloDetector.Open(model, new DetectorOptions { MaxBatch = 5 }));
        Assert.Contains("batches of 4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nan_from_the_model_fails_the_frame_and_not_the_detector()
    {
        string model = Save(new FakeDetector { Objects = [new FakeObject(3, 10, 10, 5, 5, 0, float.NaN)] });
        await using YoloDetector detector = YoloDetector.Open(model);
        for (int turn = 0; turn < 2; turn++)
        {
            FrameSlot slot = await detector.RentAsync(new FrameFormat(PixelFormat.Gray8, 64, 64));
            InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => detector.SubmitAsync(slot).AsTask());
            Assert.Contains("NaN", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(2, detector.Statistics.FramesFailed);
        Assert.Equal(0, detector.Statistics.SlotsInUse);
    }

    [Fact]
    public async Task Pixels_that_lie_elsewhere_cost_one_counted_copy_and_frames_in_slots_none()
    {
        await using YoloDetector detector = YoloDetector.Open(Save(new FakeDetector()));
        FrameFormat format = new(PixelFormat.Rgb24, 40, 30);
        FrameSlot slot = await detector.RentAsync(format);
        (await detector.SubmitAsync(slot)).Dispose();
        Assert.Equal(0, detector.Statistics.HostCopies);
        (await detector.DetectAsync(new byte[format.ByteCount], format)).Dispose();
        Assert.Equal(1, detector.Statistics.HostCopies);
        await Assert.ThrowsAsync<ArgumentException>(() => detector.DetectAsync(new byte[format.ByteCount - 1], format).AsTask());
        Assert.Equal(0, detector.Statistics.SlotsInUse);
    }

    [Fact]
    public async Task Pixels_that_cannot_be_read_cost_no_slot()
    {
        await using YoloDetector detector = YoloDetector.Open(Save(new FakeDetector()), new DetectorOptions { Slots = 1 });
        FrameFormat format = new(PixelFormat.Gray8, 8, 8);
        using UnreadableMemory unreadable = new();
        for (int turn = 0; turn < 2; turn++)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(
                () => detector.DetectAsync(unreadable.Memory, format).AsTask().WaitAsync(TimeSpan.FromSeconds(60)));
        }

        Assert.Equal(0, detector.Statistics.SlotsInUse);
        (await detector.DetectAsync(new byte[64], format).AsTask().WaitAsync(TimeSpan.FromSeconds(60))).Dispose();
    }

    [Fact]
    public async Task Frames_of_different_sizes_and_formats_share_a_batch_and_the_lanes_allocate_nothing()
    {
        await using YoloDetector detector =
            YoloDetector.Open(Save(new FakeDetector()), new DetectorOptions { MaxBatch = 6, MaxBatchDelay = TimeSpan.FromSeconds(30), Lanes = 2 });
        FrameFormat[] formats =
            [new(PixelFormat.Nv12, 31, 17), new(PixelFormat.BayerGrbg8, 100, 90), new(PixelFormat.Bgra32, 64, 64), new(PixelFormat.Gray8, 1, 1),
                new(PixelFormat.P010, 31, 17), new(PixelFormat.BgrPlanar, 31, 17)];
        int turns = 0;
        await RunTurnsAsync(20);
        Assert.Equal(0, await AllocationSlices.LeastAsync(async () =>
        {
            long before = detector.Statistics.ManagedBytes;
            await RunTurnsAsync(50);
            return detector.Statistics.ManagedBytes - before;
        }));
        Assert.Equal(turns, detector.Statistics.BatchSizes[6]);

        async Task RunTurnsAsync(int count)
        {
            for (int turn = 0; turn < count; turn++, turns++)
            {
                await RunTogether(detector, formats);
            }
        }
    }

    [Fact]
    public async Task A_slot_of_another_detector_is_refused_and_stays_with_its_renter()
    {
        string model = Save(new FakeDetector());
        await using YoloDetector one = YoloDetector.Open(model);
        await using YoloDetector other = YoloDetector.Open(model);
        FrameSlot slot = await one.RentAsync(new FrameFormat(PixelFormat.Gray8, 8, 8));
        Assert.Throws<ArgumentException>(() => other.SubmitAsync(slot).IsCompleted);
        (await one.SubmitAsync(slot)).Dispose();
        Assert.Throws<ArgumentException>(() => one.TryRent(new FrameFormat(PixelFormat.Bgr24, 4000, 4000), out _));
    }

    [Fact]
    public async Task Disposing_with_frames_in_flight_answers_every_one()
    {
        YoloDetector detector = YoloDetector.Open(Save(new FakeDetector()), new DetectorOptions { MaxBatch = 1, Slots = 16 });
        FrameFormat format = new(PixelFormat.Gray8, 64, 64);
        List<Task<DetectionResult>> pending = [];
        for (int turn = 0; turn < 16; turn++)
        {
            Assert.True(detector.TryRent(format, out FrameSlot slot));
            pending.Add(detector.SubmitAsync(slot).AsTask());
        }

        await detector.DisposeAsync();
        int done = 0;
        foreach (Task<DetectionResult> task in pending)
        {
            try
            {
                using DetectionResult result = await task;
                done++;
            }
            catch (ObjectDisposedException)
            {
            }
        }

        Assert.InRange(done, 0, 16);
        Assert.Equal(0, detector.Statistics.SlotsInUse);
        Assert.Throws<ObjectDisposedException>(() => detector.TryRent(format, out _));
        await detector.DisposeAsync();
    }

    [Fact]
    public void A_plan_larger_than_the_machine_is_refused_with_its_table()
    {
        InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(
            () => YoloDetector.Open(Save(new FakeDetector()), new DetectorOptions { Slots = 4096, SlotBytes = int.MaxValue }));
        Assert.Contains("4096 slots x 2147483648 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("total", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        (DetectorOptions Options, string Name)[] wrong =
        [
            (new() { MaxBatch = -1 }, "MaxBatch"),
            (new() { Lanes = 17 }, "Lanes"),
            (new() { Slots = 5000 }, "Slots"),
            (new() { SlotBytes = 0 }, "SlotBytes"),
            (new() { ScoreThreshold = float.NaN }, "ScoreThreshold"),
            (new() { IouThreshold = 1.5f }, "IouThreshold"),
            (new() { MaxDetections = 0 }, "MaxDetections"),
            (new() { MaxFrameAge = TimeSpan.FromSeconds(-1) }, "MaxFrameAge"),
            (new() { Overflow = (OverflowPolicy)9 }, "Overflow"),
            (new() { TransferMode = (TransferMode)9 }, "TransferMode"),
            (new() { PageLockedLimit = 0 }, "PageLockedLimit"),
            (new() { QueueCapacity = 3 }, "QueueCapacity"),
            (new() { InputSize = (0, 64) }, "InputSize"),
            (new() { Threads = -2 }, "Threads"),
            (new() { Name = " " }, "Name"),
            (new() { Classes = [] }, "Classes"),
            (new() { Classes = [0, -1] }, "Classes"),
            (new() { Classes = [3, 1, 3] }, "Classes"),
            (new() { ExpectedDecoders = [new() { Count = 0, Width = 64, Height = 64, JpegDecoder = new() }] }, "Count"),
            (new() { ExpectedDecoders = [new() { Count = 1, Width = 0, Height = 64, JpegDecoder = new() }] }, "width"),
            (new() { ExpectedDecoders = [new() { Count = 1, Width = 64, Height = 64 }] }, "Decoder"),
            (new() { ExpectedDecoders = [new() { Count = 1, Width = 64, Height = 64, BitDepth = 10, JpegDecoder = new() }] }, "BitDepth"),
        ];
        Assert.All(wrong, item =>
            Assert.Equal(item.Name, Assert.ThrowsAny<ArgumentException>(() => YoloDetector.Open("model.onnx", item.Options)).ParamName));
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused_with_both_names()
    {
        TimeSpan tenth = TimeSpan.FromMilliseconds(100);
        (DetectorOptions Options, string One, string Other)[] wrong =
        [
            (new() { MaxBatchDelay = tenth, MaxFrameAge = tenth }, "MaxBatchDelay", "MaxFrameAge"),
            (new() { MaxBatchDelay = tenth, MaxBatch = 4, Overflow = OverflowPolicy.DropOldest, QueueCapacity = 3 }, "MaxBatchDelay",
                "QueueCapacity"),
            (new() { MaxBatchDelay = tenth, LatencyGoal = tenth }, "MaxBatchDelay", "LatencyGoal"),
            (new() { Overflow = OverflowPolicy.DropNewest, QueueCapacity = 4, Slots = 4 }, "QueueCapacity", "Slots"),
            (new() { Device = Device.Cpu, TransferMode = TransferMode.Mapped }, "TransferMode", "Device"),
            (new() { Device = Device.Cpu, TransferMode = TransferMode.Auto }, "TransferMode", "Device"),
            (new() { Device = Device.Cpu, ExpectedDecoders = [ExpectedDecoders.Parse("1 h264 64x64")] }, "ExpectedDecoders", "Device"),
        ];
        Assert.All(wrong, item =>
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => YoloDetector.Open("model.onnx", item.Options));
            Assert.Equal(item.One, error.ParamName);
            Assert.Contains(item.One, error.Message, StringComparison.Ordinal);
            Assert.Contains(item.Other, error.Message, StringComparison.Ordinal);
        });

        DetectorOptions[] right =
        [
            new() { MaxBatchDelay = tenth, MaxFrameAge = tenth * 2, LatencyGoal = tenth * 2, MaxBatch = 4, Slots = 4 },

            // A goal may be longer or shorter than frames may live: it is about what is detected.
            new() { LatencyGoal = tenth, MaxFrameAge = tenth / 2 },

            // Frames in memory of the caller's fill batches without slots.
            new() { MaxBatchDelay = tenth, MaxBatch = 4, Slots = 1 },
            new() { Overflow = OverflowPolicy.DropOldest, QueueCapacity = 4, Slots = 4, MaxBatch = 8 },
            new() { Overflow = OverflowPolicy.DropNewest, QueueCapacity = 20 },
        ];
        new DetectorOptions { TransferMode = TransferMode.Auto }.Validate();
        new DetectorOptions { Device = Device.Cpu, PageLockedLimit = 1 }.Validate();
        Assert.All(right, static options => options.Validate());
        Assert.True(Opening.SlotCountOf(right[^1], laneCount: 1, maxBatch: 8) > 20);
    }

    [Fact]
    public void Spinning_is_for_a_device_and_not_for_a_choice_that_fell_on_the_cpu()
    {
        using FramePool pool = new(4, 64);
        using CpuLane fallback = new(new FakeCudaEngine(), maxBatch: 1, new DecodingOptions(), number: 0);
        using FakeLane device = new() { OnDevice = true };
        DetectorOptions spinning = new() { Device = Device.Auto, WaitMode = WaitMode.Spin };
        Assert.Equal(TimeSpan.Zero, Opening.PipelineOf(pool, [fallback], spinning, maxBatch: 1).SpinTime);
        Assert.True(Opening.PipelineOf(pool, [device], spinning, maxBatch: 1).SpinTime > TimeSpan.Zero);
        Assert.Equal(TimeSpan.Zero, Opening.PipelineOf(pool, [device], new DetectorOptions { WaitMode = WaitMode.Block }, maxBatch: 1).SpinTime);
    }

    [Fact]
    public async Task On_the_cpu_every_stage_is_known_by_itself_but_an_upload_that_is_none()
    {
        await using YoloDetector detector = YoloDetector.Open(Save(new FakeDetector()));
        (await detector.DetectAsync(new byte[64], new FrameFormat(PixelFormat.Gray8, 8, 8))).Dispose();
        DetectorStatistics statistics = detector.Statistics;
        Assert.Null(statistics.UploadTime);
        Assert.True(statistics.PreprocessTime > TimeSpan.Zero && statistics.InferenceTime > TimeSpan.Zero && statistics.DecodeTime > TimeSpan.Zero);
        Assert.InRange((statistics.ComputeTime - statistics.PreprocessTime - statistics.InferenceTime - statistics.DecodeTime)!.Value.Ticks, -3, 3);
    }

    [Theory]
    [InlineData("CPU", "cpu")]
    [InlineData("Auto", "auto")]
    public void Devices_are_read_from_text(string text, string name) => Assert.Equal(name, Device.Parse(text).Name);

    [Fact]
    public void An_unknown_device_is_refused_with_those_there_are() =>
        Assert.Contains("'cpu'", Assert.Throws<FormatException>(() => Device.Parse("tpu")).Message, StringComparison.Ordinal);

    private static async Task RunTogether(YoloDetector detector, FrameFormat[] formats)
    {
        Task<DetectionResult>[] tasks = new Task<DetectionResult>[formats.Length];
        for (int index = 0; index < formats.Length; index++)
        {
            tasks[index] = detector.SubmitAsync(await detector.RentAsync(formats[index])).AsTask();
        }

        foreach (Task<DetectionResult> task in tasks)
        {
            (await task).Dispose();
        }
    }

    private static async Task<Detection[][]> DetectAsync(string model, DetectorOptions options)
    {
        await using YoloDetector detector = YoloDetector.Open(model, options);
        FrameFormat format = new(PixelFormat.Gray8, 64, 64);
        Task<DetectionResult>[] tasks = new Task<DetectionResult>[8];
        for (int index = 0; index < tasks.Length; index++)
        {
            FrameSlot slot = await detector.RentAsync(format);
            slot.Span.Fill((byte)(index * 30));
            tasks[index] = detector.SubmitAsync(slot).AsTask();
        }

        Detection[][] found = new Detection[tasks.Length][];
        for (int index = 0; index < tasks.Length; index++)
        {
            using DetectionResult result = await tasks[index];
            found[index] = result.Detections.ToArray();
        }

        return found;
    }

    /// <summary>Memory whose owner took it away.</summary>
    private sealed class UnreadableMemory : System.Buffers.MemoryManager<byte>
    {
        public override Memory<byte> Memory => CreateMemory(64);

        public override Span<byte> GetSpan() => throw new ObjectDisposedException("the camera's buffer");

        public override System.Buffers.MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    private string Save(FakeDetector detector) => OnnxModelBuilder.Detector(detector).Save(folder);
}
