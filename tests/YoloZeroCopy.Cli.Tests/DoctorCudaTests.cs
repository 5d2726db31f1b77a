using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The doctor on CUDA lanes and the stand-ins for driver and NVML: nothing is fast there, but every call must be one that a driver
/// takes.</summary>
public sealed class DoctorCudaTests
{
    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 64, 48);

    [Fact]
    public async Task A_device_is_recorded_and_left_as_it_was()
    {
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        Set("nvmlDeviceGetClockInfo 1", 500);
        Set("nvmlDeviceGetMaxClockInfo 1", 1980);
        Set("clock reasons", (long)CudaClockLimits.PowerCap);
        await using (YoloDetector detector = FakeCudaDetector.Open(new DetectorOptions { MaxBatch = 2, Lanes = 2, SlotBytes = Format.ByteCount }))
        {
            for (int round = 0; round < 2; round++)
            {
                WatchOptions options = new() { Duration = TimeSpan.FromSeconds(0.5), ExpectedRate = 100 };
                LatencyReport report = await DoctorRun.WatchAsync(detector, Format, options, TestContext.Current.CancellationToken);
                Assert.True(report.FramesPerSecond > 0);
                Assert.Contains(report.Timeline.Rows, static row => row.Name == "uploads");
                Assert.Contains(report.Timeline.Rows, static row => row.Name == "compute stream 0");
                LatencyFinding clocks = Assert.Single(report.Findings, static finding => finding.Cause == LatencyCause.LowClocks);
                Assert.Contains("500 of 1980 MHz", clocks.Evidence, StringComparison.Ordinal);
                Assert.Contains("power limit", clocks.Evidence, StringComparison.Ordinal);
                Assert.Null(detector.Inspection.Cuda!.Timeline);
            }
        }

        Assert.Equal(0, CudaDriver.FinalizerReleases);
        Assert.Equal(0, CudaDriver.FailedReleases);
        Assert.Equal("", StandInDriver.Misuse());
    }

    [Fact]
    public async Task More_batches_than_can_be_recorded_are_watched_all_the_same()
    {
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        await using (YoloDetector detector = FakeCudaDetector.Open(new DetectorOptions { MaxBatch = 1, Lanes = 2, SlotBytes = Format.ByteCount }))
        {
            LatencyReport report = await DoctorRun.WatchAsync(
                detector, Format, new WatchOptions { Duration = TimeSpan.FromSeconds(1) }, TestContext.Current.CancellationToken);
            Assert.True(report.FramesPerSecond > 0);
        }

        Assert.Equal("", StandInDriver.Misuse());
    }

    private static unsafe void Set(string name, long value)
    {
        nint text = Marshal.StringToCoTaskMemUTF8(name);
        ((delegate* unmanaged<nint, long, void>)NativeLibrary.GetExport(NativeLibrary.Load(StandInDriver.Nvml), "yzc_set"))(text, value);
        Marshal.FreeCoTaskMem(text);
    }
}
