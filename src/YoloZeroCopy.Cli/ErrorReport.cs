using System.Text.RegularExpressions;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Turns what went wrong into one line for people and a code for scripts.</summary>
internal static partial class ErrorReport
{
    private const string DebugVariable = "YZC_DEBUG";
    private const string ModelHint = "The tool runs YOLO detection models in ONNX format, as Ultralytics exports them with format=onnx.";
    private const string GpuHint =
        "An ONNX model runs without a GPU: --device cpu; --device auto takes a GPU where it can. A TensorRT engine needs one.";
    private const string RuntimeHint = "The tool brings ONNX Runtime for the CPU: --device cpu. For a GPU, docs/installing.md has the commands.";
    private const string BugHint = $"This is a bug; please report it. {DebugVariable}=1 shows where it happened.";

    /// <summary>Writes the error to standard error and returns the exit code.</summary>
    public static int Write(Exception error)
    {
        (int code, string message, string? hint) = Describe(error);
        Write(message, hint);
        if (Environment.GetEnvironmentVariable(DebugVariable) == "1")
        {
            StandardError.WriteLine(error.ToString());
        }

        return code;
    }

    public static void Write(string message, string? hint = null)
    {
        StandardError.WriteLine($"yzc: {Shown(message)}");
        if (hint is not null)
        {
            StandardError.WriteLine($"     {OneLine(hint)}");
        }
    }

    /// <summary>A message as users see it: one line, without passwords.</summary>
    public static string Shown(string message) => UrlCredentials.Hide(OneLine(message), url: null);

    public static (int Code, string Message, string? Hint) Describe(Exception error) => error switch
    {
        CliException own => (own.Code, own.Message, own.Hint),
        ModelException => (ExitCode.ModelUnusable, error.Message, ModelHint),
        NativeLibraryException { Library: OnnxRuntimeSearch.LibraryName } => (ExitCode.ModelUnusable, error.Message, RuntimeHint),
        NativeLibraryException => (ExitCode.ModelUnusable, error.Message, null),
        CudaUnavailableException or CudaException => (ExitCode.ModelUnusable, error.Message, GpuHint),
        InsufficientMemoryException => (ExitCode.ModelUnusable, error.Message, "A smaller --batch needs less memory."),
        InferenceException or DetectorFaultedException => (ExitCode.ModelUnusable, error.Message, null),
        MediaException => (ExitCode.InputFailed, error.Message, null),
        _ => (ExitCode.Unexpected, $"unexpected error: {error.GetType().Name}: {error.Message}", BugHint),
    };

    /// <summary>The message of an argument exception without the framework's additions to it.</summary>
    public static string MessageOf(ArgumentException error)
    {
        string message = error.Message;
        int addition = message.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
        return addition > 0 ? message[..addition] : message;
    }

    /// <summary>Joins the lines of a message, so that one error is one line in a log.</summary>
    public static string OneLine(string message) => LineBreaks().Replace(message.Trim(), static lines => lines.Groups[1].Length > 0 ? ": " : "; ");

    [GeneratedRegex(@"\s*(:?)\s*[\r\n]+\s*")]
    private static partial Regex LineBreaks();
}
