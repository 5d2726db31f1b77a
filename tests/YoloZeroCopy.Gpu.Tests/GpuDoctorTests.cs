namespace YoloZeroCopy.Gpu.Tests;

/// <summary>What the doctor says of a device, and of detectors on it that are made slow on purpose.</summary>
public sealed class GpuDoctorTests(ITestOutputHelper output)
{
    public static TheoryData<string> Names { get; } = [.. GpuProvocations.All.Select(static one => one.Name)];

    [GpuTheory]
    [MemberData(nameof(Names))]
    public async Task A_provoked_cause_is_named(string name)
    {
        Provocation provocation = GpuProvocations.All.Single(one => one.Name == name);
        LatencyReport report = await provocation.RunAsync(TimeSpan.FromSeconds(2));
        output.WriteLine(report.ToString());
        Assert.True(provocation.Cause == report.Verdict, $"{name}: wanted is {provocation.Cause}.\n{report}");
        if (report.Verdict != LatencyCause.StarvedProducer)
        {
            Assert.Contains(report.Timeline.Rows, static row => row.Name == "uploads");
            Assert.Contains(report.Timeline.Rows, static row => row.Name == "compute stream 0");
        }
    }

    [GpuFact]
    public void Driver_device_and_libraries_have_their_lines()
    {
        EnvironmentReport report = Doctor.ExamineEnvironment(new DetectorOptions { Device = Device.Cuda() });
        output.WriteLine(report.ToString());
        string[] names = [.. report.Findings.Select(static finding => finding.Name)];
        Assert.Contains("cuda driver", names);
        Assert.Contains("device", names);
        Assert.Equal(FindingVerdict.Good, report.Findings.Single(static finding => finding.Name == "cuda driver").Verdict);
        if (!names.Contains("monitoring"))
        {
            Assert.Contains("pcie", names);
            Assert.Contains("clocks", names);
            Assert.Contains("gpu memory", names);
        }
    }

    [GpuFact]
    public async Task Watching_leaves_the_detector_as_it_was()
    {
        await using YoloDetector detector = YoloDetector.Open(
            TestData.Model, new DetectorOptions { Device = Device.Cuda(), MaxBatch = 8, CompileInBackground = false });
        long refused = Cuda.CudaDriver.FailedReleases;
        for (int round = 0; round < 3; round++)
        {
            Task<LatencyReport> watch = Doctor.WatchAsync(
                detector, new WatchOptions { Duration = TimeSpan.FromSeconds(0.5) }, TestContext.Current.CancellationToken);
            do
            {
                using FrameSlot slot = await detector.RentAsync(new FrameFormat(PixelFormat.Bgr24, 640, 480), TestContext.Current.CancellationToken);
                using DetectionResult result = await detector.SubmitAsync(slot, cancellationToken: TestContext.Current.CancellationToken);
            }
            while (!watch.IsCompleted);

            LatencyReport report = await watch;
            Assert.True(report.FramesPerSecond > 0);
        }

        Assert.Null(detector.Inspection.Cuda!.Timeline);
        Assert.Equal(refused, Cuda.CudaDriver.FailedReleases);
    }
}
