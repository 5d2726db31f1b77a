using System.Drawing;
using YoloZeroCopy;

// What it prints is checked by ConsumerTests.
FrameFormat format = new(PixelFormat.Bgr24, 320, 200);
byte[] pixels = new byte[format.ByteCount];
new Annotator(pixels, format).DrawLabel(10, 100, "Болт 0.98", Color.White);
Console.WriteLine($"drawn: {pixels.Count(static value => value == 255) > 1000}, smooth: {pixels.Any(static value => value is > 100 and < 150)}");

// Combining and right-to-left letters go through HarfBuzz, whose native library is another one.
byte[] shaped = new byte[format.ByteCount];
new Annotator(shaped, format).Draw([new Detection(0, 0.5f, 20, 50, 300, 150)], ["e\u0301crou \u05d0"]);
Console.WriteLine($"shaped: {shaped.Any(static value => value != 0)}");

PictureFile.WritePng("label.png", pixels, format);
Console.WriteLine($"read again: {PictureFile.Read("label.png", out FrameFormat read).AsSpan().SequenceEqual(pixels)}, {read}");
Console.WriteLine(PictureFile.ReadInfo(PictureFile.EncodeJpeg(pixels, format)));

// The native library was chosen so that the system needs no fonts and no library that looks for them.
Console.WriteLine(
    $"libfontconfig: {OperatingSystem.IsLinux() && File.ReadAllText("/proc/self/maps").Contains("libfontconfig", StringComparison.Ordinal)}");
