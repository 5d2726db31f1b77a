using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Where cuDNN's native library is looked for.</summary>
internal sealed record CudnnSearch : NativeLibrarySearch
{
    /// <summary>Environment variable that names the library's file or its folder.</summary>
    public const string VariableName = "YZC_CUDNN";

    /// <summary>What messages call the library.</summary>
    public const string LibraryName = "cuDNN";

    /// <summary>File or folder given by the caller's options; null when none is.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>Value of <see cref="VariableName"/>; null or empty when it is not set.</summary>
    public string? Variable { get; init; }

    /// <summary>The library's names on this system. Its other parts lie beside it, where it finds them itself.</summary>
    public static ImmutableArray<string> FileNames { get; } = OperatingSystem.IsWindows() ? ["cudnn64_9.dll"] : ["libcudnn.so.9"];

    /// <summary>The search that this process makes.</summary>
    public static CudnnSearch ForThisProcess(string? libraryPath) => new()
    {
        LibraryPath = libraryPath,
        Variable = Environment.GetEnvironmentVariable(VariableName),
        ApplicationDirectory = AppContext.BaseDirectory,
        NativeDirectories = NativeDirectoriesOfThisProcess,
    };

    /// <summary>Whether the caller or the environment says where it is; no other place is tried then.</summary>
    public bool IsNamed => !string.IsNullOrEmpty(LibraryPath) || !string.IsNullOrEmpty(Variable);

    /// <summary>Files and, at the end, bare names to try.</summary>
    /// <exception cref="NativeLibraryException">The option or the variable is set, but there is no library where it points.</exception>
    public IEnumerable<string> Candidates() =>
        Candidates(new NamedLibrary(LibraryName, LibraryPath, "CudnnPath", Variable, VariableName), FileNames, FileNames);
}
