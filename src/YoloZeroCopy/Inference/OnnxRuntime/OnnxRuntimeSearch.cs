using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Where ONNX Runtime's native library is looked for, in this order: option, variable, application, system.</summary>
/// <remarks>A record of plain values, so that a test can search a folder of its own.</remarks>
internal sealed record OnnxRuntimeSearch
{
    /// <summary>Environment variable that names the library's file or its folder.</summary>
    public const string VariableName = "YZC_ONNXRUNTIME";

    /// <summary>What messages call the library.</summary>
    public const string LibraryName = "ONNX Runtime";

    /// <summary>File or folder given by the caller's options; null when none is.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>Value of <see cref="VariableName"/>; null or empty when it is not set.</summary>
    public string? Variable { get; init; }

    /// <summary>Folder of the application.</summary>
    public required string ApplicationDirectory { get; init; }

    /// <summary>Other folders in which the .NET host looks for the application's native libraries.</summary>
    public ImmutableArray<string> NativeDirectories { get; init; } = [];

    /// <summary>Whether to ask the system's loader at the end.</summary>
    public bool UseSystem { get; init; } = true;

    /// <summary>The library's names on this system, most usual first.</summary>
    public static ImmutableArray<string> FileNames { get; } =
        OperatingSystem.IsWindows() ? ["onnxruntime.dll"]
        : OperatingSystem.IsMacOS() ? ["libonnxruntime.dylib"]
        : ["libonnxruntime.so", "libonnxruntime.so.1"];

    /// <summary>The search that this process makes.</summary>
    public static OnnxRuntimeSearch ForThisProcess(string? libraryPath) => new()
    {
        LibraryPath = libraryPath,
        Variable = Environment.GetEnvironmentVariable(VariableName),
        ApplicationDirectory = AppContext.BaseDirectory,
        NativeDirectories = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") is string directories
            ? [.. directories.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)]
            : [],
    };

    /// <summary>
    /// Finds the library's file. Null means that only the system's loader is left to ask. Adds every place that was tried to
    /// <paramref name="tried"/>.
    /// </summary>
    /// <exception cref="NativeLibraryException">The option or the variable is set, but there is no library where it points.</exception>
    public string? FindFile(List<string> tried)
    {
        if (!string.IsNullOrEmpty(LibraryPath))
        {
            return FindNamed(LibraryPath, "the library path option");
        }

        if (!string.IsNullOrEmpty(Variable))
        {
            return FindNamed(Variable, $"the environment variable {VariableName}");
        }

        foreach (string directory in ApplicationDirectories())
        {
            if (FindIn(directory, tried) is string file)
            {
                return file;
            }
        }

        return null;
    }

    /// <summary>What to tell a user who has no library.</summary>
    public static string NotFound(List<string> tried) =>
        "the native library was not found. Add the package Microsoft.ML.OnnxRuntime (or Microsoft.ML.OnnxRuntime.Gpu) to the application, "
        + $"or set {VariableName} to {FileNames[0]} or its folder. Tried:{string.Concat(tried.Select(static place => $"{Environment.NewLine}  {place}"))}";

    private static string FindNamed(string path, string source)
    {
        string full = Path.GetFullPath(path);
        List<string> tried = [];
        if (File.Exists(full))
        {
            return full;
        }

        return FindIn(full, tried) ?? throw new NativeLibraryException(
            LibraryName,
            $"{source} is '{path}', which is neither the library's file nor a folder with {string.Join(" or ", FileNames)} in it. "
            + "Correct or remove it; no other place is tried.");
    }

    private static string? FindIn(string directory, List<string> tried)
    {
        foreach (string name in FileNames)
        {
            string file = Path.Combine(directory, name);
            if (File.Exists(file))
            {
                return file;
            }

            tried.Add(file);
        }

        return null;
    }

    private HashSet<string> ApplicationDirectories()
    {
        HashSet<string> directories = [];

        // A .NET that a distribution built reports that distribution's own identifier, but packages carry the portable one.
        string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        string portable = $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        foreach (string runtime in (string[])[RuntimeInformation.RuntimeIdentifier, portable])
        {
            directories.Add(Path.GetFullPath(Path.Combine(ApplicationDirectory, "runtimes", runtime, "native")));
        }

        directories.Add(Path.TrimEndingDirectorySeparator(Path.GetFullPath(ApplicationDirectory)));
        foreach (string directory in NativeDirectories)
        {
            directories.Add(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));
        }

        return directories;
    }
}
