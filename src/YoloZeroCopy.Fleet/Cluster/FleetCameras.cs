namespace YoloZeroCopy;

/// <summary>The cameras of a fleet: adds and removes them, on whichever node. Any thread.</summary>
public sealed class FleetCameras
{
    private readonly FleetStore store;
    private readonly FleetView view;

    internal FleetCameras(FleetStore store, FleetView view) => (this.store, this.view) = (store, view);

    /// <summary>All cameras, as this node knows them.</summary>
    public IReadOnlyCollection<FleetCamera> All => [.. view.Cameras.Values.OrderBy(static camera => camera.Id, StringComparer.Ordinal)];

    /// <summary>Adds a camera, or changes one of its name, which then begins anew. It runs within about a second.</summary>
    /// <param name="camera">The camera.</param>
    /// <returns>Null where it was taken; else why not: the nodes that are here carry no more cameras.</returns>
    /// <exception cref="ArgumentException">Its name or source is none.</exception>
    /// <exception cref="StackExchange.Redis.RedisException">Redis is away; nothing was changed, or it was and the answer did not come.</exception>
    public async Task<string?> AddAsync(FleetCamera camera)
    {
        ArgumentNullException.ThrowIfNull(camera);
        camera.Validate();
        long capacity = view.Plan.Capacity;
        return await store.AddAsync(camera, capacity).ConfigureAwait(false) ? null
            : capacity == 0 ? "No node with a GPU is here."
            : $"{view.Capacities.Count} nodes carry {capacity} cameras, and so many are there: add a node, or remove a camera.";
    }

    /// <summary>Removes a camera.</summary>
    /// <param name="id">Its name.</param>
    /// <returns>False where there is none.</returns>
    /// <exception cref="StackExchange.Redis.RedisException">As of <see cref="AddAsync"/>.</exception>
    public Task<bool> RemoveAsync(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return store.RemoveAsync(id);
    }

    /// <summary>Changes how many cameras a node carries, also over its restart. Cameras move to or from it.</summary>
    /// <param name="node">Its name.</param>
    /// <param name="capacity">Cameras, 0 or more: 0 empties it.</param>
    /// <exception cref="ArgumentException">The name is none.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The capacity is negative.</exception>
    /// <exception cref="StackExchange.Redis.RedisException">As of <see cref="AddAsync"/>.</exception>
    public Task SetCapacityAsync(string node, int capacity)
    {
        FleetNames.ThrowIfNone(node, nameof(node));
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        return store.SetCapacityAsync(node, capacity);
    }

    internal async Task<FleetStatus> StatusAsync()
    {
        IReadOnlyList<NodeReport> nodes = await store.ReportsAsync().ConfigureAwait(false);
        FleetPlan plan = view.Plan;
        return new FleetStatus(
            DateTimeOffset.UtcNow, view.Cameras.Count, plan.Capacity, [.. view.Capacities.Keys.Order(StringComparer.Ordinal)],
            [.. plan.Unplaced.Select(camera => new UnplacedCamera(camera, view.WhyNot(camera)))],
            [.. nodes.OrderBy(static node => node.Node, StringComparer.Ordinal)]);
    }
}

/// <summary>What the page shows.</summary>
/// <param name="At">Now.</param>
/// <param name="Cameras">How many there are.</param>
/// <param name="Capacity">How many all nodes carry.</param>
/// <param name="Present">Nodes that are here.</param>
/// <param name="Unplaced">Cameras that no node carries, and why.</param>
/// <param name="Nodes">What nodes last said; also those that are gone.</param>
internal sealed record FleetStatus(
    DateTimeOffset At, int Cameras, long Capacity, IReadOnlyList<string> Present, IReadOnlyList<UnplacedCamera> Unplaced,
    IReadOnlyList<NodeReport> Nodes);

internal sealed record UnplacedCamera(string Id, string Reason);
