using YoloZeroCopy;

string picture = args.Length > 0 ? args[0] : "samples/media/pictures/0.jpg";
byte[] file = File.ReadAllBytes(picture);
PictureInfo info = PictureFile.ReadInfo(file, picture);
FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);

DetectorOptions options = new() { SlotBytes = format.ByteCount };
await using YoloDetector detector = YoloDetector.Open("samples/model/conveyor.onnx", options);

using FrameSlot slot = await detector.RentAsync(format);            // memory of the detector's own; given back if the picture is bad
PictureFile.Decode(file, slot.Span, format, picture);               // decoded straight into it: no copy
using DetectionResult result = await detector.SubmitAsync(slot);    // the slot is the detector's again

foreach (Detection found in result.Detections)
{
    string name = detector.Model.Names[found.ClassId];
    Console.WriteLine($"{name,-20} {found.Score:F2}  at {found.X1:F0},{found.Y1:F0} to {found.X2:F0},{found.Y2:F0}");
}
