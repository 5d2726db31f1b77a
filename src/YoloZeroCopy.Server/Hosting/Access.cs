using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace YoloZeroCopy.Server;

/// <summary>Lets in who may come: by the token, and where only this machine is served, by a name of this machine.</summary>
internal sealed class Access(DetectionServerOptions options)
{
    private const string Bearer = "Bearer ";

    // Hashes are compared: they have one length, and how long that takes says nothing of the token.
    private readonly byte[]? token = options.Token is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(options.Token));
    private readonly bool isLocal = IPAddress.IsLoopback(options.Address);

    /// <summary>Middleware: answers those who are not let in.</summary>
    public Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        // A page of another site that a browser of this machine shows sends an origin, or comes by a name of its own that leads here.
        if (context.Request.Headers.Origin.Count > 0 || (isLocal && !IsThisMachine(context.Request.Host.Host)))
        {
            return Answers.RefuseAsync(context, new RequestException(Refusal.Forbidden, "Requests of pages of other sites are not answered."));
        }

        if (token is null || IsHealth(context.Request.Path) || HasToken(context.Request))
        {
            return next(context);
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Answers.RefuseAsync(
            context, new RequestException(Refusal.Unauthenticated, "The request has no valid token: Authorization: Bearer TOKEN is wanted."));
    }

    // What orchestrators ask, who have no token.
    private static bool IsHealth(PathString path) => path.Value is "/v2/health/live" or "/v2/health/ready"
        or $"/{InferenceMethods.Service}/ServerLive" or $"/{InferenceMethods.Service}/ServerReady" or $"/{HealthService.Service}/Check";

    private static bool IsThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));

    private bool HasToken(HttpRequest request)
    {
        string header = request.Headers.Authorization.ToString();
        return header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header[Bearer.Length..].Trim())), token);
    }
}
