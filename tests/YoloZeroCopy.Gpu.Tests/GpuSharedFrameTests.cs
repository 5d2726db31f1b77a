using System.Diagnostics;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Frames that another process writes go up by DMA from where it wrote them.</summary>
public sealed class GpuSharedFrameTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuFact]
    public Task A_device_sees_what_another_process_wrote_and_nothing_is_copied() => AssertSeesAsync(Device.Cuda(), onDevice: false);

    [GpuFact]
    public Task A_device_sees_what_another_process_wrote_on_it() => AssertSeesAsync(Device.Cuda(), onDevice: true);

    /// <summary>The same on the processor, so that this file is right where no GPU is.</summary>
    [Fact]
    public Task The_processor_sees_what_another_process_wrote_and_nothing_is_copied() => AssertSeesAsync(Device.Cpu, onDevice: false);

    private async Task AssertSeesAsync(Device device, bool onDevice)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Shared frames are for Linux.");
        const int frames = 300;
        string socket = Path.Combine(folder.Path, "s");
        DetectorOptions options = new() { Device = device, MaxBatch = 4, Slots = 1, SlotBytes = GpuModels.Gray.ByteCount };
        await using YoloDetector detector = YoloDetector.Open(GpuModels.Brightness(folder), options);
        await using SourceHub hub = new(detector);
        List<Exception> wrong = [];
        HubSource source = hub.AddShared(
            "camera",
            socket,
            (frame, result) =>
            {
                try
                {
                    Feed.AssertBrightness(result, (int)frame.Timestamp.TotalMilliseconds * 7 % 256);
                }
                catch (Exception error)
                {
                    wrong.Add(error);
                }

                return default;
            },
            new SharedSourceOptions { OnDevice = onDevice },
            new HubSourceOptions { Overflow = OverflowPolicy.Wait, FramesAhead = 16 });

        // Twice: the second producer writes into the memory that is registered already.
        for (int round = 1; round <= 2; round++)
        {
            using Process producer =
                Process.Start(Environment.ProcessPath!, ["--child", $"shared,{socket},Gray8,64,64,{(onDevice ? "device-fill" : "levels")}"]);
            long wanted = source.Statistics.FramesHandled + frames;
            Assert.True(SpinWait.SpinUntil(() => source.Statistics.FramesHandled >= wanted, 4 * Feed.Limit), "frames come");
            producer.Kill();
            producer.WaitForExit();
        }

        await source.RemoveAsync(drain: true).WaitAsync(Feed.Limit);
        Assert.Empty(wrong);
        Assert.Equal((0, 0), (detector.Statistics.HostCopies, detector.Statistics.ExternalFramesHeld));
        Assert.Null(detector.Fault);
    }
}
