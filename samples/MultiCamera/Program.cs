using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.HostFiltering;
using MultiCamera.Alarms;
using MultiCamera.Cameras;
using MultiCamera.Outlets;
using MultiCamera.Settings;
using MultiCamera.Web;
using OpenTelemetry.Metrics;
using YoloZeroCopy;
using YoloZeroCopy.Server;

const int WrongSettings = 2;
const int DetectorFailed = 70;

bool onlyChecks = args.Contains("--check");
string path = args.FirstOrDefault(argument => !argument.StartsWith('-')) ?? "multicamera.json";
SettingsFile file;
Access access;
YoloDetector detector;
try
{
    file = SettingsFile.Read(path);
    access = Access.Of(file.Site.TokenFile);
    detector = await YoloDetector.OpenAsync(file.Site.Model.Path, file.Site.Model.ToOptions());
    file.ThrowIfUnfit(detector.Model.Names, detector.CudaOrdinal is not null);
}
catch (Exception error)
    when (error is SettingsException or InferenceException or ModelException or NativeLibraryException or InsufficientMemoryException)
{
    Console.Error.WriteLine(error.Message);
    return WrongSettings;
}

if (onlyChecks)
{
    await detector.DisposeAsync();
    Console.WriteLine($"{path}: {file.Site.Cameras.Count} cameras, {detector.Model.ClassCount} classes, {detector.Device}");
    return 0;
}

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
_ = builder.WebHost.UseUrls(file.Site.Listen);
_ = builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
_ = builder.Services.ConfigureHttpJsonOptions(json =>
    json.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase)));

// A page of another site that a browser here shows must not reach this one by a name of its own.
if (new Uri(file.Site.Listen).IsLoopback)
{
    _ = builder.Services.Configure<HostFilteringOptions>(options => options.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"]);
}

if (Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT") is not null)
{
    _ = builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(PrometheusText.LibraryMeter, SiteMetrics.Name).AddOtlpExporter());
}

_ = builder.Services.AddSingleton(services => new SiteOutlets(file.Site, services.GetRequiredService<ILoggerFactory>()));
_ = builder.Services.AddSingleton(services => services.GetRequiredService<SiteOutlets>().All);
_ = builder.Services.AddSingleton(services => new Site(
    detector, services.GetRequiredService<SiteOutlets>().All, services.GetRequiredService<ILogger<Site>>()));
_ = builder.Services.AddSingleton<SiteMetrics>();
_ = builder.Services.AddSingleton(static _ => new PrometheusText(SiteMetrics.IsShown));
_ = builder.Services.AddSingleton(file);
_ = builder.Services.AddSingleton<SiteService>();
_ = builder.Services.AddHostedService(services => services.GetRequiredService<SiteService>());

// Disposing it stops the cameras first and then the outlets, which have all alarms by then: the other way round than they are made here.
await using WebApplication app = builder.Build();
_ = app.Services.GetRequiredService<OutletSet>();
_ = app.Services.GetRequiredService<SiteMetrics>();
_ = app.UseHostFiltering();
_ = app.Use(SitePage.AddHeadersAsync);
_ = app.Use(access.CheckAsync);
app.MapSitePage(
    app.Services.GetRequiredService<Site>(),
    app.Services.GetRequiredService<SiteService>(),
    access,
    app.Services.GetRequiredService<PrometheusText>(),
    app.Services.GetRequiredService<SiteOutlets>());
try
{
    await app.RunAsync();
}
catch (IOException error)
{
    // The address is in use.
    Console.Error.WriteLine(error.Message);
    return WrongSettings;
}

return detector.Fault is null ? 0 : DetectorFailed;
