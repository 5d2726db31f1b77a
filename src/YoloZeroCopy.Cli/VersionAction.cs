using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc --version</c>: the tool's version in the first line, then what it would run on, as it would find it.</summary>
internal sealed class VersionAction : AsynchronousCommandLineAction
{
    public override async Task<int> InvokeAsync(ParseResult parseResult, CancellationToken cancellationToken = default)
    {
        NamedLines lines = new(nameWidth: 14);
        lines.Add(".NET", $"{Environment.Version} ({RuntimeInformation.RuntimeIdentifier})");
        lines.Add("ONNX Runtime", await DescribeAsync(static () => Task.FromResult(OnnxRuntime())));
        lines.Add("ffmpeg", await DescribeAsync(() => FfmpegAsync(cancellationToken)));
        lines.Add("CUDA driver", CudaDriver.TryInitialize(out string reason) ? Driver() : reason);
        lines.Add("TensorRT", await DescribeAsync(static () => Task.FromResult(TensorRt())));
        StandardOutput.Write($"{Version()}{Environment.NewLine}{lines}");
        return ExitCode.Done;
    }

    /// <summary>The tool's version with its commit.</summary>
    public static string Version() =>
        typeof(VersionAction).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private static string OnnxRuntime()
    {
        OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load();

        // Its CUDA build has this library beside it.
        string provider = OperatingSystem.IsWindows() ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";
        bool hasCuda = Path.GetDirectoryName(library.Path) is string folder && File.Exists(Path.Combine(folder, provider));
        return $"{library.Version}{(hasCuda ? " with CUDA" : "")} ({library.Path})";
    }

    private static string Driver()
    {
        int version = CudaDriver.Version;
        return FormattableString.Invariant($"{version / 1000}.{version % 1000 / 10} ({CudaDriver.Library}), devices: {CudaDriver.DeviceCount}");
    }

    private static string TensorRt()
    {
        using TensorRtLibrary library = TensorRtLibrary.Open(TensorRtSearch.ForThisProcess(null, null));
        return $"{library.Name} ({library.Path}), shim {library.Shim.Path}";
    }

    private static async Task<string> FfmpegAsync(CancellationToken stop)
    {
        FfmpegProgram program = await FfmpegProgram.OpenAsync(option: null, stop);
        return $"{program.Version} ({program.Executable})";
    }

    private static async Task<string> DescribeAsync(Func<Task<string>> find)
    {
        try
        {
            return await find();
        }
        catch (Exception error) when (error is NativeLibraryException)
        {
            return ErrorReport.OneLine(error.Message);
        }
    }
}
