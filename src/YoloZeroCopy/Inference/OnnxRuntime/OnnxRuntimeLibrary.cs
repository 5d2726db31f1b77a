using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>ONNX Runtime's native library, opened and checked. Loaded once per file and process, and never unloaded.</summary>
/// <remarks>Any thread. Its environment lives as long as the process: ONNX Runtime keeps one per process however often it is made.</remarks>
internal sealed unsafe class OnnxRuntimeLibrary
{
    private const int MaxVersionLength = 64;

    private static readonly NativeLibraryLoader<OnnxRuntimeLibrary> Loader = new(OnnxRuntimeSearch.LibraryName, Open);

    private OnnxRuntimeLibrary(string path, string version, OrtApi* api, nint environment)
    {
        Path = path;
        Version = version;
        Api = api;
        Environment = environment;
    }

    /// <summary>The file, or the bare name when the system's loader found it.</summary>
    public string Path { get; }

    /// <summary>Version of the library, as it says itself: <c>1.23.2</c>.</summary>
    public string Version { get; }

    /// <summary>The 23 of 1.23.2; 0 where the library's version cannot be read.</summary>
    public int MinorVersion => ParsedVersion(Version)?.Minor ?? 0;

    public OrtApi* Api { get; }

    /// <summary>The process's <c>OrtEnv</c>. Not ours to free.</summary>
    public nint Environment { get; }

    /// <summary>Finds the library and opens it, or gives the one that is open already.</summary>
    /// <exception cref="NativeLibraryException">
    /// No library was found, or what was found is not one this can use; the message names every place and what to do.
    /// </exception>
    public static OnnxRuntimeLibrary Load(string? libraryPath = null) => Load(OnnxRuntimeSearch.ForThisProcess(libraryPath));

    /// <inheritdoc cref="Load(string?)"/>
    public static OnnxRuntimeLibrary Load(OnnxRuntimeSearch search)
    {
        if (nint.Size != 8)
        {
            throw new NativeLibraryException(OnnxRuntimeSearch.LibraryName, "a 64-bit process is needed; this one is 32-bit.");
        }

        return Loader.Load(
            search.Candidates(),
            "Add the package Microsoft.ML.OnnxRuntime (or Microsoft.ML.OnnxRuntime.Gpu) to the application, "
                + $"or set {OnnxRuntimeSearch.VariableName} to {OnnxRuntimeSearch.FileNames[0]} or its folder.");
    }

    private static OnnxRuntimeLibrary Open(string path, nint module)
    {
        if (!NativeLibrary.TryGetExport(module, "OrtGetApiBase", out nint export))
        {
            throw new NativeLibraryException(OnnxRuntimeSearch.LibraryName, $"'{path}' is a library, but not ONNX Runtime: it has no OrtGetApiBase.");
        }

        OrtApiBase* apiBase = ((delegate* unmanaged<OrtApiBase*>)export)();
        string version = apiBase == null || apiBase->GetVersionString == null ? "unknown" : Utf8.Read(apiBase->GetVersionString(), MaxVersionLength);

        // A library that is too old answers null and also writes to standard error; its version tells without asking.
        OrtApi* api = apiBase == null || apiBase->GetApi == null || IsTooOld(version) ? null : apiBase->GetApi(OrtApi.Version);
        if (api == null)
        {
            throw new NativeLibraryException(
                OnnxRuntimeSearch.LibraryName,
                $"'{path}' is version {version} and has no function table {OrtApi.Version}; ONNX Runtime 1.{OrtApi.Version} or newer is needed.");
        }

        nint environment;
        try
        {
            fixed (byte* name = "YoloZeroCopy"u8)
            {
                // Errors come back as statuses; nothing is to be printed.
                api->CreateEnv(OrtLoggingLevel.Fatal, name, &environment).ThrowIfFailed(api);
            }

            api->DisableTelemetryEvents(environment).ThrowIfFailed(api);
        }
        catch (InferenceException error)
        {
            throw new NativeLibraryException(OnnxRuntimeSearch.LibraryName, $"'{path}' cannot start: {error.Message}", error);
        }

        return new OnnxRuntimeLibrary(path, version, api, environment);
    }

    private static bool IsTooOld(string version) =>
        ParsedVersion(version) is Version parsed && (parsed.Major < 1 || (parsed.Major == 1 && parsed.Minor < OrtApi.Version));

    private static Version? ParsedVersion(string version) => System.Version.TryParse(version.Split('-', '+')[0], out Version? parsed) ? parsed : null;
}
