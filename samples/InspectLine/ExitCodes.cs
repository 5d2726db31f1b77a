using YoloZeroCopy;
using YoloZeroCopy.Cuda;

namespace InspectLine;

/// <summary>What the program's exit code tells a script. Those of <c>yzc</c>, as far as both have them.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int UnderTheBar = 1;
    public const int WrongArguments = 2;
    public const int InputUnreadable = 3;
    public const int ModelUnusable = 4;
    public const int OutputUnwritable = 5;

    /// <summary>The exit code for an error that the user can mend; null for one that is a mistake in the program and must show where.</summary>
    /// <param name="error">The error.</param>
    /// <param name="source">What is inspected. The error of a URL has another name of it, without a password.</param>
    public static int? For(Exception error, string source) => error switch
    {
        MediaException media => media.Path == source || InspectOptions.IsUrl(source) ? InputUnreadable : OutputUnwritable,
        NotSupportedException or CudaUnavailableException or CudaException => ModelUnusable,
        InvalidDataException => InputUnreadable,
        ModelException or NativeLibraryException or InferenceException or DetectorFaultedException or InsufficientMemoryException => ModelUnusable,
        ArgumentException => WrongArguments,
        IOException or UnauthorizedAccessException => OutputUnwritable,
        _ => null,
    };
}
