using System.Reflection;
using Microsoft.Data.Sqlite;
using MultiCamera.Alarms;
using MultiCamera.Cameras;
using MultiCamera.Outlets;
using YoloZeroCopy.Server;

namespace MultiCamera.Web;

/// <summary>The page and what it asks for.</summary>
internal static class SitePage
{
    private const int AlarmsAtOnce = 100;

    public static void MapSitePage(
        this WebApplication app, Site site, SiteService service, Access access, PrometheusText metrics, SiteOutlets outlets)
    {
        MapFile(app, "/", "index.html", "text/html; charset=utf-8");
        MapFile(app, "/login", "login.html", "text/html; charset=utf-8");
        MapFile(app, "/site.css", "site.css", "text/css; charset=utf-8");
        MapFile(app, "/site.js", "site.js", "text/javascript; charset=utf-8");
        MapFile(app, "/icon.svg", "icon.svg", "image/svg+xml");
        _ = app.MapPost("/login", access.LoginAsync);
        _ = app.MapGet("/health", () => Health(site));
        _ = app.MapGet("/metrics", () => Results.Text(metrics.Write(), PrometheusText.ContentType));
        _ = app.MapGet("/api/status", () => new SiteStatus(
            site.Detector.Device,
            service.Problem,
            outlets.History is not null,
            outlets.Media is not null,
            [.. site.Cameras.Select(camera => camera.Statistics)],
            site.Outlets));
        _ = app.MapGet("/api/alarms", (string? camera, DateTimeOffset? before) => Alarms(site, outlets.History, camera, before));
        _ = app.MapGet("/cameras/{name}.jpg", (string name) =>
            site.Find(name)?.Picture is { IsEmpty: false } picture ? Results.Bytes(picture, "image/jpeg") : Results.NotFound());
        _ = app.MapGet("/media/{**path}", (string path) => Media(site, outlets.Media, path));
    }

    /// <summary>What every answer has: nothing is loaded from elsewhere, put into another page or kept.</summary>
    public static Task AddHeadersAsync(HttpContext context, RequestDelegate next)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
        return next(context);
    }

    // The program is well as long as its detector is: a camera that is away does not come back by starting the program again.
    private static IResult Health(Site site)
    {
        bool isWell = site.Detector.Fault is null;
        IReadOnlyList<Camera> cameras = site.Cameras;
        IReadOnlyList<OutletStatus> outlets = site.Outlets;
        return Results.Json(
            new
            {
                Status = isWell ? "healthy" : "unhealthy",
                Cameras = cameras.Count,
                CamerasLive = cameras.Count(camera => camera.Statistics.State == "live"),
                Outlets = outlets.Count,
                OutletsWorking = outlets.Count(outlet => outlet.State == OutletState.Working),
            },
            statusCode: isWell ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    // The late ones are in memory, also where no history is kept or it cannot be read now.
    private static IEnumerable<Alarm> Alarms(Site site, HistoryOutlet? history, string? camera, DateTimeOffset? before)
    {
        IEnumerable<Alarm> late = site.Alarms.Latest.Where(alarm => (camera is null || alarm.Camera == camera) && !(alarm.Time >= before));
        IReadOnlyList<Alarm> kept;
        try
        {
            kept = history?.ReadAlarms(camera, before, AlarmsAtOnce) ?? [];
        }
        catch (SqliteException)
        {
            kept = [];
        }

        return late.Concat(kept).DistinctBy(alarm => alarm.Id).OrderByDescending(alarm => alarm.Time).Take(AlarmsAtOnce);
    }

    // Pictures of late alarms are in memory, also where no folder is kept.
    private static IResult Media(Site site, MediaOutlet? media, string path)
    {
        if (site.Alarms.Latest.FirstOrDefault(alarm => alarm.Picture == path) is Alarm { Jpeg.IsEmpty: false } alarm)
        {
            return Results.Bytes(alarm.Jpeg, "image/jpeg");
        }

        return media?.Find(path) is string file
            ? Results.File(file, path.EndsWith(".mp4", StringComparison.Ordinal) ? "video/mp4" : "image/jpeg", enableRangeProcessing: true)
            : Results.NotFound();
    }

    private static void MapFile(WebApplication app, string address, string name, string type)
    {
        using Stream resource = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        byte[] content = new byte[resource.Length];
        resource.ReadExactly(content);
        _ = app.MapGet(address, () => Results.Bytes(content, type));
    }
}

/// <summary>What the page shows of the site.</summary>
internal sealed record SiteStatus(
    string Device, string? SettingsProblem, bool KeepsHistory, bool KeepsClips, IReadOnlyList<CameraStatistics> Cameras,
    IReadOnlyList<OutletStatus> Outlets);
