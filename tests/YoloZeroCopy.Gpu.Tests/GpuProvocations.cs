using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>The provocations that need a GPU, each on a detector of its own.</summary>
internal static class GpuProvocations
{
    private const int Feeds = 4;

    // Of the largest pictures that every device decodes, and at least as many as a device has decoders. Each has some 0.4 GiB.
    private const int FewDecoders = 8;
    private const int MostDecoders = 32;
    private const int BusyPercent = 97;
    private static readonly TimeSpan DecoderPause = TimeSpan.FromSeconds(1);

    private static readonly FrameFormat Hd = new(PixelFormat.Bgr24, 1920, 1080);
    private static readonly FrameFormat Uhd = new(PixelFormat.Bgr24, 3840, 2160);
    private static readonly FrameFormat Small = new(PixelFormat.Gray8, 64, 64);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    public static IReadOnlyList<Provocation> All { get; } =
    [
        new("GPU: camera of 30 frames/s", LatencyCause.Healthy, time => PacedAsync(time, 33)),
        new("GPU: producer that fills a slot in 50 ms", LatencyCause.StarvedProducer, StarvedAsync),
        new("GPU: small frames without end", LatencyCause.EngineBound, EngineBoundAsync),
        new("GPU: 4K frames in slots without end", LatencyCause.TransferBound, TransferBoundAsync),
        new("GPU: 4K frames in ordinary memory", LatencyCause.PageableFrames, PageableAsync),
        new("GPU: engine that asks the device how much it found", LatencyCause.HiddenSynchronization, SynchronizingAsync),
        new("GPU: memory held by somebody else", LatencyCause.DeviceMemory, HeldMemoryAsync),
        new("GPU: as many videos decoded beside a camera as the decoders take", LatencyCause.DecoderBound, DecodingAsync),
    ];

    /// <summary>Whether a card goes down between frames is the card's own affair, and clocks are not ours to set.</summary>
    public static Provocation Idle { get; } = new("GPU: one frame in two seconds", LatencyCause.LowClocks, time => PacedAsync(time, 2000));

    private static YoloDetector Open(FrameFormat format, DetectorOptions? options = null) => YoloDetector.Open(
        TestData.Model,
        (options ?? new DetectorOptions()) with { Device = Device.Cuda(), SlotBytes = format.ByteCount, CompileInBackground = false });

    private static async Task<LatencyReport> PacedAsync(TimeSpan time, int every)
    {
        await using YoloDetector detector = Open(Hd);
        return await WatchPacedAsync(detector, time, every);
    }

    private static Task<LatencyReport> WatchPacedAsync(YoloDetector detector, TimeSpan time, int every) => ProcessorProvocations.WatchAsync(
        detector,
        time,
        stop => ProcessorProvocations.Feed(detector, Hd, () => Thread.Sleep(every), static _ => { }, static _ => { }, stop),
        ready: static _ => Task.Delay(WarmUp));

    private static async Task<LatencyReport> StarvedAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(Hd);
        return await ProcessorProvocations.WatchAsync(
            detector,
            time,
            stop => ProcessorProvocations.Feed(detector, Hd, static () => { }, static _ => Thread.Sleep(50), static _ => { }, stop),
            ready: static _ => Task.Delay(WarmUp));
    }

    private static async Task<LatencyReport> EngineBoundAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(Small, new DetectorOptions { MaxBatch = 8, InputSize = (1280, 1280) });
        return await WatchSaturatedAsync(detector, time, Small);
    }

    private static async Task<LatencyReport> TransferBoundAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(Uhd, new DetectorOptions { MaxBatch = 8 });
        return await WatchSaturatedAsync(detector, time, Uhd);
    }

    private static async Task<LatencyReport> PageableAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(Uhd, new DetectorOptions { MaxBatch = 1 });
        byte[] pixels = new byte[Uhd.ByteCount];
        return await ProcessorProvocations.WatchAsync(
            detector,
            time,
            stop =>
            {
                while (!stop.IsCancellationRequested)
                {
                    using DetectionResult result = detector.DetectAsync(pixels, Uhd, CancellationToken.None).AsTask().GetAwaiter().GetResult();
                }
            },
            ready: static _ => Task.Delay(WarmUp));
    }

    private static async Task<LatencyReport> SynchronizingAsync(TimeSpan time)
    {
        using ModelFolder folder = new();
        await using YoloDetector detector = YoloDetector.Open(GpuModels.WithHostReadback(folder), new DetectorOptions
        {
            Device = Device.Cuda(),
            MaxBatch = 2,
            InputSize = (640, 640),
            SlotBytes = Small.ByteCount,
        });
        return await WatchSaturatedAsync(detector, time, Small);
    }

    private static async Task<LatencyReport> HeldMemoryAsync(TimeSpan time)
    {
        await using YoloDetector detector = Open(Hd);
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        CudaMemoryInfo memory = context.GetMemoryInfo();
        using CudaDeviceMemory held = new(context, (nuint)(memory.FreeBytes - (memory.TotalBytes / 50)));
        return await WatchPacedAsync(detector, time, every: 33);
    }

    private static async Task<LatencyReport> DecodingAsync(TimeSpan time)
    {
        Assert.True(CudaVideoDecoder.TryInitialize(out string reason), reason);
        VideoClip clip = new("h264-4k");
        using CancellationTokenSource enough = new();
        List<Task> decoding = [];
        try
        {
            await using YoloDetector detector = Open(Hd);
            await KeepDecodersBusyAsync(() => decoding.Add(Task.Factory.StartNew(
                () => Decode(clip, enough.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            return await WatchPacedAsync(detector, time, every: 33);
        }
        finally
        {
            await enough.CancelAsync();
            await Task.WhenAll(decoding);
        }
    }

    /// <summary>Adds videos until the device's decoders have no time left, by what its driver says; how many that takes is the machine's
    /// affair.</summary>
    private static async Task KeepDecodersBusyAsync(Action addVideo)
    {
        Assert.True(CudaDeviceMonitor.TryOpen(CudaDevice.Get(0).PciBusId, out CudaDeviceMonitor? monitor, out string reason), reason);
        int? use = null;
        for (int videos = 1; videos <= MostDecoders; videos++)
        {
            addVideo();
            if (videos >= FewDecoders)
            {
                await Task.Delay(DecoderPause);
                use = monitor.Read().DecoderUtilization;
                if (use >= BusyPercent)
                {
                    return;
                }
            }
        }

        // For who wonders at the verdict.
        Console.Error.WriteLine($"{MostDecoders} videos of 4096x2304 kept the decoders busy for {use} % of the time, and {BusyPercent} are wanted.");
    }

    private static void Decode(VideoClip clip, CancellationToken stop)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        Releasing receiver = new();

        // Pictures wait in the decoder, so that it goes on while this thread waits for its turn on a busy machine.
        using CudaVideoDecoder decoder = new(context, new CudaVideoDecoderOptions { Codec = clip.Codec, DisplayDelay = 4 }, receiver);
        receiver.Decoder = decoder;
        for (long round = 0; !stop.IsCancellationRequested; round++)
        {
            foreach ((long timestamp, byte[] packet) in clip.Packets)
            {
                decoder.Decode(packet, (round * 100_000) + timestamp, CancellationToken.None);
            }
        }

        decoder.Flush(CancellationToken.None);
    }

    // Several sources, so that no result waits for another's; each keeps many frames on their way.
    private static Task<LatencyReport> WatchSaturatedAsync(
        YoloDetector detector, TimeSpan time, FrameFormat format) => ProcessorProvocations.WatchAsync(
        detector,
        time,
        stop => Task.WhenAll(
            Enumerable.Range(0, Feeds).Select(source => Task.Run(() => SaturateAsync(detector, format, source, stop), CancellationToken.None)))
            .GetAwaiter().GetResult(),
        ready: static _ => Task.Delay(WarmUp));

    private static async Task SaturateAsync(YoloDetector detector, FrameFormat format, int source, CancellationToken stop)
    {
        Queue<Task<DetectionResult>> pending = [];
        while (!stop.IsCancellationRequested)
        {
            FrameSlot slot = await detector.RentAsync(format, CancellationToken.None);
            pending.Enqueue(detector.SubmitAsync(slot, source, cancellationToken: CancellationToken.None).AsTask());
            if (pending.Count > detector.SlotCount)
            {
                await TakeAsync(pending.Dequeue());
            }
        }

        while (pending.Count > 0)
        {
            await TakeAsync(pending.Dequeue());
        }
    }

    // What the model says of noise does not matter, nor whether it is a number.
    private static async Task TakeAsync(Task<DetectionResult> pending)
    {
        try
        {
            (await pending).Dispose();
        }
        catch (InferenceException)
        {
        }
    }

    private sealed class Releasing : ICudaVideoReceiver
    {
        public CudaVideoDecoder? Decoder { get; set; }

        public void OnFrame(in CudaVideoFrame frame) => Decoder!.Release(frame.Token);
    }
}
