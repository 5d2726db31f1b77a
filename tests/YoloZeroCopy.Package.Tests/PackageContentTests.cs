using System.IO.Compression;
using System.Xml.Linq;

namespace YoloZeroCopy.Tests;

[Collection(PackagesOnce.Name)]
public class PackageContentTests(PackedPackages packages)
{
    [Theory]
    [InlineData("YoloZeroCopy")]
    [InlineData("YoloZeroCopy.Cuda")]
    [InlineData("YoloZeroCopy.Extensions.Hosting")]
    [InlineData("YoloZeroCopy.Video")]
    public void Library_package_holds_these_files_and_no_other(string id)
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(id));
        string[] wanted = ["README.md", $"{id}.nuspec", $"lib/net10.0/{id}.dll", $"lib/net10.0/{id}.xml"];
        Assert.Equal(wanted, Files(package));
        Assert.All(package.Entries, entry => Assert.True(entry.Length > 0, $"{entry.FullName} is empty."));
    }

    [Theory]
    [InlineData("YoloZeroCopy")]
    [InlineData("YoloZeroCopy.Cuda")]
    [InlineData("YoloZeroCopy.Extensions.Hosting")]
    [InlineData("YoloZeroCopy.Imaging")]
    [InlineData("YoloZeroCopy.Video")]
    public void Symbols_have_a_package_of_their_own(string id)
    {
        using ZipArchive symbols = ZipFile.OpenRead(Path.ChangeExtension(packages.PathOf(id), ".snupkg"));
        Assert.Equal([$"{id}.nuspec", $"lib/net10.0/{id}.pdb"], Files(symbols));
    }

    [Fact]
    public void Imaging_package_names_Skia_and_holds_the_licences_of_what_it_brings()
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf("YoloZeroCopy.Imaging"));
        string[] wanted =
        [
            "README.md", "THIRD-PARTY-NOTICES.txt", "YoloZeroCopy.Imaging.nuspec", "lib/net10.0/YoloZeroCopy.Imaging.dll",
                "lib/net10.0/YoloZeroCopy.Imaging.xml",
        ];
        Assert.Equal(wanted, Files(package));
        using StreamReader notices = new(package.GetEntry("THIRD-PARTY-NOTICES.txt")!.Open());
        string text = notices.ReadToEnd();
        Assert.All((string[])["SIL OPEN FONT LICENSE", "Roboto", "SkiaSharp", "Skia"], name => Assert.Contains(name, text, StringComparison.Ordinal));
        XElement metadata = XElement.Load(package.GetEntry("YoloZeroCopy.Imaging.nuspec")!.Open());
        Assert.Equal(
            ["SkiaSharp", "SkiaSharp.NativeAssets.Linux.NoDependencies", "YoloZeroCopy"],
            metadata.Descendants().Where(static element => element.Name.LocalName == "dependency").Select(
                static element => element.Attribute("id")!.Value).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_project_of_src_is_packed_with_the_solution()
    {
        IEnumerable<string> projects =
            Directory.GetFiles(PackedPackages.Repository("src"), "*.csproj", SearchOption.AllDirectories).Select(Path.GetFileNameWithoutExtension)!;
        if (PackedPackages.ShimFolder is null)
        {
            projects = projects.Where(static name => name != PackedPackages.TensorRt);
        }

        string ending = $".{packages.Version}.nupkg";
        Assert.Equal(projects.Order(),
            Directory.GetFiles(packages.Feed, "*.nupkg").Select(
            path => Path.GetFileName(path).Replace(ending, "", StringComparison.Ordinal)).Order());
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
        string[] wanted = ["README.md", $"{PackedPackages.TensorRt}.nuspec", "runtimes/linux-x64/native/libyzc_trt10.so",
            "runtimes/linux-x64/native/libyzc_trt11.so"];
        Assert.Equal(wanted, Files(package));
        Assert.All(package.Entries, entry => Assert.True(entry.Length is > 0 and < 4 << 20, $"{entry.FullName} has {entry.Length} bytes."));
        XElement metadata = XElement.Load(package.GetEntry($"{PackedPackages.TensorRt}.nuspec")!.Open());
        Assert.Equal("MIT", metadata.Descendants().Single(static element => element.Name.LocalName == "license").Value);
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
            "tools/net10.0/any/runtimes/win-x64/native/onnxruntime.dll", "tools/net10.0/any/runtimes/osx-arm64/native/libonnxruntime.dylib",
            "tools/net10.0/any/yzc.deps.json", "tools/net10.0/any/yzc.dll", "tools/net10.0/any/yzc.runtimeconfig.json",
        ];
        Assert.Empty(wanted.Except(files));
        string[] endings = [".md", ".nuspec", ".xml", ".dll", ".pdb", ".json"];
        IEnumerable<string> others = files.Where(file => !endings.Contains(Path.GetExtension(file)));
        Assert.All(others, static file =>
            Assert.Matches("^licences/|^THIRD-PARTY-NOTICES.txt$|/runtimes/(linux|win|osx)[^/]*/native/[^/]*[.](so|dylib)$", file));
        Assert.DoesNotContain(
            files, static file => file.Contains("/native/", StringComparison.Ordinal) && file.EndsWith(".pdb", StringComparison.Ordinal));
        XElement settings = XElement.Load(package.GetEntry("tools/net10.0/any/DotnetToolSettings.xml")!.Open());
        Assert.Equal("yzc", settings.Descendants("Command").Single().Attribute("Name")?.Value);
    }

    [Theory]
    [InlineData("YoloZeroCopy")]
    [InlineData("YoloZeroCopy.Cli")]
    [InlineData("YoloZeroCopy.Cuda")]
    [InlineData("YoloZeroCopy.Extensions.Hosting")]
    [InlineData("YoloZeroCopy.Imaging")]
    [InlineData("YoloZeroCopy.Video")]
    public void Package_says_what_it_is(string id)
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(id));
        XElement metadata =
            XElement.Load(package.GetEntry($"{id}.nuspec")!.Open()).Elements().Single(element => element.Name.LocalName == "metadata");
        XElement Get(string name) => metadata.Elements().Single(element => element.Name.LocalName == name);
        Assert.Equal(id, Get("id").Value);
        Assert.Equal(packages.Version, Get("version").Value);
        Assert.Equal("expression", Get("license").Attribute("type")?.Value);
        Assert.Equal("MIT", Get("license").Value);
        Assert.Equal("README.md", Get("readme").Value);
        Assert.Contains("YoloZeroCopy", Get("copyright").Value, StringComparison.Ordinal);
        Assert.True(Get("description").Value.Length > 40, "The description is missing or the default.");
        // Users of an MIT package take on nothing else by it: what it names is our own or known to be under the same licence.
        Assert.All(
            metadata.Descendants().Where(element => element.Name.LocalName == "dependency"),
            dependency => Assert.Matches("^(YoloZeroCopy|SkiaSharp|Microsoft[.]Extensions[.])", dependency.Attribute("id")!.Value));
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
