using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>One frame of a tracker that follows so many objects: they move, one in twenty is hidden, one in ten is weak.</summary>
[MemoryDiagnoser]
public class TrackingBenchmarks
{
    private const int FrameCount = 256;

    private readonly ByteTracker tracker = new();
    private readonly Detection[][] frames = new Detection[FrameCount][];
    private int frame;

    [Params(10, 100, 300)]
    public int Objects { get; set; }

    /// <summary>Objects beside each other overlap at most the next; in a crowd each overlaps many.</summary>
    [Params("beside each other", "in a crowd")]
    public string Scene { get; set; } = "beside each other";

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        float distance = Scene == "in a crowd" ? 12 : 60;
        int columns = (int)Math.Ceiling(Math.Sqrt(Objects));
        for (int number = 0; number < FrameCount; number++)
        {
            // There and back again, so that the last frame is followed by the first.
            float way = Math.Min(number, FrameCount - number) * 1.5f;
            List<Detection> detections = [];
            for (int item = 0; item < Objects; item++)
            {
                if (random.Next(20) == 0)
                {
                    continue;
                }

                float left = (item % columns * distance) + way + random.NextSingle();
                float top = (item / columns * distance) + random.NextSingle();
                detections.Add(new Detection(0, random.Next(10) == 0 ? 0.15f : 0.5f + (random.NextSingle() / 2), left, top, left + 70, top + 70));
            }

            frames[number] = [.. detections];
        }

        for (int number = 0; number < 4 * FrameCount; number++)
        {
            _ = Update();
        }
    }

    [Benchmark]
    public int Update()
    {
        frame = (frame + 1) % FrameCount;
        return tracker.Update(frames[frame]).Length;
    }
}
