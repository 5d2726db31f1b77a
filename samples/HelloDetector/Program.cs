using YoloZeroCopy;

await using YoloDetector detector = YoloDetector.Open("samples/model/conveyor.onnx");

// Decoded straight into a slot of the detector's: no copy.
string picture = args.Length > 0 ? args[0] : "samples/media/pictures/0.jpg";
using DetectionResult result = await detector.DetectAsync(picture);

foreach (Detection found in result.Detections)
{
    string name = detector.Model.NameOf(found.ClassId);
    Console.WriteLine($"{name,-20} {found.Score:F2}  at {found.X1:F0},{found.Y1:F0} to {found.X2:F0},{found.Y2:F0}");
}
