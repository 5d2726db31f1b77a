using YoloZeroCopy;

if (args.Length < 2)
{
    Console.Error.WriteLine("Usage: YoloApp1 MODEL.onnx PICTURE ...");
    return 2;
}

try
{
    // Room for pictures up to 4K; larger ones are refused.
    DetectorOptions options = new() { SlotBytes = 3840 * 2160 * 3 };
    await using YoloDetector detector = await YoloDetector.OpenAsync(args[0], options);
    foreach (string file in args[1..])
    {
        using DetectionResult result = await detector.DetectAsync(file);
        Console.WriteLine($"{file}: {result.Detections.Length} objects");
        foreach (Detection found in result.Detections)
        {
            string name = detector.Model.NameOf(found.ClassId);
            Console.WriteLine($"  {name} {found.Score:F2} at {found.X1:F0},{found.Y1:F0} to {found.X2:F0},{found.Y2:F0}");
        }
    }

    return 0;
}
catch (Exception error) when (error is ModelException or MediaException or NativeLibraryException)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}
