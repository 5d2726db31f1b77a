using System.ComponentModel;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Stand-in libraries for ONNX Runtime, compiled from native/tests/onnxruntime_double once for a test class.</summary>
public sealed class OnnxRuntimeDoubles : IDisposable
{
    private readonly ModelFolder folder = new();
    private readonly Lock gate = new();
    private readonly Dictionary<string, string> built = [];

    /// <summary>Compiles a stand-in and returns its file. Skips the test where there is no compiler.</summary>
    public string Library(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The stand-in libraries are compiled on Linux only.");
        lock (gate)
        {
            if (!built.TryGetValue(name, out string? library))
            {
                library = Compile(name);
                built.Add(name, library);
            }

            return library;
        }
    }

    public void Dispose() => folder.Dispose();

    /// <summary>Makes a library that does nothing and needs libraries that are nowhere.</summary>
    public static void MakeNeedy(string file, params string[] missing)
    {
        string[] paths = [.. missing.Select(name => Path.Combine(Path.GetDirectoryName(file)!, name))];
        foreach (string path in paths)
        {
            Compile("-shared", "-nostdlib", $"-Wl,-soname,{Path.GetFileName(path)}", "-o", path, "-x", "c", "/dev/null");
        }

        Compile(["-shared", "-nostdlib", "-Wl,--no-as-needed", "-o", file, "-x", "c", "/dev/null", "-x", "none", .. paths]);
        Array.ForEach(paths, File.Delete);
    }

    private string Compile(string name)
    {
        // Each in a folder of its own, so that a folder can be given in place of a file.
        string library = Path.Combine(Directory.CreateDirectory(folder.File(name)).FullName, "libonnxruntime.so");
        Compile("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, Path.Combine(Sources(), $"{name}.c"));
        return library;
    }

    private static void Compile(params string[] arguments)
    {
        foreach (string compiler in (string[])["gcc", "cc", "clang"])
        {
            ProcessStartInfo start = new(compiler, arguments) { RedirectStandardError = true };
            Process process;
            try
            {
                process = Process.Start(start)!;
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

    private static string Sources()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            string sources = Path.Combine(directory.FullName, "native", "tests", "onnxruntime_double");
            if (Directory.Exists(sources))
            {
                return sources;
            }
        }

        throw Xunit.Sdk.SkipException.ForSkip("The repository's native/tests folder is not above the test's folder.");
    }
}
