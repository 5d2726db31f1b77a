
namespace YoloZeroCopy.Cli.Tests;

/// <summary>A folder with a tiny working model, 64x64 with two objects in every picture, and room for inputs.</summary>
public sealed class TestInputs : IDisposable
{
    private readonly ModelFolder folder = new();

    public TestInputs() => Model = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path, "tiny.onnx");

    public string Model { get; }

    public string File(string name) => folder.File(name);

    public string Folder(string name) => Directory.CreateDirectory(folder.File(name)).FullName;

    /// <summary>Writes a picture of noise; its ending says JPEG or PNG.</summary>
    public string Picture(string name, int width = 64, int height = 64)
    {
        string path = folder.File(name);
        FrameFormat format = new(PixelFormat.Bgr24, width, height);
        byte[] pixels = new byte[format.ByteCount];
        new Random(width).NextBytes(pixels);
        if (Path.GetExtension(name) == ".png")
        {
            PictureFile.WritePng(path, pixels, format);
        }
        else
        {
            PictureFile.WriteJpeg(path, pixels, format);
        }

        return path;
    }

    public string Text(string name, string text)
    {
        System.IO.File.WriteAllText(folder.File(name), text);
        return folder.File(name);
    }

    /// <summary>What a command has begun to write to a file of the folder, and not completed.</summary>
    public FileInfo[] Partial(string name) => new DirectoryInfo(folder.Path).GetFiles($"{name}.*.partial");

    public void Dispose() => folder.Dispose();
}
