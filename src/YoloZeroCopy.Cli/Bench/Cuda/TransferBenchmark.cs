using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Every transfer mode with frames of several sizes and formats, each with a detector of its own.</summary>
/// <param name="open">Opens a detector.</param>
/// <param name="settings">What is measured.</param>
internal sealed class TransferBenchmark(Func<DetectorOptions, YoloDetector> open, BenchSettings settings)
{
    private const int LoneFrames = 1000;
    private const int QuickLoneFrames = 20;
    private const int PageSize = 4096;

    private static readonly PixelFormat[] Formats = [PixelFormat.Bgr24, PixelFormat.Nv12, PixelFormat.BayerRggb8];
    private static readonly TransferMode[] Modes =
    [
        TransferMode.PageLocked, TransferMode.WriteCombined, TransferMode.Mapped, TransferMode.Managed, TransferMode.Pageable,
    ];

    /// <summary>720p, 1080p and 4K.</summary>
    public static IReadOnlyList<(int Width, int Height)> Sizes { get; } = [(1280, 720), (1920, 1080), (3840, 2160)];

    public async Task<TransferSection> RunAsync(IReadOnlyList<(int Width, int Height)> sizes, CancellationToken stop)
    {
        List<TransferRow> rows = [];
        foreach ((int width, int height) in sizes)
        {
            foreach (PixelFormat pixels in Formats)
            {
                FrameFormat format = new(pixels, width, height);
                foreach (TransferMode mode in Modes)
                {
                    stop.ThrowIfCancellationRequested();
                    await AddAsync(rows, mode, format, stop);
                }
            }
        }

        return new TransferSection(rows);
    }

    private async Task AddAsync(List<TransferRow> rows, TransferMode mode, FrameFormat format, CancellationToken stop)
    {
        // A lone frame waits for no company.
        DetectorOptions options = settings.Detector with
        {
            SlotBytes = format.ByteCount,
            TransferMode = mode,
            MaxBatchDelay = TimeSpan.Zero,
        };
        string name = TransferChoice.Words(mode);
        try
        {
            if (TransferChoice.LackOf(CudaDevice.Get(options.Device.IsCuda ? options.Device.CudaOrdinal : 0), mode) is string lack)
            {
                rows.Add(new TransferRow(name, format, $"the device {lack}"));
                return;
            }

            await using YoloDetector detector = open(options);
            using BenchDevice device = BenchDevice.Open(detector, options.Device)!;
            int batch = detector.Statistics.BatchSizes.Length - 1;
            long bytes = FramePool.PlannedBytes(detector.SlotCount, options.SlotBytes);
            TimeSpan take = device.Thread.Run(() => TimeToTake(device.Context, mode, bytes));
            rows.Add(await MeasureAsync(name, detector, device, format, batch, ring: null, (bytes, take), stop));
            if (mode == TransferMode.PageLocked)
            {
                long start = Stopwatch.GetTimestamp();
                using ExternalRing ring = ExternalRing.Registered(detector, format, detector.SlotCount);
                take = Stopwatch.GetElapsedTime(start);
                rows.Add(await MeasureAsync("registered", detector, device, format, batch, ring, (bytes, take), stop));
            }
        }
        catch (Exception error) when (error is InsufficientMemoryException or CudaOutOfMemoryException)
        {
            rows.Add(new TransferRow(name, format, error.Message.Split(Environment.NewLine)[0]));
        }
    }

    private async Task<TransferRow> MeasureAsync(
        string name, YoloDetector detector, BenchDevice device, FrameFormat format, int batch, ExternalRing? ring, (long Bytes, TimeSpan Time) taken,
            CancellationToken stop)
    {
        EndToEndBenchmark pipeline = new(detector, format, batch, ring, touches: ring is null);
        _ = await pipeline.RunAsync(settings.PartTime / 2, stop);
        using BusMeter bus = new(device.Context.Device.PciBusId);
        EndToEndSlice slice = await pipeline.RunAsync(settings.PartTime, stop);
        double? received = bus.MedianBytesPerSecond();
        int frames = settings.Quick ? QuickLoneFrames : LoneFrames;
        LatencyHistogram lone = ring is null
            ? (await EndToEndBenchmark.RunSingleAsync(detector, format, TimeSpan.Zero, frames, stop, touches: true)).Caller
            : await LoneAsync(detector, ring, frames, stop);
        double fps = slice.Frames / slice.Elapsed.TotalSeconds;
        return new TransferRow(name, format, null)
        {
            Fps = fps,
            LoneP50 = lone.Microseconds(0.5),
            LoneP99 = lone.Microseconds(0.99),
            CpuMicroseconds = slice.Cpu.TotalMicroseconds / Math.Max(1, slice.Frames),
            BusBytes = received / fps,
            SlotBytes = taken.Bytes,
            TakeMilliseconds = taken.Time.TotalMilliseconds,
        };
    }

    private static async Task<LatencyHistogram> LoneAsync(YoloDetector detector, ExternalRing ring, int frames, CancellationToken stop)
    {
        LatencyHistogram latency = new();
        while (latency.Count < frames && !stop.IsCancellationRequested)
        {
            ExternalFrame frame = await ring.NextAsync();
            long submitted = Stopwatch.GetTimestamp();
            using DetectionResult result = await detector.SubmitAsync(frame, cancellationToken: CancellationToken.None);
            latency.Record(Stopwatch.GetElapsedTime(submitted));
        }

        return latency;
    }

    // With every page written once: some kinds of memory have none before.
    private static unsafe TimeSpan TimeToTake(CudaContext context, TransferMode mode, long bytes)
    {
        NumaPlace place = NumaPlace.Of(context.Device.PciBusId);
        long start = Stopwatch.GetTimestamp();
        using CudaFrameMemory memory = CudaFrameMemory.Allocate(context, mode, bytes, place);
        for (long offset = 0; offset < bytes; offset += PageSize)
        {
            ((byte*)memory.Address)[offset] = 1;
        }

        return Stopwatch.GetElapsedTime(start);
    }
}

/// <summary>Asks again and again what the device receives over the bus, on a thread of its own.</summary>
internal sealed class BusMeter : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly List<double> readings = [];
    private readonly ManualResetEventSlim stops = new();
    private readonly Thread? thread;

    public BusMeter(string pciBusId)
    {
        if (CudaDeviceMonitor.TryOpen(pciBusId, out CudaDeviceMonitor? monitor, out _))
        {
            thread = new Thread(() => Watch(monitor)) { IsBackground = true, Name = "yzc bench bus" };
            thread.Start();
        }
    }

    /// <summary>The median of what was read since it began; null where the device does not say. Ends it.</summary>
    public double? MedianBytesPerSecond()
    {
        Dispose();
        return readings.Count == 0 ? null : Statistics.Median(readings);
    }

    public void Dispose()
    {
        stops.Set();
        thread?.Join();
    }

    private void Watch(CudaDeviceMonitor monitor)
    {
        do
        {
            if (monitor.ReadReceivedBytesPerSecond() is not long bytes)
            {
                return;
            }

            readings.Add(bytes);
        }
        while (!stops.Wait(Pause));
    }
}
