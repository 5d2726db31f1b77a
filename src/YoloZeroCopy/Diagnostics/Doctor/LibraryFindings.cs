using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Which native libraries are found, and where.</summary>
internal static class LibraryFindings
{
    public static IEnumerable<Finding> Read(DetectorOptions options)
    {
        yield return Look(
            "onnx runtime",
            () => OnnxRuntime(options),
            FindingVerdict.Bad,
            $"add the package Microsoft.ML.OnnxRuntime or Microsoft.ML.OnnxRuntime.Gpu, or set {OnnxRuntimeSearch.VariableName}");
        if (Doctor.DeviceOf(options) is null)
        {
            yield break;
        }

        yield return Look(
            "cudnn",
            () =>
            {
                CudnnLibrary library = CudnnLibrary.Load(CudnnSearch.ForThisProcess(options.CudnnPath));
                return $"{library.Version} ({library.Path})";
            },
            FindingVerdict.Note,
            $"`pip install nvidia-cudnn-cu12`, or NVIDIA's package, and {CudnnSearch.VariableName}: without it ONNX Runtime runs the model, slower");
        yield return Look(
            "tensorrt",
            () => TensorRt(options),
            FindingVerdict.Note,
            $"only for TensorRT engines: the package YoloZeroCopy.TensorRt.linux-x64, and {TensorRtSearch.VariableName} for TensorRT itself");
        yield return CudaVideoDecoder.TryInitialize(out string reason)
            ? new Finding("nvdec", FindingVerdict.Good, "libnvcuvid is there")
            : new Finding(
                "nvdec", FindingVerdict.Note, reason, "only for videos on the GPU: `docker run -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,video`");
        yield return CudaJpegDecoder.TryInitialize(out reason)
            ? new Finding("nvjpeg", FindingVerdict.Good, "there")
            : new Finding("nvjpeg", FindingVerdict.Note, reason, "only for JPEGs on the GPU: the CUDA toolkit's libnvjpeg, and YZC_NVJPEG");
    }

    private static string OnnxRuntime(DetectorOptions options)
    {
        OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load(options.OnnxRuntimePath);
        return $"{library.Version} ({library.Path})";
    }

    private static string TensorRt(DetectorOptions options)
    {
        using TensorRtLibrary library = TensorRtLibrary.Open(TensorRtSearch.ForThisProcess(options.TensorRtPath, options.TensorRtShimPath));
        return $"{library.Name} ({library.Path}), shim {library.Shim.Path}";
    }

    private static Finding Look(string name, Func<string> find, FindingVerdict absent, string remedy)
    {
        try
        {
            return new Finding(name, FindingVerdict.Good, find());
        }
        catch (NativeLibraryException error)
        {
            // Its first line says what; the places that were tried follow.
            string text = error.Message;
            int end = text.IndexOf('\n', StringComparison.Ordinal);
            return new Finding(name, absent, (end < 0 ? text : text[..end]).TrimEnd(), remedy);
        }
    }
}
