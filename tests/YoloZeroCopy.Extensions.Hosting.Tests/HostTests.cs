using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace YoloZeroCopy.Tests;

/// <summary>Detectors in a real host, on the CPU.</summary>
public sealed class HostTests : IDisposable
{
    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 8, 8);

    private readonly ModelFolder folder = new();
    private readonly LogRecorder log = new();

    public void Dispose()
    {
        folder.Dispose();
        log.Dispose();
    }

    [Fact]
    public async Task A_detector_is_open_when_other_services_start_and_disposed_with_the_host()
    {
        string model = Model();
        HostApplicationBuilder builder = NewBuilder();
        builder.Environment.ContentRootPath = folder.Path;
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Detector:ModelPath"] = Path.GetFileName(model),
            ["Detector:Device"] = "cpu",
        });
        builder.Services.AddHostedService<FirstUser>();
        builder.Services.AddYoloDetector(
            builder.Configuration.GetSection("Detector"), static options => options.MaxBatch = 2);
        YoloDetector detector;
        using (IHost host = builder.Build())
        {
            await host.StartAsync();
            Assert.Equal(2, host.Services.GetServices<IHostedService>().OfType<FirstUser>().Single().Found);
            detector = host.Services.GetRequiredService<YoloDetector>();
            Assert.Same(detector, host.Services.GetRequiredService<IDetector>());
            Assert.Same(detector, await host.Services.GetRequiredService<DetectorService>().GetAsync());
            Assert.Equal("default", detector.Name);
            Assert.Equal(2, detector.Statistics.BatchSizes.Length - 1);
            HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
            HealthReportEntry entry = report.Entries["yolo-detector"];
            Assert.Equal(HealthStatus.Healthy, entry.Status);
            Assert.Equal(1L, entry.Data["completed"]);
            Assert.Equal(["ready"], entry.Tags);
            await host.StopAsync();

            // Services that stop later may still use it.
            Assert.True(detector.TryRent(Format, out FrameSlot slot));
            slot.Dispose();
        }

        Assert.Throws<ObjectDisposedException>(() => detector.TryRent(Format, out _));
        string[] texts = [.. log.Entries.Where(static entry => entry.Level > LogLevel.Debug).Select(static entry => entry.Text)];
        Assert.Equal(2, texts.Length);
        Assert.Equal($"Opening detector default: model {model}, device cpu", texts[0]);
        Assert.Matches(@"^Detector default is open after \d+\.\d s on cpu, ONNX Runtime", texts[1]);
    }

    [Fact]
    public async Task Keyed_detectors_stand_beside_one_without_a_key()
    {
        string model = Model();
        HostApplicationBuilder builder = NewBuilder();
        builder.Services.AddYoloDetector(options => (options.ModelPath, options.Device, options.MaxBatch) = (model, Device.Cpu, 1));
        builder.Services.AddKeyedYoloDetector(
            "left", options => (options.ModelPath, options.Device, options.MaxBatch) = (model, Device.Cpu, 2));
        builder.Services.AddKeyedYoloDetector(
            "right", options => (options.ModelPath, options.Device, options.MaxBatch, options.Name) = (model, Device.Cpu, 3, "camera 7"));
        Assert.Throws<InvalidOperationException>(() => builder.Services.AddKeyedYoloDetector("left", static _ => { }));
        Assert.Throws<InvalidOperationException>(() => builder.Services.AddYoloDetector(static _ => { }));
        using IHost host = builder.Build();
        await host.StartAsync();
        YoloDetector left = host.Services.GetRequiredKeyedService<YoloDetector>("left");
        YoloDetector right = host.Services.GetRequiredKeyedService<YoloDetector>("right");
        Assert.Same(right, host.Services.GetRequiredKeyedService<IDetector>("right"));
        YoloDetector single = host.Services.GetRequiredService<YoloDetector>();
        Assert.Equal(["left", "camera 7", "default"], [left.Name, right.Name, single.Name]);
        Assert.Equal([3, 4, 2], [left.Statistics.BatchSizes.Length, right.Statistics.BatchSizes.Length, single.Statistics.BatchSizes.Length]);
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(["yolo-detector", "yolo-detector:left", "yolo-detector:right"], report.Entries.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(HealthStatus.Healthy, report.Status);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_model_that_is_missing_stops_the_start_of_the_host_and_says_so()
    {
        HostApplicationBuilder builder = NewBuilder();
        builder.Services.AddYoloDetector(options => options.ModelPath = folder.File("missing.onnx"));
        using IHost host = builder.Build();
        await Assert.ThrowsAsync<ModelException>(() => host.StartAsync());
        Assert.IsType<ModelException>(Assert.Single(log.Entries, static entry => entry.Level == LogLevel.Error).Error);
        Assert.Equal(DetectorState.Failed, host.Services.GetRequiredService<DetectorService>().State);
    }

    [Fact]
    public async Task Without_a_model_or_with_a_wrong_key_the_host_does_not_start()
    {
        HostApplicationBuilder builder = NewBuilder();
        builder.Services.AddYoloDetector(builder.Configuration.GetSection("Nowhere"));
        using IHost host = builder.Build();
        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync());
        Assert.Contains("ModelPath", error.Message, StringComparison.Ordinal);

        builder = NewBuilder();
        builder.Configuration.AddInMemoryCollection([KeyValuePair.Create<string, string?>("Detector:Modelpfad", "x")]);
        builder.Services.AddYoloDetector(builder.Configuration.GetSection("Detector"));
        using IHost wrong = builder.Build();
        error = await Assert.ThrowsAsync<InvalidOperationException>(() => wrong.StartAsync());
        Assert.Contains("'Detector:Modelpfad'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_the_background_a_failure_leaves_the_host_running_and_unhealthy()
    {
        HostApplicationBuilder builder = NewBuilder();
        builder.Services.AddYoloDetector(options => (options.ModelPath, options.OpenInBackground) = (folder.File("missing.onnx"), true));
        using IHost host = builder.Build();
        await host.StartAsync();
        DetectorService service = host.Services.GetRequiredService<DetectorService>();
        await Assert.ThrowsAsync<ModelException>(() => service.GetAsync());
        Assert.False(service.TryGet(out _));
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(HealthStatus.Unhealthy, report.Status);
        Assert.IsType<ModelException>(report.Entries["yolo-detector"].Exception);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => host.Services.GetRequiredService<YoloDetector>());
        Assert.IsType<ModelException>(error.InnerException);
        await host.StopAsync();
    }

    [Fact]
    public async Task Without_a_host_the_first_who_asks_opens_it()
    {
        ServiceCollection services = new();
        string model = Model();
        services.AddYoloDetector(options => (options.ModelPath, options.Device) = (model, Device.Cpu));
        YoloDetector detector;
        await using (ServiceProvider provider = services.BuildServiceProvider())
        {
            InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => provider.GetRequiredService<YoloDetector>());
            Assert.Contains("NotOpened", error.Message, StringComparison.Ordinal);
            detector = await provider.GetRequiredService<DetectorService>().GetAsync();
            Assert.Same(detector, provider.GetRequiredService<YoloDetector>());
        }

        Assert.Throws<ObjectDisposedException>(() => detector.TryRent(Format, out _));
    }

    [Fact]
    public async Task A_container_that_is_disposed_without_an_await_frees_its_detectors()
    {
        ServiceCollection services = new();
        string model = Model();
        services.AddYoloDetector(options => (options.ModelPath, options.Device) = (model, Device.Cpu));
        services.AddKeyedYoloDetector("left", options => (options.ModelPath, options.Device) = (model, Device.Cpu));
        ServiceProvider provider = services.BuildServiceProvider();
        DetectorService service = provider.GetRequiredService<DetectorService>();
        YoloDetector[] detectors =
        [
            await service.GetAsync(), await provider.GetRequiredKeyedService<DetectorService>("left").GetAsync(),
        ];
        Assert.Same(detectors[0], provider.GetRequiredService<YoloDetector>());
        (await detectors[0].DetectAsync(new byte[Format.ByteCount], Format)).Dispose();
        provider.Dispose();
        Assert.All(detectors, static detector => Assert.Throws<ObjectDisposedException>(() => detector.TryRent(Format, out _)));
        Assert.Equal(DetectorState.Disposed, service.State);
        provider.Dispose();
        service.Dispose();
        await service.DisposeAsync();
    }

    [Fact]
    public async Task A_model_may_come_from_a_store_as_bytes()
    {
        byte[] model = OnnxModelBuilder.Detector(new FakeDetector()).Build();
        HostApplicationBuilder builder = NewBuilder();
        builder.Services.AddYoloDetector(options =>
        {
            options.ModelPath = "store/model";
            options.LoadModel = async cancellationToken =>
            {
                await Task.Yield();
                return model;
            };
            options.Device = Device.Cpu;
        });
        using IHost host = builder.Build();
        await host.StartAsync();
        Assert.Equal("store/model", host.Services.GetRequiredService<YoloDetector>().Model.Path);
        await host.StopAsync();
    }

    private HostApplicationBuilder NewBuilder()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(log);
        return builder;
    }

    private string Model() => OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);

    /// <summary>Registered before the detector, and uses it as it starts.</summary>
    private sealed class FirstUser(IServiceProvider services) : IHostedService
    {
        public int Found { get; private set; }

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            YoloDetector detector = services.GetRequiredService<YoloDetector>();
            FrameSlot slot = await detector.RentAsync(Format, cancellationToken);
            using DetectionResult result = await detector.SubmitAsync(slot, cancellationToken: cancellationToken);
            Found = result.Detections.Length;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
