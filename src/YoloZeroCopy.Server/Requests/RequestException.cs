namespace YoloZeroCopy.Server;

/// <summary>What a request ended with, for both ways in: REST names it by a status of HTTP, gRPC by one of its own.</summary>
internal enum Refusal
{
    Invalid,
    TooLarge,
    Forbidden,
    Unauthenticated,
    NotFound,

    /// <summary>Too much at once: worth another try after <see cref="RequestException.RetryAfter"/>.</summary>
    Overloaded,

    /// <summary>Nothing can be done now: the model is not open, or the server ends.</summary>
    Unavailable,
    Late,
    Cancelled,
    Failed,
}

/// <summary>Ends a request with a message for its sender.</summary>
internal sealed class RequestException(Refusal refusal, string message, TimeSpan? retryAfter = null, Exception? innerException = null)
    : Exception(message, innerException)
{
    public Refusal Refusal { get; } = refusal;

    /// <summary>When another try is worth it; null where nobody knows.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;

    public int HttpStatus => Refusal switch
    {
        Refusal.Invalid => 400,
        Refusal.TooLarge => 413,
        Refusal.Forbidden => 403,
        Refusal.Unauthenticated => 401,
        Refusal.NotFound => 404,
        Refusal.Overloaded or Refusal.Unavailable => 503,
        Refusal.Late => 504,
        Refusal.Cancelled => 499,
        _ => 500,
    };

    public global::Grpc.Core.StatusCode GrpcStatus => Refusal switch
    {
        Refusal.Invalid or Refusal.TooLarge => global::Grpc.Core.StatusCode.InvalidArgument,
        Refusal.Forbidden => global::Grpc.Core.StatusCode.PermissionDenied,
        Refusal.Unauthenticated => global::Grpc.Core.StatusCode.Unauthenticated,
        Refusal.NotFound => global::Grpc.Core.StatusCode.NotFound,
        Refusal.Overloaded => global::Grpc.Core.StatusCode.ResourceExhausted,
        Refusal.Unavailable => global::Grpc.Core.StatusCode.Unavailable,
        Refusal.Late => global::Grpc.Core.StatusCode.DeadlineExceeded,
        Refusal.Cancelled => global::Grpc.Core.StatusCode.Cancelled,
        _ => global::Grpc.Core.StatusCode.Internal,
    };

    public static RequestException Invalid(string message, Exception? innerException = null) =>
        new(Refusal.Invalid, message, innerException: innerException);

    public static RequestException Ending() => new(Refusal.Unavailable, "The server ends, and takes no more requests.");

    /// <summary>What an exception of the library means to who sent the request. What is not meant for senders is kept from them.</summary>
    public static RequestException Of(Exception error, bool isCancelled) => error switch
    {
        RequestException known => known,
        OperationCanceledException when isCancelled => new RequestException(Refusal.Cancelled, "The request was cancelled by its sender."),
        OperationCanceledException => new RequestException(Refusal.Late, "The request's deadline passed before its result was there."),
        MediaException media => Invalid(media.Message, media),
        DetectorFaultedException faulted => new RequestException(
            Refusal.Unavailable, "The model met an error that it cannot go on after, and is being opened again.", TimeSpan.FromSeconds(1), faulted),
        ObjectDisposedException closed => new RequestException(
            Refusal.Unavailable, "The model was closed while the request waited.", TimeSpan.FromSeconds(1), closed),
        InferenceException engine => new RequestException(Refusal.Failed, engine.Message, innerException: engine),
        _ => new RequestException(Refusal.Failed, "The server met an error that it did not expect; its log has it.", innerException: error),
    };
}
