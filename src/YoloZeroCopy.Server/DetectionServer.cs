using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using YoloZeroCopy.Server;

namespace YoloZeroCopy;

/// <summary>
/// Serves the models of a folder to clients in any language, over gRPC and REST of the Open Inference Protocol v2 with Triton's extensions. Requests
/// of all clients meet in the pipeline of their model's detector.
/// </summary>
/// <remarks>
/// Any thread. A detector that meets an error that it cannot go on after is opened again; only the requests that were in it are lost. After a sticky
/// error of CUDA no detector of the process can go on: <see cref="Lost"/> ends then, and the server is not live.
/// </remarks>
public sealed class DetectionServer : IAsyncDisposable
{
    // What a sender must bring at least, after a while: one who brings less holds its place no longer.
    private const double LeastBytesPerSecond = 512;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingPause = TimeSpan.FromSeconds(20);
    private const int StreamsPerConnection = 128;

    private readonly WebApplication app;
    private readonly DetectionServerOptions options;
    private readonly ModelRepository models;
    private readonly SharedRegions regions;
    private readonly ServerMetrics metrics;
    private readonly Inference inference;
    private readonly PrometheusText prometheus;
    private readonly Breaking breaking = new();
    private readonly ILogger logger;
    private readonly Lazy<Task> stop;
    private Task opening = Task.CompletedTask;

    private DetectionServer(DetectionServerOptions options)
    {
        this.options = options;
        stop = new Lazy<Task>(() => Task.Run(EndAsync));

        // Nothing comes from the environment or from files of the working folder: the options say all.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        _ = builder.Services.AddSingleton<IHostLifetime, OwnLifetime>();
        _ = builder.Services.AddRoutingCore();
        _ = builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Grpc", LogLevel.None).AddFilter("OpenTelemetry", LogLevel.Warning);
        options.Logging?.Invoke(builder.Logging);
        _ = builder.WebHost.UseKestrelCore().ConfigureKestrel(Configure);
        _ = builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.MaxRequestBytes;
            grpc.EnableDetailedErrors = false;
        });
        if (options.ExportMetrics)
        {
            _ = builder.Services.AddOpenTelemetry().WithMetrics(
                static metrics => metrics.AddMeter(PrometheusText.LibraryMeter, ServerMetrics.Name).AddOtlpExporter());
        }

        // The services that are made for calls find here what they work with.
        _ = builder.Services.AddSingleton(_ => models!).AddSingleton(_ => regions!).AddSingleton(_ => inference!).AddSingleton(breaking).AddSingleton(
            options);
        _ = builder.Services.AddSingleton<InferenceService>().AddSingleton<HealthService>();
        app = builder.Build();
        logger = new QuietLogger(app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(DetectionServer).FullName!));
        models = new ModelRepository(options, logger);
        regions = new SharedRegions(options, models);
        metrics = new ServerMetrics(logger, models);
        prometheus = new PrometheusText(meter => meter.Name == PrometheusText.LibraryMeter || ReferenceEquals(meter, metrics.Meter));
        inference = new Inference(options, models, regions, metrics);
        Access access = new(options);
        RequestGate gate = new(options, models, metrics);
        _ = app.Use(access.CheckAsync);
        _ = app.Use(gate.CheckAsync);
        _ = app.UseRouting();
        new RestEndpoints(options, models, regions, inference, prometheus, breaking).Map(app);
        _ = app.MapGrpcService<InferenceService>();
        _ = app.MapGrpcService<HealthService>();
    }

    /// <summary>Where REST, metrics and probes are.</summary>
    public Uri HttpAddress { get; private set; } = null!;

    /// <summary>Where gRPC is.</summary>
    public Uri GrpcAddress { get; private set; } = null!;

    /// <summary>Whether requests should come here: the models are open, and the server does not end.</summary>
    public bool IsReady => models.IsReady;

    /// <summary>Ends when the models of the folder are open, or were found not to be.</summary>
    public Task Opened => opening;

    /// <summary>Ends, with the error, when only a new process can go on.</summary>
    public Task<Exception> Lost => models.Lost;

    /// <summary>Listens, and begins to open the models beside it: until they are open it is live and not ready.</summary>
    /// <param name="options">How to serve.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <returns>The server; dispose it.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or contradicts another; the message names them.</exception>
    /// <exception cref="IOException">From the task: a port cannot be listened at.</exception>
    public static async Task<DetectionServer> StartAsync(DetectionServerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        DetectionServer server = new(options.Checked());
        try
        {
            await server.BeginAsync(cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Ends the server: it is not ready at once and refuses new requests, waits for those that are open up to
    /// <see cref="DetectionServerOptions.DrainTimeout"/>, breaks off what is left, and closes the models. A second call waits for the same end.
    /// </summary>
    public Task StopAsync() => stop.Value;

    /// <summary>The same as <see cref="StopAsync"/>.</summary>
    public async ValueTask DisposeAsync() => await StopAsync().ConfigureAwait(false);

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        KestrelServerLimits limits = kestrel.Limits;
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.MaxRequestBodySize = options.MaxRequestBytes;
        limits.MinRequestBodyDataRate = new MinDataRate(LeastBytesPerSecond, Grace);
        limits.MinResponseDataRate = new MinDataRate(LeastBytesPerSecond, Grace);
        limits.RequestHeadersTimeout = HeadersTimeout;
        limits.Http2.MaxStreamsPerConnection = StreamsPerConnection;

        // Who is gone without a word is found, and what it held is free again.
        limits.Http2.KeepAlivePingDelay = PingPause;
        limits.Http2.KeepAlivePingTimeout = PingPause;
        kestrel.Listen(options.Address, options.HttpPort, listen => Secure(listen, HttpProtocols.Http1));
        kestrel.Listen(options.Address, options.GrpcPort, listen => Secure(listen, HttpProtocols.Http2));
    }

    private void Secure(ListenOptions listen, HttpProtocols protocols)
    {
        listen.Protocols = protocols;
        if (options.Certificate is not null)
        {
            _ = listen.UseHttps(options.Certificate);
        }
    }

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        await app.StartAsync(cancellationToken).ConfigureAwait(false);

        // In the order in which they were named.
        Uri[] addresses =
            [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(static one => new Uri(one))];
        (HttpAddress, GrpcAddress) = (addresses[0], addresses[1]);
        ServerLog.Serving(logger, HttpAddress.ToString(), GrpcAddress.ToString());
        opening = Task.Run(() => models.OpenAsync(breaking.Draining), CancellationToken.None);
    }

    private async Task EndAsync()
    {
        models.Drain();
        await breaking.DrainAsync().ConfigureAwait(false);
        ServerLog.Draining(logger, metrics.Open, options.DrainTimeout.TotalSeconds);
        using CancellationTokenSource patience = new(options.DrainTimeout);
        using PeriodicTimer look = new(TimeSpan.FromMilliseconds(10));
        try
        {
            while (metrics.Open > 0)
            {
                _ = await look.WaitForNextTickAsync(patience.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            ServerLog.BrokenOff(logger, metrics.Open);
        }

        await breaking.BreakAsync().ConfigureAwait(false);

        // Answers that are on their way go out; who does not take them is cut off.
        using CancellationTokenSource last = new(TimeSpan.FromSeconds(2));
        await app.StopAsync(last.Token).ConfigureAwait(false);

        // Ends an opening, too, between two of its steps.
        await models.DisposeAsync().ConfigureAwait(false);
        await opening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        regions.Dispose();
        prometheus.Dispose();
        metrics.Dispose();
        await app.DisposeAsync().ConfigureAwait(false);
        breaking.Dispose();
    }

    // The host takes no signals: when the server ends is up to who started it.
    private sealed class OwnLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
