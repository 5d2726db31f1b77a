using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace YoloZeroCopy;

/// <summary>What a fleet keeps in Redis: cameras, epochs, changed capacities, and what nodes last said of themselves.</summary>
internal sealed class FleetStore : IAsyncDisposable
{
    // Counts a change, which nodes look for each second, with the change itself.
    private const string AddScript = """
        if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('INCR', KEYS[2])
        return 1
        """;

    // Never goes back, also where Redis was restored from an older copy of its data.
    private const string RaiseScript = """
        local now = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
        if now < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
        return 1
        """;

    private readonly string prefix;
    private readonly ConfigurationOptions configuration;
    private readonly Lazy<Task<ConnectionMultiplexer>> connection;

    public FleetStore(IOptions<FleetOptions> options)
    {
        prefix = $"{options.Value.Cluster}:fleet:";
        configuration = Configuration(options.Value.Redis);
        connection = new Lazy<Task<ConnectionMultiplexer>>(() => ConnectionMultiplexer.ConnectAsync(configuration));
    }

    /// <summary>How Redis is reached: lost connections come again by themselves, and what is asked meanwhile fails at once.</summary>
    public static ConfigurationOptions Configuration(string redis)
    {
        ConfigurationOptions configuration = ConfigurationOptions.Parse(redis);
        configuration.AbortOnConnectFail = false;
        configuration.BacklogPolicy = BacklogPolicy.FailFast;
        configuration.ConnectTimeout = 2000;
        configuration.SyncTimeout = 2000;
        configuration.AsyncTimeout = 2000;
        configuration.ReconnectRetryPolicy = new LinearRetry(500);
        configuration.HeartbeatInterval = TimeSpan.FromMilliseconds(500);
        return configuration;
    }

    /// <summary>A number that is another one after every change of cameras or capacities.</summary>
    public async Task<long> VersionAsync() =>
        (long)await (await DatabaseAsync().ConfigureAwait(false)).StringGetAsync(Key("version")).ConfigureAwait(false);

    public async Task<IReadOnlyDictionary<string, FleetCamera>> CamerasAsync()
    {
        HashEntry[] entries = await (await DatabaseAsync().ConfigureAwait(false)).HashGetAllAsync(Key("cameras")).ConfigureAwait(false);
        return entries.ToDictionary(
            static entry => entry.Name.ToString(),
            static entry => JsonSerializer.Deserialize(entry.Value.ToString(), FleetJson.Default.FleetCamera)!,
            StringComparer.Ordinal);
    }

    public async Task<Dictionary<string, int>> CapacitiesAsync()
    {
        HashEntry[] entries = await (await DatabaseAsync().ConfigureAwait(false)).HashGetAllAsync(Key("capacities")).ConfigureAwait(false);
        return entries.ToDictionary(static entry => entry.Name.ToString(), static entry => (int)entry.Value, StringComparer.Ordinal);
    }

    /// <returns>False where there are so many cameras as may be already.</returns>
    public async Task<bool> AddAsync(FleetCamera camera, long limit) =>
        (long)await (await DatabaseAsync().ConfigureAwait(false)).ScriptEvaluateAsync(
            AddScript,
            [Key("cameras"), Key("version")],
            [camera.Id, JsonSerializer.Serialize(camera, FleetJson.Default.FleetCamera), limit]).ConfigureAwait(false) == 1;

    /// <returns>False where there is none of that name.</returns>
    public async Task<bool> RemoveAsync(string camera)
    {
        ITransaction change = (await DatabaseAsync().ConfigureAwait(false)).CreateTransaction();
        Task<bool> removed = change.HashDeleteAsync(Key("cameras"), camera);
        Task<long> counted = change.StringIncrementAsync(Key("version"));
        _ = await change.ExecuteAsync().ConfigureAwait(false);
        _ = await counted.ConfigureAwait(false);
        return await removed.ConfigureAwait(false);
    }

    public async Task SetCapacityAsync(string node, int capacity)
    {
        ITransaction change = (await DatabaseAsync().ConfigureAwait(false)).CreateTransaction();
        Task<bool> set = change.HashSetAsync(Key("capacities"), node, capacity);
        Task<long> counted = change.StringIncrementAsync(Key("version"));
        _ = await change.ExecuteAsync().ConfigureAwait(false);
        _ = await counted.ConfigureAwait(false);
        _ = await set.ConfigureAwait(false);
    }

    /// <summary>A number for who takes a camera over: larger than all before it.</summary>
    public async Task<long> NextEpochAsync(string camera) =>
        await (await DatabaseAsync().ConfigureAwait(false)).HashIncrementAsync(Key("epochs"), camera).ConfigureAwait(false);

    /// <summary>The newest epochs of cameras, 0 where none was taken.</summary>
    public async Task<long[]> EpochsAsync(IReadOnlyCollection<string> cameras)
    {
        RedisValue[] values = await (await DatabaseAsync().ConfigureAwait(false))
            .HashGetAsync(Key("epochs"), [.. cameras.Select(static camera => (RedisValue)camera)]).ConfigureAwait(false);
        return [.. values.Select(static value => (long)value)];
    }

    /// <summary>Lets epochs go on after one that Redis does not know, having lost it.</summary>
    public async Task RaiseEpochAsync(string camera, long epoch) =>
        _ = await (await DatabaseAsync().ConfigureAwait(false))
            .ScriptEvaluateAsync(RaiseScript, [Key("epochs")], [camera, epoch]).ConfigureAwait(false);

    public async Task ReportAsync(NodeReport report) =>
        _ = await (await DatabaseAsync().ConfigureAwait(false)).HashSetAsync(
            Key("nodes"), report.Node, JsonSerializer.Serialize(report, FleetJson.Default.NodeReport)).ConfigureAwait(false);

    public async Task<IReadOnlyList<NodeReport>> ReportsAsync()
    {
        HashEntry[] entries = await (await DatabaseAsync().ConfigureAwait(false)).HashGetAllAsync(Key("nodes")).ConfigureAwait(false);
        return [.. entries.Select(static entry => JsonSerializer.Deserialize(entry.Value.ToString(), FleetJson.Default.NodeReport)!)];
    }

    public async Task ForgetAsync(string node) =>
        _ = await (await DatabaseAsync().ConfigureAwait(false)).HashDeleteAsync(Key("nodes"), node).ConfigureAwait(false);

    /// <summary>Whether an error means that Redis, or the way to it, is away for now.</summary>
    public static bool IsAway(Exception error) => error is RedisException or TimeoutException or IOException or System.Net.Sockets.SocketException;

    public async ValueTask DisposeAsync()
    {
        if (connection.IsValueCreated)
        {
            await (await connection.Value.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
    }

    private RedisKey Key(string name) => string.Create(CultureInfo.InvariantCulture, $"{prefix}{name}");

    private async Task<IDatabase> DatabaseAsync() => (await connection.Value.ConfigureAwait(false)).GetDatabase();
}
