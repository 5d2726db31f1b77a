using System.Reflection;
using YoloZeroCopy;

// What it prints is checked by ConsumerTests.
Console.WriteLine(typeof(FrameFormat).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion);
FrameFormat format = new(PixelFormat.Nv12, 1920, 1080, stride: 2048);
Console.WriteLine($"{format}: {format.ByteCount} bytes");
try
{
    _ = new FrameFormat(PixelFormat.Bgr24, 0, 1080);
}
catch (ArgumentOutOfRangeException exception)
{
    Console.WriteLine($"refused: {exception.ParamName}");
}
