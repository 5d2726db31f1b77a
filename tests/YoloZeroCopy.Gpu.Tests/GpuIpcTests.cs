using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Frames that another process writes on the device, into memory of this one: read where they lie, behind its event.</summary>
public sealed class GpuIpcTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuFact]
    public async Task Frames_that_another_process_wrote_on_the_device_are_read_where_they_lie()
    {
        const int frames = 400;
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        await using YoloDetector detector = YoloDetector.Open(
            GpuModels.Brightness(folder), new DetectorOptions { Device = Device.Cuda(), MaxBatch = 4, SlotBytes = GpuModels.Gray.ByteCount });
        for (int round = 0; round < 2; round++)
        {
            int checkedFrames = 0;
            using IpcRing ring = new(context, slots: 8, GpuModels.Gray.ByteCount);
            await RunAsync(context, detector, ring, GpuModels.Gray, elsewhere: true, result =>
            {
                Feed.AssertBrightness(result, checkedFrames * 7 % 256);
                return ++checkedFrames < frames;
            });
        }

        Assert.Equal((0, 0), (detector.Statistics.HostCopies, detector.Statistics.ExternalFramesHeld));
        Assert.Null(detector.Fault);
    }

    /// <summary>Frames a second that another process writes on the device, beside those of a thread of this one, by turns.</summary>
    internal static async Task<string> MeasureRateAsync()
    {
        const int rounds = 5;
        const int slots = 48;
        FrameFormat format = new(PixelFormat.Nv12, 1920, 1080);
        StringBuilder lines = new();
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        DetectorOptions options = new() { Device = Device.Cuda(), Slots = 1, MaxBatch = 8, SlotBytes = format.ByteCount };
        await using YoloDetector detector = YoloDetector.Open(TestData.Architecture("yolov8n"), options);
        using IpcRing ring = new(context, slots, format.ByteCount);
        List<double> ratios = [];
        for (int round = 0; round < rounds; round++)
        {
            double here = await RateAsync(elsewhere: false);
            double there = await RateAsync(elsewhere: true);
            ratios.Add(there / here);
            _ = lines.AppendLine(CultureInfo.InvariantCulture, $"thread {here:F0} frames/s, process {there:F0}, ratio {there / here:F3}");
        }

        ratios.Sort();
        _ = lines.AppendLine(CultureInfo.InvariantCulture, $"median ratio {ratios[rounds / 2]:F3}, {detector.Device}");
        return lines.ToString();

        async Task<double> RateAsync(bool elsewhere)
        {
            const double warmUp = 0.5;
            const double window = 2;
            long start = Stopwatch.GetTimestamp();
            int before = 0;
            int count = 0;
            double time = 0;
            await RunAsync(context, detector, ring, format, elsewhere, _ =>
            {
                count++;
                time = Stopwatch.GetElapsedTime(start).TotalSeconds;
                if (count == 1 || (before == 0 && time >= warmUp))
                {
                    // The clock begins with the first frame, and again when all is warm.
                    before = count == 1 ? 0 : count;
                    start = Stopwatch.GetTimestamp();
                }

                return before == 0 || time < window;
            });
            return (count - before) / time;
        }
    }

    // Until the taker has had enough; then until nothing is on its way.
    private static async Task RunAsync(
        CudaContext context, YoloDetector detector, IpcRing ring, FrameFormat format, bool elsewhere, Func<DetectionResult, bool> take)
    {
        using IpcProducer producer = IpcProducer.Start(context, ring, format.ByteCount, elsewhere);
        ring.Free = producer.Free;
        for (int slot = 0; slot < ring.Written.Length; slot++)
        {
            ring.OnFrameFree(slot);
        }

        Channel<ValueTask<DetectionResult>> results = Channel.CreateUnbounded<ValueTask<DetectionResult>>();
        bool isEnough = false;
        Task submitting = Task.Factory.StartNew(
            () =>
            {
                while (!Volatile.Read(ref isEnough) && producer.Queued.ReadByte() is int slot and >= 0)
                {
                    ulong address = ring.Address.Value + ((ulong)slot * (ulong)ring.Step);
                    nint written = ring.Written[slot].Handle.Value;
                    _ = results.Writer.TryWrite(detector.SubmitAsync(ExternalFrame.OnDevice(address, 0, format, written, ring, slot)));
                }

                results.Writer.Complete();
            },
            TaskCreationOptions.LongRunning);
        await foreach (ValueTask<DetectionResult> pending in results.Reader.ReadAllAsync())
        {
            using DetectionResult result = await pending.AsTask().WaitAsync(Feed.Limit);
            if (!isEnough && !take(result))
            {
                Volatile.Write(ref isEnough, true);
            }
        }

        await submitting;

        // Owners hear on a thread of their own, and write into the producer's pipe.
        Assert.True(SpinWait.SpinUntil(() => detector.Statistics.ExternalFramesHeld == 0, Feed.Limit), "frames are still held");
    }
}
