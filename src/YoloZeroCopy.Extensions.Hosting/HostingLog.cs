using Microsoft.Extensions.Logging;

namespace YoloZeroCopy;

/// <summary>Every message of the package, as docs/hosting.md lists them. None is written for a frame.</summary>
internal static partial class HostingLog
{
    [LoggerMessage(1, LogLevel.Information, "Opening detector {Detector}: model {Model}, device {Device}")]
    public static partial void Opening(ILogger logger, string detector, string model, Device device);

    [LoggerMessage(2, LogLevel.Debug, "Detector {Detector}: {Step}")]
    public static partial void OpeningStep(ILogger logger, string detector, OpeningProgress step);

    [LoggerMessage(3, LogLevel.Information, "Detector {Detector} is open after {Seconds:F1} s on {Device}")]
    public static partial void Opened(ILogger logger, string detector, double seconds, string device);

    [LoggerMessage(4, LogLevel.Information, "Detector {Detector} was not opened: the host stops")]
    public static partial void OpeningCanceled(ILogger logger, string detector);

    [LoggerMessage(5, LogLevel.Error, "Detector {Detector} cannot be opened: model {Model}")]
    public static partial void OpeningFailed(ILogger logger, Exception error, string detector, string model);

    [LoggerMessage(6, LogLevel.Critical, "Detector {Detector} is faulted and takes no more frames; on CUDA only a new process can go on")]
    public static partial void Faulted(ILogger logger, Exception fault, string detector);

    [LoggerMessage(
        7,
        LogLevel.Warning,
        "Detector {Detector} dropped {Dropped} of {Submitted} frames since the last report: {Newest} newest, {Oldest} oldest, {TooOld} too old, "
            + "{Late} late, {Removed} of removed sources")]
    public static partial void Dropped(
        ILogger logger, string detector, long dropped, long submitted, long newest, long oldest, long tooOld, long late, long removed);

    [LoggerMessage(8, LogLevel.Warning, "Detector {Detector}: {Text}")]
    public static partial void Warning(ILogger logger, string detector, string text);

    // Holds nothing but the logger: the detector's threads hold it, and must not hold the detector by it.
    public static Action<string> WarningsTo(ILogger logger, string detector) => text => Warning(logger, detector, text);
}
