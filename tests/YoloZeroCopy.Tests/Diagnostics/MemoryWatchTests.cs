namespace YoloZeroCopy.Tests;

/// <summary>An arena that grows past its plan.</summary>
public sealed class MemoryWatchTests
{
    private const long Planned = 100 << 20;

    private static readonly MemoryPlanEntry Activations =
        new(MemoryItem.Activations, MemoryPlace.Host, Planned, MemoryEvidence.Measured, "2 lanes x 4 pictures");

    [Fact]
    public void It_is_named_once_for_every_tenth_more()
    {
        List<string> said = [];
        long? taken = null;
        using MemoryWatch watch = new(() => taken, Activations, said.Add);
        Look(null, 0);
        Look(Planned * 114 / 100, 0);
        Look(Planned * 116 / 100, 1);
        Assert.StartsWith(
            "The engine's activations take 116.0 MiB, and 100.0 MiB were planned (2 lanes x 4 pictures)", said[0], StringComparison.Ordinal);
        Look(Planned * 127 / 100, 1);
        Look(Planned * 128 / 100, 2);
        watch.Dispose();
        Look(Planned * 300 / 100, 2);

        void Look(long? bytes, int count)
        {
            taken = bytes;
            watch.Look();
            Assert.Equal(count, said.Count);
        }
    }

    [Fact]
    public async Task A_model_stays_within_its_plan()
    {
        await using YoloDetector detector = YoloDetector.Open(
            Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx"), new DetectorOptions { Device = Device.Cpu, MaxBatch = 2, Lanes = 2 });
        FrameFormat format = new(PixelFormat.Bgr24, 64, 64);
        for (int round = 0; round < 3; round++)
        {
            Task<DetectionResult>[] pending =
                [.. Enumerable.Range(0, 8).Select(_ => detector.DetectAsync(new byte[format.ByteCount], format).AsTask())];
            foreach (DetectionResult result in await Task.WhenAll(pending))
            {
                result.Dispose();
            }
        }

        long planned = detector.Memory.Entries.Single(static entry => entry.Item == MemoryItem.Activations).Bytes;
        Assert.InRange(detector.Inspection.Engine.TakenActivationBytes!.Value, 1, (long)(planned * (1 + MemoryWatch.Tolerance)));
    }
}
