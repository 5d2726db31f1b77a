using YoloApp1;
using YoloZeroCopy;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Services.AddYoloDetector(builder.Configuration.GetSection("Detector"));
builder.Services.AddSingleton<Camera>();
builder.Services.AddHostedService<Worker>();
builder.Build().Run();
