using System.Security.Cryptography;
using System.Text;

namespace MultiCamera.Web;

/// <summary>Lets in who knows the token: programs by the header "Authorization: Bearer TOKEN", people by a form that leaves a cookie. Where there is
/// no token, as only a page for this machine may have none, everyone is let in.</summary>
internal sealed class Access(string? token)
{
    private const string Cookie = "multicamera";
    private const string Bearer = "Bearer ";
    private const int LeastLength = 16;

    // What a cookie holds opens the page, but is not the token.
    private readonly string cookieValue =
        token is null ? "" : Convert.ToHexString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(token), "cookie of the page"u8));

    /// <summary>Reads the token.</summary>
    /// <param name="path">The file; null for none.</param>
    /// <exception cref="Settings.SettingsException">It cannot be read, or the token is short enough to be guessed.</exception>
    public static Access Of(string? path)
    {
        if (path is null)
        {
            return new Access(null);
        }

        try
        {
            string token = File.ReadLines(path).FirstOrDefault("").Trim();
            return token.Length >= LeastLength
                ? new Access(token)
                : throw new Settings.SettingsException($"{path}: the token has {token.Length} characters; wanted are {LeastLength} or more.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Settings.SettingsException($"tokenFile: {error.Message}", error);
        }
    }

    /// <summary>Middleware: answers those who are not let in.</summary>
    public Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        // The form itself, and the word that an orchestrator asks for.
        if (token is null || IsLetIn(context.Request) || context.Request.Path.Value is "/login" or "/site.css" or "/icon.svg" or "/health")
        {
            return next(context);
        }

        if (context.Request.Path == "/")
        {
            context.Response.Redirect("/login");
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.Response.Headers.WWWAuthenticate = Bearer.Trim();
        }

        return Task.CompletedTask;
    }

    /// <summary>Answers the form.</summary>
    public async Task<IResult> LoginAsync(HttpRequest request)
    {
        if (!request.HasFormContentType || token is null)
        {
            return Results.BadRequest();
        }

        IFormCollection form = await request.ReadFormAsync();
        if (!AreEqual(form["token"].ToString(), token))
        {
            return Results.Redirect("/login#wrong");
        }

        request.HttpContext.Response.Cookies.Append(Cookie, cookieValue, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = request.IsHttps,
            MaxAge = TimeSpan.FromDays(30),
        });
        return Results.Redirect("/");
    }

    private bool IsLetIn(HttpRequest request)
    {
        string header = request.Headers.Authorization.ToString();
        return header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? AreEqual(header[Bearer.Length..].Trim(), token!)
            : request.Cookies[Cookie] is string value && AreEqual(value, cookieValue);
    }

    // Takes as long whatever is right in it.
    private static bool AreEqual(string given, string wanted) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(wanted)));
}
