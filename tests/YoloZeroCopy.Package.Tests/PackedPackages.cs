namespace YoloZeroCopy.Tests;

/// <summary>The repository's packages, packed once into a temporary folder that also holds everything else these tests make.</summary>
/// <remarks>Intermediate files go there too (<c>--artifacts-path</c>), so that nothing here touches the build this test was started from.</remarks>
public sealed class PackedPackages : IDisposable
{
    public PackedPackages()
    {
        Folder = Directory.CreateTempSubdirectory("yzc-package-tests-").FullName;
        // A version that no folder and no feed has seen.
        Version = $"0.0.0-test.{DateTime.UtcNow:yyyyMMddHHmmss}.{Environment.ProcessId}";
        Feed = Path.Combine(Folder, "feed");
        Pack("YoloZeroCopy.Cuda");
        Pack("YoloZeroCopy");
        Pack("YoloZeroCopy.Cli");
        if (ShimFolder is string shims)
        {
            Pack(Runtime, $"-p:YzcShims={shims}");
        }
    }

    public const string Runtime = "YoloZeroCopy.Runtime.linux-x64";

    /// <summary>Folder with the TensorRT shims of both majors, from <c>YZC_TENSORRT_SHIM</c> or artifacts/native; null where they are not built, and then their package is not packed.</summary>
    public static string? ShimFolder { get; } = FindShims();

    public string Folder { get; }

    public string Version { get; }

    /// <summary>Folder with the packages, usable as a package source.</summary>
    public string Feed { get; }

    /// <summary>Packages folder for restores against <see cref="Feed"/>; starts empty.</summary>
    public string Packages => Path.Combine(Folder, "packages");

    public string PathOf(string package) => Path.Combine(Feed, $"{package}.{Version}.nupkg");

    /// <summary>Makes an empty folder whose restores see the feed besides the user's own sources.</summary>
    public string NewFolder(string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(Folder, name)).FullName;
        File.WriteAllText(
            Path.Combine(folder, "nuget.config"),
            $"""
            <?xml version="1.0" encoding="utf-8"?>
            <configuration>
              <packageSources>
                <add key="packed" value="{Feed}" />
              </packageSources>
            </configuration>

            """);
        return folder;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static string? FindShims()
    {
        string? named = Environment.GetEnvironmentVariable("YZC_TENSORRT_SHIM");
        string folder = string.IsNullOrEmpty(named) ? Path.Combine(FindRepository(), "artifacts", "native") : named;
        return File.Exists(Path.Combine(folder, "libyzc_trt10.so")) && File.Exists(Path.Combine(folder, "libyzc_trt11.so")) ? folder : null;
    }

    private void Pack(string project, params string[] properties) => DotnetProgram.Dotnet(
        FindRepository(),
        packagesFolder: null,
        [
            "pack",
            Path.Combine("src", project),
            "--configuration",
            "Release",
            "--output",
            Feed,
            "--artifacts-path",
            Path.Combine(Folder, "artifacts"),
            // The programs that packages carry are fetched into the working tree, where a running build uses them: not again from here.
            "-p:SkipNativeAssets=true",
            $"-p:Version={Version}",
            "-nodeReuse:false",
            .. properties,
        ]).Succeeded();

    private static string FindRepository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds YoloZeroCopy.sln; run the tests from a build inside the repository.");
    }
}

/// <summary>Tests of one collection run one after the other, on the same packages.</summary>
[CollectionDefinition(Name)]
public sealed class PackagesOnce : ICollectionFixture<PackedPackages>
{
    public const string Name = "packages";
}
