using System.Drawing;
using YoloZeroCopy;

// What it prints is checked by ConsumerTests.
FrameFormat format = new(PixelFormat.Bgr24, 320, 200);
byte[] pixels = new byte[format.ByteCount];
new Annotator(pixels, format).DrawLabel(10, 100, "Болт 0.98", Color.White);
Console.WriteLine($"drawn: {pixels.Count(static value => value == 255) > 1000}, smooth: {pixels.Any(static value => value is > 100 and < 150)}");

PictureFile.WritePng("label.png", pixels, format);
Console.WriteLine($"read again: {PictureFile.Read("label.png", out FrameFormat read).AsSpan().SequenceEqual(pixels)}, {read}");
Console.WriteLine(PictureFile.ReadInfo(PictureFile.EncodeJpeg(pixels, format)));

// The native library was chosen so that the system needs no fonts and no library that looks for them.
Console.WriteLine(
    $"libfontconfig: {OperatingSystem.IsLinux() && File.ReadAllText("/proc/self/maps").Contains("libfontconfig", StringComparison.Ordinal)}");
