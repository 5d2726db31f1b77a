using System.Drawing;
using YoloZeroCopy;

// What it prints is checked by ConsumerTests. The arguments are a model, a picture, a picture to write, and perhaps a video.
FrameFormat format = FormatOf(args[1]);
await using (YoloDetector detector = YoloDetector.Open(args[0], new DetectorOptions { MaxBatch = 1, SlotBytes = format.ByteCount }))
{
    byte[] picture = PictureFile.Read(args[1], out _);
    FrameSlot slot = await detector.RentAsync(format);
    PictureFile.Decode(File.ReadAllBytes(args[1]), slot.Span, format);
    using DetectionResult result = await detector.SubmitAsync(slot);
    new Annotator(picture, format).Draw(result.Detections, detector.Model.Names);
    PictureFile.WritePng(args[2], picture, format);
    Console.WriteLine($"objects: {result.Detections.Length}, followed: {new ByteTracker().Update(result.Detections).Length}");
}

// White glyphs with soft edges on the label's black make many grays; a label without text has the one colour.
byte[] black = new byte[format.ByteCount];
new Annotator(black, format).DrawLabel(10, 60, "Zahnrad Ø 12 mm", Color.Black);
Console.WriteLine($"text: {(black.Distinct().Count() > 10 ? "drawn" : "missing")}");

// Combining and right-to-left letters go through HarfBuzz, whose native library is another one.
FrameFormat small = new(PixelFormat.Bgr24, 320, 200);
byte[] shaped = new byte[small.ByteCount];
new Annotator(shaped, small).Draw([new Detection(0, 0.5f, 20, 50, 300, 150)], ["e\u0301crou \u05d0"]);
Console.WriteLine($"shaped: {shaped.Any(static value => value != 0)}");

PictureFile.WritePng(args[2], shaped, small);
Console.WriteLine($"read again: {PictureFile.Read(args[2], out FrameFormat read).AsSpan().SequenceEqual(shaped)}, {read}");
Console.WriteLine(PictureFile.ReadInfo(PictureFile.EncodeJpeg(shaped, small)));

// The native library was chosen so that the system needs no fonts and no library that looks for them.
Console.WriteLine(
    $"libfontconfig: {OperatingSystem.IsLinux() && File.ReadAllText("/proc/self/maps").Contains("libfontconfig", StringComparison.Ordinal)}");

if (args.Length > 3)
{
    await using VideoReader reader = await VideoReader.OpenAsync(args[3]);
    byte[] frame = new byte[reader.Format.ByteCount];
    Console.WriteLine($"frame: {await reader.ReadFrameAsync(frame)} of {reader.Format.Width}x{reader.Format.Height}, {reader.Ffmpeg.Split(' ')[0]}");
}

static FrameFormat FormatOf(string path)
{
    PictureInfo info = PictureFile.ReadInfo(path);
    return new FrameFormat(PixelFormat.Bgr24, info.Width, info.Height);
}
