using System.Globalization;
using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace YoloZeroCopy.Server;

/// <summary>Writes refusals, in the way that the request came.</summary>
internal static class Answers
{
    private const string GrpcContent = "application/grpc";
    private const string RetryTrailer = "grpc-retry-pushback-ms";

    public static async Task RefuseAsync(HttpContext context, RequestException error)
    {
        HttpResponse response = context.Response;
        if (response.HasStarted)
        {
            context.Abort();
            return;
        }

        if (context.Request.ContentType?.StartsWith(GrpcContent, StringComparison.OrdinalIgnoreCase) == true)
        {
            // A response of headers alone, as gRPC has it for what ends before it begins.
            response.StatusCode = StatusCodes.Status200OK;
            response.ContentType = GrpcContent;
            response.Headers["grpc-status"] = ((int)error.GrpcStatus).ToString(CultureInfo.InvariantCulture);
            response.Headers["grpc-message"] = Uri.EscapeDataString(error.Message);
            if (error.RetryAfter is TimeSpan pause)
            {
                response.Headers[RetryTrailer] = Milliseconds(pause);
            }

            return;
        }

        response.StatusCode = error.HttpStatus;
        if (error.RetryAfter is TimeSpan retry)
        {
            response.Headers.RetryAfter = Math.Ceiling(retry.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        response.ContentType = "application/json";
        Utf8JsonWriter json = new(response.BodyWriter);
        await using (json.ConfigureAwait(false))
        {
            json.WriteStartObject();
            json.WriteString("error"u8, error.Message);
            if (error.RetryAfter is TimeSpan exact)
            {
                json.WriteNumber("retry_after_ms"u8, Math.Ceiling(exact.TotalMilliseconds));
            }

            json.WriteEndObject();
        }
    }

    /// <summary>The same as an exception of gRPC.</summary>
    public static RpcException ToRpc(RequestException error)
    {
        Metadata trailers = [];
        if (error.RetryAfter is TimeSpan retry)
        {
            trailers.Add(RetryTrailer, Milliseconds(retry));
        }

        return new RpcException(new Status(error.GrpcStatus, error.Message), trailers);
    }

    private static string Milliseconds(TimeSpan time) => Math.Ceiling(time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
}
