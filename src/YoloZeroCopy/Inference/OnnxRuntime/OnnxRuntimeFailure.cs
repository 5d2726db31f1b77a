using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace YoloZeroCopy;

/// <summary>Failures of ONNX Runtime after which this library goes on in another way, or says more.</summary>
internal enum OnnxRuntimeFailure
{
    /// <summary>Any other one: it is reported.</summary>
    Other,

    /// <summary>The device has too little memory.</summary>
    OutOfMemory,

    /// <summary>The run cannot be captured into a CUDA graph, or a capture was broken.</summary>
    NotCapturable,

    /// <summary>The runtime found no cuDNN when a model needed it.</summary>
    NoCudnn,
}

/// <summary>Tells the failures apart. The runtime's own codes do not: it has one for everything that goes wrong on a device.</summary>
internal static partial class OnnxRuntimeFailures
{
    private const int CudaOutOfMemory = 2;
    private const int CublasAllocationFailed = 3;

    // cudaErrorStreamCaptureUnsupported to cudaErrorStreamCaptureWrongThread.
    private const int FirstCaptureError = 900;
    private const int LastCaptureError = 908;

    // ONNX Runtime's sentences for what has no number, each with a version that it was seen in.
    private static readonly ImmutableArray<(string Sentence, OnnxRuntimeFailure Failure, string SeenIn)> Sentences =
    [
        ("This session cannot use the graph capture feature as requested by the user", OnnxRuntimeFailure.NotCapturable, "1.31"),
        ("This session cannot use the CUDA Graph feature as requested by the user", OnnxRuntimeFailure.NotCapturable, "1.16"),
        ("Failed to allocate memory for requested buffer of size ", OnnxRuntimeFailure.OutOfMemory, "1.31"),
        (" is smaller than requested bytes of ", OnnxRuntimeFailure.OutOfMemory, "1.31"),
        ("std::bad_alloc", OnnxRuntimeFailure.OutOfMemory, "1.31"),
        ("cuDNN is not available. Install cuDNN", OnnxRuntimeFailure.NoCudnn, "1.31"),
        ("cuDNN is unavailable ", OnnxRuntimeFailure.NoCudnn, "1.31"),
        ("cuDNN library was not found", OnnxRuntimeFailure.NoCudnn, "1.31"),
    ];

    /// <summary>Tells a failure by what the runtime says. Names from the model do not count: neither its file's nor its nodes'.</summary>
    /// <param name="message">The runtime's message.</param>
    /// <param name="modelPath">File of the model, where the message may hold it.</param>
    public static OnnxRuntimeFailure Of(string message, string? modelPath = null)
    {
        // A run's message begins with the node's name and type.
        const string StatusMark = "Status Message: ";
        int mark = message.LastIndexOf(StatusMark, StringComparison.Ordinal);
        string words = mark < 0 ? message : message[(mark + StatusMark.Length)..];
        if (!string.IsNullOrEmpty(modelPath))
        {
            words = words.Replace(Path.GetFullPath(modelPath), "", StringComparison.Ordinal);
        }

        // CUDA's own numbers, which mean the same in every version: "CUDA failure 2: out of memory ; GPU=0 ; hostname=...".
        if (LibraryFailure().Match(words) is { Success: true } numbered)
        {
            int number = int.Parse(numbered.Groups["number"].ValueSpan, null);
            switch (numbered.Groups["library"].ValueSpan)
            {
                case "CUDA" when number is >= FirstCaptureError and <= LastCaptureError:
                    return OnnxRuntimeFailure.NotCapturable;
                case "CUDA" when number == CudaOutOfMemory:
                case "CUBLAS" when number == CublasAllocationFailed:
                    return OnnxRuntimeFailure.OutOfMemory;
            }

            // cuDNN's numbers changed with version 9, and its names did not.
            return numbered.Groups["name"].ValueSpan.Contains("_ALLOC_FAILED", StringComparison.Ordinal)
                || numbered.Groups["name"].ValueSpan.Contains("_ALLOCATION_FAILED", StringComparison.Ordinal)
                ? OnnxRuntimeFailure.OutOfMemory
                : OnnxRuntimeFailure.Other;
        }

        return Sentences.FirstOrDefault(known => words.Contains(known.Sentence, StringComparison.Ordinal)).Failure;
    }

    [GeneratedRegex(@"\b(?<library>CUDA|CUBLAS|CUDNN) failure (?<number>\d{1,6}): (?<name>[^;]*)", RegexOptions.CultureInvariant)]
    private static partial Regex LibraryFailure();
}
