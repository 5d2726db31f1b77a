using Microsoft.Extensions.Logging;

namespace YoloZeroCopy.Server;

/// <summary>Every message of the server, as docs/server.md lists them. None is written for a request that was answered as it should be.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Information, "Opening model {Model}: {Path}")]
    public static partial void Loading(ILogger logger, string model, string path);

    [LoggerMessage(2, LogLevel.Information, "Model {Model} is open on {Device}")]
    public static partial void Loaded(ILogger logger, string model, string device);

    [LoggerMessage(3, LogLevel.Error, "Model {Model} cannot be opened")]
    public static partial void LoadingFailed(ILogger logger, Exception error, string model);

    [LoggerMessage(4, LogLevel.Information, "Model {Model} is closed")]
    public static partial void Unloaded(ILogger logger, string model);

    [LoggerMessage(5, LogLevel.Error, "Model {Model} met an error that it cannot go on after, and is opened again")]
    public static partial void Faulted(ILogger logger, Exception error, string model);

    [LoggerMessage(6, LogLevel.Warning, "Model {Model}: {Text}")]
    public static partial void Warning(ILogger logger, string model, string text);

    [LoggerMessage(7, LogLevel.Warning, "{Path} is not served: {Other} has the same name")]
    public static partial void SameName(ILogger logger, string path, string other);

    [LoggerMessage(8, LogLevel.Error, "A request met an error that was not expected")]
    public static partial void Unexpected(ILogger logger, Exception error);

    [LoggerMessage(9, LogLevel.Information, "Serving at {Http} (REST) and {Grpc} (gRPC)")]
    public static partial void Serving(ILogger logger, string http, string grpc);

    [LoggerMessage(10, LogLevel.Information, "Ending: {Open} requests are open, and have {Seconds:F1} s")]
    public static partial void Draining(ILogger logger, int open, double seconds);

    [LoggerMessage(11, LogLevel.Warning, "{Open} requests were broken off")]
    public static partial void BrokenOff(ILogger logger, int open);
}
