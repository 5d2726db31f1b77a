using System.IO.Compression;
using System.Text;

namespace YoloZeroCopy.Tests;

/// <summary>The settings that every package is made with, in a repository of one small library: what may not get out, and what may not be taken
/// away.</summary>
[Collection(PackagesOnce.Name)]
public class PublishingTests(PackedPackages packages)
{
    // Of a host that SourceLink knows: it would take this address by itself.
    private const string Owner = "confidential-owner";
    private const string Branch = "confidential-branch";

    [Fact]
    public void Nothing_of_the_working_copys_remote_gets_into_a_package()
    {
        string folder = PackedRepository();

        Assert.All((string[])["nupkg", "snupkg"], kind =>
        {
            using ZipArchive package = ZipFile.OpenRead(Path.Combine(folder, "packed", $"Tiny.1.0.0.{kind}"));
            Assert.All(package.Entries, entry =>
            {
                byte[] bytes = PackageMetadataTests.Read(entry);
                Assert.All((string[])[Owner, Branch], word => Assert.False(
                    bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(word)) >= 0 || bytes.AsSpan().IndexOf(Encoding.Unicode.GetBytes(word)) >= 0,
                    $"{entry.FullName} names {word}."));
            });
        });
        using ZipArchive library = ZipFile.OpenRead(Path.Combine(folder, "packed", "Tiny.1.0.0.nupkg"));
        // A link that would lead nowhere is text.
        string readme = Encoding.UTF8.GetString(PackageMetadataTests.Read(library.GetEntry("README.md")!));
        Assert.Equal("See the notes and [a page](https://example.org/).", readme.Trim());
    }

    [Fact]
    public void A_package_that_lacks_what_its_last_version_had_is_refused()
    {
        string folder = PackedRepository();
        string code = Path.Combine(folder, "src", "Tiny", "Code.cs");
        File.WriteAllText(code, File.ReadAllText(code).Replace("public static int Two", "internal static int Two", StringComparison.Ordinal));

        ProgramResult result = Pack(folder, "1.0.1", "-p:BaselineVersion=1.0.0", $"-p:RestoreAdditionalProjectSources={folder}/packed");

        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("CP0002", result.Output, StringComparison.Ordinal);
        Assert.Contains("Two", result.Output, StringComparison.Ordinal);
    }

    private ProgramResult Pack(string folder, string version, params string[] properties) => DotnetProgram.Dotnet(
        folder, packages.Packages,
        [
            "pack", Path.Combine("src", "Tiny"), "--configuration", "Release", "--output", Path.Combine(folder, "packed"), $"-p:Version={version}",
                "-nodeReuse:false", .. properties,
        ]);

    /// <summary>A repository with the settings of this one, whose remote and branch have telling names, with its version 1.0.0 in the folder
    /// "packed": made for the first test that asks.</summary>
    private string PackedRepository()
    {
        string folder = Path.Combine(packages.Folder, "repository");
        if (File.Exists(Path.Combine(folder, "packed", "Tiny.1.0.0.nupkg")))
        {
            return folder;
        }

        packages.NewFolder("repository");
        string[] settings =
        [
            "Directory.Build.props", "Directory.Packages.props", "src/Directory.Build.props", "src/Directory.Build.targets", "eng/icon/icon.png",
            "CHANGELOG.md",
        ];
        foreach (string file in settings)
        {
            Write(file, "");
            File.Copy(PackedPackages.Repository(file.Split('/')), Path.Combine(folder, file), overwrite: true);
        }

        Write(".git/HEAD", $"ref: refs/heads/{Branch}\n");
        Write($".git/refs/heads/{Branch}", $"{new string('a', 40)}\n");
        Write(".git/objects/none", "");
        Write(".git/config", $"[core]\n\trepositoryformatversion = 0\n[remote \"origin\"]\n\turl = https://github.com/{Owner}/name.git\n");
        Write("src/Tiny/README.md", "See [the notes](../../NOTES.md) and [a page](https://example.org/).\n");
        Write("src/Tiny/Tiny.csproj", "<Project Sdk=\"Microsoft.NET.Sdk\" />\n");
        Write("src/Tiny/Code.cs",
            """
            namespace Tiny;

            /// <summary>Numbers.</summary>
            public static class Numbers
            {
                /// <summary>One.</summary>
                public static int One => 1;

                /// <summary>Two.</summary>
                public static int Two => 2;
            }

            """);
        Pack(folder, "1.0.0").Succeeded();
        return folder;

        void Write(string file, string text)
        {
            string path = Path.Combine(folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
    }
}
