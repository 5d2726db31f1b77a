using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace YoloZeroCopy;

/// <summary>Makes a program a node of a fleet.</summary>
public static class FleetHostExtensions
{
    /// <summary>Makes the program a node, with the options of a section of its configuration.</summary>
    /// <typeparam name="TRunner">Runs cameras.</typeparam>
    /// <param name="builder">The host, or web application.</param>
    /// <param name="section">Its keys are the properties of <see cref="FleetOptions"/>.</param>
    /// <inheritdoc cref="AddYoloFleet{TRunner}(IHostApplicationBuilder, Action{FleetOptions})" path="/returns"/>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="InvalidOperationException">A value is none of its option, or a key is unknown.</exception>
    public static IHostApplicationBuilder AddYoloFleet<TRunner>(this IHostApplicationBuilder builder, IConfiguration section)
        where TRunner : class, ICameraRunner
    {
        ArgumentNullException.ThrowIfNull(section);
        return builder.AddYoloFleet<TRunner>(options => section.Bind(options, static binder => binder.ErrorOnUnknownConfiguration = true));
    }

    /// <summary>Makes the program a node. It joins when the host starts, after services that were added before: a detector is open by then.</summary>
    /// <typeparam name="TRunner">Runs cameras.</typeparam>
    /// <param name="builder">The host, or web application.</param>
    /// <param name="configure">Sets options.</param>
    /// <returns>The host.</returns>
    /// <remarks>
    /// When the host stops, cameras move to other nodes. A node that was taken for dead and lives ends its process at once, as Orleans has it: let a
    /// supervisor start it again.
    /// </remarks>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static IHostApplicationBuilder AddYoloFleet<TRunner>(this IHostApplicationBuilder builder, Action<FleetOptions> configure)
        where TRunner : class, ICameraRunner
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        FleetOptions options = new();
        configure(options);
        options.Validate();
        IServiceCollection services = builder.Services;
        _ = services.AddSingleton(Microsoft.Extensions.Options.Options.Create(options));
        _ = services.AddSingleton<ICameraRunner, TRunner>();
        _ = services.AddSingleton<FleetStore>();
        _ = services.AddSingleton<FleetStreams>();
        _ = services.AddSingleton<FleetView>();
        _ = services.AddSingleton<FleetNode>();
        _ = services.AddSingleton(static provider => new FleetCameras(
            provider.GetRequiredService<FleetStore>(), provider.GetRequiredService<FleetView>()));
        services.AddPlacementDirector<PlanPlacement, PlanPlacementDirector>();
        // What it says of every probe and message that fails while nodes come and go would hide the rest.
        _ = builder.Logging.AddFilter("Orleans", LogLevel.Error);
        _ = builder.Logging.AddFilter("Polly", LogLevel.Error);
        // Hosted services stop in the opposite order: placement, then Orleans, and with it the cameras, then what sends their alarms.
        _ = services.AddHostedService<AlarmSender>();
        builder.UseOrleans(silo => Configure(silo, options));
        _ = services.AddHostedService(static provider => provider.GetRequiredService<FleetNode>());
        return builder;
    }

    private static void Configure(ISiloBuilder silo, FleetOptions options)
    {
        _ = silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster, options.Cluster));
        _ = silo.Configure<SiloOptions>(own => own.SiloName = options.Node);
        // No client from outside connects to Orleans: there is no gateway.
        _ = silo.ConfigureEndpoints(IPAddress.Parse(options.Address), options.SiloPort, gatewayPort: 0, listenOnAnyHostAddress: false);
        // The default one loses entries for a moment when nodes come and go, and cameras then start twice.
#pragma warning disable ORLEANSEXP003 // Said to be experimental.
        _ = silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        // It would keep cameras of a dead node from starting for 22 s, lest that node lives: epochs see to this here.
        _ = silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = TimeSpan.Zero);
        _ = silo.UseRedisClustering(redis => redis.ConfigurationOptions = FleetStore.Configuration(options.Redis));
        _ = silo.UseSiloMetadata(new Dictionary<string, string>
        {
            [FleetView.NodeKey] = options.Node,
            [FleetView.GpuKey] = options.HasGpu.ToString(),
            [FleetView.CapacityKey] = options.Capacity.ToString(CultureInfo.InvariantCulture),
        });
        _ = silo.Configure<ClusterMembershipOptions>(members =>
        {
            members.ProbeTimeout = options.ProbeTimeout;
            // Also the time that a node must have been silent for, by the number of misses; by default four times ProbeTimeout.
            members.MaxProbeTimeout = 2 * options.ProbeTimeout;
            members.NumMissedProbesLimit = options.MissedProbes;
            members.NumVotesForDeathDeclaration = 1;
            members.TableRefreshTimeout = TimeSpan.FromSeconds(1);
            // A node asks another one whether a third is dead, lest it takes all for dead when only its own network fails. Whoever has not renewed
            // its row is not asked: where the others have died together, the last node waits for their rows to be old. Nothing is taken for dead for
            // its row alone, and so all run on while Redis is away. Ages are by clocks of two nodes.
            members.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(1);
            members.NumMissedTableIAmAliveLimit = 4;
        });
    }
}
