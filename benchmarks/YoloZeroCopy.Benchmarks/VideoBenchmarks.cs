using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>What detecting in a video with one call costs a frame beside the slots by hand, both through ffmpeg and with five detections a frame that
/// cost nothing to find. Needs ffmpeg.</summary>
[MemoryDiagnoser]
public class VideoBenchmarks
{
    private const int Frames = 20_000;

    private static readonly Detection[] Found = [.. Enumerable.Range(0, 5).Select(static i => new Detection(i, 0.9f - (i * 0.1f), 0, 0, 8, 8))];

    private readonly string path = Path.Combine(Path.GetTempPath(), $"yzc-benchmark-{Environment.ProcessId}.nut");
    private readonly YoloDetector detector = YoloDetector.FromFunction(
        ModelInfo.OfClasses(["a", "b", "c", "d", "e"]),
        static (_, _) => Found,
        new DetectorOptions { Lanes = 2, MaxBatch = 4, SlotBytes = 32 * 32 * 3 });

    [GlobalSetup]
    public void Make()
    {
        string source = string.Create(CultureInfo.InvariantCulture, $"testsrc=size=32x32:rate=1000:duration={Frames / 1000}");
        using Process ffmpeg = Process.Start(
            Environment.GetEnvironmentVariable("YZC_FFMPEG") ?? "ffmpeg",
            ["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source, "-pix_fmt", "bgr24", "-c:v", "rawvideo", path]);
        ffmpeg.WaitForExit();
    }

    [GlobalCleanup]
    public async Task Remove()
    {
        await detector.DisposeAsync();
        File.Delete(path);
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Frames)]
    [SuppressMessage("Reliability", "CA2012", Justification = "Each is awaited once.")]
    public async Task<long> Slots_by_hand()
    {
        Queue<ValueTask<DetectionResult>> ahead = new(detector.SlotCount);
        long sum = 0;
        await using VideoReader video = await VideoReader.OpenAsync(path);
        while (true)
        {
            using FrameSlot slot = await detector.RentAsync(video.Format);
            if (!await video.ReadFrameAsync(slot.Memory))
            {
                break;
            }

            ahead.Enqueue(detector.SubmitAsync(slot));
            if (ahead.Count == detector.SlotCount)
            {
                using DetectionResult result = await ahead.Dequeue();
                sum += result.Detections.Length;
            }
        }

        while (ahead.TryDequeue(out ValueTask<DetectionResult> last))
        {
            using DetectionResult result = await last;
            sum += result.Detections.Length;
        }

        return sum;
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    public async Task<long> One_call()
    {
        long sum = 0;
        await foreach (VideoDetections frame in detector.DetectVideoAsync(path))
        {
            sum += frame.Detections.Count;
        }

        return sum;
    }
}
