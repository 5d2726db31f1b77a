namespace YoloZeroCopy.Peers;

/// <summary>This library, which copies the picture into a slot as a camera would write it there.</summary>
internal sealed class LibraryWay : Way
{
    private readonly YoloDetector detector;

    public LibraryWay(string model, Device device, int slotBytes, int ahead)
    {
        Ahead = ahead;
        detector = YoloDetector.Open(model, new DetectorOptions
        {
            Device = device,
            MaxBatch = 1,
            Slots = ahead + 1,
            SlotBytes = slotBytes,
            ScoreThreshold = MinScore,
            IouThreshold = MostOverlap,
            MaxDetections = MostDetections,
        });
    }

    public override string Name => Ahead == 1 ? "YoloZeroCopy, one frame at a time" : $"YoloZeroCopy, {Ahead} frames at a time";

    public override int Ahead { get; }

    public override async ValueTask<Detection[]> DetectAsync(Frame frame)
    {
        using DetectionResult result = await detector.DetectAsync(frame.Pixels, frame.Format);
        return result.ToArray();
    }

    public override void Dispose() => detector.DisposeAsync().AsTask().GetAwaiter().GetResult();
}
