using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Where the shim and the user's TensorRT are looked for.</summary>
internal sealed record TensorRtSearch : NativeLibrarySearch
{
    /// <summary>Environment variable that names the file or the folder of the user's TensorRT.</summary>
    public const string VariableName = "YZC_TENSORRT";

    /// <summary>Environment variable that names the shim's file or its folder.</summary>
    public const string ShimVariableName = "YZC_TENSORRT_SHIM";

    /// <summary>What messages call the user's library.</summary>
    public const string LibraryName = "TensorRT";

    /// <summary>What messages call the shim.</summary>
    public const string ShimName = "TensorRT shim";

    /// <summary>File or folder of TensorRT given by the caller's options; null when none is.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>Value of <see cref="VariableName"/>; null or empty when it is not set.</summary>
    public string? Variable { get; init; }

    /// <summary>File or folder of the shim given by the caller's options; null when none is.</summary>
    public string? ShimPath { get; init; }

    /// <summary>Value of <see cref="ShimVariableName"/>; null or empty when it is not set.</summary>
    public string? ShimVariable { get; init; }

    /// <summary>What built the engine that is to be run, which comes first where several are installed; null where it is not known, or to
    /// build.</summary>
    public TensorRtOrigin? Origin { get; init; }

    private const string RtxFileName = "libtensorrt_rtx.so.1";

    /// <summary>Majors of TensorRT that there are shims for, newest first.</summary>
    public static ImmutableArray<int> Majors { get; } = [11, 10];

    /// <summary>The search that this process makes.</summary>
    public static TensorRtSearch ForThisProcess(string? libraryPath, string? shimPath) => new()
    {
        LibraryPath = libraryPath,
        Variable = Environment.GetEnvironmentVariable(VariableName),
        ShimPath = shimPath,
        ShimVariable = Environment.GetEnvironmentVariable(ShimVariableName),
        ApplicationDirectory = AppContext.BaseDirectory,
        NativeDirectories = NativeDirectoriesOfThisProcess,
    };

    /// <summary>File of the shim for a major.</summary>
    public static string ShimFileName(int major) => $"libyzc_trt{major}.so";

    /// <summary>Files of TensorRT that the shim of a major can drive: the whole library, then TensorRT for RTX, then the lean runtime, which cannot
    /// build.</summary>
    public static ImmutableArray<string> LibraryFileNames(int major) => major == 10
        ? ["libnvinfer.so.10", "libnvinfer_lean.so.10"]
        : [$"libnvinfer.so.{major}", RtxFileName, $"libnvinfer_lean.so.{major}"];

    /// <summary>Files or, at the end, bare names to try as the shim of a major. A file that an option or the variable names may be of any major: the
    /// shim itself says which.</summary>
    /// <exception cref="NativeLibraryException">The option or the variable is set, but there is nothing where it points.</exception>
    public IEnumerable<string> ShimCandidates(int major) => Candidates(
        new NamedLibrary(ShimName, ShimPath, "the shim path option", ShimVariable, ShimVariableName), [ShimFileName(major)],
            [.. Majors.Select(ShimFileName)]);

    /// <summary>Files or, at the end, bare names to try as TensorRT with the shim of a major.</summary>
    /// <exception cref="NativeLibraryException">The option or the variable is set, but there is nothing where it points.</exception>
    public IEnumerable<string> LibraryCandidates(int major) => Candidates(
        new NamedLibrary(LibraryName, LibraryPath, "the TensorRT path option", Variable, VariableName),
        OriginFirst(LibraryFileNames(major)),
        [.. Majors.SelectMany(static known => LibraryFileNames(known)).Distinct()]);

    // TensorRT for RTX and the others refuse each other's engines, so what cannot run one comes last.
    private ImmutableArray<string> OriginFirst(ImmutableArray<string> names) =>
        Origin is TensorRtOrigin origin ? [.. names.OrderBy(name => (name == RtxFileName) != origin.IsRtx)] : names;
}
