using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>How many frames a second a detector handles that another process produces, and its own: both as sources of a hub, by turns.</summary>
internal static class SharedRate
{
    private const int Rounds = 5;
    private const int FramesAhead = 32;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1.5);

    public static async Task<string> MeasureAsync()
    {
        StringBuilder table = new();
        FrameFormat small = new(PixelFormat.Gray8, 32, 32);
        FrameFormat large = new(PixelFormat.Nv12, 1920, 1080);
        ModelInfo model = ModelInfo.OfClasses("object");
        DetectorOptions options = new() { Slots = 1, MaxBatch = 8, Lanes = 2, SlotBytes = large.ByteCount };
        await using (YoloDetector stub = YoloDetector.FromFunction(model, static (_, _) => [], options))
        {
            await RowAsync(table, "a model that costs nothing, 32x32", stub, small, "nothing");
            await RowAsync(table, "a model that costs nothing, 1080p Nv12 written", stub, large, "all");
        }

        if (CudaDriver.TryInitialize(out _) && CudaDriver.DeviceCount > 0)
        {
            options = new DetectorOptions { Device = Device.Cuda(), Slots = 1, MaxBatch = 8, SlotBytes = large.ByteCount };
            await using YoloDetector detector = YoloDetector.Open(TestData.Architecture("yolov8n"), options);
            _ = table.AppendLine(detector.Device);
            await RowAsync(table, "yolov8n, 1080p Nv12 as it is", detector, large, "nothing");
            await RowAsync(table, "yolov8n, 1080p Nv12 written", detector, large, "all");
            await RowAsync(table, "yolov8n, 1080p Nv12 written on the device", detector, large, "device");
        }

        return table.ToString();
    }

    private static async Task RowAsync(StringBuilder table, string name, YoloDetector detector, FrameFormat format, string way)
    {
        List<double> here = [];
        List<double> there = [];
        for (int round = 0; round < Rounds; round++)
        {
            here.Add(await RateAsync(detector, format, way, fromElsewhere: false));
            there.Add(await RateAsync(detector, format, way, fromElsewhere: true));
        }

        double ratio = Median([.. there.Zip(here, static (one, other) => one / other)]);
        _ = table.AppendLine(
            CultureInfo.InvariantCulture,
            $"{name}: this process {Median(here):F0} frames/s, another one {Median(there):F0}, ratio {ratio:F3} ({Rounds} rounds by turns)");
    }

    private static async Task<double> RateAsync(YoloDetector detector, FrameFormat format, string way, bool fromElsewhere)
    {
        string socket = Path.Combine(Path.GetTempPath(), $"yzc-rate-{Environment.ProcessId}.sock");
        HubSourceOptions options = new() { Overflow = OverflowPolicy.Wait, FramesAhead = FramesAhead };
        await using SourceHub hub = new(detector);
        HubSource source = fromElsewhere
            ? hub.AddShared("elsewhere", socket, static (_, _) => default, new SharedSourceOptions { OnDevice = way == "device" }, options)
            : hub.Add(
                "here",
                way == "device" ? DeviceProducer(format) : async (feed, stop) =>
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
        using Process? producer = fromElsewhere
            ? Process.Start(
                Environment.ProcessPath!, ["--child", $"shared,{socket},{format.PixelFormat},{format.Width},{format.Height},{way}"])
            : null;
        try
        {
            while (source.Statistics.FramesHandled == 0)
            {
                await Task.Delay(10);
            }

            await Task.Delay(WarmUp);
            long before = source.Statistics.FramesHandled;
            long start = Stopwatch.GetTimestamp();
            await Task.Delay(Window);
            return (source.Statistics.FramesHandled - before) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        finally
        {
            producer?.Kill();
        }
    }

    private static FrameProducer DeviceProducer(FrameFormat format) => async (feed, stop) =>
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaStream stream = new(context);
        FreeSlots free = new();
        int step = (format.ByteCount + 255) / 256 * 256;
        CudaDeviceMemory memory = new(context, (nuint)(step * (long)FramesAhead));
        int unused = 0;
        try
        {
            for (int frame = 0; ; frame++)
            {
                long slot = await free.Slots.Reader.ReadAsync(stop);
                unused = 1;
                CUdeviceptr place = memory.Address.Offset((ulong)(slot * step));
                SharedChildren.Write(stream, place, frame, format);
                await feed.WaitForRoomAsync();
                Assert.True(feed.TrySubmit(ExternalFrame.OnDevice(place.Value, 0, format, 0, free, slot)));
                unused = 0;
            }
        }
        finally
        {
            // Frames on their way are read from it still.
            while (free.Slots.Reader.Count < FramesAhead - unused)
            {
                await Task.Delay(1, CancellationToken.None);
            }

            memory.Dispose();
        }
    };

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

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
