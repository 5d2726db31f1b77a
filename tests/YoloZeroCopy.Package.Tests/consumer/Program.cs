using System.Globalization;
using System.Reflection;
using YoloZeroCopy;

// What it prints is checked by ConsumerTests. The argument is a model file, and perhaps a file that is to be taken for TensorRT.
if (args.Length > 1)
{
    try
    {
        _ = TensorRtBuilder.Build(args[0], "out.engine", new TensorRtBuildOptions { TensorRtPath = args[1] });
    }
    catch (NativeLibraryException exception)
    {
        // The shim was found and has answered, if it is the library that is refused.
        Console.WriteLine($"refused: {exception.Library}");
    }

    return;
}

Console.WriteLine(typeof(YoloDetector).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion);
await using (YoloDetector detector = YoloDetector.Open(args[0], new DetectorOptions { MaxBatch = 1, SlotBytes = 128 * 128 * 3 }))
{
    FrameSlot slot = await detector.RentAsync(new FrameFormat(PixelFormat.Bgr24, 128, 128));
    slot.Span.Clear();
    using DetectionResult result = await detector.SubmitAsync(slot);
    foreach (Detection detection in result.Detections)
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{detector.Model.Names[detection.ClassId]} {detection.Score} at {detection.X1} {detection.Y1} {detection.X2} {detection.Y2}"));
    }
}

try
{
    await using YoloDetector none = YoloDetector.Open("no such file.onnx");
}
catch (ModelException exception)
{
    Console.WriteLine($"refused: {exception.Path}");
}
