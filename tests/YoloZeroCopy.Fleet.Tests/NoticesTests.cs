using System.Text.Json;
using System.Xml.Linq;

namespace YoloZeroCopy.Tests;

/// <summary>The notices that go with a node's program.</summary>
public class NoticesTests
{
    private static readonly string Packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    [Fact]
    public void Every_package_that_a_node_is_published_with_is_named_under_its_own_licence()
    {
        Assert.SkipUnless(Directory.Exists(Packages), $"The folder of restored packages, {Packages}, is not there.");
        string text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "THIRD-PARTY-NOTICES.txt"));

        // A heading, and its packages indented.
        string licence = "";
        List<(string Licence, string Package)> named = [];
        foreach (string line in text[..text.IndexOf("====", StringComparison.Ordinal)].Split('\n'))
        {
            if (line.StartsWith("    ", StringComparison.Ordinal))
            {
                named.Add((licence, line.Trim()));
            }

            licence = line.StartsWith(' ') ? licence : line;
        }

        Assert.Equal(Carried().Select(static package => (LicenceOf(package.Name, package.Version), package.Name)).Order(), named.Order());
    }

    // Of the program as it is built here; publishing it adds .NET.
    private static IEnumerable<(string Name, string Version)> Carried()
    {
        using JsonDocument description = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fleet.deps.json")));
        string target = description.RootElement.GetProperty("runtimeTarget").GetProperty("name").GetString()!;
        List<(string, string)> packages = [];
        foreach (JsonProperty library in description.RootElement.GetProperty("targets").GetProperty(target).EnumerateObject())
        {
            bool hasFiles = library.Value.EnumerateObject().Any(static part => part.Name is "runtime" or "runtimeTargets" or "native" or "resources");
            string kind = description.RootElement.GetProperty("libraries").GetProperty(library.Name).GetProperty("type").GetString()!;
            if (hasFiles && kind == "package")
            {
                string[] parts = library.Name.Split('/');
                packages.Add((parts[0], parts[1]));
            }
        }

        Assert.True(packages.Count > 20, $"{packages.Count} packages");
        return packages;
    }

    // As the package says; where it says it by a file, that is read.
    private static string LicenceOf(string package, string version)
    {
        string folder = Path.Combine(Packages, package.ToLowerInvariant(), version.ToLowerInvariant());
        XElement metadata = XElement.Load(Directory.GetFiles(folder, "*.nuspec")[0]);
        XElement licence = Assert.Single(metadata.Descendants(), static element => element.Name.LocalName == "license");
        return licence.Attribute("type")!.Value == "expression" ? licence.Value
            : File.ReadAllText(Path.Combine(folder, licence.Value)).StartsWith("MIT License", StringComparison.Ordinal) ? "MIT"
            : $"unknown: {licence.Value} of {package}";
    }
}
