using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>How many frames a second a detector handles that another process produces, and its own: both as sources of a hub, by turns.</summary>
/// <remarks>
/// The other process stays from round to round, so that both producers are warm. Beside the rates stands what a frame costs: the processor's time of
/// the detector's process, which has the producer in it where it is its own, and that of the other process.
/// </remarks>
internal static class SharedRate
{
    private const int Rounds = 5;
    private const int FramesAhead = 48;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.2);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(0.4);

    /// <summary>Prints a row as soon as it is measured.</summary>
    public static async Task MeasureAsync()
    {
        Console.WriteLine($"{"",-52} {"frames/s",17} {"",7} {"",13} {"processor us/frame",26}");
        Console.WriteLine($"{"",-52} {"here",8} {"other",8} {"ratio",7} {"(each)",13} {"here",8} {"other",8} {"producer",8}");
        FrameFormat small = new(PixelFormat.Gray8, 32, 32);
        FrameFormat large = new(PixelFormat.Nv12, 1920, 1080);
        ModelInfo model = ModelInfo.OfClasses("object");
        DetectorOptions options = new() { Slots = 1, MaxBatch = 8, Lanes = 2, SlotBytes = small.ByteCount };
        await using (YoloDetector stub = YoloDetector.FromFunction(model, static (_, _) => [], options))
        {
            await RowAsync("a model that costs nothing, 32x32", stub, small, "nothing");
        }

        if (!CudaDriver.TryInitialize(out _) || CudaDriver.DeviceCount == 0)
        {
            return;
        }

        options = new DetectorOptions { Device = Device.Cuda(), Slots = 1, MaxBatch = 8, SlotBytes = large.ByteCount };
        await using YoloDetector detector = YoloDetector.Open(TestData.Architecture("yolov8n"), options);
        Console.WriteLine($"yolov8n, 1080p Nv12, {detector.Device}:");
        await RowAsync("from the host, not written", detector, large, "nothing");
        await RowAsync("on the device, not written", detector, large, "device-nothing");
        await RowAsync("on the device, filled by a kernel, one at a time", detector, large, "device-fill");
        await RowAsync("on the device, filled by kernels, up to 8 at a time", detector, large, "device-fills");
        await RowAsync("on the device, copied from the host, up to 8", detector, large, "device-copies");
    }

    private static async Task RowAsync(string name, YoloDetector detector, FrameFormat format, string way)
    {
        string socket = Path.Combine(Path.GetTempPath(), $"yzc-rate-{Environment.ProcessId}.sock");
        using Process producer =
            Process.Start(Environment.ProcessPath!, ["--child", $"shared,{socket},{format.PixelFormat},{format.Width},{format.Height},{way},again"]);
        List<Figures> here = [];
        List<Figures> there = [];
        try
        {
            for (int round = 0; round < Rounds; round++)
            {
                here.Add(await MeasureAsync(detector, socket, format, way, producer: null));
                there.Add(await MeasureAsync(detector, socket, format, way, producer));
            }
        }
        finally
        {
            producer.Kill();
        }

        double[] ratios = [.. there.Zip(here, static (one, other) => one.Rate / other.Rate)];
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name,-52} {Of(here, static one => one.Rate),8:F0} {Of(there, static one => one.Rate),8:F0} {Median(ratios),7:F3} "
                + $"{ratios.Min(),6:F3}-{ratios.Max(),-6:F3} {Of(here, static one => one.Cost),8:F1} {Of(there, static one => one.Cost),8:F1} "
                + $"{Of(there, static one => one.ProducerCost),8:F1}"));

        static double Of(List<Figures> rounds, Func<Figures, double> figure) => Median(rounds.Select(figure));
    }

    private static async Task<Figures> MeasureAsync(YoloDetector detector, string socket, FrameFormat format, string way, Process? producer)
    {
        HubSourceOptions options = new() { Overflow = OverflowPolicy.Wait, FramesAhead = FramesAhead };
        bool isOnDevice = way.StartsWith("device", StringComparison.Ordinal);
        await using SourceHub hub = new(detector);
        HubSource source = producer is not null
            ? hub.AddShared("elsewhere", socket, static (_, _) => default, new SharedSourceOptions { OnDevice = isOnDevice }, options)
            : hub.Add(
                "here",
                isOnDevice ? DeviceProducer(format, way) : async (feed, stop) =>
                {
                    for (int frame = 0; ; frame++)
                    {
                        using SourceSlot slot = await feed.RentAsync(format);
                        SharedChildren.Write(slot.Span, way, frame);
                        feed.Submit(slot);
                    }
                },
                static (_, _) => default,
                options);
        long end = Environment.TickCount64 + 60_000;
        while (source.Statistics.FramesHandled == 0)
        {
            Assert.True(Environment.TickCount64 < end, $"no frame came in a minute: {source.State}, {source.Problem}");
            await Task.Delay(5);
        }

        await Task.Delay(WarmUp);
        Assert.Null(detector.Fault);
        long before = source.Statistics.FramesHandled;
        TimeSpan cost = Environment.CpuUsage.TotalTime;
        TimeSpan producerCost = CostOf(producer);
        long start = Stopwatch.GetTimestamp();
        await Task.Delay(Window);
        long frames = source.Statistics.FramesHandled - before;
        return new Figures(
            frames / Stopwatch.GetElapsedTime(start).TotalSeconds,
            (Environment.CpuUsage.TotalTime - cost).TotalMicroseconds / frames,
            (CostOf(producer) - producerCost).TotalMicroseconds / frames);
    }

    private static TimeSpan CostOf(Process? process)
    {
        process?.Refresh();
        return process?.TotalProcessorTime ?? TimeSpan.Zero;
    }

    private static FrameProducer DeviceProducer(FrameFormat format, string way) => async (feed, stop) =>
    {
        using DeviceWriter writer = new(format, way);
        FreeSlots free = new();
        int step = (format.ByteCount + 255) / 256 * 256;
        CudaDeviceMemory memory = new(writer.Context, (nuint)(step * (long)FramesAhead));
        List<long> taken = [];
        try
        {
            while (true)
            {
                do
                {
                    taken.Add(await free.Slots.Reader.ReadAsync(stop));
                    writer.Queue(memory.Address.Offset((ulong)(taken[^1] * step)));
                }
                while (taken.Count < writer.AtOnce && free.Slots.Reader.Count > 0);

                writer.Finish();
                while (taken.Count > 0)
                {
                    await feed.WaitForRoomAsync();
                    CUdeviceptr place = memory.Address.Offset((ulong)(taken[0] * step));
                    Assert.True(feed.TrySubmit(ExternalFrame.OnDevice(place.Value, 0, format, 0, free, taken[0])));
                    taken.RemoveAt(0);
                }
            }
        }
        finally
        {
            // Frames on their way are read from it still.
            while (free.Slots.Reader.Count < FramesAhead - taken.Count)
            {
                await Task.Delay(1, CancellationToken.None);
            }

            memory.Dispose();
        }
    };

    private static double Median(IEnumerable<double> figures)
    {
        double[] sorted = [.. figures.Order()];
        return sorted[sorted.Length / 2];
    }

    private readonly record struct Figures(double Rate, double Cost, double ProducerCost);

    private sealed class FreeSlots : IFrameOwner
    {
        public FreeSlots()
        {
            for (int slot = 0; slot < FramesAhead; slot++)
            {
                OnFrameFree(slot);
            }
        }

        public Channel<long> Slots { get; } = Channel.CreateUnbounded<long>();

        public void OnFrameFree(long token) => Slots.Writer.TryWrite(token);
    }
}
