using System.ComponentModel;
using System.Diagnostics;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The C sources that are inside this assembly, unpacked into a temporary folder and compiled there.</summary>
public sealed class CompiledSources : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("yzc-cuda-tests-").FullName;
    private readonly Dictionary<string, string> built = [];
    private int copies;

    public CompiledSources()
    {
        string[] names = typeof(CompiledSources).Assembly.GetManifestResourceNames();
        foreach (string name in names.Where(name => name.Contains('/', StringComparison.Ordinal)))
        {
            string file = Path.Combine(folder, name);
            _ = Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            using Stream source = typeof(CompiledSources).Assembly.GetManifestResourceStream(name)!;
            using FileStream target = File.Create(file);
            source.CopyTo(target);
        }
    }

    /// <summary>A stand-in library in a file of its own, so that it has a state of its own when it is loaded.</summary>
    public string Library(string source, params string[] options)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The stand-in libraries are compiled on Linux only.");
        string compiled = Compile(source, ["-shared", "-fPIC", "-fvisibility=hidden", "-pthread", .. options]);
        string copy = Path.Combine(folder, $"libcuda{copies++}.so");
        File.Copy(compiled, copy);
        return copy;
    }

    /// <summary>Compiles a source once for each set of options. Skips the test where there is no compiler.</summary>
    public string Compile(string source, params string[] options)
    {
        string key = $"{source} {string.Join(' ', options)}";
        if (!built.TryGetValue(key, out string? output))
        {
            output = Path.Combine(folder, $"built{built.Count}");
            RunCompiler([.. options, "-O1", "-Wall", "-Wextra", "-Werror", "-o", output, Path.Combine(folder, source)]);
            built.Add(key, output);
        }

        return output;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static void RunCompiler(string[] arguments)
    {
        foreach (string compiler in (string[])["gcc", "cc", "clang"])
        {
            Process process;
            try
            {
                process = Process.Start(new ProcessStartInfo(compiler, arguments) { RedirectStandardError = true })!;
            }
            catch (Win32Exception)
            {
                continue;
            }

            using (process)
            {
                string errors = process.StandardError.ReadToEnd();
                process.WaitForExit();
                Assert.True(process.ExitCode == 0, $"{compiler} {string.Join(' ', arguments)}: {errors}");
                return;
            }
        }

        throw Xunit.Sdk.SkipException.ForSkip("No C compiler (gcc, cc, clang) is on the path.");
    }
}

/// <summary>All tests of this project in one collection: one after another, so that counts and measured allocations are theirs alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class CudaTests : ICollectionFixture<CompiledSources>
{
    public const string Name = "cuda";
}
