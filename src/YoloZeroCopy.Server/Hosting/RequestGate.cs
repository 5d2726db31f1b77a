using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace YoloZeroCopy.Server;

/// <summary>Lets so many requests to infer be open at once, none more when the server ends, and gives each a time for its bytes. Before anything of
/// them is read.</summary>
internal sealed class RequestGate(DetectionServerOptions options, ModelRepository models, ServerMetrics metrics)
{
    private const string Infer = "/infer";
    private static readonly object ReceiveKey = new();

    /// <summary>Middleware.</summary>
    public async Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        string path = context.Request.Path.Value ?? "";
        bool isUnary = path == $"/{InferenceMethods.Service}/ModelInfer";
        bool isStream = path == $"/{InferenceMethods.Service}/ModelStreamInfer";
        if (!isStream && !isUnary && !path.EndsWith(Infer, StringComparison.Ordinal)
            && !path.EndsWith(RestEndpoints.Detect, StringComparison.Ordinal))
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        if (!metrics.TryOpen(options.MaxRequests))
        {
            await Answers.RefuseAsync(context, new RequestException(
                Refusal.Overloaded, $"{options.MaxRequests} requests are open, as many as may be.", TimeSpan.FromSeconds(1))).ConfigureAwait(false);
            return;
        }

        if (isUnary && context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            // gRPC has its own limit, of the message, and an answer for it.
            size.MaxRequestBodySize = null;
        }

        try
        {
            // After it was counted: the end waits for what has passed here, also for bytes that still come.
            if (models.IsDraining)
            {
                await Answers.RefuseAsync(context, RequestException.Ending()).ConfigureAwait(false);
                return;
            }

            if (isStream)
            {
                await next(context).ConfigureAwait(false);
                return;
            }

            using CancellationTokenSource receiving = new(options.ReceiveTimeout);
            using CancellationTokenRegistration abort = receiving.Token.UnsafeRegister(static context => ((HttpContext)context!).Abort(), context);
            context.Items[ReceiveKey] = receiving;
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            metrics.Closed();
        }
    }

    /// <summary>All bytes of the request are there: from here on it waits for the model, and not for its sender.</summary>
    public static void Received(HttpContext context)
    {
        if (context.Items.TryGetValue(ReceiveKey, out object? value) && value is CancellationTokenSource receiving)
        {
            receiving.CancelAfter(Timeout.InfiniteTimeSpan);
        }
    }
}
