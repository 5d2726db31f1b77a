namespace YoloZeroCopy.Tests;

/// <summary>A folder of its own for one test, gone afterwards.</summary>
public sealed class ModelFolder : IDisposable
{
    public ModelFolder() => Path = Directory.CreateTempSubdirectory("yzc-").FullName;

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
