using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>One binary of the shim, opened and checked. Loaded once per file and process, and never unloaded.</summary>
internal sealed unsafe class TensorRtShim
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, TensorRtShim> Loaded = [];

    private TensorRtShim(string path, int major, TrtApi api)
    {
        Path = path;
        Major = major;
        Api = api;
    }

    /// <summary>The file, or the bare name when the system's loader found it.</summary>
    public string Path { get; }

    /// <summary>Major of TensorRT that it drives; 11 also drives TensorRT for RTX.</summary>
    public int Major { get; }

    public TrtApi Api { get; }

    /// <summary>Opens every shim that is there, newest major first. Adds what was tried in vain to <paramref name="tried"/>.</summary>
    /// <exception cref="NativeLibraryException">
    /// The option or the variable is set and wrong, there is none at all, or a file that was found is not one this can use.
    /// </exception>
    public static List<TensorRtShim> LoadAll(TensorRtSearch search, List<string> tried)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new NativeLibraryException(
                TensorRtSearch.ShimName, $"there is one for Linux on x64 only; this process is {RuntimeInformation.RuntimeIdentifier}.");
        }

        List<TensorRtShim> shims = [];
        lock (Gate)
        {
            foreach (int major in TensorRtSearch.Majors)
            {
                if (search.ShimCandidates(major).Select(candidate => TryLoad(candidate, tried)).FirstOrDefault(
                    static shim => shim is not null) is TensorRtShim shim
                    && !shims.Contains(shim))
                {
                    shims.Add(shim);
                }
            }
        }

        return shims.Count > 0 ? shims : throw new NativeLibraryException(
            TensorRtSearch.ShimName,
            $"it was not found. Add the package YoloZeroCopy.TensorRt.linux-x64 to the application, or set {TensorRtSearch.ShimVariableName} to "
            + $"{string.Join(" or ", TensorRtSearch.Majors.Select(TensorRtSearch.ShimFileName))} or their folder. Tried:{Lines(tried)}");
    }

    internal static string Lines(IEnumerable<string> places) =>
        string.Concat(places.Distinct().Select(static place => $"{Environment.NewLine}  {place}"));

    private static TensorRtShim? TryLoad(string candidate, List<string> tried)
    {
        if (Loaded.TryGetValue(candidate, out TensorRtShim? known))
        {
            return known;
        }

        bool isFile = !NativeLibrarySearch.IsForSystem(candidate);
        if (isFile && !File.Exists(candidate))
        {
            tried.Add(candidate);
            return null;
        }

        nint module;
        try
        {
            module = NativeLibrary.Load(candidate);
        }
        catch (DllNotFoundException) when (!isFile)
        {
            tried.Add($"{candidate}, by the system's own search");
            return null;
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            throw new NativeLibraryException(
                TensorRtSearch.ShimName,
                $"'{candidate}' cannot be loaded; it is damaged, made for another system, or a library it needs is missing: {error.Message}",
                error);
        }

        try
        {
            TensorRtShim shim = Check(candidate, module);
            Loaded.Add(candidate, shim);
            return shim;
        }
        catch
        {
            NativeLibrary.Free(module);
            throw;
        }
    }

    private static TensorRtShim Check(string path, nint module)
    {
        if (!NativeLibrary.TryGetExport(module, "yzc_trt_abi_version", out nint abiVersion)
            || !NativeLibrary.TryGetExport(module, "yzc_trt_tensorrt_major", out nint major))
        {
            throw new NativeLibraryException(
                TensorRtSearch.ShimName, $"'{path}' is a library, but not this project's shim: it has no yzc_trt_abi_version.");
        }

        int version = ((delegate* unmanaged<int>)abiVersion)();
        if (version != TrtApi.AbiVersion)
        {
            throw new NativeLibraryException(
                TensorRtSearch.ShimName,
                $"'{path}' has interface version {version}, and {TrtApi.AbiVersion} is wanted: take YoloZeroCopy and "
                    + $"YoloZeroCopy.TensorRt.linux-x64 of one version.");
        }

        try
        {
            return new TensorRtShim(path, ((delegate* unmanaged<int>)major)(), new TrtApi(module));
        }
        catch (EntryPointNotFoundException error)
        {
            throw new NativeLibraryException(TensorRtSearch.ShimName, $"'{path}' is damaged: {error.Message}", error);
        }
    }
}
