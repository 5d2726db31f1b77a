using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>cuDNN's native library, opened and checked. Loaded once per file and process, and never unloaded.</summary>
/// <remarks>Any thread.</remarks>
internal sealed class CudnnLibrary
{
    private const int VersionsPerMajor = 10_000;
    private const int VersionsPerMinor = 100;
    private const int Major = 9;

    private static readonly NativeLibraryLoader<CudnnLibrary> Loader = new(CudnnSearch.LibraryName, Open);

    private CudnnLibrary(string path, CudnnApi api)
    {
        Path = path;
        Api = api;
        int version = api.Version;
        Version = $"{version / VersionsPerMajor}.{version % VersionsPerMajor / VersionsPerMinor}.{version % VersionsPerMinor}";
    }

    /// <summary>The file, or the bare name when the system's loader found it.</summary>
    public string Path { get; }

    /// <summary>Version of the library, as it says itself: <c>9.19.0</c>.</summary>
    public string Version { get; }

    public CudnnApi Api { get; }

    /// <summary>Finds the library and opens it, or gives the one that is open already.</summary>
    /// <exception cref="NativeLibraryException">No library was found, or what was found is not one this can use; the message names every place
    /// and what to do.</exception>
    public static CudnnLibrary Load(CudnnSearch search) => Loader.Load(
        search.Candidates(),
        $"Install cuDNN {Major} for the CUDA version in use, or set {CudnnSearch.VariableName} to {CudnnSearch.FileNames[0]} or its folder.");

    private static CudnnLibrary Open(string path, nint module)
    {
        try
        {
            CudnnApi api = new(module);
            return api.Version / VersionsPerMajor == Major
                ? new CudnnLibrary(path, api)
                : throw new NativeLibraryException(
                    CudnnSearch.LibraryName, $"'{path}' is version {api.Version}; cuDNN {Major} is needed.");
        }
        catch (EntryPointNotFoundException error)
        {
            throw new NativeLibraryException(CudnnSearch.LibraryName, $"'{path}' is a library, but not cuDNN {Major}: {error.Message}", error);
        }
    }
}
