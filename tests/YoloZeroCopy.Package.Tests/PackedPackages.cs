using System.Xml.Linq;

namespace YoloZeroCopy.Tests;

/// <summary>The repository's packages, packed once into a temporary folder that also holds everything else these tests make.</summary>
/// <remarks>Intermediate files go there too (<c>--artifacts-path</c>), so that nothing here touches the build this test was started from.</remarks>
public sealed class PackedPackages : IDisposable
{
    public const string TensorRt = "YoloZeroCopy.TensorRt.linux-x64";

    /// <summary>Where these packages say that the repository is published.</summary>
    public const string RepositoryUrl = "https://github.com/example/yolozerocopy";

    public PackedPackages()
    {
        Folder = Directory.CreateTempSubdirectory("yzc-package-tests-").FullName;
        // A version that no folder and no feed has seen.
        Version = $"0.0.0-test.{DateTime.UtcNow:yyyyMMddHHmmss}.{Environment.ProcessId}";
        Feed = Path.Combine(Folder, "feed");
        string shims = ShimFolder ?? Path.Combine(Folder, "no-shims");
        Pack("YoloZeroCopy.sln", Feed, $"-p:YzcShims={shims}").Succeeded();
        string ending = $".{Version}.nupkg";
        Ids = [.. Directory.GetFiles(Feed, "*.nupkg").Select(path => Path.GetFileName(path)[..^ending.Length]).Order(StringComparer.Ordinal)];
    }

    /// <summary>The packages that were packed.</summary>
    public IReadOnlyList<string> Ids { get; }

    /// <summary>Folder with the TensorRT shims of both majors, from <c>YZC_TENSORRT_SHIM</c> or artifacts/native; null where they are not built, and
    /// then their package is not packed.</summary>
    public static string? ShimFolder { get; } = FindShims();

    public string Folder { get; }

    public string Version { get; }

    /// <summary>Folder with the packages, usable as a package source.</summary>
    public string Feed { get; }

    /// <summary>Packages folder for restores against <see cref="Feed"/>; starts empty. What the user's own folder has of other packages is taken from
    /// there.</summary>
    public string Packages => Path.Combine(Folder, "packages");

    public string PathOf(string package) => Path.Combine(Feed, $"{package}.{Version}.nupkg");

    /// <summary>Version of a package that the repository builds with.</summary>
    public static string VersionOf(string package) => XElement.Load(Repository("Directory.Packages.props"))
        .Descendants("PackageVersion").Single(element => element.Attribute("Include")!.Value == package).Attribute("Version")!.Value;

    /// <summary>A file of the repository.</summary>
    public static string Repository(params string[] path) => Path.Combine([FindRepository(), .. path]);

    /// <summary>Where everything that is built of the repository here lies.</summary>
    internal string Artifacts => Path.Combine(Folder, "artifacts");

    /// <summary>Packs a project or a solution of the repository in Release.</summary>
    internal ProgramResult Pack(string project, string feed, params string[] properties) =>
        Dotnet("pack", project, ["--output", feed, .. properties]);

    /// <summary>Runs a command of the SDK on a project or a solution of the repository in Release.</summary>
    internal ProgramResult Dotnet(string command, string project, params string[] arguments) => DotnetProgram.Dotnet(
        FindRepository(),
        packagesFolder: null,
        [
            command,
            project,
            "--configuration",
            "Release",
            "--artifacts-path",
            Artifacts,
            $"-p:Version={Version}",
            $"-p:RepositoryUrl={RepositoryUrl}",
            "-nodeReuse:false",
            // The build that these tests belong to has analyzed the same sources.
            "-p:RunAnalyzers=false",
            .. arguments,
        ]);

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
              <fallbackPackageFolders>
                <add key="user" value="{UserPackages}" />
              </fallbackPackageFolders>
            </configuration>

            """);
        return folder;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static string UserPackages => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static string? FindShims()
    {
        string? named = Environment.GetEnvironmentVariable("YZC_TENSORRT_SHIM");
        string folder = string.IsNullOrEmpty(named) ? Path.Combine(FindRepository(), "artifacts", "native") : named;
        return File.Exists(Path.Combine(folder, "libyzc_trt10.so")) && File.Exists(Path.Combine(folder, "libyzc_trt11.so")) ? folder : null;
    }

    private static string FindRepository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException(
            $"No folder above {AppContext.BaseDirectory} holds YoloZeroCopy.sln; run the tests from a build inside the repository.");
    }
}

/// <summary>Tests of one collection run one after the other, on the same packages.</summary>
[CollectionDefinition(Name)]
public sealed class PackagesOnce : ICollectionFixture<PackedPackages>
{
    public const string Name = "packages";
}
