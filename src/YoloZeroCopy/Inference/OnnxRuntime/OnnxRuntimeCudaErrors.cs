using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>What is said where ONNX Runtime cannot use CUDA.</summary>
internal static class OnnxRuntimeCudaErrors
{
    /// <summary>The CUDA provider's file beside the runtime's own, on this system.</summary>
    private static string ProviderFile => OperatingSystem.IsWindows() ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";

    private static string SharedFile => OperatingSystem.IsWindows() ? "onnxruntime_providers_shared.dll" : "libonnxruntime_providers_shared.so";

    /// <summary>The exception for memory that does not suffice.</summary>
    public static InsufficientMemoryException OutOfMemory(OnnxRuntimeModel model, OnnxRuntimeCudaOptions options, int batch, Exception error) =>
        new(
            $"CUDA device {options.DeviceOrdinal} has too little free memory for a context of batch {batch} of "
                + $"model '{model.Info.Path}': {error.Message}",
            error);

    /// <summary>The exception for a runtime that cannot use CUDA: names every file that is missing, and says what to install.</summary>
    public static NativeLibraryException NoProvider(OnnxRuntimeLibrary library, OnnxRuntimeCudaOptions options, string message)
    {
        string own = $"'{library.Path}' is version {library.Version} and cannot use CUDA device {options.DeviceOrdinal}. "
            + $"It says: {Words(message).TrimEnd('.')}.";
        string advice = $"Install the package Microsoft.ML.OnnxRuntime.Gpu, or set {OnnxRuntimeSearch.VariableName} to a folder with "
            + $"{OnnxRuntimeSearch.FileNames[0]}, {SharedFile} and {ProviderFile} of one version; they need CUDA's libraries and cuDNN, too "
            + "(docs/installing.md has the list).";
        if (Path.GetDirectoryName(library.Path) is { Length: > 0 } folder)
        {
            string[] files = [Path.Combine(folder, SharedFile), Path.Combine(folder, ProviderFile)];
            string? missing = Array.Find(files, static file => !File.Exists(file));
            string[] needed = missing is null ? MissingNeeds(files[1]) : [];
            advice = missing is not null ? $"'{missing}' is missing. {advice}"
                : needed.Length > 0 ? $"{ProviderFile} needs what the system's loader cannot load: {string.Join(", ", needed)}. "
                    + "Install CUDA's libraries and cuDNN of these versions (docs/installing.md says where from), "
                    + "or name their folders in LD_LIBRARY_PATH."
                : $"{ProviderFile} must be of version {library.Version}, too, and needs NVIDIA's driver, the CUDA libraries (cudart, cublas, "
                    + "cublasLt, curand) of the CUDA version it was made for, and cuDNN 9, all where the system's loader looks.";
        }

        return new NativeLibraryException(OnnxRuntimeSearch.LibraryName, $"{own} {advice}");
    }

    /// <summary>The libraries that the provider needs and the system's loader cannot load.</summary>
    private static string[] MissingNeeds(string provider)
    {
        IEnumerable<string> needed = ElfFile.NeededLibraries(provider);
        if (needed.Any() && !needed.Any(static name => name.StartsWith("libcudnn", StringComparison.Ordinal)))
        {
            // Versions from 1.30 on open it themselves, when the first model needs it.
            needed = needed.Append("libcudnn.so.9");
        }

        return [.. needed.Where(static name => !CanLoad(name))];
    }

    private static bool CanLoad(string name)
    {
        bool canLoad = NativeLibrary.TryLoad(name, out nint library);
        NativeLibrary.Free(library);
        return canLoad;
    }

    /// <summary>
    /// What a message says in the end: the runtime puts its source line, function and code before that, and the place behind a CUDA failure.
    /// </summary>
    public static string Words(string message)
    {
        const string Mark = " : FAIL : ";
        int start = message.LastIndexOf(Mark, StringComparison.Ordinal);
        string words = start < 0 ? message : message[(start + Mark.Length)..];
        start = words.IndexOf("CUDA failure ", StringComparison.Ordinal);
        int end = words.IndexOf(" ; GPU=", StringComparison.Ordinal);
        return (start >= 0 && end > start ? words[start..end] : words).Trim();
    }
}
