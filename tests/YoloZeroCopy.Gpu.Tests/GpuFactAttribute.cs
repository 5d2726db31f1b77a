using System.Runtime.CompilerServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>A test of the detector on a CUDA device. Skipped only where driver, device or ONNX Runtime's CUDA provider are absent; YZC_REQUIRE_GPU=1
/// runs it there, too, so that it fails.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GpuFactAttribute : FactAttribute
{
    public GpuFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line) =>
        Skip = GpuPresence.ReasonToSkip;
}

/// <summary>The same for a test with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GpuTheoryAttribute : TheoryAttribute
{
    public GpuTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line) =>
        Skip = GpuPresence.ReasonToSkip;
}

/// <summary>A test with data of nvJPEG on a CUDA device. Skipped only where driver, device or nvJPEG are absent; YZC_REQUIRE_GPU=1 runs it there,
/// too, so that it fails.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GpuJpegTheoryAttribute : TheoryAttribute
{
    public GpuJpegTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line) =>
        Skip = GpuPresence.ReasonToSkip ?? GpuPresence.ReasonToSkipJpeg;
}

/// <summary>What is missing on this machine. Looked for once in a process.</summary>
internal static class GpuPresence
{
    private static readonly Lazy<string?> Missing = new(Look);

    public static string? ReasonToSkip => Missing.Value;

    public static string? ReasonToSkipJpeg =>
        Environment.GetEnvironmentVariable("YZC_REQUIRE_GPU") == "1" || CudaJpegDecoder.TryInitialize(out string reason) ? null : reason;

    private static string? Look()
    {
        if (Environment.GetEnvironmentVariable("YZC_REQUIRE_GPU") == "1")
        {
            return null;
        }

        // A driver that is there and does not work is a failure: absence alone is a reason to skip.
        if (CudaDriver.Opened.Problem is DriverProblem.NoLibrary or DriverProblem.NoDevice)
        {
            return CudaDriver.Opened.Reason;
        }

        try
        {
            string library = OnnxRuntimeLibrary.Load().Path;
            string provider = OperatingSystem.IsWindows() ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";
            return Path.GetDirectoryName(library) is { Length: > 0 } folder && !File.Exists(Path.Combine(folder, provider))
                ? $"{provider} is not beside '{library}'."
                : null;
        }
        catch (NativeLibraryException error)
        {
            return error.Message;
        }
    }
}
