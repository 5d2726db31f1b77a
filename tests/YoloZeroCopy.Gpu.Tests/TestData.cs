using System.Text.Json;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>The sample model and pictures: beside the program, in the checkout that YZC_TEST_DATA names, or in the one around the program or the
/// current folder.</summary>
internal static class TestData
{
    public static string Model => Find("model/conveyor.onnx", "samples/model/conveyor.onnx");

    /// <summary>Whether <see cref="Architecture"/> gives models of the usual width.</summary>
    public static bool HasFullArchitectures => Environment.GetEnvironmentVariable("YZC_ARCHITECTURES") is { Length: > 0 };

    /// <summary>A model of another architecture, untrained: of the usual width from the folder that YZC_ARCHITECTURES names
    /// (samples/model/export_architectures.py writes it), else a narrow one.</summary>
    public static string Architecture(string name) => Environment.GetEnvironmentVariable("YZC_ARCHITECTURES") is { Length: > 0 } folder
        ? Path.Combine(folder, $"{name}.onnx")
        : Find($"architectures/{name}.onnx", $"tests/Shared/Architectures/{name}.onnx");

    /// <summary>The sample clip.</summary>
    public static string Video => Find("conveyor.mp4", "samples/media/conveyor.mp4");

    private static string Pictures => Path.GetDirectoryName(Find("pictures/reference.json", "samples/media/pictures/reference.json"))!;

    /// <summary>The pictures in the order of their names, as BGR frames.</summary>
    public static TestPicture[] ReadPictures()
    {
        using JsonDocument reference = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Pictures, "reference.json")));
        return [.. reference.RootElement.EnumerateObject().OrderBy(static picture => picture.Name, StringComparer.Ordinal).Select(Read)];
    }

    /// <summary>Those of them that are sequential JPEGs, as files; one is progressive.</summary>
    public static (string Name, byte[] File)[] ReadJpegs() => [.. Directory.GetFiles(Pictures, "*.jpg").Order(StringComparer.Ordinal)
        .Where(static path => Path.GetFileName(path) != "2.jpg")
        .Select(static path => (Path.GetFileName(path), File.ReadAllBytes(path)))];

    private static TestPicture Read(JsonProperty picture)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Pictures, picture.Name));
        PictureInfo info = PictureFile.ReadInfo(file);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        byte[] pixels = new byte[format.ByteCount];
        PictureFile.Decode(file, pixels, format);
        return new TestPicture(picture.Name, format, pixels, [.. picture.Value.GetProperty("detections").EnumerateArray().Select(ReadDetection)]);
    }

    private static Detection ReadDetection(JsonElement element)
    {
        JsonElement box = element.GetProperty("box");
        return new Detection(
            element.GetProperty("class").GetInt32(), element.GetProperty("score").GetSingle(), box[0].GetSingle(), box[1].GetSingle(),
                box[2].GetSingle(), box[3].GetSingle());
    }

    private static string Find(string besideProgram, string inCheckout)
    {
        List<string> tried = [Path.Combine(AppContext.BaseDirectory, besideProgram)];
        if (Environment.GetEnvironmentVariable("YZC_TEST_DATA") is { Length: > 0 } root)
        {
            tried.Add(Path.Combine(root, inCheckout));
        }

        foreach (string start in (string[])[Environment.CurrentDirectory, AppContext.BaseDirectory])
        {
            for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
            {
                tried.Add(Path.Combine(folder.FullName, inCheckout));
            }
        }

        return tried.Find(File.Exists)
            ?? throw new FileNotFoundException($"YZC_TEST_DATA must name the repository's root. Tried: {string.Join(", ", tried)}");
    }
}

/// <summary>A sample picture and what the independent reference finds in it.</summary>
internal sealed record TestPicture(string Name, FrameFormat Format, byte[] Pixels, Detection[] Reference);
