using Fleet;
using YoloZeroCopy;

WebApplicationBuilder builder =
    WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
ConfigurationManager settings = builder.Configuration;

// Real cameras where a model is given, simulated ones where none is.
YoloDetector detector;
if (settings["Detector:Model"] is { Length: > 0 } model)
{
    detector = await YoloDetector.OpenAsync(model, new DetectorOptions
    {
        Device = Device.Parse(settings["Detector:Device"] ?? "auto"),
        Slots = 1,
        MaxBatch = settings.GetValue("Detector:MaxBatch", 8),
    });
    _ = builder.Services.AddSingleton(new AlarmRule(settings["Detector:AlarmClass"] ?? detector.Model.NameOf(0)));
    _ = builder.AddYoloFleet<VideoCameras>(settings.GetSection("Fleet"));
}
else
{
    SimulationOptions simulation = new();
    settings.GetSection("Simulation").Bind(simulation);
    detector = SimulatedCameras.OpenDetector(simulation);
    _ = builder.Services.AddSingleton(simulation);
    _ = builder.AddYoloFleet<SimulatedCameras>(settings.GetSection("Fleet"));
}

_ = builder.Services.AddSingleton(new SourceHub(detector));

// A node that is told to stop has given its cameras to others long before.
_ = builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(10));
WebApplication app = builder.Build();
_ = app.MapYoloFleet();
_ = app.MapGet("/health", () => detector.Fault is null ? Results.Text("ok") : Results.StatusCode(StatusCodes.Status503ServiceUnavailable));
await app.RunAsync();
await app.DisposeAsync();
await detector.DisposeAsync();
