using System.Globalization;
using YoloZeroCopy;
using YoloZeroCopy.Cuda;

// Detects in a picture on the CPU and on the GPU, with the one ONNX Runtime that the GPU package brings, and compares. The arguments are a model and
// a picture. Ends with 0 when both agree, with 4 when the GPU cannot be used: then the message says what is missing.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
byte[] file = File.ReadAllBytes(args[1]);
PictureInfo info = PictureFile.ReadInfo(file);
FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
try
{
    Detection[] cpu = await DetectAsync(Device.Cpu);
    Detection[] gpu = await DetectAsync(Device.Cuda());
    int agreeing = gpu.Count(
        found => cpu.Any(other => other.ClassId == found.ClassId && Math.Abs(other.Score - found.Score) < 0.01f && Iou(other, found) >= 0.98));
    Console.WriteLine($"{cpu.Length} objects on the CPU, {gpu.Length} on the GPU, {agreeing} of them the same");
    return cpu.Length == gpu.Length && agreeing == gpu.Length ? 0 : 1;
}
catch (Exception error) when (error is YoloZeroCopyException or CudaUnavailableException or CudaException)
{
    Console.WriteLine($"{error.GetType().Name}: {error.Message}");
    return 4;
}

async Task<Detection[]> DetectAsync(Device device)
{
    DetectorOptions options = new() { Device = device, MaxBatch = 1, SlotBytes = format.ByteCount };
    await using YoloDetector detector = YoloDetector.Open(args[0], options);
    Console.WriteLine(detector.Device);
    using FrameSlot slot = await detector.RentAsync(format);
    PictureFile.Decode(file, slot.Span, format);
    using DetectionResult result = await detector.SubmitAsync(slot);
    return result.Detections.ToArray();
}

static double Iou(Detection a, Detection b)
{
    double width = Math.Max(0, Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1));
    double height = Math.Max(0, Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1));
    double both = width * height;
    return both / (((a.X2 - a.X1) * (a.Y2 - a.Y1)) + ((b.X2 - b.X1) * (b.Y2 - b.Y1)) - both);
}
