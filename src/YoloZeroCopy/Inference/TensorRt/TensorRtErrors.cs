using System.Diagnostics.CodeAnalysis;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Turns a status of the shim into this library's exceptions, with TensorRT's own words.</summary>
internal static class TensorRtErrors
{
    private const string OnePlanOnePlace =
        "A plan belongs to the TensorRT version and the kind of GPU that built it: build it again here (`yzc build`), or build it "
            + "version-compatible or hardware-compatible.";

    /// <summary>The exception for a library that cannot be opened.</summary>
    public static NativeLibraryException Library(TrtStatus status, string message) => new(TensorRtSearch.LibraryName, status switch
    {
        TrtStatus.WrongMajor =>
            $"{message} Each major of TensorRT has a shim of its own; majors {string.Join(" and ", TensorRtSearch.Majors.Order())} are supported.",
        TrtStatus.NoDriver => $"{message} TensorRT needs NVIDIA's driver and a GPU; only TensorRT for RTX builds without.",
        _ => message,
    });

    /// <summary>Checks a call on an engine's plan.</summary>
    public static void CheckPlan(TrtApi api, TrtStatus status, string path)
    {
        if (status != TrtStatus.Ok)
        {
            throw Plan(status, api.LastMessage(), path);
        }
    }

    /// <summary>Checks a call of a context.</summary>
    /// <exception cref="InferenceException">It failed.</exception>
    public static void CheckRun(TrtApi api, TrtStatus status)
    {
        if (status != TrtStatus.Ok)
        {
            ThrowRun(api, status);
        }
    }

    /// <summary>The exception for a plan that cannot be used.</summary>
    public static Exception Plan(TrtStatus status, string message, string path) => status switch
    {
        TrtStatus.HostCode => new ModelException(
            path, $"it carries code for the processor: {message} If the file is trusted, allow that with "
                + $"TensorRtHostCodeAllowed (`--tensorrt-host-code`)."),
        TrtStatus.DamagedPlan => new ModelException(path, $"the plan is damaged or no TensorRT engine: {message}"),
        TrtStatus.WrongVersion => new ModelException(path, $"the plan is of another version of TensorRT: {message} {OnePlanOnePlace}"),
        TrtStatus.WrongGpu => new ModelException(path, $"the plan does not run on this GPU: {message} {OnePlanOnePlace}"),
        TrtStatus.NotSupported => new ModelException(path, message),
        TrtStatus.OutOfMemory => new InsufficientMemoryException($"The device has too little free memory for the engine '{path}': {message}"),
        _ => new ModelException(path, $"TensorRT cannot use it: {message} ({status})"),
    };

    /// <summary>The exception for a build that failed.</summary>
    public static Exception Build(TrtStatus status, string message, string path, CancellationToken stop) => status switch
    {
        TrtStatus.Cancelled => new OperationCanceledException("The build was cancelled.", stop),
        TrtStatus.OutOfMemory =>
            new InsufficientMemoryException($"Too little memory to build an engine of '{path}': {message} A smaller workspace or batch needs less."),
        TrtStatus.NotSupported => new NotSupportedException(message),
        TrtStatus.NotTensorRt => new NativeLibraryException(TensorRtSearch.LibraryName, message),
        TrtStatus.LibraryMissing => new NativeLibraryException(TensorRtSearch.LibraryName, message),
        TrtStatus.ParseFailed => new ModelException(path, message),
        _ => new ModelException(path, $"TensorRT cannot build an engine of it: {message} ({status})"),
    };

    [DoesNotReturn]
    private static void ThrowRun(TrtApi api, TrtStatus status) =>
        throw (status == TrtStatus.OutOfMemory
            ? new InsufficientMemoryException($"TensorRT: {api.LastMessage()}")
            : new InferenceException($"TensorRT: {api.LastMessage()} ({status})"));
}
