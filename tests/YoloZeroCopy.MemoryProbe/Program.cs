using YoloZeroCopy;

// Opens a detector on the CPU, keeps all of it busy for a while, and prints the bytes it had planned and those that became resident.
// Arguments: ONNX Runtime's library, model, MaxBatch (0 for the default), Lanes and, where there are several, input sizes.
const int Rounds = 2;
DetectorOptions options = new()
{
    Device = Device.Cpu,
    OnnxRuntimePath = args[0],
    MaxBatch = int.Parse(args[2], null),
    Lanes = int.Parse(args[3], null),
    InputSizes = args.Length > 4 ? [.. args[4..].Select(ModelInputSize.Parse)] : null,
};
FrameFormat format = new(PixelFormat.Bgr24, 1920, 1080);
GC.Collect();
long before = Environment.WorkingSet;
await using YoloDetector detector = YoloDetector.Open(args[1], options);
FrameSlot[] slots = new FrameSlot[detector.SlotCount];
ValueTask<DetectionResult>[] results = new ValueTask<DetectionResult>[slots.Length];
for (int round = 0; round < Rounds; round++)
{
    for (int index = 0; index < slots.Length; index++)
    {
        // One size after the other, so that each has run in the end.
        ModelInputSize size = detector.InputSizes[round % detector.InputSizes.Length];
        slots[index] = await detector.RentAsync(
            detector.InputSizes.Length == 1 ? format : new FrameFormat(format.PixelFormat, size.Width, size.Height));
        slots[index].Span.Fill((byte)(31 * index));
    }

    for (int index = 0; index < slots.Length; index++)
    {
        results[index] = detector.SubmitAsync(slots[index]);
    }

    foreach (ValueTask<DetectionResult> pending in results)
    {
        using DetectionResult result = await pending;
    }
}

GC.Collect();
long after = Environment.WorkingSet;
Console.WriteLine($"{detector.Memory.HostBytes} {after - before}");
Console.Error.WriteLine(detector.Memory);
