using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace YoloZeroCopy;

/// <summary>Adds detectors to a host's services.</summary>
/// <remarks>
/// Each adds three things, as singletons: <see cref="DetectorService"/>, which opens and owns the detector; the detector itself, as
/// <see cref="IDetector"/> and <see cref="YoloDetector"/>, which can be injected once it is open; and a health check,
/// called <c>yolo-detector</c> or <c>yolo-detector:</c> and the key, with the tag <c>ready</c>. The host opens the detector before its other services
/// start, and disposes it when it ends.
/// </remarks>
public static class DetectorServiceCollectionExtensions
{
    private const string DefaultName = "default";

    /// <summary>
    /// Adds a detector whose options are configured elsewhere, as by
    /// <c>services.Configure&lt;DetectorServiceOptions&gt;(configuration.GetSection("Detector"))</c>.
    /// </summary>
    /// <remarks>
    /// The framework's binder passes over keys that it does not know. Give the section to
    /// <see cref="AddYoloDetector(IServiceCollection, IConfiguration, Action{DetectorServiceOptions}?)"/> instead, to have them refused, and in a
    /// program compiled ahead of time: the binder's generated code passes over <see cref="DetectorOptions.Device"/> and
    /// <see cref="DetectorOptions.InputSize"/>, too.
    /// </remarks>
    /// <param name="services">The host's services.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A detector without a key was added before.</exception>
    public static IServiceCollection AddYoloDetector(this IServiceCollection services) => Add(services, key: null, static _ => { });

    /// <summary>Adds a detector.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Sets the model and what else is not to be the default.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A detector without a key was added before.</exception>
    public static IServiceCollection AddYoloDetector(this IServiceCollection services, Action<DetectorServiceOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, key: null, options => options.Configure(configure));
    }

    /// <summary>Adds a detector whose options stand in the configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configuration">
    /// The section, <c>builder.Configuration.GetSection("Detector")</c> for one: keys are the names of the properties of
    /// <see cref="DetectorServiceOptions"/>. It is read once, when the detector is opened. An unknown key or value is an
    /// <see cref="InvalidOperationException"/> that names it and lists what is known.
    /// </param>
    /// <param name="configure">Changes what the configuration says; null for nothing.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A detector without a key was added before.</exception>
    public static IServiceCollection AddYoloDetector(
        this IServiceCollection services, IConfiguration configuration, Action<DetectorServiceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, key: null, options => Configure(options, configuration, configure));
    }

    /// <summary>
    /// Adds a detector among several, whose options are configured elsewhere under its key: as for <see cref="AddYoloDetector(IServiceCollection)"/>,
    /// <c>services.Configure&lt;DetectorServiceOptions&gt;("left", configuration.GetSection("Left"))</c>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">Its key, and its name in logs and metrics where the options give none.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A detector with this key was added before.</exception>
    public static IServiceCollection AddKeyedYoloDetector(this IServiceCollection services, string key)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        return Add(services, key, static _ => { });
    }

    /// <summary>Adds a detector among several. Inject it with <see cref="FromKeyedServicesAttribute"/>.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">Its key, and its name in logs and metrics where the options give none.</param>
    /// <param name="configure">Sets the model and what else is not to be the default.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A detector with this key was added before.</exception>
    public static IServiceCollection AddKeyedYoloDetector(this IServiceCollection services, string key, Action<DetectorServiceOptions> configure)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, key, options => options.Configure(configure));
    }

    /// <summary>
    /// Adds a detector among several, whose options stand in the configuration. Inject it with <see cref="FromKeyedServicesAttribute"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">Its key, and its name in logs and metrics where the options give none.</param>
    /// <param name="configuration">
    /// The section of this detector, as for <see cref="AddYoloDetector(IServiceCollection, IConfiguration, Action{DetectorServiceOptions}?)"/>.
    /// </param>
    /// <param name="configure">Changes what the configuration says; null for nothing.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">A detector with this key was added before.</exception>
    public static IServiceCollection AddKeyedYoloDetector(
        this IServiceCollection services, string key, IConfiguration configuration, Action<DetectorServiceOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, key, options => Configure(options, configuration, configure));
    }

    private static void Configure(
        OptionsBuilder<DetectorServiceOptions> options, IConfiguration configuration, Action<DetectorServiceOptions>? configure)
    {
        options = options.Configure(target => DetectorConfiguration.Apply(configuration, target));
        if (configure is not null)
        {
            options = options.Configure(configure);
        }

        _ = options;
    }

    private static IServiceCollection Add(IServiceCollection services, string? key, Action<OptionsBuilder<DetectorServiceOptions>> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Any(service => service.ServiceType == typeof(DetectorService) && Equals(service.ServiceKey, key)))
        {
            throw new InvalidOperationException(key is null
                ? "A detector without a key was added before; give one of them a key."
                : $"A detector with the key '{key}' was added before.");
        }

        // The default name is empty, which no key is.
        string optionsName = key ?? Options.DefaultName;
        configure(services.AddOptions<DetectorServiceOptions>(optionsName));
        _ = services
            .AddKeyedSingleton(key, (provider, _) => new DetectorService(
                key ?? DefaultName,
                provider.GetRequiredService<IOptionsMonitor<DetectorServiceOptions>>().Get(optionsName),
                provider.GetService<IHostEnvironment>()?.ContentRootPath,
                (provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance).CreateLogger(typeof(DetectorService).FullName!)))
            .AddKeyedSingleton(key, (provider, _) => OpenDetector(provider.GetRequiredKeyedService<DetectorService>(key)))
            .AddKeyedSingleton<IDetector>(key, static (provider, key) => provider.GetRequiredKeyedService<YoloDetector>(key))
            .AddSingleton<IHostedService>(provider => new DetectorHostedService(provider.GetRequiredKeyedService<DetectorService>(key)))
            .AddHealthChecks()
            .Add(new HealthCheckRegistration(
                key is null ? "yolo-detector" : $"yolo-detector:{key}",
                provider => new DetectorHealthCheck(provider.GetRequiredKeyedService<DetectorService>(key)),
                failureStatus: null,
                tags: ["ready"]));
        return services;
    }

    // Never opens it here: whoever injects a detector is a constructor or a request, and would be blocked for seconds.
    private static YoloDetector OpenDetector(DetectorService service)
    {
        if (service.TryGet(out YoloDetector? detector))
        {
            return detector;
        }

        Exception? error = service.Error;
        string progress = service.Progress is OpeningProgress step && error is null ? $" ({step})" : "";
        throw new InvalidOperationException(
            $"Detector '{service.Name}' cannot be injected: its state is {service.State}{progress}. Before it is open, "
                + $"inject {nameof(DetectorService)}: await "
            + $"{nameof(DetectorService.GetAsync)}, or refuse the request while {nameof(DetectorService.TryGet)} gives false.",
            error);
    }
}
