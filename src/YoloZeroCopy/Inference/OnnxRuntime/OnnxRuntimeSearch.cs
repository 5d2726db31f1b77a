using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Where ONNX Runtime's native library is looked for.</summary>
internal sealed record OnnxRuntimeSearch : NativeLibrarySearch
{
    /// <summary>Environment variable that names the library's file or its folder.</summary>
    public const string VariableName = "YZC_ONNXRUNTIME";

    /// <summary>What messages call the library.</summary>
    public const string LibraryName = "ONNX Runtime";

    /// <summary>File or folder given by the caller's options; null when none is.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>Value of <see cref="VariableName"/>; null or empty when it is not set.</summary>
    public string? Variable { get; init; }

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
        NativeDirectories = NativeDirectoriesOfThisProcess,
    };

    /// <summary>Files and, at the end, bare names to try.</summary>
    /// <exception cref="NativeLibraryException">The option or the variable is set, but there is no library where it points.</exception>
    public IEnumerable<string> Candidates() =>
        Candidates(new NamedLibrary(LibraryName, LibraryPath, "the library path option", Variable, VariableName), FileNames, FileNames);
}
