using System.IO.Compression;
using System.IO.Enumeration;
using System.Xml.Linq;

namespace YoloZeroCopy.Tests;

[Collection(PackagesOnce.Name)]
public class PackageContentTests(PackedPackages packages)
{
    [Theory]
    [InlineData("YoloZeroCopy")]
    [InlineData("YoloZeroCopy.Cuda")]
    [InlineData("YoloZeroCopy.Extensions.Hosting")]
    [InlineData("YoloZeroCopy.Server")]
    [InlineData("YoloZeroCopy.Tracking")]
    [InlineData("YoloZeroCopy.Video")]
    public void Library_package_holds_these_files_and_no_other(string id)
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(id));
        string[] wanted = ["README.md", $"{id}.nuspec", "icon.png", $"lib/net10.0/{id}.dll", $"lib/net10.0/{id}.xml"];
        Assert.Equal(wanted, Files(package));
        Assert.All(package.Entries, entry => Assert.True(entry.Length > 0, $"{entry.FullName} is empty."));
    }

    [Fact]
    public void Imaging_package_names_Skia_and_holds_the_licences_of_what_it_brings()
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf("YoloZeroCopy.Imaging"));
        string[] wanted =
        [
            "README.md", "THIRD-PARTY-NOTICES.txt", "YoloZeroCopy.Imaging.nuspec", "icon.png", "lib/net10.0/YoloZeroCopy.Imaging.dll",
                "lib/net10.0/YoloZeroCopy.Imaging.xml",
        ];
        Assert.Equal(wanted, Files(package));
        using StreamReader notices = new(package.GetEntry("THIRD-PARTY-NOTICES.txt")!.Open());
        string text = notices.ReadToEnd();
        string[] named = ["SIL OPEN FONT LICENSE", "Roboto", "SkiaSharp", "Skia", "HarfBuzz"];
        Assert.All(named, name => Assert.Contains(name, text, StringComparison.Ordinal));
        XElement metadata = XElement.Load(package.GetEntry("YoloZeroCopy.Imaging.nuspec")!.Open());
        Assert.Equal(
            [
                "Google.Protobuf", "HarfBuzzSharp", "HarfBuzzSharp.NativeAssets.Linux", "SkiaSharp",
                "SkiaSharp.NativeAssets.Linux.NoDependencies", "YoloZeroCopy",
            ],
            metadata.Descendants().Where(static element => element.Name.LocalName == "dependency").Select(
                static element => element.Attribute("id")!.Value).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_project_of_src_is_packed_with_the_solution()
    {
        IEnumerable<string> projects =
            Directory.GetDirectories(PackedPackages.Repository("src")).SelectMany(static folder => Directory.GetFiles(folder, "*.csproj"))
                .Select(Path.GetFileNameWithoutExtension)!;
        if (PackedPackages.ShimFolder is null)
        {
            projects = projects.Where(static name => name != PackedPackages.TensorRt);
        }

        Assert.Equal(projects.Order(StringComparer.Ordinal), packages.Ids);
    }

    [Fact]
    public void Packing_without_the_shims_leaves_their_package_out_and_says_so()
    {
        string feed = Path.Combine(packages.Folder, "feed-without-shims");

        ProgramResult result =
            packages.Pack(Path.Combine("src", PackedPackages.TensorRt), feed, $"-p:YzcShims={Path.Combine(packages.Folder, "no-shims")}").Succeeded();

        Assert.Contains($"Left out: {PackedPackages.TensorRt}.", result.Output, StringComparison.Ordinal);
        Assert.Contains("eng/tensorrt-shims.sh", result.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(feed) && Directory.EnumerateFiles(feed).Any());
    }

    [Fact]
    public void TensorRt_package_holds_both_shims_and_nothing_of_NVIDIAs()
    {
        Assert.SkipWhen(PackedPackages.ShimFolder is null, "The TensorRT shims are not built (eng/tensorrt-shims.sh).");
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(PackedPackages.TensorRt));
        string[] wanted = ["README.md", $"{PackedPackages.TensorRt}.nuspec", "icon.png", "runtimes/linux-x64/native/libyzc_trt10.so",
            "runtimes/linux-x64/native/libyzc_trt11.so"];
        Assert.Equal(wanted, Files(package));
        Assert.All(package.Entries, entry => Assert.True(entry.Length is > 0 and < 4 << 20, $"{entry.FullName} has {entry.Length} bytes."));
        XElement metadata = XElement.Load(package.GetEntry($"{PackedPackages.TensorRt}.nuspec")!.Open());
        Assert.DoesNotContain(metadata.Descendants(), static element => element.Name.LocalName == "dependency");
    }

    [Fact]
    public void Tool_package_holds_the_command_and_nothing_of_the_build()
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf("YoloZeroCopy.Cli"));
        string[] files = Files(package);
        string[] wanted =
        [
            "README.md", "YoloZeroCopy.Cli.nuspec", "tools/net10.0/any/DotnetToolSettings.xml", "tools/net10.0/any/YoloZeroCopy.Cuda.dll",
            "tools/net10.0/any/YoloZeroCopy.dll",
            "THIRD-PARTY-NOTICES.txt", "licences/Microsoft.ML.OnnxRuntime/LICENSE", "licences/Microsoft.ML.OnnxRuntime/ThirdPartyNotices.txt",
            "licences/SkiaSharp.NativeAssets.Linux.NoDependencies/THIRD-PARTY-NOTICES.txt", "licences/YoloZeroCopy.Imaging/THIRD-PARTY-NOTICES.txt",
            "tools/net10.0/any/runtimes/linux-x64/native/libonnxruntime.so", "tools/net10.0/any/runtimes/linux-x64/native/libSkiaSharp.so",
            "tools/net10.0/any/runtimes/linux-x64/native/libHarfBuzzSharp.so",
            "tools/net10.0/any/runtimes/win-x64/native/onnxruntime.dll", "tools/net10.0/any/runtimes/osx-arm64/native/libonnxruntime.dylib",
            "tools/net10.0/any/yzc.deps.json", "tools/net10.0/any/yzc.dll", "tools/net10.0/any/yzc.runtimeconfig.json",
        ];
        Assert.Empty(wanted.Except(files));
        string[] endings = [".md", ".nuspec", ".png", ".xml", ".dll", ".pdb", ".json"];
        IEnumerable<string> others = files.Where(file => !endings.Contains(Path.GetExtension(file)));
        Assert.All(others, static file =>
            Assert.Matches("^licences/|^THIRD-PARTY-NOTICES.txt$|/runtimes/(linux|win|osx)[^/]*/native/[^/]*[.](so|dylib)$", file));
        Assert.DoesNotContain(
            files, static file => file.Contains("/native/", StringComparison.Ordinal) && file.EndsWith(".pdb", StringComparison.Ordinal));
        XElement settings = XElement.Load(package.GetEntry("tools/net10.0/any/DotnetToolSettings.xml")!.Open());
        Assert.Equal("yzc", settings.Descendants("Command").Single().Attribute("Name")?.Value);
    }

    [Fact]
    public void Tool_package_names_the_licence_of_everything_inside()
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf("YoloZeroCopy.Cli"));
        string[] files = Files(package);
        using StreamReader reader = new(package.GetEntry("THIRD-PARTY-NOTICES.txt")!.Open());
        string notices = reader.ReadToEnd();
        IEnumerable<string> others = files.Where(static file => file.StartsWith("tools/", StringComparison.Ordinal))
            .Where(static file => Path.GetExtension(file) is ".dll" or ".so" or ".dylib")
            .Select(static file => Path.GetFileNameWithoutExtension(file))
            .Where(static name => name is not "yzc" && !name.StartsWith("YoloZeroCopy", StringComparison.Ordinal))
            .Select(static name => name.Contains("onnxruntime", StringComparison.Ordinal) ? "Microsoft.ML.OnnxRuntime"
                : name is "libSkiaSharp" ? "SkiaSharp.NativeAssets" : name is "libHarfBuzzSharp" ? "HarfBuzzSharp.NativeAssets" : name);
        Assert.All(others.Distinct(), name => Assert.Contains(name, notices, StringComparison.Ordinal));
        // Where the notices point to, there is a file.
        string[] named =
        [
            .. notices.Split(' ', '\n', ';', ',').Where(static word => word.Length > 9 && word.StartsWith("licences/", StringComparison.Ordinal)),
        ];
        Assert.True(named.Length >= 3, notices);
        Assert.All(named, name => Assert.Contains(files, file => FileSystemName.MatchesSimpleExpression(name, file)));
    }

    [Fact]
    public void Documentation_comes_with_the_library()
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf("YoloZeroCopy"));
        XElement documentation = XElement.Load(package.GetEntry("lib/net10.0/YoloZeroCopy.xml")!.Open());
        XElement member = documentation.Descendants("member").Single(element => element.Attribute("name")?.Value == "T:YoloZeroCopy.Detection");
        Assert.NotEmpty(member.Element("summary")!.Value.Trim());
    }

    /// <summary>Files of a package, sorted, without what every package's container has.</summary>
    private static string[] Files(ZipArchive package) =>
    [
        .. package.Entries.Select(entry => entry.FullName)
            .Where(name => name != "[Content_Types].xml" && !name.StartsWith("_rels/", StringComparison.Ordinal)
                && !name.StartsWith("package/services/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];
}
