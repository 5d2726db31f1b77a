using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace YoloZeroCopy.Tests;

/// <summary>What a gallery shows of every package: who made it, under which licence, what it is for, and links that lead somewhere.</summary>
[Collection(PackagesOnce.Name)]
public partial class PackageMetadataTests(PackedPackages packages)
{
    [Fact]
    public void Every_package_says_what_it_is() => Assert.All(packages.Ids, id =>
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(id));
        XElement metadata = Metadata(package, id);
        XElement Get(string name) => metadata.Elements().Single(element => element.Name.LocalName == name);
        Assert.Equal(id, Get("id").Value);
        Assert.Equal(packages.Version, Get("version").Value);
        Assert.Equal("The YoloZeroCopy authors", Get("authors").Value);
        Assert.Contains("YoloZeroCopy", Get("copyright").Value, StringComparison.Ordinal);
        Assert.Equal("expression", Get("license").Attribute("type")?.Value);
        Assert.Equal("MIT", Get("license").Value);
        Assert.True(Get("description").Value.Length > 40, "The description is missing or the default.");
        Assert.True(Get("tags").Value.Split(' ').Length >= 4, "A package is found by its tags.");
        Assert.Equal("README.md", Get("readme").Value);
        Assert.Equal(PackedPackages.RepositoryUrl, Get("projectUrl").Value);
        Assert.Equal("git", Get("repository").Attribute("type")?.Value);
        Assert.Equal(PackedPackages.RepositoryUrl, Get("repository").Attribute("url")?.Value);
        Assert.Equal(Commit ?? "", Get("repository").Attribute("commit")?.Value ?? "");
        Assert.Null(Get("repository").Attribute("branch"));
        // The newest part of the changelog, and of that the whole.
        string changelog = File.ReadAllText(PackedPackages.Repository("CHANGELOG.md"));
        string[] parts = ["", .. changelog.Split("\n## ").Skip(1)];
        Assert.Equal($"## {parts[1]}".Trim(), Get("releaseNotes").Value.ReplaceLineEndings("\n").Trim());
        // Users of an MIT package take on nothing else by it: what it names is our own or known to be under the same licence or one as free.
        Assert.All(
            metadata.Descendants().Where(static element => element.Name.LocalName == "dependency"),
            static dependency => Assert.Matches(
                "^(YoloZeroCopy|Google[.]Protobuf$|Grpc[.]AspNetCore[.]Server$|Microsoft[.]Orleans[.]|NATS[.]Client[.]JetStream$"
                    + "|StackExchange[.]Redis$|OpenTelemetry[.]|SkiaSharp|HarfBuzzSharp|Microsoft[.]Extensions[.])",
                dependency.Attribute("id")!.Value));
    });

    [Fact]
    public void Every_package_has_the_icon() => Assert.All(packages.Ids, id =>
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(id));
        Assert.Equal("icon.png", Metadata(package, id).Elements().Single(static element => element.Name.LocalName == "icon").Value);
        byte[] icon = Read(package.GetEntry("icon.png")!);
        Assert.True(icon.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']), "The icon is no PNG.");
        Assert.Equal((128, 128), (BinaryPrimitives.ReadInt32BigEndian(icon.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(icon.AsSpan(20))));
    });

    [Fact]
    public void Links_of_every_readme_lead_somewhere() => Assert.All(packages.Ids, id =>
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(id));
        string readme = Encoding.UTF8.GetString(Read(package.GetEntry("README.md")!));
        Assert.StartsWith("# ", readme, StringComparison.Ordinal);
        string files = $"{PackedPackages.RepositoryUrl}/blob/{Commit ?? "HEAD"}/";
        string[] links = [.. MarkdownLink().Matches(readme).Select(static match => match.Groups[1].Value)];
        Assert.Contains(links, link => link.StartsWith(files, StringComparison.Ordinal));
        Assert.All(links, link =>
        {
            Assert.StartsWith("https://", link, StringComparison.Ordinal);
            if (link.StartsWith(PackedPackages.RepositoryUrl, StringComparison.Ordinal))
            {
                Assert.StartsWith(files, link, StringComparison.Ordinal);
                AssertLeadsToFile(link[files.Length..]);
            }
        });
    });

    [Fact]
    public void Programs_in_the_readmes_compile()
    {
        string folder = packages.NewFolder("readmes");
        StringBuilder methods = new();
        SortedSet<string> usings = new(StringComparer.Ordinal);
        foreach (string id in packages.Ids.Where(static id => id is not "YoloZeroCopy.Cli"))
        {
            using ZipArchive package = ZipFile.OpenRead(packages.PathOf(id));
            foreach (Match program in CSharpBlock().Matches(Encoding.UTF8.GetString(Read(package.GetEntry("README.md")!))))
            {
                string[] lines = program.Groups[1].Value.Split('\n');
                usings.UnionWith(lines.Where(static line => UsingDirective().IsMatch(line)));
                string body = string.Join('\n', lines.Where(static line => !UsingDirective().IsMatch(line)));
                methods.Append($"async Task Of{methods.Length}()\n{{\n{body}\nawait Task.CompletedTask;\n}}\n");
            }
        }

        File.WriteAllText(Path.Combine(folder, "Readmes.cs"), $"{string.Join('\n', usings)}\ninternal sealed class Readmes\n{{\n{methods}}}\n");
        string references = string.Concat(packages.Ids.Where(static id => id is not ("YoloZeroCopy.Cli" or "YoloZeroCopy.Templates"))
            .Select(id => $"<PackageReference Include=\"{id}\" Version=\"[{packages.Version}]\" />"));
        File.WriteAllText(
            Path.Combine(folder, "Readmes.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <AllowUnsafeBlocks>true</AllowUnsafeBlocks>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>{references}<PackageReference Include="Microsoft.Extensions.DependencyInjection" Version="10.0.5" /></ItemGroup>
            </Project>
            """);
        DotnetProgram.Dotnet(folder, packages.Packages, "build").Succeeded();
    }

    [Fact]
    public void No_package_names_a_folder_of_the_machine_that_packed_it()
    {
        string[] folders = [PackedPackages.Repository(), Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)];
        foreach (string path in Directory.GetFiles(packages.Feed))
        {
            using ZipArchive package = ZipFile.OpenRead(path);
            foreach (ZipArchiveEntry entry in package.Entries.Where(static entry => !entry.FullName.Contains("/native/", StringComparison.Ordinal)))
            {
                byte[] bytes = Read(entry);
                Assert.All(folders.Where(static folder => folder.Length > 1), folder =>
                {
                    bool isNamed = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"{folder}/")) >= 0
                        || bytes.AsSpan().IndexOf(Encoding.Unicode.GetBytes($"{folder}/")) >= 0;
                    Assert.False(isNamed, $"{Path.GetFileName(path)}: {entry.FullName} names {folder}.");
                });
            }
        }
    }

    /// <summary>The commit that is checked out; null outside a repository.</summary>
    internal static string? Commit { get; } = FindCommit();

    internal static XElement Metadata(ZipArchive package, string id) => XElement.Load(package.GetEntry($"{id}.nuspec")!.Open())
        .Elements().Single(static element => element.Name.LocalName == "metadata");

    internal static byte[] Read(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using MemoryStream bytes = new();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static void AssertLeadsToFile(string link)
    {
        string[] parts = link.Split('#');
        string path = PackedPackages.Repository(parts[0].Split('/'));
        Assert.True(File.Exists(path), $"There is no {path}.");
        if (parts.Length > 1)
        {
            // A heading's anchor: lower case, without punctuation, hyphens for spaces.
            IEnumerable<string> anchors = File.ReadLines(path).Where(static line => line.StartsWith('#'))
                .Select(static line => Punctuation().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'));
            Assert.Contains(parts[1], anchors);
        }
    }

    private static string? FindCommit()
    {
        if (!Path.Exists(PackedPackages.Repository(".git")))
        {
            return null;
        }

        return DotnetProgram.Run("git", PackedPackages.Repository(), null, "rev-parse", "HEAD").Succeeded().Lines[0];
    }

    [GeneratedRegex(@"\]\(([^)]+)\)")]
    private static partial Regex MarkdownLink();

    [GeneratedRegex(@"```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex(@"^using [A-Za-z.]+;")]
    private static partial Regex UsingDirective();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Punctuation();
}
