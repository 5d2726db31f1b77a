using System.CommandLine;
using System.CommandLine.Invocation;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc --version</c>: the tool's version in the first line, then what it would run on, as it would find it.</summary>
internal sealed class VersionAction : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        NamedLines lines = new(nameWidth: 14);
        lines.Add("ONNX Runtime", Describe(OnnxRuntime));
        lines.Add("ffmpeg", Describe(Ffmpeg));
        lines.Add("CUDA driver", CudaDriver.TryInitialize(out string reason) ? Driver() : reason);
        lines.Add("TensorRT", Describe(TensorRt));
        StandardOutput.Write($"{Version()}{Environment.NewLine}{lines}");
        return ExitCode.Done;
    }

    private static string Version() =>
        typeof(VersionAction).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private static string OnnxRuntime()
    {
        OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load();
        return $"{library.Version} ({library.Path})";
    }

    private static string Driver() =>
        string.Create(CultureInfo.InvariantCulture, $"{CudaDriver.Version / 1000}.{CudaDriver.Version % 1000 / 10} ({CudaDriver.Library}), devices: {CudaDriver.DeviceCount}");

    private static string TensorRt()
    {
        using TensorRtLibrary library = TensorRtLibrary.Open(TensorRtSearch.ForThisProcess(null, null));
        return $"{library.Name} ({library.Path})";
    }

    // Its first line is "ffmpeg version 7.1 Copyright ...".
    private static string Ffmpeg()
    {
        string program = FfmpegProgram.Find(option: null);
        using Process process = Process.Start(new ProcessStartInfo(program, ["-version"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string[] words = process.StandardOutput.ReadToEnd().Split(' ', '\n');
        process.WaitForExit();
        _ = errors.Result;
        return $"{(words.Length > 2 && words[1] == "version" ? words[2] : "unknown version")} ({program})";
    }

    private static string Describe(Func<string> find)
    {
        try
        {
            return find();
        }
        catch (Exception error) when (error is NativeLibraryException or Win32Exception or IOException)
        {
            return ErrorReport.OneLine(error.Message);
        }
    }
}
