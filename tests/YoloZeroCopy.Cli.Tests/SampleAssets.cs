namespace YoloZeroCopy.Cli.Tests;

/// <summary>The sample model and media of the repository.</summary>
internal static class SampleAssets
{
    public static string Model => Find("samples/model/conveyor.onnx");

    public static string Pictures => Find("samples/media/pictures");

    public static string Clip => Find("samples/media/conveyor.mp4");

    public static string Find(string path)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string full = Path.Combine(folder.FullName, path);
            if (Path.Exists(full))
            {
                return full;
            }
        }

        throw Xunit.Sdk.SkipException.ForSkip($"{path} is not in this checkout.");
    }
}
