using System.Collections.Immutable;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.Json;

namespace YoloZeroCopy.Tests;

/// <summary>What a debugger gets of the libraries: symbols that belong to them, and in these the way to the published sources.</summary>
[Collection(PackagesOnce.Name)]
public class SymbolTests(PackedPackages packages)
{
    // CustomDebugInformation kinds of portable symbols.
    private static readonly Guid SourceLink = new("CC110556-A091-4D38-9FEC-25AB9A351A6A");
    private static readonly Guid EmbeddedSource = new("0E8A571B-6926-466E-B4AD-8AB04611F5FE");

    [Fact]
    public void Every_library_has_a_package_of_symbols() => Assert.All(Libraries(), library =>
    {
        using ZipArchive symbols = ZipFile.OpenRead(SymbolsOf(library.Id));
        Assert.NotNull(symbols.GetEntry(Path.ChangeExtension(library.File, ".pdb")));
    });

    [Fact]
    public void Symbols_belong_to_their_library_and_lead_to_the_published_sources() => Assert.All(Libraries(), library =>
    {
        using ZipArchive package = ZipFile.OpenRead(packages.PathOf(library.Id));
        using PEReader program = new([.. PackageMetadataTests.Read(package.GetEntry(library.File)!)]);
        using ZipArchive symbolPackage = ZipFile.OpenRead(SymbolsOf(library.Id));
        byte[] bytes = PackageMetadataTests.Read(symbolPackage.GetEntry(Path.ChangeExtension(library.File, ".pdb"))!);
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbImage([.. bytes]);
        MetadataReader symbols = provider.GetMetadataReader();

        ImmutableArray<DebugDirectoryEntry> debug = program.ReadDebugDirectory();
        Assert.Contains(debug, static entry => entry.Type == DebugDirectoryEntryType.Reproducible);
        DebugDirectoryEntry view = debug.Single(static entry => entry.Type == DebugDirectoryEntryType.CodeView);
        Assert.Equal(new BlobContentId(symbols.DebugMetadataHeader!.Id).Guid, program.ReadCodeViewDebugDirectoryData(view).Guid);

        Assert.All(symbols.Documents, handle =>
        {
            string path = symbols.GetString(symbols.GetDocument(handle).Name);
            if (!IsEmbedded(symbols, handle))
            {
                // A file of the repository, named from there.
                Assert.StartsWith("/_/src/", path, StringComparison.Ordinal);
                Assert.True(File.Exists(PackedPackages.Repository(path["/_/".Length..].Split('/'))), path);
            }
        });

        Assert.SkipWhen(PackageMetadataTests.Commit is null, "These sources are in no repository.");
        using JsonDocument map = JsonDocument.Parse(DebugInformation(symbols, EntityHandle.ModuleDefinition, SourceLink).Single());
        JsonProperty root = map.RootElement.GetProperty("documents").EnumerateObject().Single();
        string raw = PackedPackages.RepositoryUrl.Replace("https://github.com/", "https://raw.githubusercontent.com/", StringComparison.Ordinal);
        Assert.Equal(("/_/*", $"{raw}/{PackageMetadataTests.Commit}/*"), (root.Name, root.Value.GetString()));
    });

    /// <summary>The libraries in the packages, as package and path in it.</summary>
    private List<(string Id, string File)> Libraries()
    {
        List<(string Id, string File)> libraries = [];
        foreach (string id in packages.Ids)
        {
            using ZipArchive package = ZipFile.OpenRead(packages.PathOf(id));
            libraries.AddRange(package.Entries.Select(static entry => entry.FullName)
                .Where(static name => name.StartsWith("lib/", StringComparison.Ordinal) && name.EndsWith(".dll", StringComparison.Ordinal))
                .Select(name => (id, name)));
        }

        Assert.True(libraries.Count >= 5, $"{libraries.Count} libraries were packed.");
        return libraries;
    }

    private string SymbolsOf(string id) => Path.ChangeExtension(packages.PathOf(id), ".snupkg");

    private static bool IsEmbedded(MetadataReader symbols, DocumentHandle document) => DebugInformation(symbols, document, EmbeddedSource).Count > 0;

    private static List<byte[]> DebugInformation(MetadataReader symbols, EntityHandle parent, Guid kind) =>
    [
        .. symbols.GetCustomDebugInformation(parent).Select(symbols.GetCustomDebugInformation)
            .Where(information => symbols.GetGuid(information.Kind) == kind).Select(information => symbols.GetBlobBytes(information.Value)),
    ];
}
