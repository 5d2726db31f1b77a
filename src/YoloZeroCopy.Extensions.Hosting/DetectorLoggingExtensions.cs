using Microsoft.Extensions.Logging;

namespace YoloZeroCopy;

/// <summary>Logging for a detector that no host opens.</summary>
public static class DetectorLoggingExtensions
{
    /// <summary>Gives options whose warnings are logged, as those of a host's detector are: event 8, <c>Warning</c>.</summary>
    /// <param name="options">The options; not changed. Where they have a <see cref="DetectorOptions.Warning"/>, that is told, too.</param>
    /// <param name="logger">Where warnings go. It lives as long as the detector's threads.</param>
    /// <returns>A copy of the options.</returns>
    public static DetectorOptions WithLogger(this DetectorOptions options, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        return options with { Warning = HostingLog.WarningsTo(new QuietLogger(logger), options.Name ?? "without a name") + options.Warning };
    }
}
