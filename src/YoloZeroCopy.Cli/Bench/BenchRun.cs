namespace YoloZeroCopy.Cli;

/// <summary>Runs what <see cref="BenchSettings"/> ask for.</summary>
internal static class BenchRun
{
    // Both rates are measured in slices by turns, so that a machine that gets slower or faster meanwhile does so for both.
    private const int Slices = 5;
    private const int LeastSingleFrames = 10;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SingleTime = TimeSpan.FromSeconds(1);

    public static async Task<BenchReport> RunAsync(BenchSettings settings, CancellationToken stop)
    {
        BenchReport report;
        DetectorOptions options = settings.Detector;

        // What cannot be read is told before anything is measured.
        ElementaryStream[] clips = [.. settings.Videos.Select(ElementaryStream.Read)];
        if (options.Slots == 0 && settings.Producers > 0)
        {
            // Producers hold slots while they copy; the lanes must not go short for it.
            options = options with { Slots = DefaultSlots(options) + (2 * settings.Producers) };
        }

        await using (YoloDetector detector = DetectorOpening.Open(settings.Model, options))
        {
            using BenchDevice? device = BenchDevice.Open(detector, options.Device);
            if (device is null && settings.OnDevice is { Length: > 0 } wanted)
            {
                throw new CliException(
                    ExitCode.WrongArguments, $"{string.Join(", ", wanted)}: this needs a CUDA device; the detector runs on {detector.Device}.");
            }

            report = await MeasureAsync(detector, device, settings, stop);
        }

        if (clips.Length > 0)
        {
            // Cameras send when they will: no frame waits for a full batch.
            await using YoloDetector detector = DetectorOpening.Open(settings.Model, options with { MaxBatchDelay = TimeSpan.Zero });
            using BenchDevice device = BenchDevice.Open(detector, options.Device)!;
            foreach (ElementaryStream clip in clips)
            {
                VideoSection video = await VideoBenchmark.RunAsync(detector, device, clip, settings, report.EngineOnlyFps, stop);
                report = report with { Sections = [.. report.Sections, video] };
            }
        }

        if (settings.TransferModes)
        {
            TransferBenchmark transfers = new(one => DetectorOpening.Open(settings.Model, one), settings);
            TransferSection section = await transfers.RunAsync(TransferBenchmark.Sizes, stop);
            report = report with { Sections = [.. report.Sections, section] };
        }

        // A lone frame must not wait for company, so it has a detector without.
        options = options with { MaxBatch = 1, MaxBatchDelay = TimeSpan.Zero, Lanes = 1, Slots = 0 };
        await using (YoloDetector detector = DetectorOpening.Open(settings.Model, options))
        {
            using BenchDevice? device = BenchDevice.Open(detector, options.Device);
            if (device is not null)
            {
                SingleSection single = await CudaParts.SingleAsync(detector, device, settings, stop);
                report = report with { SingleLatency = single.Result, Sections = [.. report.Sections, single] };
            }
            else
            {
                int frames = Math.Max(LeastSingleFrames, settings.SingleFrames);
                TimeSpan time = settings.SingleFrames == 0 ? Shorter(SingleTime, settings.Time) : TimeSpan.Zero;
                SingleLatency single = await EndToEndBenchmark.RunSingleAsync(detector, settings.Format, time, frames, stop);
                report = report with { SingleLatency = single.Result };
            }

            stop.ThrowIfCancellationRequested();
        }

        return report;
    }

    /// <summary>Everything that one detector is measured for, but single frames.</summary>
    internal static async Task<BenchReport> MeasureAsync(YoloDetector detector, BenchDevice? device, BenchSettings settings, CancellationToken stop)
    {
        DetectorOptions options = settings.Detector;
        TimeSpan time = settings.Time;
        double? load = HostMachine.CurrentLoad();
        int batch = detector.Statistics.BatchSizes.Length - 1;
        DetectorInspection inside = detector.Inspection;
        InferenceEngine shared = inside.Engine.AtSizes[InputSizes.Of(detector.InputSizes).IndexFor(settings.Format)];
        using IEngineBenchmark engine = device is null
            ? new EngineBenchmark(shared, batch, inside.EngineStreams)
            : new CudaEngineBenchmark(device, shared, batch, inside.EngineStreams);
        EndToEndBenchmark pipeline = new(detector, settings.Format, batch);
        TimeSpan slice = time / Slices;
        _ = engine.Run(Shorter(WarmUp, time), stop);
        _ = await pipeline.RunAsync(Shorter(WarmUp, time), stop);
        pipeline.Latency.Clear();

        DetectorStatistics before = detector.Statistics;
        long engineFrames = 0;
        long frames = 0;
        long drops = 0;
        long deviceBytes = 0;
        List<double> bytesPerFrame = [];
        TimeSpan engineTime = default;
        TimeSpan pipelineTime = default;
        TimeSpan engineCpu = default;
        List<double> engineSlices = new(Slices);
        List<double> pipelineSlices = new(Slices);
        TimeSpan cpu = default;
        for (int turn = 0; turn < 2 * Slices; turn++)
        {
            stop.ThrowIfCancellationRequested();

            // Engine, pipeline, pipeline, engine, engine ...: neither is always the first of a pair.
            if ((turn + 1) / 2 % 2 == 0)
            {
                EngineSlice alone = engine.Run(slice, stop);
                engineFrames += alone.Frames;
                engineTime += alone.Elapsed;
                engineCpu += alone.Cpu;
                engineSlices.Add(alone.Frames / alone.Elapsed.TotalSeconds);
            }
            else
            {
                long free = FreeBytes(device);
                EndToEndSlice whole = await pipeline.RunAsync(slice, stop);
                deviceBytes += free - FreeBytes(device);
                frames += whole.Frames;
                drops += whole.Drops;
                bytesPerFrame.Add((double)whole.ManagedBytes / Math.Max(1, whole.SteadyFrames));
                pipelineTime += whole.Elapsed;
                cpu += whole.Cpu;
                pipelineSlices.Add(whole.Frames / whole.Elapsed.TotalSeconds);
            }
        }

        DetectorStatistics after = detector.Statistics;
        stop.ThrowIfCancellationRequested();
        double each = 1.0 / Math.Max(1, frames);
        double fps = frames / pipelineTime.TotalSeconds;

        // What follows runs the pipeline, too, in other ways.
        LatencyHistogram latency = pipeline.Latency.Copy();
        List<IReportSection> sections = [];
        if (after.Devices.Length > 1)
        {
            sections.Add(new DevicesSection(after.Devices, fps, engineFrames / engineTime.TotalSeconds));
        }

        if (device is not null)
        {
            sections.Add(DeviceSection.Of(device.Context, options.WaitMode, deviceBytes, frames));
            sections.Add(await CudaParts.LinkAsync(device, engine, settings, fps, stop));
            sections.Add(CudaParts.Kernels(detector, device, settings, stop));
            if (settings.Ordinary)
            {
                sections.Add(OrdinaryBenchmark.Run(device, shared, settings.Format, Opening.DecodingOf(options), settings.PartTime * 2, fps, stop));
            }

            if (settings.Profile)
            {
                sections.Add(CudaParts.Profile(detector, device, settings, batch, stop));
            }

            if (settings.Npp)
            {
                sections.Add(CudaParts.Npp(detector, device, settings, stop));
            }

            if (settings.DeviceMemory)
            {
                sections.Add(device.Thread.Run(() => PoolBenchmark.Run(device.Context, settings.Quick, stop)));
            }

            if (settings.Timeline is string path)
            {
                sections.Add(await CudaParts.TimelineAsync(detector, device, pipeline, path, stop));
            }
        }

        if (settings.External)
        {
            sections.Add(await ExternalSection.MeasureAsync(detector, device, settings, batch, stop));
        }

        if (settings.Producers > 0)
        {
            using ProducerBenchmark producers = new(detector, settings.Format, settings.Producers, batch);
            _ = await producers.RunAsync(settings.PartTime / 2, stop);
            double copied = await producers.RunAsync(settings.PartTime * 3, stop);
            double memcpy = producers.CopyOnly(settings.PartTime, stop);
            sections.Add(new ProducerSection(settings.Producers, copied, memcpy, settings.Format.ByteCount));
        }

        if (settings.Soak > TimeSpan.Zero)
        {
            sections.Add(await SoakBenchmark.RunAsync(detector, pipeline, device, settings.Soak, stop));
        }

        stop.ThrowIfCancellationRequested();
        return new BenchReport
        {
            Model = detector.Model.Path,
            Frame = settings.Format,
            Batch = batch,
            Lanes = inside.LaneCount,
            EngineOnlyFps = engineFrames / engineTime.TotalSeconds,
            EndToEndFps = fps,
            EngineOnlySlices = engineSlices,
            EndToEndSlices = pipelineSlices,
            Latency = latency,
            EngineCpuMicrosecondsPerFrame = engineCpu.TotalMicroseconds / Math.Max(1, engineFrames),
            CpuMicrosecondsPerFrame = cpu.TotalMicroseconds * each,

            // The count is of the whole process, and the runtime's thread pool makes a thread now and then: an allocation for each frame shows in
            // every slice, such a one does not.
            ManagedBytesPerFrame = Statistics.Median(bytesPerFrame),
            HostCopiesPerFrame = (after.HostCopies - before.HostCopies) * each,
            Frames = frames,
            Drops = drops,
            Machine = MachineDescription.Of(detector, load),
            Sections = sections,
        };
    }

    private static int DefaultSlots(DetectorOptions options)
    {
        int batch = options.MaxBatch == 0 ? CudaOpening.DefaultBatch : options.MaxBatch;
        return ((options.Lanes == 0 ? CudaOpening.DefaultLanes : options.Lanes) + 1) * batch;
    }

    private static long FreeBytes(BenchDevice? device) => device is null ? 0 : (long)device.Context.GetMemoryInfo().FreeBytes;

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
